"""Rule P06: no published count is small, and none that is hidden can be computed from others."""

from __future__ import annotations

import duckdb

from expectations.disclosure.linear_attack import small_cells
from expectations.disclosure.published_counts import (
    SCHEMA,
    aggregates,
    counts_of,
    keys_of,
    read_counts,
)
from expectations.published.measures import Measure
from transforms.sql import name

RULE = "P06"


def check_disclosure(con: duckdb.DuckDBPyConnection, small_number: int) -> list[Measure]:
    """Look at every count of clients in the aggregate tables; one result per table.

    In scope are the counts, shown or hidden; broken are those from 1 to ``small_number`` - 1
    that are shown or that sums give away. Tables with a row per person are not aggregates and are
    left out.
    """
    return [
        _check_table(con, table, columns, small_number)
        for table, columns in aggregates(con).items()
    ]


def _check_table(
    con: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str], small_number: int
) -> Measure:
    place = f"{SCHEMA}.{table}"
    cell = ", ".join(name(key) for key in (*keys_of(columns), "scope_level", "scope_id"))
    repeated = f"select 1 from {SCHEMA}.{name(table)} group by {cell} having count(*) > 1 limit 1"
    if con.execute(repeated).fetchone():
        return Measure(
            RULE, None, place, 0, 0, error="its cells cannot be told apart by their text"
        )
    if not counts_of(columns):
        return Measure(RULE, None, place, 0, 0)
    counts = read_counts(con, table, columns)
    shown = (counts.values >= 1) & (counts.values < small_number)
    known = small_cells(counts.sums, counts.values, small_number)
    n_failed = sum(shown[cell] or cell in known for cell in counts.places.values())
    return Measure(RULE, None, place, len(counts.places), int(n_failed))
