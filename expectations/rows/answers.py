"""What the answers to each instrument look like, before any single row is looked at.

One grouped pass over the item columns tells which items of which instrument hold an answer
outside the range, between two steps or beyond the last item. Rows are searched for those only,
so that sixty clean item columns cost nothing per row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from expectations.rows.context import INSTRUMENT_JOIN
from expectations.rows.delivery import Staged, file_id_of, parquet
from transforms.intake.item_sets import ItemSet, in_words
from transforms.sql import text

# Relation: (file_id, number, n_forms, item, low, high, n_between), one row per file, instrument
# and item with an answer.
ANSWERS = "answered_items"


@dataclass(frozen=True)
class Short:
    """An instrument that its file lacks item columns of.

    Attributes
    ----------
    reason : which items, in words
    is_whole_file : whether the file holds nothing else that could be loaded
    """

    file_id: str
    number: int
    reason: str
    is_whole_file: bool


@dataclass(frozen=True)
class Suspects:
    """Where rows must be searched: item column to the numbers of the instruments concerned.

    Attributes
    ----------
    outside : items with an answer outside the instrument's range
    between : items with an answer that may lie between two steps
    surplus : items the instrument does not have
    short : instruments that lack item columns in a file
    """

    outside: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    between: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    surplus: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    short: tuple[Short, ...] = ()


def find_suspects(
    con: duckdb.DuckDBPyConnection,
    staged: Staged,
    item_sets: Mapping[str, Sequence[ItemSet]],
    with_other_tables: Collection[str] = (),
) -> Suspects:
    """Make the temp table ``answered_items`` and return what in it needs a closer look.

    Parameters
    ----------
    item_sets : file id to the items its feeds have columns for; a file that is not named is
        judged by its staged columns
    with_other_tables : files that hold more than questionnaires
    """
    _profile(con, staged)
    return Suspects(
        outside=_items(con, "item <= n_items and (low < item_min or high > item_max)"),
        between=_items(con, "item <= n_items and (item_step <> 1 or fractions > 0)"),
        surplus=_items(con, "item > n_item_columns"),
        short=_short(con, staged, item_sets, with_other_tables),
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


def _short(
    con: duckdb.DuckDBPyConnection,
    staged: Staged,
    item_sets: Mapping[str, Sequence[ItemSet]],
    with_other_tables: Collection[str],
) -> tuple[Short, ...]:
    """Return the instruments scored from items that lack some of their columns in a file.

    Feed by feed: the columns of one questionnaire do not stand for those of another.
    """
    known = {**_staged_items(con, staged), **item_sets}
    needed = con.execute(
        f"""
        select distinct file_id, number, the_id, the_version, the_rater, n_items
        from {ANSWERS} inner join context_instrument using (number)
        where n_items is not null and not is_scores_supplied order by all
        """
    ).fetchall()
    found = {
        (file_id, number): reason
        for file_id, number, instrument, version, rater, n_items in needed
        if (reason := _lack(known[file_id], (instrument, version, rater), n_items))
    }
    whole = _nothing_else(con, staged, found) - set(with_other_tables) if found else set()
    return tuple(
        Short(file_id, number, reason, file_id in whole)
        for (file_id, number), reason in found.items()
    )


def _staged_items(con: duckdb.DuckDBPyConnection, staged: Staged) -> dict[str, tuple[ItemSet, ...]]:
    items: dict[str, set[int]] = {}
    for path in staged.paths:
        columns = con.execute(f"describe select * from {parquet([path])}").fetchall()
        numbers = {int(name[5:]) for name, *_ in columns if name.startswith("item_")}
        items.setdefault(file_id_of(path), set()).update(numbers)
    return {
        file_id: (ItemSet(None, None, None, None, frozenset(numbers)),)
        for file_id, numbers in items.items()
    }


def _lack(sets: Sequence[ItemSet], form: tuple[str, str, str], n_items: int) -> str:
    """Return which items of a form have no column, in words; empty if none lacks."""
    for own in sets:
        missing = own.lacks(n_items) if own.is_about(*form) else frozenset()
        if missing:
            where = f"feed {own.feed} of the clinic's YAML" if own.feed else "the file"
            return f"{where} has no column for {in_words(missing)} of {form[0]}"
    return ""


def _nothing_else(
    con: duckdb.DuckDBPyConnection, staged: Staged, short: Collection[tuple[str, int]]
) -> set[str]:
    """Return the files all of whose questionnaires are of instruments that lack columns."""
    lists = ", ".join(f"({text(file_id)}, {number})" for file_id, number in short)
    rows = con.execute(
        f"""
        select distinct file_id
        from {staged.relation} as delivered {INSTRUMENT_JOIN}
        where (file_id, coalesce(number, -1)) not in ({lists})
        """
    ).fetchall()
    return {file_id for file_id, _ in short} - {file_id for (file_id,) in rows}
