"""Cumulative incidence of dropout, one row per scope, curve and session."""

import pyarrow as pa

from transforms.common_factors.survival import dropout_curves, dropout_curves_by_alliance

SCHEMA = pa.schema(
    [
        ("scope_level", pa.string()),
        ("scope_id", pa.string()),
        ("alliance_instrument_id", pa.string()),
        ("alliance_tertile", pa.string()),
        ("session_number", pa.int64()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("ci_level", pa.float64()),
        ("n_used", pa.int64()),
        ("reason", pa.string()),
        ("n_at_risk", pa.int64()),
        ("n_left", pa.int64()),
        ("n_clients", pa.int64()),
        ("n_dropouts", pa.int64()),
        ("n_therapists", pa.int64()),
        ("starts_after_session", pa.int64()),
        ("is_publishable", pa.bool_()),
    ]
)


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    dbt.config(materialized="table")
    candidates = dbt.ref("int_cf_dropout_curve_candidates")
    columns = "therapist_code, sessions_attended, cause"
    everybody = candidates.filter("exclusion_reason is null")
    rated = candidates.filter("alliance_exclusion_reason is null").project(
        "* exclude (stratum), alliance_stratum as stratum"
    )
    records = []
    for usable, key, values, estimate in (
        (everybody, "", "", dropout_curves),
        (rated, ", alliance_instrument_id", ", alliance_pomp", dropout_curves_by_alliance),
    ):
        strata = usable.project(f"stratum, clinic_id, clinic_group{key}").distinct().fetchnumpy()
        # Rows that are equal in every column are interchangeable, so this is a full order.
        wanted = f"stratum, {columns}{values}"
        rows = usable.project(wanted).order(wanted).fetchnumpy()
        records += estimate(strata, rows)
    return pa.Table.from_pylist(records, schema=SCHEMA)
