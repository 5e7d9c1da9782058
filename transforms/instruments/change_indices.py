"""Reliable change indices as linear forms of two scores.

Every index in use is linear in the first and the last score:

    index = (post_weight · post + pre_weight · pre + constant), times the instrument's direction

(``post`` of a trend is the trend over all scores) and reliable when ``index <operator> critical``
(worse: the same of −index). Formulas: Jacobson & Truax 1991 (doi:10.1037/0022-006X.59.1.12); the
others, but the trend, as R ``clinicalsignificance`` (calc_rci.R) states them. Scores are raw
points, SDs are points, reliabilities 0 to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from transforms.instruments.change import (
    standard_error_of_difference,
    standard_error_of_measurement,
    standard_error_of_prediction,
)


@dataclass(frozen=True, slots=True)
class LinearIndex:
    """index = post_weight·post + pre_weight·pre + constant, positive when the score rose."""

    post_weight: float
    pre_weight: float
    constant: float = 0.0

    def of(self, pre: float, post: float) -> float:
        """Return the index of one person."""
        return self.post_weight * post + self.pre_weight * pre + self.constant


@dataclass(frozen=True, slots=True)
class Reference:
    """The sample a method compares with: moments of complete pairs, in raw points."""

    mean_pre: float
    sd_pre: float
    mean_post: float
    sd_post: float
    correlation: float


def points() -> LinearIndex:
    """Return the change itself, to hold against published points."""
    return LinearIndex(1.0, -1.0)


def jacobson_truax(*, sd: float, reliability: float) -> LinearIndex:
    """Return RC = (post − pre) / Sdiff."""
    error = standard_error_of_difference(sd, reliability)
    return LinearIndex(1 / error, -1 / error)


def reliable_trend(*, sd: float, reliability: float) -> LinearIndex:
    """Return trend / SEM, with the trend over all scores in the place of the last one.

    The trend is slope·√Σ(t − t̄)² over forms t = 1 … n, whose SE is SEM where nothing but error
    moves the scores; of two scores the index is Jacobson and Truax's. McAleavey 2024
    (doi:10.1037/cps0000203, cited from memory); formula read in R ``ReliableTrendIndex`` (RTI.R).
    """
    return LinearIndex(1 / standard_error_of_measurement(sd, reliability), 0.0)


def edwards_nunnally(*, mean: float, sd: float, reliability: float) -> LinearIndex:
    """Return (post − [r(pre − M) + M]) / SEM: the first score is drawn to the mean M."""
    error = standard_error_of_measurement(sd, reliability)
    return LinearIndex(1 / error, -reliability / error, -mean * (1 - reliability) / error)


def gulliksen_lord_novick(*, mean: float, sd: float, reliability: float) -> LinearIndex:
    """Return ((post − M) − r(pre − M)) / (s√(1 − r²))."""
    error = standard_error_of_prediction(sd, reliability)
    return LinearIndex(1 / error, -reliability / error, -mean * (1 - reliability) / error)


def reliability_of_differences(reference: Reference, reliability: float) -> float:
    """Return r_dd = (s1²r1 + s2²r2 − 2 s1 s2 ρ) / (s1² + s2² − 2 s1 s2 ρ).

    r1 and r2 are the reliabilities of the first and last scores: 1 − SEM²/s².
    """
    error = standard_error_of_measurement(reference.sd_pre, reliability) ** 2
    var_pre, var_post = reference.sd_pre**2, reference.sd_post**2
    shared = 2 * reference.sd_pre * reference.sd_post * reference.correlation
    return (var_pre - error + var_post - error - shared) / (var_pre + var_post - shared)


def hageman_arrindell(reference: Reference, *, reliability: float) -> LinearIndex | None:
    """Return ((post − pre) r_dd + (M2 − M1)(1 − r_dd)) / (√r_dd √2 SEM).

    None where the differences of the reference sample are no more than error (r_dd ≤ 0).
    """
    spread = reference.sd_pre**2 + reference.sd_post**2
    if spread <= 2 * reference.sd_pre * reference.sd_post * reference.correlation:
        return None
    r_dd = reliability_of_differences(reference, reliability)
    if r_dd <= 0:
        return None
    error = math.sqrt(r_dd) * standard_error_of_difference(reference.sd_pre, reliability)
    moved = (reference.mean_post - reference.mean_pre) * (1 - r_dd)
    return LinearIndex(r_dd / error, -r_dd / error, moved / error)
