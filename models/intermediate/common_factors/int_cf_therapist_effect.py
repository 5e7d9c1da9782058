"""Therapist share of outcome variance, one row per scope and outcome instrument."""

import pyarrow as pa

from transforms.therapist_records import therapist_effects

STRATA = "stratum, clinic_id, clinic_group, outcome_instrument_id, direction"
ROWS = "stratum, therapist_code, pre_score, post_score, age_years"
SCHEMA = pa.schema(
    [
        ("scope_level", pa.string()),
        ("scope_id", pa.string()),
        ("outcome_instrument_id", pa.string()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("ci_level", pa.float64()),
        ("n_used", pa.int64()),
        ("reason", pa.string()),
        ("icc_unadjusted", pa.float64()),
        ("var_therapist", pa.float64()),
        ("var_residual", pa.float64()),
        ("is_boundary", pa.bool_()),
        ("model", pa.string()),
        ("n_clients", pa.int64()),
        ("n_therapists", pa.int64()),
    ]
)


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    dbt.config(materialized="table")
    usable = dbt.ref("int_cf_therapist_candidates").filter("exclusion_reason is null")
    strata = usable.project(STRATA).distinct().fetchnumpy()
    # Rows that are equal in every column are interchangeable, so this is a full order.
    rows = usable.project(ROWS).order(ROWS).fetchnumpy()
    return pa.Table.from_pylist(therapist_effects(strata, rows), schema=SCHEMA)
