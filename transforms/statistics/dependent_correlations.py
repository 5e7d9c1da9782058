"""Does one rater's measure go with outcome more closely than another's, in the same clients?

Two correlations that share the outcome and the clients are dependent, so their intervals must
not be compared as if they came from two samples.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from transforms.statistics.arrays import Floats
from transforms.statistics.correlation import correlation_from_moments, fisher_interval
from transforms.statistics.estimate import Estimate

FEWEST_ROWS = 5


@dataclass(frozen=True, slots=True)
class DependentDifference:
    """``difference`` is r₁ − r₂ with Zou's interval; ``t``, ``df``, ``p_value`` are Williams's."""

    difference: Estimate
    t: float | None
    df: int | None
    p_value: float | None


def compare_dependent(
    r_one: float, r_other: float, r_between: float, n: int, *, n_given: int = 0, level: float = 0.95
) -> DependentDifference:
    """Compare two correlations with the same outcome, by Williams's T₂ and Zou's interval.

    Parameters
    ----------
    r_one, r_other : correlation of each measure with the outcome
    r_between : correlation of the two measures with each other
    n : rows
    n_given : variables held equal in all three (partial correlations); n is lowered by it

    Notes
    -----
    T₂ = (r₁ − r₂) √{(n − 1)(1 + r₁₂) / [2 (n − 1)/(n − 3) |R| + r̄² (1 − r₁₂)³]} with n − 3
    degrees of freedom, r̄ = (r₁ + r₂)/2 and |R| = 1 − r₁² − r₂² − r₁₂² + 2 r₁ r₂ r₁₂
    (Williams 1959; recommended by Steiger 1980, Psychological Bulletin 87:245-251). The interval
    combines the two Fisher intervals with the correlation of the two estimates (Zou 2007,
    Psychological Methods 12:399-413). Checked against ``psych::r.test``.
    """
    effective = n - n_given
    if effective < FEWEST_ROWS:
        return _missing(f"fewer than {FEWEST_ROWS + n_given} clients rated by both", n, level)
    if max(abs(r_one), abs(r_other), abs(r_between)) >= 1 - 1e-12:
        return _missing("a correlation of exactly 1 cannot be compared", n, level)
    determinant = 1 - r_one**2 - r_other**2 - r_between**2 + 2 * r_one * r_other * r_between
    mean = (r_one + r_other) / 2
    below = (
        2 * (effective - 1) / (effective - 3) * max(determinant, 0.0)
        + mean**2 * (1 - r_between) ** 3
    )
    if below <= 0:
        return _missing("the two measures cannot be told apart", n, level)
    t = (r_one - r_other) * math.sqrt((effective - 1) * (1 + r_between) / below)
    df = effective - 3
    return DependentDifference(
        _zou(r_one, r_other, r_between, n, n_given, level), t, df, float(2 * stdtr(df, -abs(t)))
    )


def compare_measures(
    one: np.ndarray,
    other: np.ndarray,
    outcome: np.ndarray,
    given: np.ndarray | None = None,
    *,
    lost: int = 0,
) -> DependentDifference:
    """Compare the (partial) correlations of two measures with one outcome, on complete rows.

    ``lost`` are degrees of freedom already spent, as on the means of clinics.
    """
    pairs = ((one, outcome), (other, outcome), (one, other))
    r_one, r_other, r_between = (_correlation(x, y, given) for x, y in pairs)
    if not all(math.isfinite(r) for r in (r_one, r_other, r_between)):
        return _missing("a measure does not vary", len(outcome), 0.95)
    n_given = lost + (given is not None)
    return compare_dependent(r_one, r_other, r_between, len(outcome), n_given=n_given)


def _correlation(x: Floats, y: Floats, given: Floats | None) -> float:
    columns = [_centered(column) for column in (x, y, given) if column is not None]
    first, second = np.triu_indices(len(columns))
    products = [float(columns[a] @ columns[b]) for a, b in zip(first, second, strict=True)]
    moments = np.array([len(x), *[0.0] * len(columns), *products])
    return float(correlation_from_moments(moments, len(columns)))


def _centered(column: Floats) -> Floats:
    """Return deviations from the mean over their SD; zeros where rounding is all the variation."""
    if len(column) == 0:
        return column
    deviations: Floats = column - column.mean()
    spread = float(np.sqrt(np.mean(deviations**2)))
    if spread <= 1e-12 * max(1.0, float(np.abs(column).max())):
        return np.zeros(len(column))
    return deviations / spread


def _zou(
    r_one: float, r_other: float, r_between: float, n: int, n_given: int, level: float
) -> Estimate:
    difference = r_one - r_other
    of_one = fisher_interval(r_one, n, level=level, n_given=n_given)
    of_other = fisher_interval(r_other, n, level=level, n_given=n_given)
    if of_one is None or of_other is None:
        return Estimate(difference, None, None, level, n)
    (low_one, high_one), (low_other, high_other) = of_one, of_other
    shared = (
        (r_between - r_one * r_other / 2) * (1 - r_one**2 - r_other**2 - r_between**2)
        + r_between**3
    ) / ((1 - r_one**2) * (1 - r_other**2))

    def half(one: float, other: float) -> float:
        return math.sqrt(max(one**2 + other**2 - 2 * shared * one * other, 0.0))

    return Estimate(
        difference,
        difference - half(r_one - low_one, high_other - r_other),
        difference + half(high_one - r_one, r_other - low_other),
        level,
        n,
    )


def _missing(reason: str, n: int, level: float) -> DependentDifference:
    return DependentDifference(Estimate.missing(reason, n, level), None, None, None)
