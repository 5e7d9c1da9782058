"""Shares of the outcome variance, one row per scope, instruments and source."""

import pyarrow as pa

from transforms.common_factors.variance_shares import variance_shares

STRATA = "stratum, clinic_id, clinic_group, alliance_instrument_id, outcome_instrument_id"
ROWS = "stratum, therapist_code, modality_code, alliance_pomp, pre_score, post_score"
SCHEMA = pa.schema(
    [
        ("scope_level", pa.string()),
        ("scope_id", pa.string()),
        ("alliance_instrument_id", pa.string()),
        ("outcome_instrument_id", pa.string()),
        ("source", pa.string()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("ci_level", pa.float64()),
        ("n_used", pa.int64()),
        ("reason", pa.string()),
        ("n_clients", pa.int64()),
        ("n_therapists", pa.int64()),
        ("n_modalities", pa.int64()),
    ]
)


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    dbt.config(materialized="table")
    usable = dbt.ref("int_cf_within_between_therapist_candidates").filter(
        "shares_exclusion_reason is null"
    )
    strata = usable.project(STRATA).distinct().fetchnumpy()
    # Rows that are equal in every column are interchangeable, so this is a full order.
    rows = usable.project(ROWS).order(ROWS).fetchnumpy()
    return pa.Table.from_pylist(variance_shares(strata, rows), schema=SCHEMA)
