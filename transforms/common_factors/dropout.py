"""Dropout, of every scope: the records of two cf_ tables."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from transforms.common_factors.clinics import BY_CLIENTS, WITHIN_CLINICS, Clinics
from transforms.common_factors.rows import (
    LEVEL,
    Columns,
    clinics_of,
    count_distinct,
    fields_of,
    records_by_scope,
)
from transforms.common_factors.table import ByStratum, CfTable, Row
from transforms.statistics.correlation import wilson_interval
from transforms.statistics.dropout_risk import (
    TERTILES,
    EarlyAllianceDropout,
    agreement_matrix,
    dropout_by_tertile,
    hazard_ratio_per_sd,
)
from transforms.statistics.heterogeneity import IDENTITY, RATIO, SHARE
from transforms.statistics.withheld import Facts, Record

INSTRUMENT = ("alliance_instrument_id",)
EARLY = (
    *((f"risk_{third}", "risk") for third in TERTILES),
    ("risk_difference", "risk"),
    ("odds_ratio", "risk"),
    ("hazard_ratio_per_sd", "hazard"),
)
DEFINITIONS = (
    "dropout_unilateral",
    "dropout_lt3",
    "dropout_missed_last",
    "dropout_without_reliable_change",
)


def early_alliance_dropout(strata: Columns, rows: Columns) -> list[Record]:
    """Compare dropout by alliance at session 3: one record per scope, instrument and metric.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group, alliance_instrument_id
    rows : one entry per client at the landmark
        stratum, therapist_code, alliance_pomp (0–100), sessions_attended, dropped_out (1 yes,
        0 no, −1 not known: at risk up to the session before the last in the hazard ratio, left
        out of the risks).
    """
    return records_by_scope(
        strata,
        rows,
        INSTRUMENT,
        lambda _, part: _early_records(part),
        [{"metric": metric, "analysis": analysis, "n_clients": None} for metric, analysis in EARLY],
    )


def _early_records(part: Columns) -> Iterator[Record]:
    known = {name: column[part["dropped_out"] >= 0] for name, column in part.items()}
    found = dropout_by_tertile(
        known["alliance_pomp"], known["dropped_out"] == 1, clinics=clinics_of(known), level=LEVEL
    )
    n_therapists = count_distinct(known["therapist_code"])
    for record in (*_risk_records(found), *_comparison_records(found)):
        yield record | {"n_therapists": n_therapists}
    yield _hazard_record(part) | {"n_therapists": count_distinct(part["therapist_code"])}


def _risk_records(found: EarlyAllianceDropout) -> list[Record]:
    ends = (None, found.cuts.low_ends_at, found.cuts.middle_ends_at, None)
    return [
        {"metric": f"risk_{name}", "analysis": "risk"}
        | fields_of(found.risks[position])
        | {
            "n_clients": found.n_clients[position],
            "n_dropouts": found.n_dropouts[position],
            "smallest_cell": _smallest_cell(found, [position]),
            "alliance_above": ends[position],
            "alliance_up_to": ends[position + 1],
        }
        for position, name in enumerate(TERTILES)
    ]


def _comparison_records(found: EarlyAllianceDropout) -> list[Record]:
    low, high = 0, 2
    counts = {
        "n_clients": found.n_clients[low] + found.n_clients[high],
        "n_dropouts": found.n_dropouts[low] + found.n_dropouts[high],
        "smallest_cell": _smallest_cell(found, [low, high]),
    }
    return [
        {"metric": metric, "analysis": "risk"} | fields_of(estimate) | counts
        for metric, estimate in (
            ("risk_difference", found.risk_difference),
            ("odds_ratio", found.odds_ratio),
        )
    ]


def _hazard_record(part: Columns) -> Record:
    is_event = part["dropped_out"] == 1
    hazard = hazard_ratio_per_sd(
        part["sessions_attended"],
        is_event,
        part["alliance_pomp"],
        part["therapist_code"],
        is_known=part["dropped_out"] >= 0,
        clinics=clinics_of(part),
        level=LEVEL,
    )
    n, n_events = len(is_event), int(is_event.sum())
    return (
        {"metric": "hazard_ratio_per_sd", "analysis": "hazard"}
        | fields_of(hazard)
        | {"n_clients": n, "n_dropouts": n_events, "smallest_cell": min(n_events, n - n_events)}
    )


def _smallest_cell(found: EarlyAllianceDropout, positions: list[int]) -> int:
    """Return the smallest count of clients who left, or who stayed, in these thirds."""
    pairs = [(found.n_dropouts[i], found.n_clients[i] - found.n_dropouts[i]) for i in positions]
    return min(min(pair) for pair in pairs)


def dropout_definitions(strata: Columns, rows: Columns) -> list[Record]:
    """Count dropout by every definition and how each pair agrees: several records per scope.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group
    rows : one entry per eligible episode
        stratum, therapist_code and one column per definition (1 dropout, 0 not, −1 cannot be
        judged).
    """
    return records_by_scope(
        strata, rows, (), lambda _, part: _definition_records(part), _definitions_without_estimate
    )


def _definitions_without_estimate(part: Columns) -> list[Record]:
    shared = {"n_eligible": len(part["therapist_code"])}
    rates = [("rate", name, None) for name in DEFINITIONS]
    pairs = [("agreement", *pair) for pair in combinations(DEFINITIONS, 2)]
    return [
        shared | {"metric": metric, "definition": one, "compared_definition": other}
        for metric, one, other in (*rates, *pairs)
    ]


def _definition_records(part: Columns) -> list[Record]:
    judged = {name: np.where(part[name] < 0, np.nan, part[name]) for name in DEFINITIONS}
    shared = {
        "n_eligible": len(part["therapist_code"]),
        "n_therapists": count_distinct(part["therapist_code"]),
    }
    records = []
    for name, values in judged.items():
        n_known, n_dropouts = int((~np.isnan(values)).sum()), int(np.nansum(values))
        rate = wilson_interval(n_dropouts, n_known, level=LEVEL)
        records.append(
            fields_of(rate)
            | {"metric": "rate", "definition": name, "compared_definition": None}
            | {"n_positive": n_dropouts}
            | shared
        )
    for pair in agreement_matrix(judged, level=LEVEL):
        records.append(
            fields_of(pair.share)
            | {"metric": "agreement", "definition": pair.first, "compared_definition": pair.second}
            | {"n_positive": pair.n_agree}
            | shared
        )
    return records


class EarlyAllianceDropoutRow(Row, total=False):
    """Dropout by the alliance at session 3, by one metric."""

    alliance_instrument_id: str
    metric: str
    analysis: str
    n_clients: int
    n_dropouts: int
    smallest_cell: int
    alliance_above: float
    alliance_up_to: float
    n_therapists: int


def _scale_of(row: Facts) -> str:
    if row["metric"] == "risk_difference":
        return IDENTITY
    return SHARE if row["metric"].startswith("risk_") else RATIO


EARLY_ROWS = ("therapist_code", "alliance_pomp", "sessions_attended", "dropped_out")
EARLY_ALLIANCE_DROPOUT = CfTable(
    EarlyAllianceDropoutRow,
    (ByStratum(early_alliance_dropout, INSTRUMENT, EARLY_ROWS),),
    Clinics(WITHIN_CLINICS, (*INSTRUMENT, "metric"), _scale_of),
)


class DropoutDefinitionsRow(Row, total=False):
    """The rate of a definition of dropout, or how it agrees with another."""

    metric: str
    definition: str
    compared_definition: str
    n_positive: int
    n_eligible: int
    n_therapists: int


DEFINED = (
    "therapist_code",
    "dropout_unilateral",
    "dropout_lt3",
    "dropout_missed_last",
    "dropout_without_reliable_change",
)
DROPOUT_DEFINITIONS = CfTable(
    DropoutDefinitionsRow,
    (ByStratum(dropout_definitions, (), DEFINED),),
    Clinics(BY_CLIENTS, ("metric", "definition", "compared_definition"), SHARE),
)
