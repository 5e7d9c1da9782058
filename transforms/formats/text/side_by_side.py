"""Two files that belong together by the order of their rows alone.

A file that was split into two without a key can only be joined row by row. That is right only if
both have the same rows in the same order, so both must have equally many, and a column that
stands in both must hold the same in every row. Otherwise the file is refused.
"""

from __future__ import annotations

from dataclasses import replace

import duckdb

from transforms import sql
from transforms.errors import FileRefused
from transforms.formats.source import (
    LINE,
    Note,
    Source,
    plural,
)

ROW = "_row"


def joined_by_row(con: duckdb.DuckDBPyConnection, source: Source, other: Source) -> Source:
    """Return the source with the other file's columns beside it, and `_row`, counted from 1.

    Rows keep the source's lines. Rows without any cell count in neither file.

    Raises
    ------
    FileRefused
        F08: the files differ in their number of rows, or in a column both have.
    """
    if source.n_rows != other.n_rows:
        raise FileRefused(
            "F08",
            f"The file has {plural(source.n_rows, 'row')} and the one beside it "
            f"{plural(other.n_rows, 'row')}: they cannot be joined by row",
            "Export both again from the same responses",
        )
    of_source = {name.lower(): name for name in source.columns}
    shared = [name for name in other.columns if name.lower() in of_source]
    added = [name for name in other.columns if name.lower() not in of_source]
    if ROW in (*of_source, *map(str.lower, added)):
        raise FileRefused("F04", f"A column is called {ROW}, which is reserved", "Rename it")
    kept = [f"here.{sql.name(name)}" for name in source.columns]
    kept += [f"there.{sql.name(name)}" for name in added]
    relation = sql.new_relation("side_by_side")
    joined = f"from ({_numbered(source)}) as here join ({_numbered(other)}) as there using ({ROW})"
    for name in shared:
        _refuse_difference(con, joined, of_source[name.lower()], name)
    con.execute(
        f"create temp table {relation} as select {', '.join(kept)}, {ROW}::varchar as {ROW}, "
        f"here.{LINE} as {LINE} {joined}"
    )
    agree = f", which agree in {', '.join(shared)}" if shared else ""
    note = Note("joined_rows", f"{plural(source.n_rows, 'row')} of two files joined by row{agree}")
    return replace(
        source,
        doubled=source.doubled | other.doubled,
        relation=relation,
        columns=(*source.columns, *added, ROW),
        notes=(*source.notes, note),
        has_odd_spaces=source.has_odd_spaces or other.has_odd_spaces,
        has_blanks=source.has_blanks or other.has_blanks,
        has_double_blanks=source.has_double_blanks or other.has_double_blanks,
        drops=(f"drop table {relation}",),
    )


def _numbered(source: Source) -> str:
    return f"select *, row_number() over (order by {LINE}) as {ROW} from {source.relation}"


def _refuse_difference(con: duckdb.DuckDBPyConnection, joined: str, here: str, there: str) -> None:
    left, right = f"trim(here.{sql.name(here)})", f"trim(there.{sql.name(there)})"
    same = (
        f"{left} is not distinct from {right} "
        f"or try_cast({left} as double) = try_cast({right} as double)"
    )
    (n,) = sql.only_row(con.execute(f"select count(*) filter (where not ({same})) {joined}"))
    if n:
        raise FileRefused(
            "F08",
            f"Both files have a column {here}, and {plural(n, 'row')} differ in it: they are not "
            "in the same order",
            "Export both again from the same responses",
        )
