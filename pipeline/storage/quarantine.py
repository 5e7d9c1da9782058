"""Rows that broke a rule: kept whole behind the door, and for each what is wrong with it.

What a run said about a row is written once and never changed. Whether the row is still open,
repaired or waived follows from what later runs wrote (models/intermediate/quality).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipeline.home import Home
from pipeline.storage.configuration import rules
from pipeline.storage.duckdb_session import quoted
from pipeline.storage.landing import Delivery
from pipeline.storage.parquet import copy_unless_empty
from pipeline.storage.snapshots import Snapshot, of_source
from transforms.contract import Table, lake_columns

# Stands for the rule in rows that are held back only because their whole file was rejected.
WHOLE_FILE = "FILE"


@dataclass(frozen=True)
class Verdict:
    """What becomes of one delivered file. ``rejection`` is empty for an accepted one."""

    delivery: Delivery
    refusal: str
    rejection: str

    @property
    def status(self) -> str:
        """Return accepted, rejected or refused."""
        if self.refusal:
            return "refused"
        return "rejected" if self.rejection else "accepted"


@dataclass(frozen=True)
class StagedRows:
    """The rows of one table of a file that is being settled, and what becomes of the file."""

    con: duckdb.DuckDBPyConnection
    home: Home
    run_id: str
    verdict: Verdict
    table: Table
    path: Path

    @property
    def marks(self) -> str:
        """SQL for the marks on these rows, with the severity of their rule."""
        delivery = self.verdict.delivery
        marks = self.home.work(self.run_id) / "marks" / f"{delivery.clinic_id}.parquet"
        return f"""
            select marks.*, rules.severity, rules.takes_row_out
            from read_parquet({quoted(marks)}) as marks
            inner join rules using (rule_id)
            where marks.file_id = {quoted(delivery.file_id)}
                and marks.table_name = '{self.table.name}'
        """

    def written(self, folder: str) -> Path:
        """Return the file of this run, delivered file and table; the run makes it append-only."""
        delivery = self.verdict.delivery
        name = f"{self.run_id}_{delivery.file_id}_{self.table.name}.parquet"
        return self.home.lake / "quality" / folder / delivery.clinic_id / name


def load_rules(con: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Make the temp table ``rules``: which rules take a row out of the night."""
    con.execute(
        "create temp table rules (rule_id varchar, severity varchar, takes_row_out boolean)"
    )
    con.executemany(
        "insert into rules values (?, ?, ?)",
        [[rule.id, rule.severity, rule.keeps_out] for rule in rules(home).rules],
    )


def excluded_query(staged: StagedRows) -> str:
    """Return SQL for the rows to quarantine: all of a rejected file, else the marked ones."""
    if staged.verdict.rejection:
        key, path = staged.table.key, quoted(staged.path)
        return f"select {key} as row_key, source_line from read_parquet({path})"
    return f"select row_key, source_line from ({staged.marks}) where takes_row_out"


def write_quarantine(staged: StagedRows) -> None:
    """Keep the whole rows taken out, and for every marked row what is wrong with it."""
    table, clinic_id = staged.table, staged.verdict.delivery.clinic_id
    rows = staged.home.quarantine / table.name / f"clinic={clinic_id}" / staged.path.name
    copy_unless_empty(
        staged.con,
        f"""
        select staged.*
        from read_parquet({quoted(staged.path)}) as staged
        semi join unwanted
            on staged.{table.key} is not distinct from unwanted.row_key
            and staged.source_line = unwanted.source_line
        """,
        rows,
    )
    _write_reasons(staged)


def _write_reasons(staged: StagedRows) -> None:
    """Write what is wrong with every marked row, and with those in the temp table ``unwanted``."""
    table, verdict, delivery = staged.table, staged.verdict, staged.verdict.delivery
    whole_file = verdict.rejection.replace("'", "''")
    client = "client_key" if "client_key" in lake_columns(table) else "cast(null as uuid)"
    copy_unless_empty(
        staged.con,
        f"""
        with
        rows_of_file as (
            select {table.key} as row_key, {client} as client_of_row, source_line,
                source_file, source_sheet
            from read_parquet({quoted(staged.path)})
        ),
        marked as (
            select row_key, source_line, rule_id, column_name, reason, severity, takes_row_out
            from ({staged.marks})
        ),
        reasons as (
            select * from marked
            union all
            select
                unwanted.row_key, unwanted.source_line, '{WHOLE_FILE}', null,
                'the whole file was rejected: {whole_file}', 'fatal', true
            from unwanted
            anti join (select * from marked where takes_row_out) as own
                on unwanted.row_key is not distinct from own.row_key
                and unwanted.source_line = own.source_line
        )
        select
            '{table.name}' as table_name,
            {quoted(delivery.clinic_id)} as clinic_id,
            {quoted(delivery.file_id)} as file_id,
            rows_of_file.source_file,
            rows_of_file.source_sheet,
            reasons.source_line,
            reasons.row_key,
            rows_of_file.client_of_row as client_key,
            reasons.rule_id,
            reasons.column_name,
            reasons.reason,
            reasons.severity,
            reasons.takes_row_out,
            {quoted(staged.run_id)} as run_id,
            cast({quoted(delivery.received_at.isoformat())} as timestamp) as seen_at
        from reasons
        inner join rows_of_file
            on reasons.row_key is not distinct from rows_of_file.row_key
            and reasons.source_line = rows_of_file.source_line
        order by reasons.source_line, reasons.rule_id, reasons.column_name, reasons.row_key
        """,
        staged.written("quarantine"),
    )


def write_redeliveries(staged: StagedRows, snapshot: Snapshot | None = None) -> None:
    """Note what this file tells about rows that the clinic's quarantine knows.

    A row that comes in good order was repaired, also when it equals the one already loaded. A row
    that a full snapshot of its source lacks was deleted at the clinic; a row without a key is
    followed by its file, which the snapshot replaces. Uses the temp table ``unwanted`` that
    `pipeline.storage.lake.accept` leaves.
    """
    table, delivery = staged.table, staged.verdict.delivery
    folder = staged.home.lake / "quality" / "quarantine" / delivery.clinic_id
    held = sorted(folder.glob(f"*_{table.name}.parquet"))
    if not held:
        return
    files = ", ".join(quoted(path) for path in held)
    known = f"select * from read_parquet([{files}], union_by_name = true)"
    came = f"""
        select distinct staged.{table.key} as row_key, 'delivered' as event,
            null::varchar as earlier_file_id
        from read_parquet({quoted(staged.path)}) as staged
        semi join ({known}) as held on staged.{table.key} = held.row_key
        anti join unwanted
            on staged.{table.key} = unwanted.row_key
            and staged.source_line = unwanted.source_line
    """
    gone = (
        f"""
        union all
        select distinct row_key, 'deleted' as event,
            case when row_key is null then file_id end as earlier_file_id
        from ({of_source(staged.con, known, snapshot)}) as held
        anti join read_parquet({quoted(staged.path)}) as staged on held.row_key = staged.{table.key}
        where file_id <> {quoted(delivery.file_id)}
    """
        if snapshot
        else ""
    )
    copy_unless_empty(
        staged.con,
        f"""
        select
            {quoted(delivery.clinic_id)} as clinic_id,
            '{table.name}' as table_name,
            row_key,
            event,
            earlier_file_id,
            {quoted(delivery.file_id)} as file_id,
            {quoted(delivery.source_file)} as source_file,
            {quoted(staged.run_id)} as run_id,
            cast({quoted(delivery.received_at.isoformat())} as timestamp) as happened_at
        from ({came} {gone})
        order by row_key, earlier_file_id
        """,
        staged.written("quarantine_events"),
    )


def write_marks_of_kept(staged: StagedRows) -> None:
    """Say what is wrong with the rows of a file of which none is taken out."""
    staged.con.execute(
        "create or replace temp table unwanted as "
        "select null::uuid as row_key, null::bigint as source_line where false"
    )
    _write_reasons(staged)


def forget(home: Home, run_id: str, clinic_id: str, file_ids: Set[str]) -> None:
    """Delete what an attempt of this run said of files that it did not settle."""
    for folder in ("quarantine", "quarantine_events"):
        for path in (home.lake / "quality" / folder / clinic_id).glob(f"{run_id}_*.parquet"):
            if path.stem.split("_")[1] in file_ids:
                path.unlink()


def sweep(
    home: Home,
    settled_in: Mapping[tuple[str, str], str],
    held: Set[tuple[str, str]],
    ended: Set[str],
) -> int:
    """Delete what a killed run wrote about files it did not settle; return how many files.

    Parameters
    ----------
    settled_in : (clinic_id, file_id) to the run that settled the file last, from the ledger.
    held : (clinic_id, file_id) of files held back: what any run said of them goes too.
    ended : runs the ledger knows to have ended; what others wrote is left alone.

    Notes
    -----
    Run ids sort by time. A file settled again later keeps what earlier runs said about it.
    """
    leftovers = [
        path
        for folder in ("quarantine", "quarantine_events")
        for path in (home.lake / "quality" / folder).glob("*/*.parquet")
        if _is_leftover(path, settled_in, held, ended)
    ]
    for path in leftovers:
        path.unlink()
    return len(leftovers)


def _is_leftover(
    path: Path,
    settled_in: Mapping[tuple[str, str], str],
    held: Set[tuple[str, str]],
    ended: Set[str],
) -> bool:
    run_id, file_id, _ = path.stem.split("_")
    delivery = path.parent.name, file_id
    return delivery in held or (run_id in ended and settled_in.get(delivery, "") < run_id)
