"""Ratings of noise alone: a course's own mean, spread, memory and scale, and nothing that happened.

What a detector finds in them it would find in a clinic without a single rupture. The simulated
ratings of a course have exactly its mean and SD (as far as its scale allows), because in a normal
family the shape of a series does not depend on them (Basu 1955): the share found is then that of
the noise this course could have had.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache

import numpy as np

from transforms.statistics.arrays import Floats, Ints

LONG_ENOUGH = 20  # ratings from which a course's own autocorrelation is taken
SHORTEST = 3  # two ratings lie on either side of their mean whatever φ is
_GRID = np.linspace(-0.9, 0.95, 75)
_STEPS = (1.0, 0.5, 0.1)
_MATCHING_ROUNDS = 25


def autocorrelation(values: Sequence[Floats], positions: Sequence[Ints]) -> float:
    """Return the lag-1 autocorrelation within courses, pooled; 0 where there is too little.

    Only ratings of neighboring sessions are pairs. Taken from a course's own mean, products and
    squares are both too small, the more so the shorter the course (Kendall 1954,
    doi:10.1093/biomet/41.3-4.403); so φ is the one whose expected ratio of the two is the observed
    one, given the sessions at which these courses were rated.
    """
    products = squares = 0.0
    patterns: Counter[tuple[int, ...]] = Counter()
    for course, at in zip(values, positions, strict=True):
        if len(course) < SHORTEST:
            continue
        centered = course - course.mean()
        products += float(centered[:-1][np.diff(at) == 1] @ centered[1:][np.diff(at) == 1])
        squares += float(centered @ centered)
        patterns[tuple((at - at[0]).tolist())] += 1
    if squares <= 0:
        return 0.0
    expected = np.array(
        [np.array(_expected(pattern)) * count for pattern, count in patterns.items()]
    ).sum(axis=0)
    ratios = expected[0] / expected[1]
    return float(np.interp(products / squares, ratios, _GRID))


@cache
def _expected(pattern: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Return the expected products and squares of a course of variance 1, per φ of the grid."""
    at, n = np.array(pattern), len(pattern)
    apart = np.abs(at[:, None] - at[None, :])
    covariance = (np.sign(_GRID) ** apart[..., None] * np.abs(_GRID) ** apart[..., None]).T
    centering = np.eye(n) - 1 / n
    centered = centering @ covariance @ centering
    following = np.flatnonzero(np.diff(at) == 1)
    products = centered[:, following, following + 1].sum(axis=1)
    return products, np.trace(centered, axis1=1, axis2=2)


def step_of(values: Floats) -> float | None:
    """Return the step of which 19 of 20 ratings are multiples; None if there is none."""
    for step in _STEPS:
        multiples = np.isclose(values / step, np.round(values / step), atol=1e-6)
        if len(values) and multiples.mean() >= 0.95:
            return step
    return None


def autoregressive(shocks: Floats, positions: Ints, phi: Floats) -> Floats:
    """Return standard normal series with correlation φ to the power of the sessions between.

    Parameters
    ----------
    shocks : (courses, series, ratings), standard normal
    positions : (courses, ratings), session numbers
    phi : (courses,)
    """
    series = np.array(shocks)
    for at in range(1, shocks.shape[2]):
        gap = (positions[:, at] - positions[:, at - 1]).astype(float)
        kept = (np.sign(phi) ** gap * np.abs(phi) ** gap)[:, None]
        series[:, :, at] = kept * series[:, :, at - 1] + np.sqrt(1 - kept**2) * shocks[:, :, at]
    return series


def on_scale(
    series: Floats, mean: Floats, sd: Floats, low: Floats, high: Floats, step: Floats
) -> Floats:
    """Return the series on their courses' scales, with the courses' means and SDs.

    Parameters
    ----------
    series : (courses, series, ratings)
    mean, sd, low, high : (courses,)
    step : (courses,)
        NaN where the scale has none.

    Notes
    -----
    Cutting at floor and ceiling takes from the spread and moves the mean; a normal series under
    the cut is widened and moved until what is left has both, where any has.
    """
    mean, sd, low, high, step = (each[:, None, None] for each in (mean, sd, low, high, step))
    spread = _sd_of(series)
    shape = (series - series.mean(axis=2, keepdims=True)) / np.where(spread > 0, spread, 1)
    center, width = mean + 0 * spread, sd + 0 * spread
    for _ in range(_MATCHING_ROUNDS):
        cut = np.clip(center + width * shape, low, high)
        left = _sd_of(cut)
        center = np.clip(center + mean - cut.mean(axis=2, keepdims=True), low, high)
        ratio = np.where(left > 0, sd / np.where(left > 0, left, 1), 1)
        width = np.minimum(width * np.clip(ratio, 0.5, 2), 2 * (high - low))
    cut = np.clip(center + width * shape, low, high)
    rounded = np.round(cut / step) * step
    found: Floats = np.where(np.isnan(step), cut, np.clip(np.round(rounded, 9), low, high))
    return found


def _sd_of(series: Floats) -> Floats:
    if series.shape[2] < 2:
        return np.zeros((*series.shape[:2], 1))
    sd: Floats = series.std(axis=2, ddof=1, keepdims=True)
    return sd
