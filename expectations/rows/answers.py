"""What the answers to each instrument look like, before any single row is looked at.

One grouped pass over the item columns tells which items of which instrument hold an answer
outside the range, between two steps or beyond the last item. Rows are searched for those only,
so that sixty clean item columns cost nothing per row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb

from expectations.rows.context import INSTRUMENT_JOIN
from expectations.rows.delivery import Staged, file_id_of, parquet

# Relation: (file_id, number, n_forms, item, low, high, n_between), one row per file, instrument
# and item with an answer.
ANSWERS = "answered_items"


@dataclass(frozen=True)
class Suspects:
    """Where rows must be searched: item column to the numbers of the instruments concerned.

    Attributes
    ----------
    outside : items with an answer outside the instrument's range
    between : items with an answer that may lie between two steps
    surplus : items the instrument does not have
    short : file id to the instruments with more items than the file has columns
    """

    outside: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    between: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    surplus: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    short: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def find_suspects(con: duckdb.DuckDBPyConnection, staged: Staged) -> Suspects:
    """Make the temp table ``answered_items`` and return what in it needs a closer look."""
    _profile(con, staged)
    return Suspects(
        outside=_items(con, "item <= n_items and (low < item_min or high > item_max)"),
        between=_items(con, "item <= n_items and (item_step <> 1 or fractions > 0)"),
        surplus=_items(con, "item > n_item_columns"),
        short=_short(con, staged),
    )


def _profile(con: duckdb.DuckDBPyConnection, staged: Staged) -> None:
    items = staged.items
    if not items:
        con.execute(
            f"""
            create or replace temp table {ANSWERS} as
            select '' as file_id, number, 0 as n_forms, 1 as item, 0.0 as low, 0.0 as high,
                0.0 as fractions
            from context_instrument limit 0
            """
        )
        return
    each = ", ".join(
        f"min({item}) as low_{item}, max({item}) as high_{item},"
        # Never negative, so that halves cannot add up to a whole.
        f" sum({item} - floor({item})) as fractions_{item}"
        for item in items
    )
    listed = ", ".join(
        f"{{item: {item.removeprefix('item_')}, low: low_{item}, high: high_{item},"
        f" fractions: fractions_{item}}}"
        for item in items
    )
    con.execute(
        f"""
        create or replace temp table {ANSWERS} as
        with grouped as (
            select
                file_id, instrument_id, version, rater,
                count(*) filter (where coalesce({", ".join(items)}) is not null) as n_forms,
                {each}
            from {staged.relation}
            group by file_id, instrument_id, version, rater
        ),
        numbered as (
            select file_id, number, n_forms, unnest([{listed}]) as answers
            from grouped as delivered {INSTRUMENT_JOIN.replace("left join", "inner join")}
        )
        select file_id, number, n_forms, answers.item, answers.low, answers.high, answers.fractions
        from numbered where answers.low is not null
        """
    )


def _items(con: duckdb.DuckDBPyConnection, condition: str) -> dict[str, tuple[int, ...]]:
    rows = con.execute(
        f"""
        select 'item_' || item, list(distinct number order by number)
        from {ANSWERS} inner join context_instrument using (number)
        where {condition} group by item order by item
        """
    ).fetchall()
    return {item: tuple(numbers) for item, numbers in rows}


def _short(con: duckdb.DuckDBPyConnection, staged: Staged) -> dict[str, tuple[int, ...]]:
    """Return the instruments that have more items than their file has item columns."""
    delivered: dict[str, int] = {}
    for path in staged.paths:
        columns = con.execute(f"describe select * from {parquet([path])}").fetchall()
        n_items = sum(column[0].startswith("item_") for column in columns)
        delivered[file_id_of(path)] = max(n_items, delivered.get(file_id_of(path), 0))
    needed = con.execute(
        f"""
        select distinct file_id, number, n_items
        from {ANSWERS} inner join context_instrument using (number)
        where n_items is not null order by all
        """
    ).fetchall()
    short: dict[str, tuple[int, ...]] = {}
    for file_id, number, n_items in needed:
        if n_items > delivered[file_id]:
            short[file_id] = (*short.get(file_id, ()), number)
    return short
