"""Rules P03 and P08 on every common-factors table that has no suite of its own.

What a column's name promises, whatever the table: correlations, shares, percentages, standard
errors, counts and intervals. Tables come and go without a change here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from expectations.published.measures import Measure
from transforms.sql import name, only_row

SCHEMA = "common_factors"
# Beyond a bound by less is rounding: Wilson's lower end of 0 of n is -2e-16 as often as 0.
TOLERANCE = 1e-9
# Name of a column: what is true for an impossible value ``v``, and on which side it lies.
IMPOSSIBLE = (
    (re.compile(r"^n_"), (("below its minimum", "v < 0"),)),
    (
        re.compile(r"(^|_)r(_ci_(low|high))?$"),
        (
            ("below its minimum", f"v < -1 - {TOLERANCE}"),
            ("above its maximum", f"v > 1 + {TOLERANCE}"),
        ),
    ),
    (
        re.compile(r"^icc($|_)|(^|_)(share|reliability)$"),
        (
            ("below its minimum", f"v < -{TOLERANCE}"),
            ("above its maximum", f"v > 1 + {TOLERANCE}"),
        ),
    ),
    (
        re.compile(r"_percent(_ci_(low|high))?$"),
        (
            ("below its minimum", f"v < -{TOLERANCE}"),
            ("above its maximum", f"v > 100 + {TOLERANCE}"),
        ),
    ),
    (re.compile(r"(^|_)se$"), (("below its minimum", "v <= 0"),)),
)
# A difference of shares may be negative; published figures are P08's.
NOT_BOUNDED = re.compile(r"_vs_|difference|^benchmark_")


@dataclass(frozen=True)
class Promise:
    """A column whose values are in scope, what is wrong with it in words, and the same in SQL."""

    column: str
    what: str
    broken: str


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
    tables = columns_of_tables(con)
    results = []
    for table in sorted(tables.keys() - set(leave_out)):
        place = f"{SCHEMA}.{name(table)}"
        promises = promises_of(tables[table])
        results.append(_count(con, "P03", place, promises))
        if "benchmark_value" in tables[table]:
            source = [Promise("benchmark_value", "benchmark_value", WITHOUT_SOURCE)]
            results.append(_count(con, "P08", place, source))
    return results


def columns_of_tables(con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Return the columns of every common-factors table."""
    tables: dict[str, list[str]] = {}
    for table, column in con.execute(
        "select table_name, column_name from duckdb_columns() where schema_name = ? "
        "and table_name like 'cf\\_%' escape '\\' order by table_name, column_index",
        [SCHEMA],
    ).fetchall():
        tables.setdefault(table, []).append(column)
    return tables


def promises_of(columns: list[str]) -> list[Promise]:
    """Return what the names of these columns promise."""
    promises = []
    for column in columns:
        bounds = next((b for pattern, b in IMPOSSIBLE if pattern.search(column)), ())
        if not NOT_BOUNDED.search(column):
            promises += [
                Promise(column, f"{column} {side}", re.sub(r"\bv\b", name(column), broken))
                for side, broken in bounds
            ]
        stem = column.removesuffix("ci_low")
        estimate = stem.removesuffix("_") or "estimate"
        high = f"{stem}ci_high"
        if stem != column and not NOT_BOUNDED.search(column) and {estimate, high} <= {*columns}:
            value = name(estimate)
            outside = (
                f"{name(column)} > {value} + {TOLERANCE} or {name(high)} < {value} - {TOLERANCE}"
            )
            promises.append(Promise(estimate, f"{estimate} outside its interval", outside))
    return promises


def _count(
    con: duckdb.DuckDBPyConnection, rule: str, place: str, promises: list[Promise]
) -> Measure:
    parts = [
        f"count({name(each.column)}), "
        f"count(*) filter (where {name(each.column)} is not null and ({each.broken}))"
        for each in promises
    ]
    table = place.replace('"', "")
    if not parts:
        return Measure(rule, None, table, 0, 0)
    counts = only_row(con.execute(f"select {', '.join(parts)} from {place}"))
    broken = [each.what for each, n in zip(promises, counts[1::2], strict=True) if n]
    # Both sides of one bound are about the same values.
    in_scope = {
        (each.column, each.what.endswith("interval")): n
        for each, n in zip(promises, counts[::2], strict=True)
    }
    detail = ", ".join(broken) or None
    return Measure(rule, None, table, sum(in_scope.values()), sum(counts[1::2]), detail)
