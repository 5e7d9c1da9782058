"""Bias, tracking and response surface of two views of the alliance, per scope and parameter."""

import pyarrow as pa

from transforms.common_factors.congruence import (
    BIAS_KEYS,
    SURFACE_KEYS,
    biases,
    surfaces,
)

BIAS_STRATA = ", ".join(["stratum", "clinic_id", "clinic_group", *BIAS_KEYS])
BIAS_ROWS = "stratum, therapist_code, dyad_code, client_pomp, therapist_pomp"
SURFACE_STRATA = ", ".join(["stratum", "clinic_id", "clinic_group", *SURFACE_KEYS])
SURFACE_ROWS = (
    "stratum, therapist_code, early_client, early_therapist, pre_score, post_score, dyad_code"
)
SCHEMA = pa.schema(
    [
        ("scope_level", pa.string()),
        ("scope_id", pa.string()),
        ("client_instrument_id", pa.string()),
        ("therapist_instrument_id", pa.string()),
        ("outcome_instrument_id", pa.string()),
        ("analysis", pa.string()),
        ("parameter", pa.string()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("ci_level", pa.float64()),
        ("n_used", pa.int64()),
        ("reason", pa.string()),
        ("interval_from", pa.string()),
        ("r_squared", pa.float64()),
        ("n_clients", pa.int64()),
        ("n_sessions", pa.int64()),
        ("n_therapists", pa.int64()),
    ]
)


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    dbt.config(materialized="table")
    ratings = dbt.ref("int_cf_congruence_ratings")
    dyads = dbt.ref("int_cf_congruence_candidates").filter(
        "analysis = 'surface' and exclusion_reason is null"
    )
    # Rows that are equal in every column are interchangeable, so this is a full order.
    records = biases(
        ratings.project(BIAS_STRATA).distinct().fetchnumpy(),
        ratings.project(BIAS_ROWS).order(BIAS_ROWS).fetchnumpy(),
    )
    records += surfaces(
        dyads.project(SURFACE_STRATA).distinct().fetchnumpy(),
        dyads.project(SURFACE_ROWS).order(SURFACE_ROWS).fetchnumpy(),
    )
    return pa.Table.from_pylist(records, schema=SCHEMA)
