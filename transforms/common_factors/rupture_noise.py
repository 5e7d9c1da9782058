"""What each detector finds in noise alone, one row per series and detector that judges it.

Every course is simulated ``SERIES`` times with its own mean, SD, session numbers and scale; the
autocorrelation is that of its clinic and form, its own where it is long enough. A course's seed is
made of its key, so no course's number hangs on another's. A form's lowest item follows the total
by the ratios of the course's own ratings, drawn anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa

from transforms.arrow import table_of
from transforms.statistics.arrays import Floats, Ints
from transforms.statistics.noise import (
    LONG_ENOUGH,
    autocorrelation,
    autoregressive,
    on_scale,
    step_of,
)
from transforms.statistics.rupture_detectors import Rule, Series, ruptures_of

SERIES = 40  # simulated per course; its share of noise has a Monte Carlo error of at most 8 points
# What a client reports is observed: there is no noise that gives it.
JUDGED = "not_assessable_reason is null and kind <> 'report'"
# What a detector is, whatever the course; the first and two of the others are words.
_SHARED = (
    "kind",
    "threshold_sd",
    "sd_min_ratings",
    "threshold_points",
    "threshold_operator",
    "item_threshold",
    "item_operator",
    "baseline_sessions",
    "limit_constant",
    "repair_share",
)
_WORDS = ("kind", "threshold_operator", "item_operator")
RULE_COLUMNS = (
    "clinic_id",
    "instrument_id",
    "version",
    "detector",
    "score_min",
    "score_max",
    "last_position",
    "is_open",
    "fall_needed",
    "sd_pooled",
    "is_more_needed",
    *_SHARED,
)
KEY = "cast(series_key as varchar) as series_key"
RATING_COLUMNS = ("position", "value", "lowest_item")

Facts = Mapping[str, Any]


class RuptureNoiseRow(TypedDict):
    """What a detector finds in simulated series of a course: how many have such a class."""

    series_key: str
    detector: str
    n_noise_series: int
    n_noise_ruptures: int
    n_noise_repaired: int
    n_noise_unrepaired: int


@dataclass(frozen=True, slots=True)
class _Course:
    """One series as it was rated, and the detectors that judge it."""

    key: str
    rules: Sequence[Facts]
    positions: Ints
    values: Floats
    lowest_items: Floats

    @property
    def form(self) -> tuple[str, str, str]:
        first = self.rules[0]
        return first["clinic_id"], first["instrument_id"], first["version"]


def rupture_noise(rules: pa.Table, ratings: pa.Table, *, repair_sessions: int) -> pa.Table:
    """Return how often each detector finds a rupture, and of which class, in noise.

    Parameters
    ----------
    rules : series_key and RULE_COLUMNS, one row per series and detector that judges it
    ratings : series_key and RATING_COLUMNS, one row per rating
    """
    courses = sorted(_courses(rules, ratings), key=lambda course: (len(course.values), course.key))
    memory, steps = _of_forms(courses)
    rows = []
    for _, same_length in groupby(courses, key=lambda course: len(course.values)):
        together = list(same_length)
        values, lowest = _simulated(together, memory, steps)
        rows += list(_found(together, values, lowest, repair_sessions))
    return table_of(RuptureNoiseRow, rows)


def _courses(rules: pa.Table, ratings: pa.Table) -> Iterator[_Course]:
    of_series: dict[str, list[Facts]] = {}
    for rule in rules.sort_by([("series_key", "ascending"), ("detector", "ascending")]).to_pylist():
        of_series.setdefault(rule["series_key"], []).append(rule)
    ordered = ratings.sort_by([("series_key", "ascending"), ("position", "ascending")])
    keys = ordered["series_key"].to_numpy(zero_copy_only=False)
    _, starts = np.unique(keys.astype(str), return_index=True)  # sorted, so in this order
    columns = [ordered[name].to_numpy(zero_copy_only=False) for name in RATING_COLUMNS]
    for start, end in pairwise([*starts.tolist(), len(keys)]):
        if (key := keys[start]) in of_series:
            position, value, lowest = (column[start:end] for column in columns)
            yield _Course(key, of_series[key], position.astype(int), value, lowest.astype(float))


def _of_forms(
    courses: Sequence[_Course],
) -> tuple[dict[tuple[str, str, str], float], dict[tuple[str, str, str], float]]:
    """Return the autocorrelation and the step of the scale of each clinic's form."""
    by_form: dict[tuple[str, str, str], list[_Course]] = {}
    for course in courses:
        by_form.setdefault(course.form, []).append(course)
    memory = {
        form: autocorrelation([c.values for c in own], [c.positions for c in own])
        for form, own in by_form.items()
    }
    steps = {
        form: step_of(np.concatenate([c.values for c in own])) or np.nan
        for form, own in by_form.items()
    }
    return memory, steps


def _simulated(
    courses: Sequence[_Course], memory: Mapping[Any, float], steps: Mapping[Any, float]
) -> tuple[Floats, Floats]:
    """Return ratings and lowest items of noise, (courses, SERIES, ratings)."""
    n = len(courses[0].values)
    shocks, ratios = np.empty((len(courses), SERIES, n)), np.empty((len(courses), SERIES, n))
    for at, course in enumerate(courses):
        generator = np.random.default_rng(_seed_of(course.key))
        shocks[at] = generator.standard_normal((SERIES, n))
        known = np.where(course.values > 0, course.lowest_items / course.values, np.nan)
        ratios[at] = known[generator.integers(n, size=(SERIES, n))]
    phi = np.array(
        [
            autocorrelation([c.values], [c.positions]) if n >= LONG_ENOUGH else memory[c.form]
            for c in courses
        ]
    )
    series = autoregressive(shocks, np.array([c.positions for c in courses]), phi)
    firsts = [c.rules[0] for c in courses]
    values = on_scale(
        series,
        mean=np.array([c.values.mean() for c in courses]),
        sd=np.array([c.values.std(ddof=1) if n > 1 else 0.0 for c in courses]),
        low=np.array([rule["score_min"] for rule in firsts], dtype=float),
        high=np.array([rule["score_max"] for rule in firsts], dtype=float),
        step=np.array([steps[c.form] for c in courses]),
    )
    return values, values * ratios


def _seed_of(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")


def _found(
    courses: Sequence[_Course], values: Floats, lowest: Floats, repair_sessions: int
) -> Iterator[RuptureNoiseRow]:
    """Yield the row of each course and detector; courses of a detector are judged together."""
    detectors = sorted(
        {(rule["detector"], *_shared(rule)) for c in courses for rule in c.rules}, key=repr
    )
    for detector, *shared in detectors:
        chosen = [
            (at, rule)
            for at, course in enumerate(courses)
            for rule in course.rules
            if (rule["detector"], *_shared(rule)) == (detector, *shared)
        ]
        at = [index for index, _ in chosen]
        found = ruptures_of(
            _series([courses[index] for index in at], values[at], lowest[at]),
            rule_of([rule for _, rule in chosen], SERIES),
            repair_sessions=repair_sessions,
        )
        has_any, unrepaired = found.all > 0, found.unrepaired > 0
        classes = [has_any, (found.repaired > 0) & ~unrepaired, unrepaired]
        counts = [each.reshape(-1, SERIES).sum(axis=1).tolist() for each in classes]
        for index, n_any, n_repaired, n_unrepaired in zip(at, *counts, strict=True):
            yield {
                "series_key": courses[index].key,
                "detector": detector,
                "n_noise_series": SERIES,
                "n_noise_ruptures": n_any,
                "n_noise_repaired": n_repaired,
                "n_noise_unrepaired": n_unrepaired,
            }


def _shared(rule: Facts) -> tuple[Any, ...]:
    return tuple(rule[name] for name in _SHARED)


def rule_of(rules: Sequence[Facts], n_series: int) -> Rule:
    """Return the rule of one detector for courses, each repeated ``n_series`` times."""

    def column(name: str) -> Floats:
        return np.repeat(_numbers([rule[name] for rule in rules]), n_series)[:, None]

    first = rules[0]
    numbers = {
        name: np.nan if first[name] is None else float(first[name])
        for name in _SHARED
        if name not in _WORDS
    }
    return Rule(
        kind=first["kind"],
        threshold_operator=first["threshold_operator"],
        item_operator=first["item_operator"],
        fall_needed=column("fall_needed"),
        sd_pooled=column("sd_pooled"),
        is_more_needed=column("is_more_needed") == 1,
        **numbers,
    )


def _series(courses: Sequence[_Course], values: Floats, lowest: Floats) -> Series:
    n = values.shape[2]
    firsts = [course.rules[0] for course in courses]
    last = _numbers([rule["last_position"] for rule in firsts])
    is_open = np.array([bool(rule["is_open"]) for rule in firsts])
    return Series(
        values.reshape(-1, n),
        lowest.reshape(-1, n),
        np.repeat(np.array([course.positions for course in courses]), SERIES, axis=0),
        np.repeat(last.astype(int), SERIES)[:, None],
        np.repeat(is_open, SERIES)[:, None],
    )


def _numbers(values: Sequence[Any]) -> Floats:
    return np.array([np.nan if value is None else float(value) for value in values])
