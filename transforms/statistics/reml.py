"""Random-intercept regression by REML, from group totals.

The model is ``y = Xβ + u[group] + e`` with ``u ~ N(0, var_group)`` and
``e ~ N(0, var_residual)``. All the data enter through group sizes, group means and
the pooled within-group cross-products, so a fit over 200,000 rows costs a few
milliseconds once those totals are known, and the ratio var_group / var_residual is
the only parameter that has to be searched for.

This module does not know what a therapist is. It refuses to guess: where the data
cannot carry the model, the result has no numbers and says why.

Checked against lme4 1.1-31 (see docs/adr/0004-reml-on-group-totals.md).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from scipy.optimize import brentq

from transforms.statistics.arrays import Floats, Ints

# Variance ratios looked at before the exact search: from "no group matters at all"
# to "nothing but the group matters". The profile can have two humps; a grid sees both.
RATIO_GRID = np.concatenate([[0.0], np.geomspace(1e-7, 1e6, 66)])
SMALLEST_USABLE = 1e-10  # share of a column's variance that must not follow from the others


@dataclass(frozen=True)
class GroupTotals:
    """Everything REML needs to know about the rows.

    Attributes
    ----------
    names : tuple of str
        The p predictors, the intercept among them.
    sizes : array (G,)
        Rows per group.
    means : array (G, p + 1)
        Group means of the predictors, then of the outcome.
    within : array (p + 1, p + 1)
        Cross-products of deviations from the group means, pooled over groups.
    """

    names: tuple[str, ...]
    sizes: Floats
    means: Floats
    within: Floats

    @classmethod
    def from_rows(
        cls, groups: Ints, predictors: Floats, outcome: Floats, names: Sequence[str]
    ) -> "GroupTotals":
        """Total up complete rows; ``groups`` are codes 0…G−1, ``predictors`` is (N, p)."""
        columns = [*np.asarray(predictors, dtype=float).T, np.asarray(outcome, dtype=float)]
        sizes = np.bincount(groups).astype(float)
        deviations = np.empty((len(columns), len(groups)))
        means = np.empty((len(sizes), len(columns)))
        for position, column in enumerate(columns):
            sums = np.bincount(groups, weights=column, minlength=len(sizes))
            means[:, position] = sums / np.where(sizes > 0, sizes, 1)
            np.subtract(column, means[groups, position], out=deviations[position])
        present = sizes > 0
        return cls(tuple(names), sizes[present], means[present], deviations @ deviations.T)

    @classmethod
    def from_sums(
        cls, sizes: Floats, sums: Floats, cross_products: Floats, names: Sequence[str]
    ) -> "GroupTotals":
        """Build from sums per group (G, p + 1) and raw cross-products Σzz' (p + 1, p + 1)."""
        sizes = np.asarray(sizes, dtype=float)
        means = np.asarray(sums, dtype=float) / sizes[:, None]
        within = np.asarray(cross_products, dtype=float) - (means * sizes[:, None]).T @ means
        return cls(tuple(names), sizes, means, within)

    @property
    def n_rows(self) -> int:
        return round(float(self.sizes.sum()))

    @property
    def n_groups(self) -> int:
        return len(self.sizes)

    @cached_property
    def by_size(self) -> tuple[Floats, Floats, Floats]:
        """Distinct sizes (K,), how many groups have each (K,), and Σ mean·mean' per size."""
        order = np.argsort(self.sizes, kind="stable")
        distinct, starts = np.unique(self.sizes[order], return_index=True)
        parts = np.split(self.means[order], starts[1:])
        counts = np.array([len(part) for part in parts], dtype=float)
        return distinct, counts, np.array([part.T @ part for part in parts])


@dataclass(frozen=True)
class Fitted:
    """A fitted model."""

    method: str
    names: tuple[str, ...]
    n_rows: int
    n_groups: int
    fixed: Floats
    fixed_covariance: Floats
    var_group: float
    var_residual: float
    ratio: float
    log_likelihood: float
    is_estimated: ClassVar[Literal[True]] = True
    reason: ClassVar[None] = None

    @property
    def is_boundary(self) -> bool:
        """True when the best estimate of the group variance is exactly zero."""
        return self.ratio == 0

    @property
    def icc(self) -> float:
        """Share of the variance, after the predictors, that lies between groups (0 to 1)."""
        return self.ratio / (1 + self.ratio)


@dataclass(frozen=True)
class NotFitted:
    """The reason why there is no model; every number is None."""

    method: str
    names: tuple[str, ...]
    n_rows: int
    n_groups: int
    reason: str
    is_estimated: ClassVar[Literal[False]] = False
    is_boundary: ClassVar[Literal[False]] = False
    fixed: ClassVar[None] = None
    fixed_covariance: ClassVar[None] = None
    var_group: ClassVar[None] = None
    var_residual: ClassVar[None] = None
    ratio: ClassVar[None] = None
    icc: ClassVar[None] = None
    log_likelihood: ClassVar[None] = None


RandomInterceptFit = Fitted | NotFitted


@dataclass(frozen=True)
class GroupEffects:
    """Empirical-Bayes (BLUP) estimate per group, same order as the totals.

    ``conditional_sd`` is lme4's ``ranef(condVar = TRUE)``: it takes the fixed effects and
    the variances as known. ``reliability`` is n·ICC / (1 + (n − 1)·ICC), 0 to 1.
    """

    effect: Floats
    conditional_sd: Floats
    reliability: Floats


@dataclass(frozen=True)
class Profile:
    """The likelihood at one variance ratio, with β and the residual variance at their best."""

    deviance: float
    slope: float
    fixed: Floats
    cross_products_inverse: Floats
    residual_sum_of_squares: float


def profile_at(totals: GroupTotals, ratio: float, method: str = "reml") -> Profile:
    """Evaluate −2 log likelihood and its slope at one variance ratio.

    With V = I + ratio·J in each group, X'V⁻¹X = within + Σ n/(1 + n·ratio)·mean·mean':
    a sum of positive terms, so nothing cancels even when the ratio is large.
    """
    sizes, counts, outer = totals.by_size
    shrink = 1 + sizes * ratio
    weighted = totals.within + np.tensordot(sizes / shrink, outer, axes=1)
    weighted_slope = -np.tensordot((sizes / shrink) ** 2, outer, axes=1)

    inverse = np.linalg.inv(weighted[:-1, :-1])
    fixed = inverse @ weighted[:-1, -1]
    contrast = np.append(-fixed, 1.0)
    rss = float(contrast @ weighted @ contrast)
    rss_slope = float(contrast @ weighted_slope @ contrast)

    log_determinant = float(counts @ np.log(shrink))
    slope = float(counts @ (sizes / shrink))
    freedom = totals.n_rows
    if method == "reml":
        freedom -= len(totals.names)
        log_determinant_fixed = np.linalg.slogdet(weighted[:-1, :-1])[1]
        slope += float(np.sum(inverse * weighted_slope[:-1, :-1]))
    else:
        log_determinant_fixed = 0.0
    tiny = np.finfo(float).tiny
    deviance = freedom * (1 + math.log(2 * math.pi * max(rss, tiny) / freedom))
    deviance += log_determinant + log_determinant_fixed
    slope += freedom * rss_slope / max(rss, tiny)
    return Profile(deviance, slope, fixed, inverse, rss)


def fit_random_intercept(
    totals: GroupTotals, method: str = "reml", *, near: float | None = None
) -> RandomInterceptFit:
    """Fit the random-intercept model.

    Parameters
    ----------
    totals : GroupTotals
        Group sizes, means and pooled cross-products of complete rows.
    method : {"reml", "ml"}
        Restricted likelihood for reporting; plain likelihood to compare with a model
        that has other predictors.
    near : float, optional
        Variance ratio of nearly the same rows (a jackknife's): looked at first, which is eight
        times as fast.

    Returns
    -------
    RandomInterceptFit
        :class:`NotFitted`, with a reason, when the model cannot be estimated.

    Notes
    -----
    Bates et al. 2015, doi:10.18637/jss.v067.i01, eq. 34 and 41 for one grouping factor.
    The optimum is where the analytic slope of the profiled deviance is zero, found by
    ``scipy.optimize.brentq`` inside the best interval of a grid: minimizing the deviance
    itself would leave the ratio uncertain in the seventh digit.
    """
    if method not in ("reml", "ml"):
        raise ValueError(f"method is 'reml' or 'ml', not {method!r}")
    described = (method, totals.names, totals.n_rows, totals.n_groups)
    if reason := why_not_estimable(totals):
        return NotFitted(*described, reason)
    ratio = None if near is None else _ratio_near(totals, method, near)
    if ratio is None:
        ratio = best_ratio(totals, method)
    if ratio is None:
        return NotFitted(*described, "rows of one group do not differ after the predictors")

    found = profile_at(totals, ratio, method)
    freedom = totals.n_rows - (len(totals.names) if method == "reml" else 0)
    var_residual = found.residual_sum_of_squares / freedom
    return Fitted(
        *described,
        fixed=found.fixed,
        fixed_covariance=found.cross_products_inverse * var_residual,
        var_group=ratio * var_residual,
        var_residual=var_residual,
        ratio=ratio,
        log_likelihood=-found.deviance / 2,
    )


def best_ratio(totals: GroupTotals, method: str) -> float | None:
    """Return the variance ratio with the highest likelihood; None if it has no upper end."""
    deviances = [profile_at(totals, ratio, method).deviance for ratio in RATIO_GRID]
    best = int(np.argmin(deviances))
    if best == len(RATIO_GRID) - 1:
        return None

    def slope(ratio: float) -> float:
        return profile_at(totals, ratio, method).slope

    at_best = slope(RATIO_GRID[best])
    neighbor = best + 1 if at_best < 0 else max(best - 1, 0)
    ends = sorted((float(RATIO_GRID[best]), float(RATIO_GRID[neighbor])))
    if slope(ends[0]) * slope(ends[1]) >= 0:
        return float(RATIO_GRID[best])  # at the boundary, or flat to machine precision
    return float(brentq(slope, *ends, xtol=1e-16, rtol=1e-13))


def _ratio_near(totals: GroupTotals, method: str, near: float) -> float | None:
    """Return the ratio of slope zero within a factor of 8 of ``near``; None if there is none."""

    def slope(ratio: float) -> float:
        return profile_at(totals, ratio, method).slope

    if near == 0:
        return 0.0 if slope(0.0) >= 0 else None
    if slope(near / 8) >= 0 or slope(near * 8) <= 0:
        return None
    return float(brentq(slope, near / 8, near * 8, xtol=1e-16, rtol=1e-13))


def empirical_bayes(fit: RandomInterceptFit, totals: GroupTotals) -> GroupEffects | None:
    """Return each group's estimated effect, its conditional SD and its reliability."""
    if not fit.is_estimated:
        return None
    reliability = totals.sizes * fit.ratio / (1 + totals.sizes * fit.ratio)
    raw = totals.means[:, -1] - totals.means[:, :-1] @ fit.fixed
    spread = np.sqrt(fit.var_group / (1 + totals.sizes * fit.ratio))
    return GroupEffects(reliability * raw, spread, reliability)


def why_not_estimable(totals: GroupTotals) -> str | None:
    """Return why the totals cannot carry the model, or None when they can."""
    if totals.n_rows == 0:
        return "no complete rows"
    if totals.n_groups < 2:
        return "fewer than 2 groups"
    if not (np.isfinite(totals.within).all() and np.isfinite(totals.means).all()):
        return "a value is not a finite number"
    if totals.n_rows <= totals.n_groups:
        return "no group has 2 rows"
    if totals.n_rows <= len(totals.names) + 2:
        return "fewer rows than the model needs"
    return _why_rank_deficient(totals)


def _why_rank_deficient(totals: GroupTotals) -> str | None:
    sizes, _, outer = totals.by_size
    total = totals.within + np.tensordot(sizes, outer, axes=1)
    scale = np.sqrt(np.diag(total))
    if (scale[:-1] == 0).any():
        return "a predictor does not vary"
    correlations = total[:-1, :-1] / np.outer(scale[:-1], scale[:-1])
    if np.linalg.eigvalsh(correlations)[0] < SMALLEST_USABLE:
        return "the predictors determine each other"
    flat = profile_at(totals, 0.0, "ml")
    if flat.residual_sum_of_squares <= 1e-12 * total[-1, -1]:
        return "the outcome does not vary after the predictors"
    return None
