"""Expected scores of every form, the curves behind them, and how well the signal did.

The report card counts finished courses only, each judged by a model that has not seen its client.
A signal counts as early warning only before the last score: at the last one it says what the
outcome says anyway.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa

from transforms.arrow import numbers_of, table_of, table_of_columns
from transforms.common_factors.rows import LEVEL, fields_of
from transforms.common_factors.table import Interval
from transforms.statistics.arrays import Bools, Ints
from transforms.statistics.correlation import wilson_interval
from transforms.statistics.estimate import Estimate
from transforms.statistics.expected_response import Forms, Prediction, fit, predict_forms
from transforms.statistics.withheld import Record, attempt

LAST_CURVE_SESSION = 20
# Order of the metrics of a report card; see docs/expected-response.md.
METRICS = (
    "below_band",
    "above_band",
    "courses_flagged",
    "hit_rate_deteriorated",
    "hit_rate_not_improved",
    "false_alarm_rate",
    "flagged_who_deteriorated",
    "lead_time_sessions",
)


def expected_forms(
    columns: Record, direction: int, rate: float
) -> tuple[Record, Forms, Prediction]:
    """Predict one instrument's forms.

    Parameters
    ----------
    columns : form_code, pre, score, t, fold, episode_code, is_training; raw points
    direction : 1 higher is better, −1 lower is better

    Returns
    -------
    Columns form_code, expected, lower, upper, intake_band (raw points; lower and upper are ends
    on the scale, whichever is worse), and what they were made from, oriented.
    """
    forms = Forms(
        pre=direction * columns["pre"],
        score=direction * columns["score"],
        t=columns["t"].astype(int),
        fold=columns["fold"].astype(int),
        episode=columns["episode_code"],
        is_training=columns["is_training"].astype(bool),
    )
    found = predict_forms(forms, rate)
    worse, better = direction * found.lower, direction * found.upper
    raw = {
        "form_code": columns["form_code"],
        "expected": direction * found.expected,
        "lower": np.minimum(worse, better),
        "upper": np.maximum(worse, better),
        "intake_band": found.band + 1,
    }
    return raw, forms, found


def curve_records(forms: Forms, found: Prediction, direction: int, rate: float) -> list[Record]:
    """Return the curve of each intake band at its mean intake score, in raw points."""
    if found.reason:
        return []
    n_bands = len(found.edges) + 1
    rows = np.flatnonzero(forms.is_training)
    model = fit(forms, found.band, rows, n_bands, rate)
    t = np.arange(1, LAST_CURVE_SESSION + 1)
    records = []
    for band in range(n_bands):
        part = rows[found.band[rows] == band]
        episodes, first = np.unique(forms.episode[part], return_index=True)
        pre = forms.pre[part][first]
        at = np.full(len(t), pre.mean())
        expected, lower, _ = model.predict(at, t, np.full(len(t), band))
        ends = sorted((direction * pre.min(), direction * pre.max()))
        shared = {
            "intake_band": band + 1,
            "intake_low": float(ends[0]),
            "intake_high": float(ends[1]),
            "n_episodes": len(episodes),
        }
        for session, middle, limit in zip(t, expected, lower, strict=True):
            records.append(
                shared
                | {
                    "session": int(session),
                    "expected": float(direction * middle),
                    "signal_limit": float(direction * limit),
                }
            )
    return records


def report_card(forms: Forms, found: Prediction, outcome: Record, rate: float) -> list[Record]:
    """Return one record per intake band (0: all) and metric.

    Parameters
    ----------
    outcome : is_deteriorated, is_improved (1 yes, 0 no, −1 unknown) of the form's course
    """
    if found.reason:
        return [
            _record(0, metric, Estimate.missing(found.reason, 0, LEVEL), None) for metric in METRICS
        ]
    finished = np.flatnonzero(forms.is_training)
    courses = _Courses(forms, found, outcome, finished)
    records = []
    for band in range(len(found.edges) + 2):
        rows = finished if band == 0 else finished[found.band[finished] == band - 1]
        picked = np.ones(courses.n, bool) if band == 0 else courses.band == band - 1
        records += _of_band(band, forms, found, rows, courses, picked, rate)
    return records


class _Courses:
    """One element per finished course: was it flagged before its last score, and when."""

    def __init__(self, forms: Forms, found: Prediction, outcome: Record, rows: np.ndarray) -> None:
        order = rows[np.lexsort((forms.t[rows], forms.episode[rows]))]
        episode, t = forms.episode[order], forms.t[order]
        is_last = np.append(episode[1:] != episode[:-1], True) if len(order) else np.zeros(0, bool)
        last = order[is_last]
        code = np.cumsum(is_last) - is_last
        is_early = (forms.score[order] < found.lower[order]) & ~is_last
        self.n = len(last)
        self.band = found.band[last]
        first_signal = np.full(self.n, np.inf)
        np.minimum.at(first_signal, code[is_early], t[is_early])
        self.is_flagged = np.isfinite(first_signal)
        self.lead = forms.t[last] - first_signal
        # A course with one score after the first cannot be warned of in time.
        self.is_assessable = np.bincount(code, minlength=self.n) > 1
        self.deteriorated = outcome["is_deteriorated"][last]
        self.improved = outcome["is_improved"][last]


def _of_band(
    band: int,
    forms: Forms,
    found: Prediction,
    rows: Ints,
    courses: _Courses,
    picked: Bools,
    rate: float,
) -> list[Record]:
    below = int((forms.score[rows] < found.lower[rows]).sum())
    above = int((forms.score[rows] > found.upper[rows]).sum())
    flagged = picked & courses.is_assessable & courses.is_flagged
    judged = picked & courses.is_assessable

    def share(metric: str, among: np.ndarray, of: np.ndarray) -> Record:
        return _record(band, metric, wilson_interval(int((among & of).sum()), int(of.sum())), None)

    known = judged & (courses.deteriorated >= 0)
    worse, not_worse = known & (courses.deteriorated == 1), known & (courses.deteriorated == 0)
    leads = courses.lead[flagged & (courses.deteriorated == 1)]
    lead = (
        Estimate(float(np.median(leads)), None, None, LEVEL, len(leads))
        if len(leads)
        else Estimate.missing("nobody who deteriorated was flagged before the last score", 0, LEVEL)
    )
    return [
        _record(band, "below_band", wilson_interval(below, len(rows)), rate),
        _record(band, "above_band", wilson_interval(above, len(rows)), rate),
        share("courses_flagged", flagged, judged),
        share("hit_rate_deteriorated", flagged, worse),
        share("hit_rate_not_improved", flagged, judged & (courses.improved == 0)),
        share("false_alarm_rate", flagged, not_worse),
        share("flagged_who_deteriorated", worse, flagged & known),
        _record(band, "lead_time_sessions", lead, None),
    ]


def _record(band: int, metric: str, estimate: Estimate, nominal: float | None) -> Record:
    return {"intake_band": band, "metric": metric, "nominal": nominal} | fields_of(estimate)


def _of_instrument(
    columns: Record, direction: int, rate: float
) -> tuple[Record, list[Record], list[Record]]:
    raw, forms, found = expected_forms(columns, direction, rate)
    curve = curve_records(forms, found, direction, rate)
    return raw, curve, report_card(forms, found, columns, rate)


def _nothing_expected(columns: Record, reason: str) -> tuple[Record, list[Record], list[Record]]:
    n = len(columns["form_code"])
    raw = {"form_code": columns["form_code"], "intake_band": np.ones(n, dtype=int)}
    raw |= {name: np.full(n, np.nan) for name in ("expected", "lower", "upper")}
    return raw, [], [_record(0, name, Estimate.missing(reason), None) for name in METRICS]


def all_instruments(
    strata: list[Record], rows: Record, rate: float
) -> tuple[Record, list[Record], list[Record]]:
    """Predict every instrument's forms.

    Parameters
    ----------
    strata : instrument_code, instrument_id, version, direction
    rows : columns of expected_forms plus instrument_code, is_deteriorated, is_improved

    Returns
    -------
    Columns of all forms, records of curves, records of the report card.
    """
    parts, curves, cards = [], [], []
    for stratum in strata:
        picked = rows["instrument_code"] == stratum["instrument_code"]
        columns = {name: column[picked] for name, column in rows.items()}
        direction = int(stratum["direction"])
        place = {name: stratum[name] for name in ("instrument_id", "version")}
        raw, curve, card = attempt(
            partial(_of_instrument, columns, direction, rate), partial(_nothing_expected, columns)
        )
        parts.append(raw)
        curves += [place | record for record in curve]
        cards += [place | record for record in card]
    names = ("form_code", "expected", "lower", "upper", "intake_band")
    joined = {n: np.concatenate([p[n] for p in parts]) if parts else np.empty(0) for n in names}
    return joined, curves, cards


class ExpectedResponseRow(Interval, total=False):
    """The expected score of one form, a point of a curve, or a line of the report card (`part`)."""

    part: str
    form_code: int
    instrument_id: str
    version: str
    intake_band: int
    expected: float
    lower: float
    upper: float
    session: int
    intake_low: float
    intake_high: float
    signal_limit: float
    n_episodes: int
    metric: str
    nominal: float


STRATUM = ("instrument_code", "instrument_id", "version", "direction")
FORM = (
    *("form_code", "score_pre", "score", "sessions_since_first", "fold", "episode_code"),
    *("instrument_code", "is_training", "is_deteriorated", "is_improved"),
)


def expected_response(forms: pa.Table, rate: float) -> pa.Table:
    """Learn from finished courses, judge all; ``rate`` of courses like it are not on track."""
    strata = forms.select(STRATUM).group_by(STRATUM).aggregate([]).sort_by("instrument_code")
    rows = numbers_of(forms.select(FORM).sort_by("form_code"))
    rows["pre"], rows["t"] = rows.pop("score_pre"), rows.pop("sessions_since_first")
    predicted, curves, card = all_instruments(strata.to_pylist(), rows, rate)
    parts = [("curve", each) for each in curves] + [("report_card", each) for each in card]
    return pa.concat_tables(
        [
            table_of_columns(
                ExpectedResponseRow, len(predicted["form_code"]), {"part": "form", **predicted}
            ),
            table_of(ExpectedResponseRow, ({"part": part, **record} for part, record in parts)),
        ]
    )
