"""Impossible numbers of the aggregate tables lose their row, not the night; rule P10 counts them.

An estimator that broke off already left a row whose reason begins with "defect: ". What is left to
find is a number of a finished row outside its bounds: its row loses every result, and says which
column lay on which side. Values are never named.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from expectations.published.bounds import SCHEMA, Promise, columns_of_tables, promises_of
from expectations.published.measures import Measure
from expectations.published.promises import MARTS
from transforms.sql import name, only_row
from transforms.statistics.withheld import DEFECT

RULE = "P10"
REASON, LABEL = "not_estimable_reason", "precision_label"
_SCHEMAS = (SCHEMA, "process")


def withhold_impossible(analytics: Path) -> int:
    """Empty every row that breaks a promise of P03, with the reason; return how many."""
    n_withheld = 0
    with duckdb.connect(str(analytics)) as con:
        for table, columns in columns_of_tables(con).items():
            for promise in _promises(table, columns):
                n_withheld += _withhold(con, table, columns, promise)
    return n_withheld


def check_withheld(con: duckdb.DuckDBPyConnection) -> list[Measure]:
    """Count rows without an estimate because of a defect: one result per table and clinic.

    A defect of the pooled rows stands under no clinic.
    """
    tables = con.execute(
        "select schema_name, table_name, list(column_name) from duckdb_columns() "
        "where schema_name in (select unnest(?)) group by all having list_contains("
        "list(column_name), ?) order by all",
        [list(_SCHEMAS), REASON],
    ).fetchall()
    return [found for each in tables for found in _check_table(con, *each)]


def _check_table(
    con: duckdb.DuckDBPyConnection, schema: str, table: str, columns: list[str]
) -> list[Measure]:
    has_scope = {"scope_level", "scope_id"} <= {*columns}
    clinic = "case when scope_level = 'clinic' then scope_id end" if has_scope else "null"
    rows = con.execute(
        f"select {clinic} as clinic, count(*), count(*) filter (where {REASON} like '{DEFECT}%'), "
        f"string_agg(distinct {REASON}, '; ' order by {REASON}) "
        f"filter (where {REASON} like '{DEFECT}%') "
        f"from {schema}.{name(table)} group by clinic order by clinic nulls first"
    ).fetchall()
    measures = [
        Measure(RULE, clinic, f"{schema}.{table}", n, n_defects, reasons)
        for clinic, n, n_defects, reasons in rows
        if n_defects
    ]
    n = sum(row[1] for row in rows)
    return measures or [Measure(RULE, None, f"{schema}.{table}", n, 0)]


def _promises(table: str, columns: list[str]) -> list[Promise]:
    own = [mart for mart in MARTS if mart.table == table]
    return [
        *promises_of(columns),
        *(
            Promise(bound.column, f"{bound.column} {side}", broken)
            for mart in own
            for bound in mart.bounds
            for side, broken in bound.broken_in_sql()
        ),
    ]


def _withhold(
    con: duckdb.DuckDBPyConnection, table: str, columns: list[str], promise: Promise
) -> int:
    place = f"{SCHEMA}.{name(table)}"
    broken = f"{name(promise.column)} is not null and ({promise.broken})"
    n: int
    (n,) = only_row(con.execute(f"select count(*) from {place} where {broken}"))
    if not n:
        return 0
    changes = {name(column): value for column, value in _nothing(con, table).items()}
    if REASON in columns:
        changes[REASON] = f"'{DEFECT}{promise.what}'"
    listed = ", ".join(f"{column} = {value}" for column, value in changes.items())
    con.execute(f"update {place} set {listed} where {broken}")
    return n


def _nothing(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Return every result of a row with the SQL that takes its place.

    A number that every row must have is a setting, not a result, and stays.
    """
    rows = con.execute(
        "select column_name, data_type, is_nullable from duckdb_columns() "
        "where schema_name = ? and table_name = ?",
        [SCHEMA, table],
    ).fetchall()
    results = {
        column: "null"
        for column, kind, is_nullable in rows
        if is_nullable
        and (kind == "DOUBLE" or column.startswith("verdict"))
        and not column.startswith("benchmark_")
    }
    has_label = any(column == LABEL for column, *_ in rows)
    return results | ({LABEL: "'none'"} if has_label else {})
