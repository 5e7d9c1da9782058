"""Rule P06: no published count is small, and none that is hidden can be computed from others."""

from __future__ import annotations

from itertools import groupby

import duckdb
import numpy as np

from expectations.measuring import Measure
from transforms.disclosure import derived_cells
from transforms.sql import name

RULE = "P06"
SCHEMA = "common_factors"
# Counts of other things than clients and what they did: they say nothing about one. That a clinic
# has few therapists is no secret; whose clients they are, is.
NOT_PEOPLE = ("n_therapists", "n_modalities")
# Text that describes a row and is no part of its key.
WORDS = (
    "caution",
    "confounding",
    "definition_version",
    "evidence",
    "exclusion_reasons",
    "interval_from",
    "is_boundary",
    "model",
    "not_estimable_reason",
    "precision_label",
    "reason",
    "scope_id",
    "scope_level",
    "standing",
    "unit",
    "verdict",
    "verdict_at_24",
    "verdict_at_30",
)
# Kinds of columns that tell the cells of a table apart.
DISCRETE = ("VARCHAR", "BOOLEAN", "BIGINT", "INTEGER")
PERSONS = ("client_key", "episode_key", "therapist_key")


def check_disclosure(con: duckdb.DuckDBPyConnection, small_number: int) -> list[Measure]:
    """Look at every count of clients in the aggregate tables; one result per table.

    In scope are the counts, shown or hidden; broken are those from 1 to ``small_number`` - 1
    that are shown or that clinics, groups and the total together give away. Tables with a row
    per person are not aggregates and are left out.
    """
    groups = dict(con.execute("select clinic_id, clinic_group from core.dim_clinics").fetchall())
    results = []
    for table, columns in _tables(con).items():
        if "scope_level" not in columns or any(person in columns for person in PERSONS):
            continue
        results.append(_check_table(con, table, columns, groups, small_number))
    return results


def _check_table(
    con: duckdb.DuckDBPyConnection,
    table: str,
    columns: dict[str, str],
    groups: dict[str, str | None],
    small_number: int,
) -> Measure:
    place = f"{SCHEMA}.{table}"
    keys = [
        column
        for column, kind in columns.items()
        if kind in DISCRETE and column not in WORDS and not column.startswith(("n_", "benchmark_"))
    ]
    cell = ", ".join(name(key) for key in (*keys, "scope_level", "scope_id"))
    repeated = f"select 1 from {SCHEMA}.{name(table)} group by {cell} having count(*) > 1 limit 1"
    if con.execute(repeated).fetchone():
        return Measure(
            RULE, None, place, 0, 0, error="its cells cannot be told apart by their text"
        )
    n_scope = n_failed = 0
    for count in (c for c in columns if c.startswith("n_") and not c.startswith(NOT_PEOPLE)):
        scope, failed = _count_column(con, table, keys, count, groups, small_number)
        n_scope, n_failed = n_scope + scope, n_failed + failed
    return Measure(RULE, None, place, n_scope, n_failed)


def _tables(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    rows = con.execute(
        "select table_name, column_name, data_type from duckdb_columns() "
        "where schema_name = ? order by table_name, column_index",
        [SCHEMA],
    )
    for table, column, kind in rows.fetchall():
        found.setdefault(table, {})[column] = kind
    return found


def _count_column(
    con: duckdb.DuckDBPyConnection,
    table: str,
    keys: list[str],
    count: str,
    groups: dict[str, str | None],
    small_number: int,
) -> tuple[int, int]:
    listed = "".join(f"{name(key)}, " for key in keys)
    rows = con.execute(
        f"select {listed} scope_level, scope_id, cast({name(count)} as double) "
        f"from {SCHEMA}.{name(table)} order by all"
    ).fetchall()
    small = sum(row[-1] is not None and 1 <= row[-1] < small_number for row in rows)
    for _, own in groupby(rows, key=lambda row: row[: len(keys)]):
        cells = {(row[-3], row[-2]): row[-1] for row in own}
        small += _given_away(cells, groups, small_number)
    return len(rows), small


def _given_away(
    cells: dict[tuple[str, str], float | None], groups: dict[str, str | None], small_number: int
) -> int:
    """Count small hidden cells of one table cell's breakdown by scope that sums give away."""
    places = list(cells)
    values = np.array([np.nan if cells[place] is None else cells[place] for place in places])
    equations = []
    for number, (level, scope) in enumerate(places):
        if level not in ("overall", "group"):
            continue
        row = np.zeros(len(places))
        row[number] = -1
        for part, (part_level, clinic) in enumerate(places):
            if part_level == "clinic" and (level == "overall" or groups.get(clinic) == scope):
                row[part] = 1
        if (row > 0).any():
            equations.append(row)
    derived = derived_cells(np.array(equations), values)
    return sum(1 <= round(value) < small_number for value in derived.values())
