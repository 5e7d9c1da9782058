"""Leaving treatment session by session, of every scope: the records of two cf_ tables."""

from collections.abc import Iterator

import numpy as np

from transforms.common_factors.clinics import WITHIN_CLINICS, Clinics
from transforms.common_factors.rows import (
    LEVEL,
    Columns,
    clinics_of,
    count_distinct,
    fields_of,
    records_by_scope,
)
from transforms.common_factors.table import USABLE, ByStratum, CfTable, Row
from transforms.statistics import clinic_effects
from transforms.statistics.competing_risks import (
    DROPOUT,
    cumulative_incidence_over_clinics,
)
from transforms.statistics.cox_time_varying import SessionCoxFit, fit_session_cox, strata_apart
from transforms.statistics.dropout_risk import LANDMARK_SESSION, TERTILES, tertiles_within
from transforms.statistics.estimate import Estimate
from transforms.statistics.heterogeneity import RATIO, SHARE
from transforms.statistics.level_so_far import level_so_far
from transforms.statistics.withheld import Record

INSTRUMENT = ("alliance_instrument_id",)
ALLIANCE_POINTS = 10
SPLIT = ("hazard_ratio_per_10_within", "hazard_ratio_per_10_between")
HAZARDS = ("hazard_ratio_per_10", "hazard_ratio_per_10_carried", "hazard_ratio_not_rated", *SPLIT)


def dropout_curves(strata: Columns, rows: Columns) -> list[Record]:
    """Estimate cumulative incidence of dropout: one record per scope, curve and session.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group
    rows : one entry per client
        stratum, therapist_code, sessions_attended, cause (1 dropout, 2 ended otherwise,
        0 not known: censored).
    """
    return records_by_scope(
        strata,
        rows,
        (),
        lambda _, part: _curve_records(part, np.full(len(part["cause"]), True), "all"),
        [{"alliance_tertile": "all", "starts_after_session": 0}],
    )


def dropout_curves_by_alliance(strata: Columns, rows: Columns) -> list[Record]:
    """Estimate the curves of the thirds of the alliance at session 3, from session 3 on.

    Thirds are cut within clinics, and curves averaged over them by their clients. As
    :func:`dropout_curves`, of clients who rated session 3, with alliance_pomp; strata also have
    alliance_instrument_id.
    """

    def describe(_: object, part: Columns) -> Iterator[Record]:
        codes = tertiles_within(part["alliance_pomp"], clinics_of(part)).codes
        for position, name in enumerate(TERTILES):
            yield from _curve_records(part, codes == position, name)

    origin = LANDMARK_SESSION - 1
    labels = [{"alliance_tertile": name, "starts_after_session": origin} for name in TERTILES]
    return records_by_scope(
        strata, rows, INSTRUMENT, describe, [label | {"n_clients": None} for label in labels]
    )


def _curve_records(part: Columns, chosen: np.ndarray, name: str) -> list[Record]:
    cause = part["cause"][chosen].astype(int)
    # The last session seen of a censored client is one after which staying is not known.
    time = part["sessions_attended"][chosen] - np.where(cause == 0, 0.5, 0.0)
    origin = 0 if name == "all" else LANDMARK_SESSION - 1
    curve = cumulative_incidence_over_clinics(time, cause, clinics_of(part)[chosen])
    low, high = curve.interval(LEVEL)
    shared = {
        "alliance_tertile": name,
        "n_clients": len(cause),
        "n_dropouts": int((cause == DROPOUT).sum()),
        "n_therapists": count_distinct(part["therapist_code"][chosen]),
        "starts_after_session": origin,
    }
    if not len(curve.time):
        none = fields_of(Estimate.missing("nobody is known to have ended", len(cause), LEVEL))
        return [shared | none | {"session_number": None}]
    return [
        shared
        | {
            "session_number": int(curve.time[at]),
            "estimate": float(curve.incidence[at]),
            "ci_low": _number(low[at]),
            "ci_high": _number(high[at]),
            "ci_level": LEVEL,
            "n_used": len(cause),
            "reason": None,
            "n_at_risk": int(curve.n_at_risk[at]),
            "n_left": int(curve.n_events[: at + 1].sum()),
        }
        for at in range(len(curve.time))
    ]


def dropout_hazards(strata: Columns, rows: Columns) -> list[Record]:
    """Fit the Cox model with the alliance of the session before: one record per metric.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group, alliance_instrument_id
    rows : one entry per client and session after which it is known whether they came again
        stratum, therapist_code, client_code, session_number, has_left (1 left after this session,
        else 0), alliance_pomp (NULL not rated) and alliance_carried_pomp (the latest of this and
        two sessions before).

    Notes
    -----
    Not being rated is informative, so unrated sessions stay in with an indicator. The plain ratio
    mixes two questions that ``SPLIT`` answers apart: a session below this client's usual alliance
    (within), and a client whose usual alliance is low (between); the usual one is what the ratings
    up to the session tell, see :mod:`transforms.statistics.level_so_far`. Each clinic has a hazard
    of its own (strata).
    """
    return records_by_scope(
        strata, rows, INSTRUMENT, lambda _, part: _hazard_records(part), _hazards_without_estimate
    )


def _hazard_counts(part: Columns) -> Record:
    n_clients, n_left = count_distinct(part["client_code"]), int((part["has_left"] == 1).sum())
    return {
        "n_clients": n_clients,
        "n_dropouts": n_left,
        "n_sessions": len(part["has_left"]),
        "n_therapists": count_distinct(part["therapist_code"]),
        "smallest_cell": min(n_left, n_clients - n_left),
    }


def _hazards_without_estimate(part: Columns) -> list[Record]:
    return [{"metric": metric} | _hazard_counts(part) for metric in HAZARDS]


def _hazard_records(part: Columns) -> list[Record]:
    has_left = part["has_left"] == 1
    latest, is_missing = _session_fit(part, "alliance_pomp", has_left)
    carried, _ = _session_fit(part, "alliance_carried_pomp", has_left)
    not_rated = (
        latest.hazard_ratio(1, level=LEVEL)
        if is_missing
        else Estimate.missing("every session is rated", len(has_left), LEVEL)
    )
    estimates = (
        latest.hazard_ratio(0, times=ALLIANCE_POINTS, level=LEVEL),
        carried.hazard_ratio(0, times=ALLIANCE_POINTS, level=LEVEL),
        not_rated,
        *_split_ratios(part, has_left),
    )
    counts = _hazard_counts(part)
    return [
        {"metric": metric} | fields_of(estimate) | counts
        for metric, estimate in zip(HAZARDS, estimates, strict=True)
    ]


def _session_fit(part: Columns, column: str, has_left: np.ndarray) -> tuple[SessionCoxFit, bool]:
    """Return the fit, and whether an indicator for unrated sessions is in it."""
    alliance = part[column]
    is_missing = np.isnan(alliance)
    if is_missing.all():
        return SessionCoxFit(len(alliance), int(has_left.sum()), "no session is rated"), False
    filled = np.where(is_missing, alliance[~is_missing].mean(), alliance)
    columns = [filled] + ([is_missing.astype(float)] if is_missing.any() else [])
    return _within_strata(part, columns, has_left), bool(is_missing.any())


def _split_ratios(part: Columns, has_left: np.ndarray) -> list[Estimate]:
    """Return the hazard ratios of deviation and usual level, in one model."""
    alliance = part["alliance_pomp"]
    level = level_so_far(part["client_code"], part["session_number"], alliance, clinics_of(part))
    if isinstance(level, str):
        return [Estimate.missing(level, len(alliance), LEVEL)] * len(SPLIT)
    is_missing = np.isnan(alliance)
    columns = [np.where(is_missing, 0.0, alliance - level), level]
    columns += [is_missing.astype(float)] if is_missing.any() else []
    fit = _within_strata(part, columns, has_left)
    return [
        fit.hazard_ratio(position, times=ALLIANCE_POINTS, level=LEVEL)
        for position in range(len(SPLIT))
    ]


def _within_strata(part: Columns, columns: list[np.ndarray], has_left: np.ndarray) -> SessionCoxFit:
    """Fit covariates, as they differ within clinics, with a baseline hazard for each clinic."""
    clinics, stop = clinics_of(part), part["session_number"]
    within = np.column_stack([clinic_effects.centered(column, clinics) for column in columns])
    start, stop = strata_apart(stop - 1, stop, clinics)
    return fit_session_cox(start, stop, has_left, within, part["therapist_code"])


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


class DropoutSurvivalRow(Row, total=False):
    """Cumulative incidence of dropout after one session of one curve."""

    alliance_instrument_id: str
    alliance_tertile: str
    session_number: int
    n_at_risk: int
    n_left: int
    n_clients: int
    n_dropouts: int
    n_therapists: int
    starts_after_session: int


CURVE = ("therapist_code", "sessions_attended", "cause")
DROPOUT_SURVIVAL = CfTable(
    DropoutSurvivalRow,
    (
        ByStratum(dropout_curves, (), CURVE),
        ByStratum(
            dropout_curves_by_alliance,
            INSTRUMENT,
            (*CURVE, "alliance_pomp"),
            "alliance_exclusion_reason is null",
            "alliance_stratum",
        ),
    ),
    Clinics(WITHIN_CLINICS, (*INSTRUMENT, "alliance_tertile", "session_number"), SHARE),
)


class DropoutHazardRow(Row, total=False):
    """The hazard of leaving by the alliance of the session before, by one metric."""

    alliance_instrument_id: str
    metric: str
    n_clients: int
    n_dropouts: int
    n_sessions: int
    n_therapists: int
    smallest_cell: int


SESSIONS = (
    "therapist_code",
    "client_code",
    "session_number",
    "has_left",
    "alliance_pomp",
    "alliance_carried_pomp",
)
DROPOUT_HAZARD = CfTable(
    DropoutHazardRow,
    (ByStratum(dropout_hazards, INSTRUMENT, SESSIONS, f"{USABLE} and is_used"),),
    Clinics(WITHIN_CLINICS, (*INSTRUMENT, "metric"), RATIO),
)
