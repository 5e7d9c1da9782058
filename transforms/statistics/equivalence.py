"""Is a difference small enough not to matter? Two one-sided tests (TOST) and their verdict.

"Not significantly different" is not "equivalent": equivalence is claimed only where the whole
90 % interval lies inside a margin that was set beforehand (Schuirmann 1987,
doi:10.1007/BF01068419).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from transforms.statistics.arrays import Floats
from transforms.statistics.estimate import Estimate

PRIMARY_MARGIN = 0.20  # pooled SD; the upper bound of Wampold et al. 1997 is about .20
SENSITIVITY_MARGINS = (0.24, 0.30)
EQUIVALENCE_LEVEL = 0.90


@dataclass(frozen=True, slots=True)
class Tost:
    """p is the larger of both one-sided tests; below .05 the difference lies within ±bound."""

    p: float | None
    freedom: float | None
    difference: float | None
    se: float | None
    reason: str | None = None


def tost_independent(x: Floats, y: Floats, bound: float, *, equal_variances: bool = True) -> Tost:
    """Test |mean(x) − mean(y)| < bound for two independent samples (Student or Welch)."""
    n = (len(x), len(y))
    if min(n) < 2:
        return Tost(None, None, None, None, "fewer than 2 values in a sample")
    variances = [float(np.var(sample, ddof=1)) for sample in (x, y)]
    parts = [variance / size for variance, size in zip(variances, n, strict=True)]
    if equal_variances:
        freedom = float(n[0] + n[1] - 2)
        pooled = ((n[0] - 1) * variances[0] + (n[1] - 1) * variances[1]) / freedom
        variance = pooled * (1 / n[0] + 1 / n[1])
    else:
        variance = sum(parts)
        rest = sum(part**2 / (size - 1) for part, size in zip(parts, n, strict=True))
        freedom = variance**2 / rest if rest > 0 else 0.0
    return _tost(float(np.mean(x) - np.mean(y)), variance, freedom, bound)


def tost_paired(x: Floats, y: Floats, bound: float) -> Tost:
    """Test |mean(x − y)| < bound for pairs."""
    differences = np.asarray(x, dtype=float) - np.asarray(y, dtype=float)
    if len(differences) < 2:
        return Tost(None, None, None, None, "fewer than 2 pairs")
    variance = float(np.var(differences, ddof=1)) / len(differences)
    return _tost(float(differences.mean()), variance, float(len(differences) - 1), bound)


def tost_of(difference: float, se: float, freedom: float, bound: float) -> Tost:
    """Test an estimated difference with its standard error, e.g. adjusted for case mix."""
    return _tost(difference, se**2, freedom, bound)


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


def _tost(difference: float, variance: float, freedom: float, bound: float) -> Tost:
    if bound <= 0:
        raise ValueError(f"a bound is positive, not {bound}")
    if not variance > 0:
        return Tost(None, None, difference, None, "the values do not vary")
    se = math.sqrt(variance)
    lower, upper = (difference + bound) / se, (difference - bound) / se
    p = max(1 - float(stdtr(freedom, lower)), float(stdtr(freedom, upper)))
    return Tost(p, freedom, difference, se)
