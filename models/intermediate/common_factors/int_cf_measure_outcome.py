"""Correlations of relationship measures, one row per scope and analysis."""

import pyarrow as pa

from transforms.common_factors.relationship_measures import (
    KEYS,
    PAIR_KEYS,
    empathy_differences,
    measure_outcomes,
)

STRATA = ", ".join(["stratum", "clinic_id", "clinic_group", *KEYS])
ROWS = "stratum, therapist_code, x, y, given"
PAIR_STRATA = ", ".join(["stratum", "clinic_id", "clinic_group", *PAIR_KEYS])
PAIR_ROWS = "stratum, therapist_code, x_one, x_other, y, given"
TEXTS = ("scope_level", "scope_id", *KEYS, "compared_rater", "compared_instrument_id")
TEXTS += ("compared_version",)
NUMBERS = ("estimate", "ci_low", "ci_high", "ci_level", "cluster_ci_low", "cluster_ci_high")
NUMBERS += ("zero_order_r", "zero_order_r_ci_low", "zero_order_r_ci_high")
NUMBERS += ("spearman_r", "spearman_r_ci_low", "spearman_r_ci_high")
NUMBERS += ("measure_mean", "measure_sd", "williams_t", "williams_p")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in TEXTS),
        *((name, pa.float64()) for name in NUMBERS),
        ("n_used", pa.int64()),
        ("reason", pa.string()),
        ("n_clients", pa.int64()),
        ("n_therapists", pa.int64()),
    ]
)


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    dbt.config(materialized="table")
    usable = dbt.ref("int_cf_measure_candidates").filter("exclusion_reason is null")
    pairs = dbt.ref("int_cf_empathy_pairs")
    # Rows that are equal in every column are interchangeable, so this is a full order.
    records = measure_outcomes(
        usable.project(STRATA).distinct().fetchnumpy(),
        usable.project(ROWS).order(ROWS).fetchnumpy(),
    )
    records += empathy_differences(
        pairs.project(PAIR_STRATA).distinct().fetchnumpy(),
        pairs.project(PAIR_ROWS).order(PAIR_ROWS).fetchnumpy(),
    )
    return pa.Table.from_pylist(records, schema=SCHEMA)
