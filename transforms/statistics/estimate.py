"""What every estimate carries: a value, an interval, its level, and why it is missing.

An estimator never raises on poor data and never warns: it returns an
:class:`Estimate` without a value and with a ``reason`` a reader can act on.
Programmers' mistakes (a level of 95 instead of 0.95) still raise ``ValueError``.
"""

import math
from dataclasses import dataclass

from scipy.special import ndtri, stdtrit


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number with its interval, or the reason why there is none.

    Attributes
    ----------
    value, ci_low, ci_high : float or None
        Same unit; None where it cannot be estimated.
    ci_level : float
        Coverage of the interval, 0 to 1.
    n : int
        Rows the value rests on.
    reason : str or None
        Why ``value`` is None, in plain words and without any patient's value.
    """

    value: float | None
    ci_low: float | None
    ci_high: float | None
    ci_level: float
    n: int
    reason: str | None = None

    @classmethod
    def missing(cls, reason: str, n: int = 0, level: float = 0.95) -> "Estimate":
        """Return an estimate without a value."""
        return cls(None, None, None, level, n, reason)

    @property
    def is_estimated(self) -> bool:
        """True when there is a value."""
        return self.value is not None

    @property
    def with_ends(self) -> tuple[float, float, float] | None:
        """Value, lower and upper end where there are all three."""
        if self.value is None or self.ci_low is None or self.ci_high is None:
            return None
        return self.value, self.ci_low, self.ci_high

    def times(self, factor: float) -> "Estimate":
        """Return the same estimate in another unit; a negative factor swaps the ends."""
        if self.value is None:
            return self
        ends = [None if end is None else end * factor for end in (self.ci_low, self.ci_high)]
        if factor < 0:
            ends.reverse()
        return Estimate(self.value * factor, ends[0], ends[1], self.ci_level, self.n, self.reason)


def two_sided_z(level: float) -> float:
    """Return the normal quantile of a two-sided interval: 1.959964 for 0.95."""
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not {level}")
    return float(ndtri(0.5 + level / 2))


def two_sided_t(freedom: float, level: float) -> float:
    """Return Student's t quantile of a two-sided interval: 2.776445 for 4 and 0.95."""
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not {level}")
    return float(stdtrit(freedom, 0.5 + level / 2))


def wald(value: float, se: float, n: int, level: float = 0.95) -> Estimate:
    """Return value ± z·se, or no value when the standard error is not a positive number."""
    if not (math.isfinite(value) and math.isfinite(se) and se > 0):
        return Estimate.missing("the standard error cannot be estimated", n, level)
    half_width = two_sided_z(level) * se
    return Estimate(value, value - half_width, value + half_width, level, n)
