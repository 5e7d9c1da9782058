"""Identifiers a clinic gave up for another: who is one person now, chains followed to their end.

A row of ``clients`` with ``merged_into`` says it. The latest such row of an identifier holds until
it was withdrawn or a snapshot no longer has it; later rows without ``merged_into`` say nothing of
it, and one that names itself takes it back. The rows stay in the lake as they came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import UUID

import duckdb
import pyarrow as pa

from pipeline.home import Home
from pipeline.progress import say
from pipeline.storage.duckdb_session import quoted
from pipeline.storage.lake import REPLACED
from pipeline.storage.parquet import write_rows
from transforms.errors import FileRefused
from transforms.formats.source import plural
from transforms.sql import text

MERGED = pa.schema([("client_key", pa.uuid()), ("merged_into_key", pa.uuid())])
_REMEDY = "Name for each identifier the one that stays, and deliver the file again"
Merges = dict[UUID, UUID]


def write_merged_clients(con: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Write ``lake/quality/merged_clients.parquet`` for dbt; rewritten every night."""
    merges = _stated(con, home)
    final, circles = resolved(merges)
    if circles:
        say(
            f"{plural(len(circles), 'client identifier')} of different files merged in a circle: "
            f"left as they were. {_REMEDY}."
        )
    rows = [{"client_key": old.bytes, "merged_into_key": new.bytes} for old, new in final.items()]
    write_rows(home.lake / "quality" / "merged_clients.parquet", rows, MERGED)


def refuse_unclear_merges(con: duckdb.DuckDBPyConnection, home: Home, staged: Path) -> None:
    """Refuse (F08) a file that merges an identifier into two people, or in a circle.

    What the lake holds from before counts, unless this file says otherwise.
    """
    given = f"from read_parquet({quoted(staged)}) where merged_into_key is not null"
    said = con.execute(f"select client_key, merged_into_key, source_line {given}").fetchall()
    if not said:
        return
    several = con.execute(
        f"select list(source_line order by source_line) {given} group by client_key "
        "having count(distinct merged_into_key) > 1"
    ).fetchall()
    if several:
        raise FileRefused(
            "F08",
            f"clients: {plural(len(several), 'identifier')} merged into two different people "
            f"(line {_lines(line for (lines,) in several for line in lines)})",
            _REMEDY,
        )
    _, circles = resolved(_stated(con, home) | {old: new for old, new, _ in said})
    inside = [line for old, _, line in said if old in circles]
    if inside:
        raise FileRefused(
            "F08",
            f"clients: identifiers merged in a circle, each into the next (line {_lines(inside)})",
            _REMEDY,
        )


def merged_with(con: duckdb.DuckDBPyConnection, home: Home, client_key: UUID) -> int:
    """Return under how many other identifiers this client stands."""
    final, _ = resolved(_stated(con, home))
    person = final.get(client_key, client_key)
    return len({person, *(old for old, new in final.items() if new == person)}) - 1


def resolved(merges: Mapping[UUID, UUID]) -> tuple[Merges, set[UUID]]:
    """Return the identifier each one stands under in the end, and those that lead in a circle."""
    final: Merges = {}
    circles: set[UUID] = set()
    for old in merges:
        passed, now = [old], merges[old]
        while merges.get(now, now) != now and now not in passed:
            passed.append(now)
            now = merges[now]
        if now in passed and merges[old] != old:
            circles.add(old)
        elif now != old:
            final[old] = now
    return final, circles


def _stated(con: duckdb.DuckDBPyConnection, home: Home) -> Merges:
    """Return the merges the lake holds, latest of each identifier."""
    rows, markers = (
        f"read_parquet({quoted(home.lake / folder / '**' / '*.parquet')}, union_by_name = true, "
        "hive_partitioning = false)"
        for folder in ("clients", "superseded/clients")
    )
    found = con.execute(
        f"""
        select client_key, arg_max(merged_into_key, (received_at, file_id, source_line))
        from {rows} as lake
        anti join (select * from {markers} where reason <> {text(REPLACED)}) as gone
            on lake.client_key = gone.row_key
            and lake.file_id = gone.file_id
            and lake.source_line = gone.source_line
        where merged_into_key is not null and client_key is not null
        group by client_key
        order by client_key
        """
    )
    return dict(found.fetchall())


def _lines(lines: Iterator[int] | list[int]) -> str:
    shown = sorted({*lines})
    return ", ".join(map(str, shown[:10])) + (", …" if len(shown) > 10 else "")
