"""Rule P06: no count that public.duckdb prints is small; beside a hidden one stands no estimate."""

from __future__ import annotations

from pathlib import Path

import duckdb

from expectations.published.measures import Measure
from transforms.disclosure.structure import Policy, Structure, Table
from transforms.sql import name, only_row

RULE = "P06"


def check_public(public: Path, structure: Structure) -> list[Measure]:
    """Look at what the public file prints; one result per table.

    In scope are its counts, and the rows without a number of persons; broken are counts below the
    threshold or between two multiples of the base, and such rows that show a statistic all the
    same.
    """
    with duckdb.connect(str(public), read_only=True) as con:
        return [
            _check_table(con, place, table, structure.policy)
            for place, table in structure.tables.items()
        ]


def _check_table(
    con: duckdb.DuckDBPyConnection, place: str, table: Table, policy: Policy
) -> Measure:
    pairs = [_count_in_sql(column, policy) for column in table.counts]
    told = [name(column) for statistic in table.statistics for column in statistic.columns]
    if told:
        hidden = f"{name(table.base)} is null"
        pairs.append((hidden, f"{hidden} and ({' or '.join(f'{c} is not null' for c in told)})"))
    listed = ", ".join(
        f"count(*) filter (where {condition})" for pair in pairs for condition in pair
    )
    counts = only_row(con.execute(f"select {listed} from {place}"))
    return Measure(RULE, None, place, sum(counts[::2]), sum(counts[1::2]))


def _count_in_sql(column: str, policy: Policy) -> tuple[str, str]:
    """Return what is true where a count is printed, and where it may not be."""
    count = name(column)
    small = f"{count} between {policy.smallest} and {policy.threshold - 1}"
    return f"{count} is not null", f"{small} or {count} % {policy.base} <> 0"
