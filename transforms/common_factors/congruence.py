"""Records of how two views of the alliance agree, and how agreement goes with outcome."""

from transforms.common_factors.rows import (
    LEVEL,
    Columns,
    count_distinct,
    each_scope,
    fields_of,
    place_of,
)
from transforms.statistics.response_surface import response_surface
from transforms.statistics.truth_and_bias import truth_and_bias

BIAS_KEYS = ("client_instrument_id", "therapist_instrument_id")
SURFACE_KEYS = (*BIAS_KEYS, "outcome_instrument_id")


def biases(strata: Columns, rows: Columns) -> list[dict]:
    """Fit truth and bias: one record per scope, pair of instruments and parameter.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group and ``BIAS_KEYS``
    rows : one entry per session rated by both
        stratum, therapist_code, dyad_code, client_pomp and therapist_pomp (0 to 100).
    """
    records = []
    for scope, part in each_scope(strata, rows, BIAS_KEYS):
        found = truth_and_bias(
            part["dyad_code"],
            part["client_pomp"],
            part["therapist_pomp"],
            part["therapist_code"],
            level=LEVEL,
        )
        shared = place_of(scope, BIAS_KEYS) | {
            "analysis": "bias",
            "n_clients": found.n_dyads,
            "n_sessions": found.n_sessions,
            "n_therapists": count_distinct(part["therapist_code"]),
        }
        records += [
            shared | {"parameter": name} | fields_of(estimate)
            for name, estimate in found.parameters.items()
        ]
    return records


def surfaces(strata: Columns, rows: Columns) -> list[dict]:
    """Fit the response surface: one record per scope, instruments and parameter.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group and ``SURFACE_KEYS``
    rows : one entry per client
        stratum, therapist_code, early_client and early_therapist (tens of percent from the middle
        of the scale), pre_score and post_score (higher is better).
    """
    records = []
    for scope, part in each_scope(strata, rows, SURFACE_KEYS):
        found = response_surface(
            part["early_client"],
            part["early_therapist"],
            part["post_score"],
            part["pre_score"],
            part["therapist_code"],
            level=LEVEL,
        )
        shared = place_of(scope, SURFACE_KEYS) | {
            "analysis": "surface",
            "interval_from": found.interval,
            "r_squared": found.r_squared,
            "n_clients": found.n,
            "n_therapists": found.n_clusters,
        }
        records += [
            shared | {"parameter": name} | fields_of(estimate)
            for name, estimate in found.parameters.items()
        ]
    return records
