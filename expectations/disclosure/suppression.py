"""Complementary suppression: hide what would give a hidden small count away, and no more.

The tables arrive with their small counts hidden; one that is still shown is hidden first. Hidden
as well is the smallest count by which a reader could compute one of them, and with it what that
count could be computed back from: what the model's meta names (``gives_away``), or else every
estimate, interval, share and verdict of its row. Rule P06 looks at the result.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np

from expectations.declared import declared
from expectations.disclosure.linear_attack import cells_to_hide
from expectations.disclosure.published_counts import (
    LEFT_OUT,
    SCHEMA,
    aggregates,
    counts_of,
    read_counts,
)
from transforms.sql import name

LABEL = "precision_label"


def hide_complements(analytics: Path, small_number: int) -> int:
    """Hide counts in the aggregate tables of a finished file; return how many.

    A number that every row must have is a setting, not a result, and stays.
    """
    with duckdb.connect(str(analytics)) as con:
        return hide_in(con, small_number)


def hide_in(con: duckdb.DuckDBPyConnection, small_number: int) -> int:
    """Hide counts in the aggregate tables of an open file; return how many."""
    return sum(
        _hide(con, table, columns, small_number)
        for table, columns in aggregates(con).items()
        if counts_of(columns)
    )


def _hide(
    con: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str], small_number: int
) -> int:
    counts = read_counts(con, table, columns)
    values = counts.values
    is_small = (values >= 1) & (values < small_number)
    cells = {*map(int, np.flatnonzero(is_small))}
    values = np.where(is_small, np.nan, values)
    cells |= {*cells_to_hide(counts.sums, values, small_number, counts.is_overall)}
    hidden: dict[int, list[str]] = {}
    for (row, count), cell in counts.places.items():
        if cell in cells:
            hidden.setdefault(row, []).append(count)
    results = results_of(con, table)
    for row, own in hidden.items():
        changes = dict.fromkeys(own, "null") | _given_away(table, own, results)
        listed = ", ".join(f"{name(column)} = {value}" for column, value in changes.items())
        con.execute(f"update {SCHEMA}.{name(table)} set {listed} where rowid = ?", [row])
    return sum(map(len, hidden.values()))


def _given_away(table: str, counts: list[str], results: dict[str, str]) -> dict[str, str]:
    """Return the results that would tell one of these counts; a hidden estimate is suppressed."""
    meta = declared().get(table, {}).get("gives_away", {})
    tells = {LEFT_OUT: []} | meta
    columns = {column for count in counts for column in tells.get(count, results)}
    if "estimate" in columns:
        columns.add(LABEL)
    return {column: value for column, value in results.items() if column in columns}


def results_of(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Return the columns that could tell a hidden count, with the SQL that takes their place."""
    rows = con.execute(
        "select column_name, data_type, is_nullable from duckdb_columns() "
        "where schema_name = ? and table_name = ?",
        [SCHEMA, table],
    ).fetchall()
    told = {
        column: "null"
        for column, kind, is_nullable in rows
        if is_nullable
        and (kind == "DOUBLE" or column.startswith("verdict"))
        and not column.startswith("benchmark_")
    }
    has_label = any(column == LABEL for column, *_ in rows)
    return told | ({LABEL: "'suppressed'"} if has_label else {})
