"""How far a number can be trusted: intraclass correlations, attenuation, shrinkage."""

import math
from dataclasses import dataclass

import numpy as np

from transforms.statistics.arrays import Floats


def spearman_brown(reliability: float, length_factor: float) -> float:
    """Return the reliability of a test made ``length_factor`` times as long (0 to 1)."""
    return length_factor * reliability / (1 + (length_factor - 1) * reliability)


def attenuated_correlation(true_r: float, reliability_x: float, reliability_y: float) -> float:
    """Return the correlation that unreliable measures would show."""
    return true_r * math.sqrt(reliability_x * reliability_y)


def corrected_correlation(r: float, reliability_x: float, reliability_y: float) -> float:
    """Return the correlation without measurement error (may exceed 1 in small samples)."""
    return r / math.sqrt(reliability_x * reliability_y)


def group_mean_reliability(icc: float, n: float) -> float:
    """Return λ = n·ICC / (1 + (n − 1)·ICC): how much of a group's mean is the group (0 to 1)."""
    return spearman_brown(icc, n)


def rows_needed(icc: float, reliability: float) -> float:
    """Return the rows per group at which its mean reaches ``reliability``."""
    return reliability * (1 - icc) / (icc * (1 - reliability))


@dataclass(frozen=True, slots=True)
class IntraclassCorrelations:
    """Shrout & Fleiss 1979 (doi:10.1037/0033-2909.86.2.420), single and average rater."""

    icc1: float | None
    icc2: float | None
    icc3: float | None
    icc1k: float | None
    icc2k: float | None
    icc3k: float | None
    reason: str | None = None

    @classmethod
    def missing(cls, reason: str) -> "IntraclassCorrelations":
        """Return none of the six, and why."""
        return cls(None, None, None, None, None, None, reason)


def intraclass_correlations(ratings: Floats) -> IntraclassCorrelations:
    """Return the six intraclass correlations of a complete targets × raters table."""
    ratings = np.asarray(ratings, dtype=float)
    n_targets, n_raters = ratings.shape
    if n_targets < 2 or n_raters < 2 or not np.isfinite(ratings).all():
        return IntraclassCorrelations.missing("needs a complete table of at least 2 × 2")
    by_target, by_rater = ratings.mean(axis=1), ratings.mean(axis=0)
    residual = ratings - by_target[:, None] - by_rater[None, :] + ratings.mean()
    between = n_raters * by_target.var(ddof=1)
    raters = n_targets * by_rater.var(ddof=1)
    error = float((residual**2).sum()) / ((n_targets - 1) * (n_raters - 1))
    within = float(((ratings - by_target[:, None]) ** 2).sum()) / (n_targets * (n_raters - 1))
    if between == 0:
        return IntraclassCorrelations.missing("the targets do not differ")
    rater_share = (raters - error) / n_targets
    return IntraclassCorrelations(
        icc1=(between - within) / (between + (n_raters - 1) * within),
        icc2=(between - error) / (between + (n_raters - 1) * error + n_raters * rater_share),
        icc3=(between - error) / (between + (n_raters - 1) * error),
        icc1k=(between - within) / between,
        icc2k=(between - error) / (between + rater_share),
        icc3k=(between - error) / between,
    )


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
