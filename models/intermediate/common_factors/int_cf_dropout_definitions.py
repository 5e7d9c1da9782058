"""Dropout by every definition and how each pair agrees, several rows per scope."""

import pyarrow as pa

from transforms.common_factors.dropout import dropout_definitions

STRATA = "stratum, clinic_id, clinic_group"
ROWS = (
    "stratum, "
    "therapist_code, "
    "dropout_unilateral, "
    "dropout_lt3, "
    "dropout_missed_last, "
    "dropout_without_reliable_change"
)
SCHEMA = pa.schema(
    [
        ("scope_level", pa.string()),
        ("scope_id", pa.string()),
        ("metric", pa.string()),
        ("definition", pa.string()),
        ("compared_definition", pa.string()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("ci_level", pa.float64()),
        ("n_used", pa.int64()),
        ("reason", pa.string()),
        ("n_positive", pa.int64()),
        ("n_eligible", pa.int64()),
        ("n_therapists", pa.int64()),
    ]
)


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    dbt.config(materialized="table")
    usable = dbt.ref("int_cf_dropout_candidates").filter("exclusion_reason is null")
    strata = usable.project(STRATA).distinct().fetchnumpy()
    # Rows that are equal in every column are interchangeable, so this is a full order.
    rows = usable.project(ROWS).order(ROWS).fetchnumpy()
    return pa.Table.from_pylist(dropout_definitions(strata, rows), schema=SCHEMA)
