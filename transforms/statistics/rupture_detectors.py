"""The detectors of ruptures on many series at once: a mirror of the SQL, for simulated ratings.

The rules are those of ``int_rupture_ratings`` and ``int_rupture_events``; a test runs both on the
same ratings. All series of one call have equally many ratings; what a client says about a repair
in the session itself is not simulated.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from transforms.statistics.arrays import Bools, Floats, Ints

DECIMALS = 9  # as in SQL: two sums of the same numbers differ beyond
_COMPARE: Mapping[str, Callable[[Floats, Floats], Bools]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A detector; what differs between series is a column of shape (series, 1).

    ``fall_needed`` and ``sd_pooled`` are NaN where they do not apply.
    """

    kind: str
    fall_needed: Floats
    sd_pooled: Floats
    is_more_needed: Bools
    threshold_sd: float
    sd_min_ratings: float
    threshold_points: float
    threshold_operator: str | None
    item_threshold: float
    item_operator: str | None
    baseline_sessions: float
    limit_constant: float
    repair_share: float


@dataclass(frozen=True, slots=True)
class Series:
    """Ratings and session numbers, both (series, ratings); the course's end and whether it has one.

    ``lowest_items`` are NaN where the form has no item rule; ``last_positions`` and ``is_open`` are
    columns of shape (series, 1).
    """

    values: Floats
    lowest_items: Floats
    positions: Ints
    last_positions: Ints
    is_open: Bools


@dataclass(frozen=True, slots=True)
class Ruptures:
    """How many ruptures each series has: all, repaired and unrepaired; the rest is undecided."""

    all: Ints
    repaired: Ints
    unrepaired: Ints


def ruptures_of(series: Series, rule: Rule, *, repair_sessions: int) -> Ruptures:
    """Return the ruptures of each series."""
    fall = _fall(series)
    fired, reference = _fired(series, rule, fall)
    begins = fired & ~_is_continuing(series, rule, fired)
    repaired = begins & _is_repaired(series, rule, reference, repair_sessions)
    unrepaired = begins & ~repaired & _is_decided(series, repair_sessions)
    return Ruptures(begins.sum(axis=1), repaired.sum(axis=1), unrepaired.sum(axis=1))


def _fall(series: Series) -> Floats:
    """Return the fall from the session before; NaN where that has no rating."""
    fall = np.full(series.values.shape, np.nan)
    steps = series.values[:, :-1] - series.values[:, 1:]
    fall[:, 1:] = np.where(np.diff(series.positions, axis=1) == 1, steps, np.nan)
    return np.round(fall, DECIMALS)


def _fired(series: Series, rule: Rule, fall: Floats) -> tuple[Bools, Floats]:
    """Return where the detector fires, and the level before it (NaN: none)."""
    if rule.kind == "control_chart":
        return _beyond_limit(series.values, fall, rule)
    needed = _fall_needed(series.values, rule)
    reference = np.full(fall.shape, np.nan)
    reference[:, 1:] = np.where(fall[:, 1:] > 0, series.values[:, :-1], np.nan)
    fired = fall >= needed
    if rule.kind == "trigger":
        return fired | _is_triggered(series, rule), reference
    return fired & (fall > 0) & ((fall > needed) | ~rule.is_more_needed), reference


def _fall_needed(values: Floats, rule: Rule) -> Floats:
    """Return the fall that counts: fixed, or SDs of this series or of all, the larger one."""
    if rule.kind == "drop_reliable":
        return rule.fall_needed
    if values.shape[1] < max(2.0, np.nan_to_num(rule.sd_min_ratings)):
        return np.full((len(values), 1), np.nan)
    sd = np.fmax(values.std(axis=1, ddof=1, keepdims=True), rule.sd_pooled)
    needed: Floats = np.round(np.where(sd > 0, rule.threshold_sd * sd, np.nan), DECIMALS)
    return needed


def _beyond_limit(values: Floats, fall: Floats, rule: Rule) -> tuple[Bools, Floats]:
    """Return where a rating lies below the limit of all earlier ones, and their mean."""
    center, mean_range = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    ranges = np.cumsum(~np.isnan(fall), axis=1)[:, :-1]
    center[:, 1:] = np.cumsum(values, axis=1)[:, :-1] / np.arange(1, values.shape[1])
    total = np.nancumsum(np.abs(fall), axis=1)[:, :-1]
    mean_range[:, 1:] = np.divide(total, ranges, out=np.full(total.shape, np.nan), where=ranges > 0)
    has_baseline = np.zeros(values.shape, dtype=bool)
    has_baseline[:, 1:] = (ranges >= rule.baseline_sessions - 1) & (mean_range[:, 1:] > 0)
    limit = np.round(center - rule.limit_constant * mean_range, DECIMALS)
    return has_baseline & (np.round(values, DECIMALS) < limit), center


def _is_triggered(series: Series, rule: Rule) -> Bools:
    by_total = _beyond(series.values, rule.threshold_points, rule.threshold_operator)
    by_item = _beyond(series.lowest_items, rule.item_threshold, rule.item_operator)
    either: Bools = by_total | by_item
    return either


def _beyond(values: Floats, threshold: float, operator: str | None) -> Bools:
    if operator is None:
        return np.zeros(values.shape, dtype=bool)
    return _COMPARE[operator](values, np.asarray(threshold))


def _is_continuing(series: Series, rule: Rule, fired: Bools) -> Bools:
    """Return where a detector of levels fires on from the session before."""
    continuing = np.zeros(fired.shape, dtype=bool)
    if rule.kind in ("control_chart", "trigger"):
        continuing[:, 1:] = fired[:, :-1] & (np.diff(series.positions, axis=1) == 1)
    return continuing


def _is_repaired(series: Series, rule: Rule, reference: Floats, repair_sessions: int) -> Bools:
    """Return where a rating in time regains the way back, and the one after it still does."""
    values = series.values
    back = np.round(values + rule.repair_share * (reference - values), DECIMALS)
    loud = (
        _is_triggered(series, rule)
        if rule.kind == "trigger"
        else np.zeros(values.shape, dtype=bool)
    )
    repaired = np.zeros(values.shape, dtype=bool)
    n = values.shape[1]

    def holds(step: int) -> Bools:
        """Return whether the rating ``step`` ahead is back and quiet; False where there is none."""
        held = np.zeros(values.shape, dtype=bool)
        ahead, level = np.round(values[:, step:], DECIMALS), back[:, : n - step]
        held[:, : n - step] = ((ahead >= level) | np.isnan(level)) & ~loud[:, step:]
        return held

    for step in range(1, min(repair_sessions, n - 1) + 1):
        in_time = np.zeros(values.shape, dtype=bool)
        late = series.positions[:, step:] - series.positions[:, : n - step]
        in_time[:, : n - step] = late <= repair_sessions
        is_last = np.arange(n) + step + 1 >= n
        repaired |= in_time & holds(step) & (is_last | holds(step + 1))
    return repaired


def _is_decided(series: Series, repair_sessions: int) -> Bools:
    """Return where a rupture without repair counts as unrepaired: rated after, and time is over."""
    positions = series.positions
    is_pending = series.is_open & (series.last_positions < positions + repair_sessions)
    is_rated_after = np.zeros(positions.shape, dtype=bool)
    is_rated_after[:, :-1] = np.diff(positions, axis=1) <= repair_sessions
    decided: Bools = ~is_pending & (positions != series.last_positions) & is_rated_after
    return decided
