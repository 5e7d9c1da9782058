"""Shrunken therapist estimates, one row per scope, outcome instrument and therapist."""

import pyarrow as pa

from transforms.common_factors.therapists import therapist_caterpillar

STRATA = "stratum, clinic_id, clinic_group, outcome_instrument_id, direction"
ROWS = (
    "stratum, therapist_code, pre_score, post_score, age_years, deprivation, "
    "problem_code, step_code, gender_code, employment_code"
)
SCHEMA = pa.schema(
    [
        ("scope_level", pa.string()),
        ("scope_id", pa.string()),
        ("outcome_instrument_id", pa.string()),
        ("therapist_code", pa.int64()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("ci_level", pa.float64()),
        ("reason", pa.string()),
        ("se", pa.float64()),
        ("pairwise_ci_low", pa.float64()),
        ("pairwise_ci_high", pa.float64()),
        ("reliability", pa.float64()),
        ("rank", pa.int64()),
        ("rank_best", pa.int64()),
        ("rank_worst", pa.int64()),
        ("standing", pa.string()),
        ("n_clients", pa.int64()),
        ("mean_improvement", pa.float64()),
        ("mean_pre", pa.float64()),
        ("n_therapists", pa.int64()),
        ("n_clients_in_model", pa.int64()),
    ]
)


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    dbt.config(materialized="table")
    usable = dbt.ref("int_cf_therapist_candidates").filter("exclusion_reason is null")
    strata = usable.project(STRATA).distinct().fetchnumpy()
    # Rows that are equal in every column are interchangeable, so this is a full order.
    rows = usable.project(ROWS).order(ROWS).fetchnumpy()
    return pa.Table.from_pylist(therapist_caterpillar(strata, rows), schema=SCHEMA)
