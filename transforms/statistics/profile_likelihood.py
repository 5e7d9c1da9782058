"""Profile-likelihood intervals for the random-intercept model of :mod:`transforms.statistics.reml`.

A value belongs to the interval when the best model that holds it fixed loses less than
half a chi-square quantile of log likelihood. Unlike value ± 1.96·SE this works near the
boundary, where a variance estimate is skewed and its lower end may be exactly zero.

lme4's ``confint`` profiles the plain likelihood (ML) even of a REML fit; here it is the restricted.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri

from transforms.statistics.estimate import Estimate
from transforms.statistics.reml import (
    RATIO_GRID,
    GroupTotals,
    fit_random_intercept,
    profile_at,
)

LARGEST_RATIO = float(RATIO_GRID[-1])


def icc_interval(totals: GroupTotals, level: float = 0.95) -> Estimate:
    """Return the intraclass correlation (0 to 1) with its profile interval.

    Notes
    -----
    The ICC is a monotone function of the variance ratio, the one parameter that is not
    profiled out, so its interval is the ratio's. The lower end is 0 when a model without
    group differences is not rejected.
    """
    fit = fit_random_intercept(totals)
    if not fit.is_estimated:
        return Estimate.missing(fit.reason, totals.n_rows, level)
    limit = -2 * fit.log_likelihood + deviance_drop(level)

    def excess(ratio: float) -> float:
        return profile_at(totals, ratio).deviance - limit

    low = 0.0 if excess(0.0) <= 0 else brentq(excess, 0.0, fit.ratio, xtol=1e-15, rtol=1e-12)
    high = _root_above(excess, fit.ratio, first_step=0.01 + fit.ratio)
    if high is None:
        return Estimate.missing("the interval has no upper end", totals.n_rows, level)
    return Estimate(fit.icc, low / (1 + low), high / (1 + high), level, totals.n_rows)


def deviance_drop(level: float) -> float:
    """Return the chi-square(1) quantile: what −2 log likelihood may lose inside an interval."""
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not {level}")
    return float(chdtri(1, 1 - level))


def _root_above(excess: Callable[[float], float], start: float, first_step: float) -> float | None:
    """Return where ``excess`` turns positive above ``start``; None if it never does."""
    low, step = start, first_step
    while excess(low + step) <= 0:
        low, step = low + step, step * 2
        if not np.isfinite(step) or low > LARGEST_RATIO:
            return None
    return float(brentq(excess, low, low + step, xtol=1e-12, rtol=1e-11))
