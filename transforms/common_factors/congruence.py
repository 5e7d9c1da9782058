"""Records of how two views of the alliance agree, and how agreement goes with outcome."""

from transforms.common_factors.clinics import CLINIC_EFFECTS, Clinics
from transforms.common_factors.rows import (
    LEVEL,
    Columns,
    clinics_of,
    count_distinct,
    fields_of,
    records_by_scope,
)
from transforms.common_factors.scopes import Scope
from transforms.common_factors.table import USABLE, ByStratum, CfTable, Row
from transforms.statistics.heterogeneity import CORRELATION, IDENTITY
from transforms.statistics.response_surface import SURFACE, response_surface
from transforms.statistics.truth_and_bias import truth_and_bias
from transforms.statistics.withheld import Record

BIAS_KEYS = ("client_instrument_id", "therapist_instrument_id")
SURFACE_KEYS = (*BIAS_KEYS, "outcome_instrument_id")
BIASES = ("bias", "truth_within", "truth_between", "tracking_within", "tracking_between")
SLOPES_AND_SURFACE = (*(f"b{number}" for number in range(1, 6)), *SURFACE)


def biases(strata: Columns, rows: Columns) -> list[Record]:
    """Fit truth and bias: one record per scope, pair of instruments and parameter.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group and ``BIAS_KEYS``
    rows : one entry per session rated by both
        stratum, therapist_code, dyad_code, client_pomp and therapist_pomp (0 to 100).
    """
    return records_by_scope(strata, rows, BIAS_KEYS, _biases_of, _biases_without_estimate)


def _biases_of(_: Scope, part: Columns) -> list[Record]:
    found = truth_and_bias(
        part["dyad_code"],
        part["client_pomp"],
        part["therapist_pomp"],
        part["therapist_code"],
        clinics=clinics_of(part),
        level=LEVEL,
    )
    shared = {
        "analysis": "bias",
        "n_clients": found.n_dyads,
        "n_sessions": found.n_sessions,
        "n_therapists": count_distinct(part["therapist_code"]),
    }
    return [
        shared | {"parameter": name} | fields_of(estimate)
        for name, estimate in found.parameters.items()
    ]


def _biases_without_estimate(part: Columns) -> list[Record]:
    shared = {
        "analysis": "bias",
        "n_clients": count_distinct(part["dyad_code"]),
        "n_sessions": len(part["dyad_code"]),
    }
    return [shared | {"parameter": name} for name in BIASES]


def surfaces(strata: Columns, rows: Columns) -> list[Record]:
    """Fit the response surface: one record per scope, instruments and parameter.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group and ``SURFACE_KEYS``
    rows : one entry per client
        stratum, therapist_code, early_client and early_therapist (tens of percent from the middle
        of the scale), pre_score and post_score (higher is better).
    """
    labels = [{"analysis": "surface", "parameter": name} for name in SLOPES_AND_SURFACE]
    return records_by_scope(strata, rows, SURFACE_KEYS, _surface_of, labels)


def _surface_of(_: Scope, part: Columns) -> list[Record]:
    found = response_surface(
        part["early_client"],
        part["early_therapist"],
        part["post_score"],
        part["pre_score"],
        part["therapist_code"],
        clinics=clinics_of(part),
        level=LEVEL,
    )
    shared = {
        "analysis": "surface",
        "interval_from": found.interval,
        "r_squared": found.r_squared,
        "n_clients": found.n,
        "n_therapists": found.n_clusters,
    }
    return [
        shared | {"parameter": name} | fields_of(estimate)
        for name, estimate in found.parameters.items()
    ]


class CongruenceRow(Row, total=False):
    """One parameter of how two views of the alliance agree."""

    client_instrument_id: str
    therapist_instrument_id: str
    outcome_instrument_id: str
    analysis: str
    parameter: str
    interval_from: str
    r_squared: float
    n_clients: int
    n_sessions: int
    n_therapists: int


RATINGS = ("therapist_code", "dyad_code", "client_pomp", "therapist_pomp")
DYADS = (
    "therapist_code",
    "early_client",
    "early_therapist",
    "pre_score",
    "post_score",
    "dyad_code",
)
CONGRUENCE = CfTable(
    CongruenceRow,
    (
        ByStratum(biases, BIAS_KEYS, RATINGS, "true"),
        ByStratum(surfaces, SURFACE_KEYS, DYADS, f"analysis = 'surface' and {USABLE}"),
    ),
    Clinics(
        CLINIC_EFFECTS,
        (*SURFACE_KEYS, "parameter"),
        lambda row: CORRELATION if row["parameter"].startswith("tracking") else IDENTITY,
    ),
)
