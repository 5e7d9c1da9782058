"""Correlations of early alliance with outcome, one row per scope and pair of instruments."""

import pyarrow as pa

from transforms.common_factors.alliance import alliance_outcome

STRATA = "stratum, clinic_id, clinic_group, alliance_instrument_id, outcome_instrument_id"
ROWS = "stratum, therapist_code, alliance_pomp, is_at_ceiling, pre_score, post_score"
SCHEMA = pa.schema(
    [
        ("scope_level", pa.string()),
        ("scope_id", pa.string()),
        ("alliance_instrument_id", pa.string()),
        ("outcome_instrument_id", pa.string()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("ci_level", pa.float64()),
        ("n_used", pa.int64()),
        ("reason", pa.string()),
        ("cluster_ci_low", pa.float64()),
        ("cluster_ci_high", pa.float64()),
        ("zero_order_r", pa.float64()),
        ("zero_order_r_ci_low", pa.float64()),
        ("zero_order_r_ci_high", pa.float64()),
        ("spearman_r", pa.float64()),
        ("spearman_r_ci_low", pa.float64()),
        ("spearman_r_ci_high", pa.float64()),
        ("alliance_mean", pa.float64()),
        ("alliance_sd", pa.float64()),
        ("ceiling_percent", pa.float64()),
        ("n_clients", pa.int64()),
        ("n_therapists", pa.int64()),
    ]
)


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    dbt.config(materialized="table")
    usable = dbt.ref("int_cf_alliance_outcome_candidates").filter("exclusion_reason is null")
    strata = usable.project(STRATA).distinct().fetchnumpy()
    # Rows that are equal in every column are interchangeable, so this is a full order.
    rows = usable.project(ROWS).order(ROWS).fetchnumpy()
    return pa.Table.from_pylist(alliance_outcome(strata, rows), schema=SCHEMA)
