"""Rates of change of every scope, from counts per clinic."""

import pyarrow as pa

from transforms.common_factors.outcome import RATE_KEYS, outcome_rates

SCHEMA = pa.schema(
    [
        ("scope_level", pa.string()),
        ("scope_id", pa.string()),
        *((name, pa.string()) for name in RATE_KEYS),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("ci_level", pa.float64()),
        ("n_events", pa.int64()),
        ("n_used", pa.int64()),
        ("reason", pa.string()),
    ]
)


def model(dbt, session):
    """Add up clinics and put Wilson's interval around each share."""
    dbt.config(materialized="table")
    rows = dbt.ref("int_cf_outcome_counts")
    order = ", ".join(["clinic_id", *RATE_KEYS])
    return pa.Table.from_pylist(outcome_rates(_columns(rows.order(order))), schema=SCHEMA)


def _columns(relation):
    table = relation.to_arrow_table()
    return {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}
