"""Lines and shapes of the alliance: one row per client, and one per scope and metric."""

import pyarrow as pa

from transforms.common_factors.trajectory import trajectory_records

STRATA = "stratum, clinic_id, clinic_group, alliance_instrument_id"
ROWS = (
    "stratum, episode_code, therapist_code, n_ratings, first_session, last_session, "
    "sum_t, sum_tt, sum_y, sum_ty, sum_yy, sum_s, sum_s2, sum_s3, sum_s4, sum_sy, sum_s2y, "
    "has_v, improvement"
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
        ("n_of_shape", pa.int64()),
        ("n_clients", pa.int64()),
        ("n_therapists", pa.int64()),
        ("episode_code", pa.int64()),
        ("slope", pa.float64()),
        ("slope_ci_low", pa.float64()),
        ("slope_ci_high", pa.float64()),
        ("shape", pa.string()),
        ("n_clients_in_model", pa.int64()),
    ]
)


def model(dbt, session):
    """Estimate every scope from the usable candidates; the same fit gives both kinds of rows."""
    dbt.config(materialized="table")
    usable = dbt.ref("int_cf_trajectory_candidates").filter("exclusion_reason is null")
    strata = usable.project(STRATA).distinct().fetchnumpy()
    # Rows that are equal in every column are interchangeable, so this is a full order.
    rows = usable.project(ROWS).order(ROWS).fetchnumpy()
    clients, summaries = trajectory_records(strata, rows)
    return pa.Table.from_pylist([*clients, *summaries], schema=SCHEMA)
