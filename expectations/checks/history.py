"""The rows of a table over time: those delivered now, and those the lake holds from before.

A nightly delivery brings one session or one form of a client; what it contradicts came earlier.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb

from expectations.checks.finding import Sources, rows_of
from expectations.rows.delivery import Staged
from transforms.contract import TABLES, lake_columns

# Made once per table: (row_key), keys that stand on several delivered rows.
REPEATED = "repeated_keys"
_PROVENANCE = ("file_id", "source_line", "received_at")


def find_repeats(con: duckdb.DuckDBPyConnection, staged: Staged) -> bool:
    """Make the temp table of the keys that stand on several delivered rows; tell if there are."""
    con.execute(
        f"""
        create or replace temp table {REPEATED} as
        select row_key from {rows_of(staged, "file_id")}
        where row_key is not null group by row_key having count(*) > 1
        """
    )
    return con.execute(f"select 1 from {REPEATED} limit 1").fetchone() is not None


def columns_in(table: str, *texts: str) -> tuple[str, ...]:
    """Return the lake's columns of ``table`` that any of the texts names, in order."""
    words = {word for text in texts for word in re.findall(r"\w+", text)}
    return tuple(c for c in lake_columns(TABLES[table]) if c in words and c not in _PROVENANCE)


def history(sources: Sources, columns: Sequence[str], within: Sequence[str] = ()) -> str:
    """Return SQL for the delivered rows and those of the lake, one per key, narrow.

    Parameters
    ----------
    columns : columns of the table beside key and place
    within : columns; of the lake only rows that agree in them with a delivered row

    Returns
    -------
    str
        Query (columns, file_id, source_line, received_at, row_key, is_new). ``is_new`` is false
        for a row of the lake. Of rows with one key the latest delivered counts; a row without a
        key is left out.
    """
    table = TABLES[sources.staged.table]
    shown = ", ".join(dict.fromkeys([*(c for c in columns if c != table.key), *_PROVENANCE]))
    delivered = rows_of(sources.staged, shown)
    new = f"select *, true as is_new from {delivered} where row_key is not null"
    if sources.has_repeats:
        new += f"""
        and row_key not in (from {REPEATED})
        union all
        select * exclude (nth) from (
            select *, true as is_new, row_number() over (
                partition by row_key
                order by received_at desc, file_id desc, source_line desc
            ) as nth
            from {delivered} semi join {REPEATED} using (row_key)
        ) where nth = 1
    """
    if not sources.held:
        return new
    agreeing = (
        f"semi join {sources.staged.relation} as given"
        f" on {' and '.join(f'held.{column} = given.{column}' for column in within)}"
        if within
        else ""
    )
    return f"""
        {new}
        union all
        select {", ".join(f"held.{column}" for column in shown.split(", "))},
            held.{table.key} as row_key, false as is_new
        from ({sources.held}) as held
        {agreeing}
        anti join {sources.staged.relation} as again on held.{table.key} = again.{table.key}
    """
