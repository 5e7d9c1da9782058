"""Is a difference small enough not to matter? Two one-sided tests (TOST) and their verdict.

"Not significantly different" is not "equivalent": equivalence is claimed only where the whole
90 % interval lies inside a margin that was set beforehand (Schuirmann 1987,
doi:10.1007/BF01068419).
"""

import math

from scipy.special import stdtr, stdtrit

from transforms.statistics.estimate import Estimate

PRIMARY_MARGIN = 0.20  # pooled SD; the upper bound of Wampold et al. 1997 is about .20
SENSITIVITY_MARGINS = (0.24, 0.30)
EQUIVALENCE_LEVEL = 0.90


def tost_p(difference: float, se: float, freedom: float, bound: float) -> float | None:
    """Return the larger p of both one-sided tests; below .05 the difference lies within ±bound.

    None where the values do not vary.
    """
    if bound <= 0:
        raise ValueError(f"a bound is positive, not {bound}")
    if not se > 0:
        return None
    lower, upper = (difference + bound) / se, (difference - bound) / se
    return max(1 - float(stdtr(freedom, lower)), float(stdtr(freedom, upper)))


def t_interval(difference: float, se: float, freedom: float, n: int, level: float) -> Estimate:
    """Return difference ± t·se; no value without a positive standard error and freedom."""
    if not (math.isfinite(difference) and math.isfinite(se) and se > 0 and freedom > 0):
        return Estimate.missing("the standard error cannot be estimated", n, level)
    half_width = float(stdtrit(freedom, 0.5 + level / 2)) * se
    return Estimate(difference, difference - half_width, difference + half_width, level, n)


def verdict(narrow: Estimate, wide: Estimate, margin: float) -> str | None:
    """Return 'equivalent', 'different' or 'inconclusive'; None without an estimate.

    Parameters
    ----------
    narrow, wide : Estimate
        The same difference with its 90 % and its 95 % interval.
    margin : float
        Positive, same unit. Equivalent: the 90 % interval lies inside ±margin. Different: the
        95 % interval excludes 0 and the difference is beyond the margin.
    """
    if margin <= 0:
        raise ValueError(f"a margin is positive, not {margin}")
    if narrow.with_ends is None or wide.with_ends is None:
        return None
    _, low, high = narrow.with_ends
    if -margin < low and high < margin:
        return "equivalent"
    value, low, high = wide.with_ends
    if (low > 0 or high < 0) and abs(value) > margin:
        return "different"
    return "inconclusive"
