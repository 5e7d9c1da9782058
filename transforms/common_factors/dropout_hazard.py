"""How likely a client is not to come again after this session: a discrete-time hazard.

Logistic regression over attended sessions (Singer & Willett 1993): the event is a dropout after
session t, competing endings are no event at their last session, open courses are censored
there. Every predictor is known at the session itself (domain brief 3.3). A finished course is
judged by a model that has not seen its client; the report card says how well that calibrates.
"""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
from scipy.special import expit

from transforms.arrow import numbers_of, table_of, table_of_columns
from transforms.common_factors.rows import LEVEL, fields_of
from transforms.common_factors.table import Interval
from transforms.statistics.arrays import Bools, Floats
from transforms.statistics.correlation import mean_ranks, wilson_interval
from transforms.statistics.estimate import Estimate, two_sided_z
from transforms.statistics.withheld import Record, attempt, is_defect

FEWEST_EVENTS = 30  # dropouts among finished courses, below which nobody is judged
PENALTY = 1.0  # ridge on standardized predictors: perfect separation stays finite
ITERATIONS = 50
MANY_ROWS = 20_000
ROWS_AT_ONCE = 8192  # predictors of so many rows stay in the processor's cache
N_BINS = 5
PREDICTORS = (
    "log_session",
    "is_first_session",
    "alliance",
    "is_alliance_missing",
    "alliance_change",
    "improvement",
    "is_improvement_missing",
    "missed_before",
    "log_gap_days",
)


def fit_logistic(design: Floats, event: Floats, penalty: float = PENALTY) -> Floats:
    """Return intercept and coefficients by Newton's method; the intercept is not penalized.

    Many rows start from the penalized fit of every tenth: half of the steps over all are saved.

    Parameters
    ----------
    design : rows × predictors, standardized
    event : 1 or 0
    """
    x = np.vstack([np.ones(len(design)), design.T])
    ridge = np.diag([0.0] + [penalty] * design.shape[1])
    beta: Floats = np.zeros(len(x))
    if penalty and len(design) >= MANY_ROWS and event[::10].sum() >= FEWEST_EVENTS:
        beta = fit_logistic(design[::10], event[::10], penalty)
    for _ in range(ITERATIONS):
        gradient, information = _derivatives(x, event, beta)
        step = np.linalg.lstsq(information + ridge, gradient - ridge @ beta, rcond=None)[0]
        beta += np.clip(step, -4, 4)
        if np.abs(step).max() < 1e-10:
            break
    return beta


def _derivatives(x: Floats, event: Floats, beta: Floats) -> tuple[Floats, Floats]:
    """Return gradient and information; x is predictors × rows, taken a cache's worth at a time."""
    gradient, information = np.zeros(len(x)), np.zeros((len(x), len(x)))
    for first in range(0, x.shape[1], ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        part = x[:, rows]
        p = expit(beta @ part)
        gradient += part @ (event[rows] - p)
        information += (part * (p * (1 - p))) @ part.T
    return gradient, information


def shrink(beta: Floats, design: Floats, event: Floats) -> Floats:
    """Shrink the coefficients of a fit by (χ² − k) / χ², so that new clients calibrate.

    van Houwelingen & le Cessie 1990, Statistics in Medicine 9: χ² is the likelihood ratio
    against no predictors, k their number. The intercept is set so that as many are expected as
    were seen.
    """
    base = event.mean()
    slopes = design @ beta[1:]
    n, n_events = len(event), event.sum()
    against_none = n_events * math.log(base) + (n - n_events) * math.log(1 - base)
    ratio = 2 * (_log_likelihood(expit(beta[0] + slopes), event) - against_none)
    factor = max(0.0, (ratio - design.shape[1]) / ratio) if ratio > 0 else 0.0
    linear = factor * slopes
    intercept = math.log(base / (1 - base))
    for _ in range(ITERATIONS):
        p = expit(intercept + linear)
        step = (n_events - p.sum()) / (p @ (1 - p))
        intercept += step
        if abs(step) < 1e-12:
            break
    return np.append(intercept, factor * beta[1:])


def _log_likelihood(p: Floats, event: Floats) -> float:
    return float(np.log(np.where(event == 1, p, 1 - p)).sum())


def predict_hazard(columns: dict[str, Floats]) -> tuple[Floats, str | None]:
    """Return what :func:`fit_hazard` does; of a model that breaks off, NaN and the reason."""
    return attempt(
        lambda: fit_hazard(columns), lambda reason: (np.full(len(columns["event"]), np.nan), reason)
    )


def fit_hazard(columns: dict[str, Floats]) -> tuple[Floats, str | None]:
    """Return the probability of a dropout after each session; NaN and a reason without a model.

    Parameters
    ----------
    columns : the PREDICTORS (NaN where missing), event (1, 0, −1 not known), fold (by client)
    """
    event, fold = columns["event"], columns["fold"]
    is_known = event >= 0
    hazard = np.full(len(event), np.nan)
    n_events = int((event == 1).sum())
    if n_events < FEWEST_EVENTS or int((event == 0).sum()) < FEWEST_EVENTS:
        return hazard, f"fewer than {FEWEST_EVENTS} dropouts among finished courses"
    raw = np.vstack([np.nan_to_num(columns[name].astype(float)) for name in PREDICTORS])
    used = np.where(is_known, fold, -1)
    for number in np.unique(used):
        seen = is_known & (used != number)
        known = raw[:, seen]
        center, spread = known.mean(axis=1), known.std(axis=1)
        spread[spread == 0] = 1.0
        known -= center[:, None]
        known /= spread[:, None]
        dropped_out = event[seen].astype(float)
        beta = shrink(fit_logistic(known.T, dropped_out), known.T, dropped_out)
        rows = used == number
        judged = (raw[:, rows] - center[:, None]) / spread[:, None]
        hazard[rows] = expit(beta[0] + beta[1:] @ judged)
    return hazard, None


def alert_threshold(hazard: Floats, rate: float) -> float | None:
    """Return the hazard that ``rate`` of the sessions of this installation reach."""
    known = hazard[~np.isnan(hazard)]
    return float(np.quantile(known, 1 - rate, method="higher")) if len(known) else None


def area_under_curve(score: Floats, event: Floats) -> Estimate:
    """Return the chance that a random event has a higher score than a random other (ties half).

    Interval of Hanley & McNeil 1982, Radiology 143.
    """
    n_events, n = int(event.sum()), len(event)
    n_others = n - n_events
    if min(n_events, n_others) < 1:
        return Estimate.missing("nobody dropped out, or nobody else", n, LEVEL)
    ranks = mean_ranks(score)
    area = (ranks[event == 1].sum() - n_events * (n_events + 1) / 2) / (n_events * n_others)
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (n_events - 1) * (q1 - area**2)
    variance = (variance + (n_others - 1) * (q2 - area**2)) / (n_events * n_others)
    half_width = two_sided_z(LEVEL) * math.sqrt(max(variance, 0.0))
    return Estimate(area, max(area - half_width, 0.0), min(area + half_width, 1.0), LEVEL, n)


def calibration_line(hazard: Floats, event: Floats) -> tuple[float, float]:
    """Return intercept and slope of the event on logit(hazard): 0 and 1 when calibrated."""
    logit = np.log(hazard / (1 - hazard))
    intercept, slope = fit_logistic(logit[:, None], event, penalty=0.0)
    return float(intercept), float(slope)


def report_card(
    columns: dict[str, Floats], hazard: Floats, threshold: float | None
) -> list[Record]:
    """Return one record per metric over the sessions whose ending is known (bin 0: all)."""
    return attempt(
        lambda: _card(columns, hazard, threshold),
        lambda reason: [_record(0, "auc", Estimate.missing(reason, 0, LEVEL), None)],
    )


def _card(columns: dict[str, Floats], hazard: Floats, threshold: float | None) -> list[Record]:
    known = (columns["event"] >= 0) & ~np.isnan(hazard)
    event, p = columns["event"][known].astype(float), hazard[known]
    n = len(event)
    if n == 0 or threshold is None:
        nothing = Estimate.missing(f"fewer than {FEWEST_EVENTS} dropouts", 0, LEVEL)
        return [_record(0, "auc", nothing, None)]
    intercept, slope = calibration_line(p, event)
    flagged = p >= threshold
    base = event.mean()
    records = [
        _record(0, "auc", area_under_curve(p, event), 0.5),
        _record(0, "brier", _plain(float(((p - event) ** 2).mean()), n), float(base * (1 - base))),
        _record(0, "calibration_intercept", _plain(intercept, n), 0.0),
        _record(0, "calibration_slope", _plain(slope, n), 1.0),
        _record(0, "sessions_flagged", _share(flagged), None),
        _record(0, "hit_rate_dropout", _share(flagged[event == 1]), None),
        _record(0, "false_alarm_rate", _share(flagged[event == 0]), None),
        _record(0, "flagged_who_dropped_out", _share(event[flagged] == 1), None),
    ]
    bins = np.searchsorted(np.quantile(p, np.arange(1, N_BINS) / N_BINS), p, side="right")
    for number in np.unique(bins):
        part = bins == number
        records.append(
            _record(int(number) + 1, "dropped_out", _share(event[part] == 1), float(p[part].mean()))
        )
    return records


def _share(hits: Bools) -> Estimate:
    return wilson_interval(int(hits.sum()), len(hits))


def _plain(value: float, n: int) -> Estimate:
    return Estimate(value, None, None, LEVEL, n)


def _record(number: int, metric: str, estimate: Estimate, expected: float | None) -> Record:
    return {"risk_bin": number, "metric": metric, "nominal": expected} | fields_of(estimate)


class DropoutRiskRow(Interval, total=False):
    """The hazard of one session (`part` session), or one line of the report card."""

    part: str
    form_code: int
    hazard: float
    threshold: float
    risk_bin: int
    metric: str
    nominal: float


RISK_COLUMNS = ("form_code", "event", "fold", *PREDICTORS)


def dropout_risk(sessions: pa.Table, rate: float) -> pa.Table:
    """Learn from finished courses, judge all; ``rate`` of the sessions are at risk."""
    columns = numbers_of(sessions.sort_by("form_code"))
    hazard, reason = predict_hazard(columns)
    threshold = alert_threshold(hazard, rate)
    judged = {
        "part": "session",
        "form_code": columns["form_code"],
        "hazard": hazard,
        "threshold": threshold,
        "reason": reason,
    }
    defect = {"reason": reason} if is_defect(reason) else {}
    card = report_card(columns, hazard, threshold)
    return pa.concat_tables(
        [
            table_of_columns(DropoutRiskRow, len(hazard), judged),
            table_of(DropoutRiskRow, ({"part": "report_card", **row, **defect} for row in card)),
        ]
    )
