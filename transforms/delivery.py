"""One file through the door: read it, find its feeds, stage every table it fills.

This is the entry the pipeline calls. It opens no lake and no ledger, and reads no clock: what
it needs is handed in, what it makes lies where it was told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from transforms.clinic import Clinic, Feed, Join
from transforms.contract import TABLES
from transforms.errors import FileRefused
from transforms.feeding import Wiring, wire
from transforms.mapping import Staged, stage
from transforms.pseudonyms import GroupKey
from transforms.readers import delimited
from transforms.readers.source import Note, ReadOptions, Source


@dataclass(frozen=True)
class StagedFile:
    """What one file became: one staged Parquet per canonical table, and notes on the reading."""

    tables: tuple[Staged, ...]
    notes: tuple[Note, ...]


def stage_file(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    clinic: Clinic,
    *,
    file_id: str,
    received_at: datetime,
    key: GroupKey,
    registry_rows: list[dict],
    staged: Path,
    identities: Path,
    scratch: Path,
) -> StagedFile:
    """Read, map and pseudonymize one file of a clinic.

    Parameters
    ----------
    path : Path
        The file as delivered; it is never changed.
    staged : Path
        Folder; tables are written to ``staged/<table>/<file_id>.parquet``.
    identities : Path
        Folder in the vault; written to ``identities/<file_id>.<table>.parquet``.
    scratch : Path
        Folder for decoded copies, in the vault as well: they hold raw cells. Left empty.

    Raises
    ------
    FileRefused
        The file cannot be used (codes: `transforms.readers.source.REFUSALS`). Nothing of it is
        staged then.
    BalanceError
        Rows were lost or invented.
    """
    sources = read_sources(con, path, clinic, scratch=scratch)
    try:
        wirings, unused = _wire_all(path.name, clinic, sources)
        by_table: dict[str, list[Wiring]] = {}
        for wiring in wirings:
            by_table.setdefault(wiring.feed.table, []).append(wiring)
        tables = tuple(
            stage(
                con,
                table,
                its_wirings,
                clinic,
                file_id=file_id,
                source_file=path.name,
                received_at=received_at,
                key=key,
                registry_rows=registry_rows,
                out=staged / table / f"{file_id}.parquet",
                identities=identities / f"{file_id}.{table}.parquet",
            )
            for table, its_wirings in by_table.items()
        )
    finally:
        for source in sources:
            source.drop(con)
    notes = tuple(note for source in sources for note in source.notes)
    return StagedFile(tables, (*notes, *unused))


def read_sources(
    con: duckdb.DuckDBPyConnection, path: Path, clinic: Clinic, *, scratch: Path
) -> list[Source]:
    """Read a file with the reader its clinic's format asks for."""
    options = read_options(path, clinic)
    return delimited.read(path, con=con, scratch=scratch, options=options)


def read_options(path: Path, clinic: Clinic) -> ReadOptions:
    """Return how a file of this clinic is to be read."""
    delimiter = clinic.delimiter
    if delimiter is None and clinic.format == "canonical":
        # Not guessed: a file with semicolons mostly has decimal commas too.
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    return ReadOptions(
        delimiter=delimiter,
        encoding=clinic.encoding,
        expected=_expected_columns(path, clinic),
    )


def _expected_columns(path: Path, clinic: Clinic) -> frozenset[str]:
    expected: set[str] = set()
    for feed in clinic.feeds_for(path.name, None):
        if feed.is_canonical:
            expected |= {column.name for column in TABLES[feed.table].columns}
        for column in (feed.columns or {}).values():
            expected |= set(column.join) if isinstance(column, Join) else {column}
    return frozenset(expected)


def _wire_all(
    file_name: str, clinic: Clinic, sources: list[Source]
) -> tuple[list[Wiring], tuple[Note, ...]]:
    wirings: list[Wiring] = []
    ignored: list[str] = []
    for source in sources:
        feeds: list[Feed] = clinic.feeds_for(file_name, source.sheet)
        wirings += [wire(feed, source) for feed in feeds]
        if not feeds and source.sheet:
            ignored.append(source.sheet)
    if not wirings:
        raise FileRefused(
            "F06",
            "The file belongs to no table",
            f"Begin its name (or a sheet's) with one of {', '.join(TABLES)}, or add a feed to "
            "the clinic's YAML",
        )
    note = Note("ignored_sheets", f"not used: {', '.join(ignored)}")
    return wirings, (note,) if ignored else ()
