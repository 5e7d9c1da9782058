"""Rows that a full snapshot lacks: deleted at the clinic, marked here, never removed.

The scope of a snapshot is what earlier files of its source brought: one clinic, one canonical
table, one kind of file name (`form_profile.family`, also of files inside an archive) and the
sheets that are snapshots. A row that another source corrected since belongs to that source.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipeline.home import Home
from pipeline.storage.duckdb_session import quoted
from pipeline.storage.lake import current_rows
from transforms.contract import Table
from transforms.form_changes.profile import Profile, family
from transforms.formats.archive import is_archive
from transforms.sql import only_row, text

Place = tuple[str | None, str | None]
# A row held back for what is wrong with it may be any row of the same client.
OWNER = {"therapists": "therapist_key"}


@dataclass(frozen=True)
class Snapshot:
    """The sheets of one delivered file that hold everything of one table.

    places : kind of file inside an archive, and sheet; each None where there is none.
    """

    family: str
    places: tuple[Place, ...]


def snapshot_of(profile: Profile, table: str) -> Snapshot | None:
    """Return the snapshot a file is for a table, or None where it is an increment."""
    kinds: dict[Place, bool] = {}
    for sheet in profile.sheets:
        if sheet.table == table:
            kinds[sheet.place] = kinds.get(sheet.place, True) and sheet.is_snapshot
    places = tuple(place for place, is_snapshot in kinds.items() if is_snapshot)
    return Snapshot(profile.family, places) if places else None


def in_scope(
    con: duckdb.DuckDBPyConnection, home: Home, table: Table, clinic_id: str, snapshot: Snapshot
) -> str:
    """Return SQL for the current rows a snapshot speaks about."""
    return of_source(con, current_rows(home, table, clinic_id), snapshot)


def absent(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    table: Table,
    clinic_id: str,
    snapshot: Snapshot,
    staged: Path,
) -> str:
    """Return SQL for the markers (row_key, earlier_file_id, earlier_line) of deleted rows.

    Notes
    -----
    Reads the temp table ``unwanted``. A row held back is no deletion, and a row held back whose
    key nothing in the lake has may be any row of its client, whose rows then all stay; without a
    client nothing is deleted.
    """
    owner = OWNER.get(table.name, "client_key")
    return f"""
        with scope as (
            select *, {table.key} as the_key, {owner} as the_owner
            from ({in_scope(con, home, table, clinic_id, snapshot)})
        ),
        delivered as (
            select *, {table.key} as the_key, {owner} as the_owner
            from read_parquet({quoted(staged)})
        ),
        unplaced as (
            select delivered.the_owner from delivered
            semi join unwanted
                on delivered.the_key is not distinct from unwanted.row_key
                and delivered.source_line = unwanted.source_line
            anti join scope on delivered.the_key = scope.the_key
        )
        select scope.the_key as row_key, scope.file_id as earlier_file_id,
            scope.source_line as earlier_line
        from scope
        anti join delivered on scope.the_key = delivered.the_key
        anti join unplaced on scope.the_owner = unplaced.the_owner
        where not exists (select 1 from unplaced where the_owner is null)
    """


def share_absent(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    table: Table,
    clinic_id: str,
    snapshot: Snapshot,
    staged: Path,
    before: Path | None = None,
) -> tuple[int, int]:
    """Return how many rows a snapshot would delete, and of how many.

    Parameters
    ----------
    before : staged rows of an earlier snapshot of the same night, which replace the lake's
    """
    held = (
        of_source(con, f"select * from read_parquet({quoted(before)})", snapshot)
        if before
        else in_scope(con, home, table, clinic_id, snapshot)
    )
    counted = con.execute(
        f"""
        select count(*) filter (where the_key not in (
            select {table.key} from read_parquet({quoted(staged)}) where {table.key} is not null
        )), count(*)
        from (select distinct {table.key} as the_key from ({held}) where {table.key} is not null)
        """
    )
    n_absent, n_held = only_row(counted)
    return n_absent, n_held


def of_source(con: duckdb.DuckDBPyConnection, rows: str, snapshot: Snapshot) -> str:
    """Return SQL for those rows (with source_file and source_sheet) that its source brought."""
    named = con.execute(f"select distinct source_file, source_sheet from ({rows})").fetchall()
    tests = [
        f"source_file = {text(file)} and source_sheet is not distinct from "
        f"{'null' if sheet is None else text(sheet)}"
        for file, sheet in named
        if family(file) == snapshot.family and _place(file, sheet) in snapshot.places
    ]
    return f"select * from ({rows}) where {' or '.join(tests) or 'false'}"


def _place(source_file: str, source_sheet: str | None) -> Place:
    """Return the place that `source_sheet` of the lake names; a member's name has no colon."""
    if source_sheet is None or not is_archive(source_file):
        return (None, source_sheet)
    member, _, sheet = source_sheet.partition(": ")
    return (family(member), sheet or None)
