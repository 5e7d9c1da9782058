"""Homework and the next outcome, one row per scope, homework measure and parameter."""

import pyarrow as pa

from transforms.common_factors.alliance import MOMENTS
from transforms.common_factors.homework import KEYS, homework_slopes

STRATA = ", ".join(["stratum", "clinic_id", "clinic_group", *KEYS, "direction"])
ROWS = ", ".join(
    [
        "stratum, therapist_code, pair_count",
        *(f"sum_{first}" for first in MOMENTS),
        *(f"sum_{a}__{b}" for i, a in enumerate(MOMENTS) for b in MOMENTS[i:]),
    ]
)
SCHEMA = pa.schema(
    [
        ("scope_level", pa.string()),
        ("scope_id", pa.string()),
        ("measure", pa.string()),
        ("outcome_instrument_id", pa.string()),
        ("parameter", pa.string()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("ci_level", pa.float64()),
        ("n_used", pa.int64()),
        ("reason", pa.string()),
        ("n_pairs", pa.int64()),
        ("n_clients", pa.int64()),
        ("n_therapists", pa.int64()),
    ]
)


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    dbt.config(materialized="table")
    usable = dbt.ref("int_cf_homework_candidates").filter("exclusion_reason is null")
    strata = usable.project(STRATA).distinct().fetchnumpy()
    # Rows that are equal in every column are interchangeable, so this is a full order.
    rows = usable.project(ROWS).order(ROWS).fetchnumpy()
    return pa.Table.from_pylist(homework_slopes(strata, rows), schema=SCHEMA)
