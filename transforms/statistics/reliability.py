"""How well the items of a scale hang together, from sums."""

import math
from dataclasses import dataclass

import numpy as np

from transforms.statistics.arrays import Floats


@dataclass(frozen=True, slots=True)
class ItemMoments:
    """Spread of a scale's items after reversal, over forms with every answer.

    Attributes
    ----------
    n : forms
    item_variances : one per item
    item_total_covariances : of each item with the sum of all items
    total_variance : of the sum of all items
    """

    n: int
    item_variances: tuple[float, ...]
    item_total_covariances: tuple[float, ...]
    total_variance: float

    @classmethod
    def of(cls, answers: Floats) -> "ItemMoments":
        """Return the moments of complete answers, forms x items, reversed items turned."""
        answers = np.asarray(answers, dtype=float)
        total = answers.sum(axis=1)
        centered = answers - answers.mean(axis=0)
        covariances = centered.T @ (total - total.mean()) / (len(total) - 1)
        return cls(
            len(total),
            tuple(answers.var(axis=0, ddof=1).tolist()),
            tuple(covariances.tolist()),
            float(total.var(ddof=1)),
        )


def cronbach_alpha(moments: ItemMoments) -> float | None:
    """Return Cronbach's alpha (1951, doi:10.1007/BF02310555); None where the sum never varies."""
    k = len(moments.item_variances)
    if k < 2 or not moments.total_variance:
        return None
    return k / (k - 1) * (1 - sum(moments.item_variances) / moments.total_variance)


def item_rest_correlations(moments: ItemMoments) -> tuple[float | None, ...]:
    """Return each item's correlation with the sum of the others; None where one never varies."""
    found: list[float | None] = []
    for own, with_total in zip(moments.item_variances, moments.item_total_covariances, strict=True):
        rest = moments.total_variance + own - 2 * with_total
        product = own * rest
        found.append((with_total - own) / math.sqrt(product) if product > 1e-12 else None)
    return tuple(found)
