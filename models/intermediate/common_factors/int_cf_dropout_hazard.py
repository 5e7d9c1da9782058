"""Hazard of leaving by the alliance of the session before, one row per scope and metric."""

import pyarrow as pa

from transforms.common_factors.survival import dropout_hazards

STRATA = "stratum, clinic_id, clinic_group, alliance_instrument_id"
ROWS = (
    "stratum, therapist_code, client_code, session_number, has_left, "
    "alliance_pomp, alliance_carried_pomp"
)
SCHEMA = pa.schema(
    [
        ("scope_level", pa.string()),
        ("scope_id", pa.string()),
        ("alliance_instrument_id", pa.string()),
        ("metric", pa.string()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("ci_level", pa.float64()),
        ("n_used", pa.int64()),
        ("reason", pa.string()),
        ("n_clients", pa.int64()),
        ("n_dropouts", pa.int64()),
        ("n_sessions", pa.int64()),
        ("n_therapists", pa.int64()),
        ("smallest_cell", pa.int64()),
    ]
)


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    dbt.config(materialized="table")
    usable = dbt.ref("int_cf_dropout_hazard_candidates").filter(
        "exclusion_reason is null and is_used"
    )
    strata = usable.project(STRATA).distinct().fetchnumpy()
    # Rows that are equal in every column are interchangeable, so this is a full order.
    rows = usable.project(ROWS).order(ROWS).fetchnumpy()
    return pa.Table.from_pylist(dropout_hazards(strata, rows), schema=SCHEMA)
