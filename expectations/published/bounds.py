"""Rules P03 and P08 on every common-factors table that has no suite of its own.

What a column's name promises, whatever the table: correlations, shares, percentages, standard
errors, counts and intervals. Tables come and go without a change here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import duckdb

from expectations.published.measures import Measure
from transforms.sql import name

SCHEMA = "common_factors"
# Name of a column: what is true for an impossible value ``v``.
IMPOSSIBLE = (
    (re.compile(r"^n_"), "v < 0"),
    (re.compile(r"(^|_)r(_ci_(low|high))?$"), "abs(v) > 1 + 1e-12"),
    (re.compile(r"^icc($|_)|(^|_)(share|reliability)$"), "v < 0 or v > 1 + 1e-12"),
    (re.compile(r"_percent(_ci_(low|high))?$"), "v < 0 or v > 100 + 1e-9"),
    (re.compile(r"(^|_)se$"), "v <= 0"),
)
# A difference of shares may be negative; published figures are P08's.
NOT_BOUNDED = re.compile(r"_vs_|difference|^benchmark_")
WITHOUT_SOURCE = (
    "benchmark_source is null or benchmark_is_comparable is null"
    " or (not benchmark_is_comparable and benchmark_why_not is null)"
)


def check_bounds(con: duckdb.DuckDBPyConnection, leave_out: Iterable[str]) -> list[Measure]:
    """Count impossible values (P03) and benchmarks without a source (P08), one result per table.

    Parameters
    ----------
    leave_out : tables that have a suite.
    """
    tables: dict[str, list[str]] = {}
    for table, column in con.execute(
        "select table_name, column_name from duckdb_columns() where schema_name = ? "
        "and table_name like 'cf\\_%' escape '\\' order by table_name, column_index",
        [SCHEMA],
    ).fetchall():
        tables.setdefault(table, []).append(column)
    results = []
    for table in sorted(tables.keys() - set(leave_out)):
        place = f"{SCHEMA}.{name(table)}"
        promises = _promises(tables[table])
        results.append(_count(con, "P03", place, promises))
        if "benchmark_value" in tables[table]:
            source = {"benchmark_value": ("benchmark_value", WITHOUT_SOURCE)}
            results.append(_count(con, "P08", place, source))
    return results


def _promises(columns: list[str]) -> dict[str, tuple[str, str]]:
    """Return by promise: the column whose values are in scope, and what breaks it."""
    promises = {}
    for column in columns:
        for pattern, impossible in IMPOSSIBLE:
            if pattern.search(column) and not NOT_BOUNDED.search(column):
                broken = re.sub(r"\bv\b", name(column), impossible)
                promises[f"{column} in its range"] = (column, broken)
                break
        stem = column.removesuffix("ci_low")
        estimate = stem.removesuffix("_") or "estimate"
        high = f"{stem}ci_high"
        if stem != column and not NOT_BOUNDED.search(column) and {estimate, high} <= {*columns}:
            value = name(estimate)
            outside = f"{name(column)} > {value} + 1e-9 or {name(high)} < {value} - 1e-9"
            promises[f"{estimate} in its interval"] = (estimate, outside)
    return promises


def _count(
    con: duckdb.DuckDBPyConnection, rule: str, place: str, promises: dict[str, tuple[str, str]]
) -> Measure:
    parts = [
        f"count({name(column)}), count(*) filter (where {name(column)} is not null and ({broken}))"
        for column, broken in promises.values()
    ]
    table = place.replace('"', "")
    if not parts:
        return Measure(rule, None, table, 0, 0)
    counts = con.execute(f"select {', '.join(parts)} from {place}").fetchone()
    broken = [promise for promise, n in zip(promises, counts[1::2], strict=True) if n]
    detail = ", ".join(broken) or None
    return Measure(rule, None, table, sum(counts[::2]), sum(counts[1::2]), detail)
