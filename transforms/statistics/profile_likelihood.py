"""Profile-likelihood intervals for the random-intercept model of :mod:`transforms.statistics.reml`.

A value belongs to the interval when the best model that holds it fixed loses less than
half a chi-square quantile of log likelihood. Unlike value ± 1.96·SE this works near the
boundary, where a variance estimate is skewed and its lower end may be exactly zero.

lme4's ``confint`` profiles the plain likelihood (ML) even of a REML fit; ``method`` says
which one is used here.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import chdtri

from transforms.statistics.estimate import Estimate
from transforms.statistics.reml import (
    RATIO_GRID,
    GroupTotals,
    best_ratio,
    fit_random_intercept,
    profile_at,
    why_not_estimable,
)

LARGEST_RATIO = float(RATIO_GRID[-1])


def icc_interval(totals: GroupTotals, level: float = 0.95, method: str = "reml") -> Estimate:
    """Return the intraclass correlation (0 to 1) with its profile interval.

    Notes
    -----
    The ICC is a monotone function of the variance ratio, the one parameter that is not
    profiled out, so its interval is the ratio's. The lower end is 0 when a model without
    group differences is not rejected.
    """
    fit = fit_random_intercept(totals, method)
    if not fit.is_estimated:
        return Estimate.missing(fit.reason, totals.n_rows, level)
    limit = -2 * fit.log_likelihood + deviance_drop(level)

    def excess(ratio: float) -> float:
        return profile_at(totals, ratio, method).deviance - limit

    low = 0.0 if excess(0.0) <= 0 else brentq(excess, 0.0, fit.ratio, xtol=1e-15, rtol=1e-12)
    high = _root_above(excess, fit.ratio, first_step=0.01 + fit.ratio)
    if high is None:
        return Estimate.missing("the interval has no upper end", totals.n_rows, level)
    return Estimate(fit.icc, low / (1 + low), high / (1 + high), level, totals.n_rows)


def group_sd_interval(totals: GroupTotals, level: float = 0.95) -> Estimate:
    """Return the SD between groups, in points of the outcome, as lme4 profiles it (ML)."""

    def deviance(group_sd: float) -> float:
        def at(log_residual_sd: float) -> float:
            residual_variance = math.exp(2 * log_residual_sd)
            return _ml_deviance(totals, group_sd**2 / residual_variance, residual_variance)

        return _lowest(at, *_log_residual_sd_range(totals))

    fit = fit_random_intercept(totals, "ml")
    if not fit.is_estimated:
        return Estimate.missing(fit.reason, totals.n_rows, level)
    return _interval(deviance, math.sqrt(fit.var_group), fit.log_likelihood, totals, level)


def residual_sd_interval(totals: GroupTotals, level: float = 0.95) -> Estimate:
    """Return the SD within groups, in points of the outcome, as lme4 profiles it (ML)."""

    fit = fit_random_intercept(totals, "ml")
    if not fit.is_estimated:
        return Estimate.missing(fit.reason, totals.n_rows, level)
    largest_root = 2 * math.sqrt(fit.ratio) + 1

    def deviance(residual_sd: float) -> float:
        def at(root_ratio: float) -> float:
            return _ml_deviance(totals, root_ratio**2, residual_sd**2)

        return _lowest(at, 0.0, largest_root)

    return _interval(deviance, math.sqrt(fit.var_residual), fit.log_likelihood, totals, level)


def fixed_effect_interval(totals: GroupTotals, name: str, level: float = 0.95) -> Estimate:
    """Return one fixed effect, in points per unit of its predictor, profiled by ML."""
    fit = fit_random_intercept(totals, "ml")
    if not fit.is_estimated:
        return Estimate.missing(fit.reason, totals.n_rows, level)
    position = totals.names.index(name)
    value, se = float(fit.fixed[position]), float(fit.fixed_se[position])
    limit = -2 * fit.log_likelihood + deviance_drop(level)

    def excess(step: float) -> float:
        held = totals.offset_by(name, value + step)
        ratio = best_ratio(held, "ml")
        if ratio is None:
            raise ValueError("rows of one group do not differ once a predictor is held fixed")
        return profile_at(held, ratio, "ml").deviance - limit

    reach = 8 * se
    low, high = (value + brentq(excess, 0.0, side * reach, rtol=1e-10) for side in (-1, 1))
    return Estimate(value, low, high, level, totals.n_rows)


def chance_of_no_group_variance(totals: GroupTotals) -> float | None:
    """Return the p value of var_group = 0: half a chi-square(1), the null being on the edge."""
    if why_not_estimable(totals):
        return None
    fit = fit_random_intercept(totals, "ml")
    if not fit.is_estimated:
        return None
    gain = profile_at(totals, 0.0, "ml").deviance + 2 * fit.log_likelihood
    return 0.5 * math.erfc(math.sqrt(max(gain, 0.0) / 2))


def deviance_drop(level: float) -> float:
    """Return the chi-square(1) quantile: what −2 log likelihood may lose inside an interval."""
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not {level}")
    return float(chdtri(1, 1 - level))


def _ml_deviance(totals: GroupTotals, ratio: float, residual_variance: float) -> float:
    found = profile_at(totals, min(ratio, LARGEST_RATIO), "ml")
    constant = totals.n_rows * math.log(2 * math.pi * residual_variance)
    return constant + found.log_determinant + found.residual_sum_of_squares / residual_variance


def _log_residual_sd_range(totals: GroupTotals) -> tuple[float, float]:
    pooled = profile_at(totals, 0.0, "ml").residual_sum_of_squares / totals.n_rows
    within = profile_at(totals, LARGEST_RATIO, "ml").residual_sum_of_squares / totals.n_rows
    return 0.5 * math.log(within) - 1, 0.5 * math.log(pooled) + 1


def _lowest(deviance: Callable[[float], float], low: float, high: float) -> float:
    found = minimize_scalar(deviance, bounds=(low, high), method="bounded", options={"xatol": 1e-9})
    return min(float(found.fun), deviance(low), deviance(high))


def _interval(
    deviance: Callable[[float], float],
    value: float,
    log_likelihood: float,
    totals: GroupTotals,
    level: float,
) -> Estimate:
    limit = -2 * log_likelihood + deviance_drop(level)

    def excess(candidate: float) -> float:
        return deviance(candidate) - limit

    floor = value * 1e-3
    has_low_end = excess(floor) > 0
    low = float(brentq(excess, floor, value, xtol=1e-12, rtol=1e-11)) if has_low_end else 0.0
    high = _root_above(excess, value, first_step=0.1 * value + 1e-6)
    if high is None:
        return Estimate.missing("the interval has no upper end", totals.n_rows, level)
    return Estimate(value, low, high, level, totals.n_rows)


def _root_above(excess: Callable[[float], float], start: float, first_step: float) -> float | None:
    """Return where ``excess`` turns positive above ``start``; None if it never does."""
    low, step = start, first_step
    while excess(low + step) <= 0:
        low, step = low + step, step * 2
        if not np.isfinite(step) or low > LARGEST_RATIO:
            return None
    return float(brentq(excess, low, low + step, xtol=1e-12, rtol=1e-11))
