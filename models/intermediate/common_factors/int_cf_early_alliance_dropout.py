"""Dropout by alliance at session 3, one row per scope, instrument and metric."""

import pyarrow as pa

from transforms.common_factors.dropout import early_alliance_dropout

STRATA = "stratum, clinic_id, clinic_group, alliance_instrument_id"
ROWS = "stratum, therapist_code, alliance_pomp, sessions_attended, dropped_out"
SCHEMA = pa.schema(
    [
        ("scope_level", pa.string()),
        ("scope_id", pa.string()),
        ("alliance_instrument_id", pa.string()),
        ("metric", pa.string()),
        ("analysis", pa.string()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("ci_level", pa.float64()),
        ("n_used", pa.int64()),
        ("reason", pa.string()),
        ("n_clients", pa.int64()),
        ("n_dropouts", pa.int64()),
        ("smallest_cell", pa.int64()),
        ("alliance_above", pa.float64()),
        ("alliance_up_to", pa.float64()),
        ("n_therapists", pa.int64()),
    ]
)


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    dbt.config(materialized="table")
    usable = dbt.ref("int_cf_early_alliance_dropout_candidates").filter("exclusion_reason is null")
    strata = usable.project(STRATA).distinct().fetchnumpy()
    # Rows that are equal in every column are interchangeable, so this is a full order.
    rows = usable.project(ROWS).order(ROWS).fetchnumpy()
    return pa.Table.from_pylist(early_alliance_dropout(strata, rows), schema=SCHEMA)
