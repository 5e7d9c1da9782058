"""Pre–post effect sizes of every scope, from sums per clinic."""

import pyarrow as pa

from transforms.common_factors.outcome import EFFECT_KEYS, effect_size_records

SCHEMA = pa.schema(
    [
        ("scope_level", pa.string()),
        ("scope_id", pa.string()),
        *((name, pa.string()) for name in EFFECT_KEYS),
        ("metric", pa.string()),
        ("formula", pa.string()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("ci_level", pa.float64()),
        ("mean_improvement", pa.float64()),
        ("correlation", pa.float64()),
        ("n_used", pa.int64()),
        ("reason", pa.string()),
    ]
)


def model(dbt, session):
    """Add up clinics and describe the change in SD units."""
    dbt.config(materialized="table")
    rows = dbt.ref("int_cf_effect_size_sums").order("clinic_id, instrument_id, version")
    table = rows.to_arrow_table()
    columns = {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}
    return pa.Table.from_pylist(effect_size_records(columns), schema=SCHEMA)
