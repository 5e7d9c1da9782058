"""How well the items of a scale hang together, from sums."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from transforms.statistics.arrays import Floats

DUST = 1e-10
LEAST_UNIQUE = 0.005  # share of an item's variance that is its own, at least; factanal's bound


@dataclass(frozen=True)
class ItemMoments:
    """Spread of a scale's items after reversal, over forms with every answer.

    Attributes
    ----------
    n : forms
    covariances : of each item with each (k, k)
    """

    n: int
    covariances: Floats

    @classmethod
    def of(cls, answers: Floats) -> "ItemMoments":
        """Return the moments of complete answers, forms x items, reversed items turned."""
        answers = np.asarray(answers, dtype=float)
        return cls(len(answers), np.cov(answers, rowvar=False))

    @property
    def variances(self) -> Floats:
        """Of each item."""
        return np.diag(self.covariances)

    @property
    def with_total(self) -> Floats:
        """Covariance of each item with the sum of all items."""
        total: Floats = self.covariances.sum(axis=1)
        return total

    @property
    def total_variance(self) -> float:
        """Of the sum of all items; 0 where nothing but rounding is left."""
        total = float(self.covariances.sum())
        return total if total > DUST * float(np.abs(self.covariances).sum()) else 0.0


def cronbach_alpha(moments: ItemMoments) -> float | None:
    """Return Cronbach's alpha (1951, doi:10.1007/BF02310555); None where the sum never varies."""
    k = len(moments.covariances)
    if k < 2 or not moments.total_variance:
        return None
    return k / (k - 1) * (1 - float(moments.variances.sum()) / moments.total_variance)


def item_rest_correlations(moments: ItemMoments) -> tuple[float | None, ...]:
    """Return each item's correlation with the sum of the others; None where one never varies."""
    found: list[float | None] = []
    for own, with_total in zip(moments.variances, moments.with_total, strict=True):
        rest = moments.total_variance + own - 2 * with_total
        product = own * rest
        found.append(float((with_total - own) / math.sqrt(product)) if product > 1e-12 else None)
    return tuple(found)


def mcdonald_omega(moments: ItemMoments) -> float | None:
    """Return McDonald's omega (1999) of one factor by maximum likelihood.

    (Σλ)² / ((Σλ)² + Σψ): alpha without asking that every item load alike. None with fewer than 3
    items, an item that never varies or follows from the others, or a solution at its bound (an item
    without any error of its own), which no factor model explains.

    Notes
    -----
    Jöreskog 1967 (doi:10.1007/BF02289658), uniquenesses searched on the correlations, as R's
    ``factanal`` does.
    """
    spread = np.sqrt(moments.variances)
    k = len(spread)
    if k < 3 or (spread == 0).any():
        return None
    correlations = moments.covariances / np.outer(spread, spread)
    if np.linalg.eigvalsh(correlations)[0] < DUST:
        return None
    start = np.clip(1 / np.diag(np.linalg.inv(correlations)), 2 * LEAST_UNIQUE, 1)
    found = minimize(
        _misfit, start, args=(correlations,), jac=True, method="L-BFGS-B",
        bounds=[(LEAST_UNIQUE, 1.0)] * k, options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000},
    )  # fmt: skip
    if (found.x <= LEAST_UNIQUE * 1.01).any():
        return None
    common = float(spread @ _loadings(found.x, correlations)) ** 2
    return common / (common + float(spread**2 @ found.x))


def _loadings(unique: Floats, correlations: Floats) -> Floats:
    """Return the loadings that fit best at given uniquenesses."""
    root = np.sqrt(unique)
    values, vectors = np.linalg.eigh(correlations / np.outer(root, root))
    loadings: Floats = root * vectors[:, -1] * math.sqrt(max(values[-1] - 1, 0.0))
    return loadings


def _misfit(unique: Floats, correlations: Floats) -> tuple[float, Floats]:
    """Return the likelihood's distance at given uniquenesses, loadings at their best, and slope."""
    root = np.sqrt(unique)
    rest = np.linalg.eigvalsh(correlations / np.outer(root, root))[:-1]
    loadings = _loadings(unique, correlations)
    slope = (loadings**2 + unique - np.diag(correlations)) / unique**2
    return float(np.sum(rest - np.log(rest)) - len(rest)), slope
