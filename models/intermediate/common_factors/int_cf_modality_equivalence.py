"""Modalities compared in pairs, one row per scope, outcome instrument and pair."""

import pyarrow as pa

from transforms.common_factors.modality import modality_equivalence

STRATA = "stratum, clinic_id, clinic_group, outcome_instrument_id, modality, modality_code"
ROWS = (
    "stratum, modality_code, therapist_code, pre_score, post_score, age_years, "
    "problem_code, step_code"
)
SCHEMA = pa.schema(
    [
        ("scope_level", pa.string()),
        ("scope_id", pa.string()),
        ("outcome_instrument_id", pa.string()),
        ("modality", pa.string()),
        ("compared_modality", pa.string()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("ci_level", pa.float64()),
        ("n_used", pa.int64()),
        ("reason", pa.string()),
        ("wide_ci_low", pa.float64()),
        ("wide_ci_high", pa.float64()),
        ("difference_points", pa.float64()),
        ("pooled_sd", pa.float64()),
        ("tost_p", pa.float64()),
        ("margin", pa.float64()),
        ("verdict", pa.string()),
        ("verdict_at_24", pa.string()),
        ("verdict_at_30", pa.string()),
        ("model", pa.string()),
        ("n_clients", pa.int64()),
        ("n_clients_modality", pa.int64()),
        ("n_clients_compared", pa.int64()),
        ("n_therapists", pa.int64()),
        ("n_therapists_modality", pa.int64()),
        ("n_therapists_compared", pa.int64()),
        ("n_therapists_both", pa.int64()),
        ("pre_difference_sd", pa.float64()),
    ]
)


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    dbt.config(materialized="table")
    usable = dbt.ref("int_cf_modality_candidates").filter("exclusion_reason is null")
    strata = usable.project(STRATA).distinct().fetchnumpy()
    # Rows that are equal in every column are interchangeable, so this is a full order.
    rows = usable.project(ROWS).order(ROWS).fetchnumpy()
    return pa.Table.from_pylist(modality_equivalence(strata, rows), schema=SCHEMA)
