"""The lake: accepted rows as immutable Parquet, one file per delivered file and table.

Nothing in it is ever rewritten. A row that a later delivery replaces stays where it is; a
marker under ``superseded/`` says so. The current rows of a table are its rows without a marker,
so what was known at any earlier time can still be asked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from pipeline.home import Home
from pipeline.storage.duckdb_session import quoted
from pipeline.storage.parquet import (
    copy_query,
    copy_unless_empty,
    whole,
    write_rows,
)
from transforms.contract import PROVENANCE, TABLES, Table, lake_columns
from transforms.errors import BalanceError
from transforms.sql import only_row

MARKERS = {
    "row_key": "UUID",
    "file_id": "VARCHAR",
    "source_line": "BIGINT",
    "by_file_id": "VARCHAR",
    "marked_at": "TIMESTAMP",
    "reason": "VARCHAR",
}
REPLACED, ABSENT, WITHDRAWN = "replaced", "absent from snapshot", "withdrawn"
# A row said again: who repeats which row of the lake, and on which of its own lines.
REPEATS = {
    "row_key": "UUID",
    "file_id": "VARCHAR",
    "source_line": "BIGINT",
    "by_file_id": "VARCHAR",
    "by_sheet": "VARCHAR",
    "by_line": "BIGINT",
}
CLIENT_AGES = {"client_key": "UUID", "start_date": "DATE", "age_years": "INTEGER"}
THERAPIST_FLAGS = {"therapist_key": "UUID", "is_placeholder": "BOOLEAN", "has_alias": "BOOLEAN"}
SCORES = pa.schema(
    [
        ("response_key", pa.uuid()),
        ("file_id", pa.string()),
        ("source_line", pa.int64()),
        ("instrument_id", pa.string()),
        ("version", pa.string()),
        ("rater", pa.string()),
        ("language", pa.string()),
        ("scale", pa.string()),
        ("score", pa.float64()),
        ("n_answered", pa.int32()),
        ("n_items", pa.int32()),
        ("is_prorated", pa.bool_()),
        ("score_source", pa.string()),
        ("submitted_score", pa.float64()),
        ("submitted_fits", pa.string()),
        ("score_version", pa.string()),
    ]
)
# Where the rows of one delivery lie, each time in clinic=<id>/<file_id>.<ending>.
FOLDERS = (
    *TABLES,
    *(f"superseded/{name}" for name in TABLES),
    *(f"repeats/{name}" for name in TABLES),
    "scores",
    "quality/form_profiles",
)
NOT_CONTENT = {name for name, _ in PROVENANCE} | {"bad_cells"}


@dataclass(frozen=True)
class Accepted:
    """Row counts of one staged file: received = accepted + duplicate + quarantined."""

    n_received: int
    n_accepted: int
    n_duplicate: int
    n_quarantined: int


def lake_file(home: Home, folder: str, clinic_id: str, name: str) -> Path:
    """Return the lake's file of one delivery: ``lake/<folder>/clinic=<id>/<file_id>.parquet``."""
    return home.lake / folder / f"clinic={clinic_id}" / name


def write_empty_tables(home: Home) -> None:
    """Give every lake folder a file with its full schema, so that reading it never fails."""
    answers = {"item_1": "DOUBLE", "submitted_total": "DOUBLE"}
    write_rows(home.lake / "scores" / "empty.parquet", [], SCORES)
    schemas = {"client_ages": CLIENT_AGES, "therapist_flags": THERAPIST_FLAGS}
    for table in TABLES.values():
        schemas[table.name] = lake_columns(table) | (answers if table.name == "responses" else {})
        schemas[f"superseded/{table.name}"] = MARKERS
        schemas[f"repeats/{table.name}"] = REPEATS
    with duckdb.connect() as con:
        for folder, columns in schemas.items():
            nulls = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in columns.items())
            copy_query(con, f"select {nulls} limit 0", home.lake / folder / "empty.parquet")


def sweep(home: Home, dead: set[tuple[str, str]]) -> int:
    """Delete what these deliveries (clinic_id, file_id) have in the lake; return how many files."""
    leftovers = [path for path, delivery in _delivered(home) if delivery in dead]
    for path in leftovers:
        path.unlink()
    return len(leftovers)


def unknown(home: Home, known: set[tuple[str, str]]) -> list[Path]:
    """Return files that a release would read and that belong to no delivery known.

    A file of a known delivery that lies in another folder than its own is not known either.
    """
    return [
        path
        for folder in FOLDERS
        for path in sorted((home.lake / folder).rglob("[!.]*.*"))
        if path.is_file()
        and path.name != "empty.parquet"
        and not (path.parent.parent == home.lake / folder and _delivery(path) in known)
    ]


def forget(home: Home, clinic_id: str, file_id: str) -> None:
    """Delete what an unfinished attempt left of a delivery, so that it begins from nothing."""
    for folder in FOLDERS:
        for ending in ("parquet", "json"):
            lake_file(home, folder, clinic_id, f"{file_id}.{ending}").unlink(missing_ok=True)


def accept(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    table: Table,
    staged: Path,
    *,
    clinic_id: str,
    excluded: str,
    marked_at: datetime,
    absent: Callable[[], str] | None = None,
    current: str = "",
) -> Accepted:
    """Move the good rows of one staged file into the lake.

    Parameters
    ----------
    staged : Path
        Typed, pseudonymised rows of one delivered file and table.
    excluded : str
        SQL query ``(row_key, source_line)`` of the rows to quarantine.
    marked_at : datetime
        When a replaced or deleted row stopped being current.
    absent : function, optional
        Returns SQL (row_key, earlier_file_id, earlier_line) for the rows a full snapshot shows
        to be deleted; called when ``unwanted`` is there.
    current : str, optional
        Relation of the current rows that have a key of the file's, with every column the lake has
        of them; by default the lake is read.

    Returns
    -------
    Accepted
        Counts that balance, else BalanceError.

    Notes
    -----
    A row whose natural key is current in the lake with the same content, or that came earlier in
    the same file with the same content, is a duplicate. A row whose key is current with other
    content replaces it: the earlier row gets a marker. Leaves the temp table ``left_out``
    (row_key, source_line) for the caller, who filters the scores with it.
    """
    current = current or f"({current_rows(home, table, clinic_id)})"
    _find_repeats(con, table, staged, current, excluded)
    counted = con.execute(
        f"""
        select
            (select count(*) from read_parquet({quoted(staged)})),
            (select count(*) from unwanted),
            (select count(*) from left_out)
        """
    )
    n_received, n_quarantined, n_left_out = only_row(counted)
    markers = lake_file(home, f"superseded/{table.name}", clinic_id, staged.name)
    gone = absent() if absent else None
    copy_unless_empty(con, _markers_query(staged, marked_at, gone), markers)
    repeats = lake_file(home, f"repeats/{table.name}", clinic_id, staged.name)
    copy_unless_empty(con, _repeats_query(staged), repeats)
    target = lake_file(home, table.name, clinic_id, staged.name)
    keep_left_in(con, staged, target, table.key)
    n_accepted = _count(con, target)
    counts = Accepted(n_received, n_accepted, n_left_out - n_quarantined, n_quarantined)
    if n_received != n_accepted + n_left_out:
        raise BalanceError(
            f"{clinic_id}/{table.name}: {n_received} rows received, but {n_accepted} accepted and "
            f"{n_left_out} left out. Nothing was published; report this as a defect."
        )
    return counts


def accept_whole(source: Path, target: Path) -> None:
    """Put a staged file into the lake of which every row is good, and new: linked, not copied."""
    with whole(target) as partial:
        partial.unlink(missing_ok=True)
        os.link(source, partial)


def keep_left_in(con: duckdb.DuckDBPyConnection, source: Path, target: Path, key: str) -> None:
    """Write ``source`` without the rows in ``left_out`` to ``target``.

    A file nothing is taken from is linked, not copied; a file with nothing left is not written.
    """
    if not _count_query(con, "select count(*) from left_out"):
        accept_whole(source, target)
        return
    copy_unless_empty(
        con,
        f"""
        select source.*
        from read_parquet({quoted(source)}) as source
        anti join left_out
            on source.{key} is not distinct from left_out.row_key
            and source.source_line = left_out.source_line
        """,
        target,
    )


def current_rows(home: Home, table: Table, clinic_id: str | None = None) -> str:
    """Return SQL for the current rows of a table, of one clinic or of all."""
    folder = home.lake / table.name
    own = f"clinic={clinic_id}/*.parquet" if clinic_id else "**/*.parquet"
    # The empty file brings every column of the contract, also when the clinic is new.
    rows = [quoted(folder / "empty.parquet")]
    if any(folder.glob(own)):
        rows.append(quoted(folder / own))
    markers = home.lake / "superseded" / table.name / "**" / "*.parquet"
    return f"""
        select lake.*
        from read_parquet(
            [{", ".join(rows)}], union_by_name = true, hive_partitioning = false
        ) as lake
        anti join read_parquet(
            {quoted(markers)}, union_by_name = true, hive_partitioning = false
        ) as gone
            on lake.{table.key} = gone.row_key
            and lake.file_id = gone.file_id
            and lake.source_line = gone.source_line
    """


def _find_repeats(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    staged: Path,
    current: str,
    excluded: str,
) -> None:
    """Make the temp tables unwanted, known (key is current in the lake) and left_out."""
    rows = f"(select *, {table.key} as row_key from read_parquet({quoted(staged)}))"
    # A file is no duplicate of itself, whatever an earlier attempt left of it.
    current = f"(select * from {current} where file_id <> {quoted(staged.stem)})"
    new, old = _columns(con, rows), _columns(con, current)
    content = sorted((new | old) - NOT_CONTENT - {"row_key"})
    same = " and ".join(_same(name, new, old) for name in content)
    con.execute(f"create or replace temp table unwanted as select distinct * from ({excluded})")
    con.execute(
        f"""
        create or replace temp table known as
        select
            staged.row_key,
            staged.source_line,
            staged.source_sheet,
            lake.file_id as earlier_file_id,
            lake.source_line as earlier_line,
            {same} as is_same
        from {rows} as staged
        inner join {current} as lake on staged.row_key = lake.{table.key}
        anti join unwanted
            on staged.row_key is not distinct from unwanted.row_key
            and staged.source_line = unwanted.source_line
        """
    )
    by_content = ", ".join(f'staged."{name}"' for name in content if name in new)
    con.execute(
        f"""
        create or replace temp table left_out as
        select row_key, source_line from unwanted
        union
        select row_key, source_line from known where is_same
        union
        select staged.row_key, staged.source_line
        from {rows} as staged
        semi join (
            select row_key from {rows} group by row_key having count(*) > 1
        ) as several on staged.row_key = several.row_key
        anti join unwanted
            on staged.row_key is not distinct from unwanted.row_key
            and staged.source_line = unwanted.source_line
        qualify row_number() over (
            partition by staged.row_key, {by_content} order by staged.source_line
        ) > 1
        """
    )


def _delivered(home: Home) -> Iterator[tuple[Path, tuple[str, str]]]:
    """Yield every file of the lake that holds rows of one delivery, and whose."""
    for folder in FOLDERS:
        for path in (home.lake / folder).glob("clinic=*/*.*"):
            if not path.name.startswith("."):
                yield path, _delivery(path)


def _delivery(path: Path) -> tuple[str, str]:
    return path.parent.name.removeprefix("clinic="), path.stem


def _same(name: str, new: set[str], old: set[str]) -> str:
    """Return SQL that is true where a column did not change; absent counts as empty."""
    if name in new and name in old:
        return f'staged."{name}" is not distinct from lake."{name}"'
    return f'staged."{name}" is null' if name in new else f'lake."{name}" is null'


def _markers_query(staged: Path, marked_at: datetime, absent: str | None) -> str:
    deleted = f"union all select *, {quoted(ABSENT)} as reason from ({absent})" if absent else ""
    return f"""
        select distinct
            row_key,
            earlier_file_id as file_id,
            earlier_line as source_line,
            {quoted(staged.stem)} as by_file_id,
            cast({quoted(marked_at.isoformat())} as timestamp) as marked_at,
            reason
        from (
            select row_key, earlier_file_id, earlier_line, {quoted(REPLACED)} as reason
            from known
            where not is_same
            {deleted}
        )
    """


def _repeats_query(staged: Path) -> str:
    return f"""
        select
            row_key,
            earlier_file_id as file_id,
            earlier_line as source_line,
            {quoted(staged.stem)} as by_file_id,
            source_sheet as by_sheet,
            source_line as by_line
        from known
        where is_same
    """


def _columns(con: duckdb.DuckDBPyConnection, relation: str) -> set[str]:
    return {row[0] for row in con.execute(f"describe select * from {relation}").fetchall()}


def _count_query(con: duckdb.DuckDBPyConnection, query: str) -> int:
    n_rows: int = only_row(con.execute(query))[0]
    return n_rows


def _count(con: duckdb.DuckDBPyConnection, path: Path) -> int:
    if not path.exists():
        return 0
    return _count_query(con, f"select count(*) from read_parquet({quoted(path)})")
