"""Taking a delivery back: its rows stop being current, and what they had replaced is current again.

A withdrawal is a delivery of its own, ``<file> (restored rows)``. It marks the file's rows as
withdrawn and brings, as known from now on, what each of their keys would be without it: what a
later file repeated (the lake's ``repeats/``), else what an earlier one had said, unless a snapshot
that still counts lacks it. So nothing is rewritten, the balance holds, and what was known on an
earlier date stays what it was. docs/adr/0040-a-withdrawal-is-a-delivery.md has the reasons.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import duckdb

from pipeline.audit.fingerprint import fingerprint
from pipeline.home import Home
from pipeline.steps.held_rows import SUFFIX as HELD_ROWS
from pipeline.steps.quality_tables import write_quality_tables
from pipeline.steps.scores import write_scores
from pipeline.storage import lake, leftovers
from pipeline.storage.configuration import read_registry
from pipeline.storage.duckdb_session import duck, quoted
from pipeline.storage.form_profiles import accepted_profiles
from pipeline.storage.lake import lake_file
from pipeline.storage.ledger import RESTORED, Ledger, restored_id
from pipeline.storage.parquet import copy_unless_empty
from pipeline.storage.snapshots import OWNER, of_source, snapshot_of
from pipeline.vault.ages import write_client_ages
from pipeline.vault.facts import keep_therapist_flags
from transforms.contract import TABLES, Table
from transforms.errors import NothingToDoError
from transforms.sql import only_row, text, texts
from transforms.statistics.withheld import Record

STATUS = "withdrawn"  # of the file, and of the run that took it back
MOST_NAMED = 8


@dataclass(frozen=True)
class Withdrawal:
    """What a withdrawal did, in rows over all tables."""

    source_file: str
    n_taken_back: int
    n_restored: int


def find(ledger: Ledger, clinic_id: str, name: str) -> Record:
    """Return the one delivery a person names by its file, path in landing/ or file_id.

    Raises
    ------
    NothingToDoError
        There is none, or it was delivered more than once under this name.
    """
    name = name.replace("\\", "/").split(f"landing/{clinic_id}/")[-1].removeprefix(f"{clinic_id}/")
    files = [row for row in ledger.all_files() if row["clinic_id"] == clinic_id]
    files = [row for row in files if not row["source_file"].endswith((RESTORED, HELD_ROWS))]
    named = [row for row in files if name in (row["source_file"], row["file_id"])]
    if not named:
        raise NothingToDoError(
            f"withdraw: {clinic_id} never delivered {name}. `rapport status` and "
            "quality.dq_balance list its files; name one by its path below landing/<clinic>/."
        )
    left = [row for row in named if row["status"] != STATUS] or named[-1:]
    if len(left) > 1:
        listed = "; ".join(
            f"{row['file_id']} of {row['received_at']:%Y-%m-%d %H:%M} ({row['status']})"
            for row in left[-MOST_NAMED:]
        )
        raise NothingToDoError(
            f"withdraw: {name} was delivered {len(left)} times. Name one by its id: {listed}."
        )
    return left[0]


def withdraw(
    home: Home, ledger: Ledger, file: Record, why: str, run_id: str, now: datetime
) -> Withdrawal:
    """Take a file back, with what later nights loaded of its held rows.

    Repeated after it broke off, it goes on where it was: until the ledger says so nothing has
    happened, and what the ledger says is carried out by `finish`, here or when a night opens.
    """
    if file["status"] == STATUS:
        finish(home, ledger, now)
        return Withdrawal(file["source_file"], 0, 0)
    ledger.open_run(run_id, now, fingerprint(home))
    n_taken = n_restored = 0
    for part in (*_freed_from(ledger, file), file):
        taken, restored = _take_back(home, ledger, part, why, run_id, now)
        n_taken, n_restored = n_taken + taken, n_restored + restored
    finish(home, ledger, now)
    return Withdrawal(file["source_file"], n_taken, n_restored)


def finish(home: Home, ledger: Ledger, now: datetime) -> None:
    """Carry out what the ledger says is withdrawn; nothing to do where that was done."""
    gone = [row for row in ledger.all_files() if row["status"] == STATUS]
    restored = {(row["clinic_id"], restored_id(row["file_id"])) for row in gone}
    by_run = {
        row["run_id"]: row
        for row in ledger.all_files()
        if (row["clinic_id"], row["file_id"]) in restored
    }
    states = {run["run_id"]: run["status"] for run in ledger.all_runs()}
    pending = {run_id: row for run_id, row in by_run.items() if states[run_id] != STATUS}
    if not pending:
        return
    leftovers.sweep(home, ledger)
    for row in gone:
        _forget(home, row["clinic_id"], row["file_id"])
    with duck(home) as con:
        for clinic_id in sorted({row["clinic_id"] for row in pending.values()}):
            write_client_ages(con, home, clinic_id)
            keep_therapist_flags(con, home, clinic_id)
        write_quality_tables(con, home, ledger)
    for run_id, row in pending.items():
        message = f"{row['clinic_id']}/{row['source_file'].removesuffix(RESTORED)} was withdrawn"
        ledger.close_run(run_id, now, STATUS, message)


def _freed_from(ledger: Ledger, file: Record) -> list[Record]:
    """Return the deliveries of this file's held rows that came free, see `held_rows`."""
    runs = [run["run_id"] for run in ledger.all_runs()]
    ids = {
        hashlib.sha256(f"{file['file_id']} held rows {run_id}".encode()).hexdigest()[:16]
        for run_id in runs
    }
    return [
        row
        for row in ledger.all_files()
        if row["clinic_id"] == file["clinic_id"]
        and row["file_id"] in ids
        and row["status"] != STATUS
    ]


def _take_back(
    home: Home, ledger: Ledger, file: Record, why: str, run_id: str, now: datetime
) -> tuple[int, int]:
    """Write the delivery that restores, then say so in the ledger; return rows taken, restored."""
    clinic_id, new_id = file["clinic_id"], restored_id(file["file_id"])
    ledger.begin_files(run_id, [(clinic_id, new_id)])
    lake.forget(home, clinic_id, new_id)
    registry, tables, n_taken = read_registry(home), [], 0
    with duck(home) as con:
        _order(con, ledger, file)
        for table in TABLES.values():
            taken, restored = _restore(con, home, table, file, new_id, now)
            n_taken += taken
            if restored:
                counts = {"n_received": restored, "n_accepted": restored}
                counts |= {"n_duplicate": 0, "n_quarantined": 0, "n_erased": 0}
                row = {"clinic_id": clinic_id, "file_id": new_id, "table_name": table.name}
                tables.append(row | counts)
        responses = lake_file(home, "responses", clinic_id, f"{new_id}.parquet")
        if responses.exists():
            target = lake_file(home, "scores", clinic_id, responses.name)
            write_scores(con, responses, target, registry)
    if (home.landing / clinic_id / file["source_file"]).exists():
        # What lies there is not sent again.
        ledger.note_names([(clinic_id, file["source_file"], file["sha256"])])
    ledger.withdraw(
        file,
        f"withdrawn: {why}",
        {
            "clinic_id": clinic_id,
            "file_id": new_id,
            "sha256": hashlib.sha256(new_id.encode()).hexdigest(),
            "source_file": file["source_file"] + RESTORED,
            "size_bytes": 0,
            "received_at": now,
            "run_id": run_id,
            "status": "accepted",
            "reason": None,
            "fingerprint": fingerprint(home),
            "score_fingerprint": registry.score_fingerprint,
        },
        tables,
    )
    return n_taken, sum(row["n_accepted"] for row in tables)


def _order(con: duckdb.DuckDBPyConnection, ledger: Ledger, file: Record) -> None:
    """Make the temp tables ``said`` (file_id, place, source_file): files that count, as they came.

    And ``copies``: what a withdrawal restored is not said anew, it counts as said by whom it came
    from.
    """
    files = [row for row in ledger.all_files() if row["clinic_id"] == file["clinic_id"]]
    said = [
        [row["file_id"], place, row["source_file"].removesuffix(HELD_ROWS)]
        for place, row in enumerate(files)
        if row["status"] == "accepted"
        and row["file_id"] != file["file_id"]
        and not row["source_file"].endswith(RESTORED)
    ]
    con.execute(
        "create or replace temp table said (file_id varchar, place bigint, source_file varchar)"
    )
    if said:
        con.executemany("insert into said values (?, ?, ?)", said)
    copies = [row["file_id"] for row in files if row["source_file"].endswith(RESTORED)]
    con.execute(
        "create or replace temp table copies as select unnest(?::varchar[]) as file_id", [copies]
    )


def _restore(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    table: Table,
    file: Record,
    new_id: str,
    now: datetime,
) -> tuple[int, int]:
    """Write one table's markers, restored rows and where those came from; return both counts."""
    clinic_id, name = file["clinic_id"], f"{new_id}.parquet"
    rows = _read(home, table.name, clinic_id, table.key)
    markers, repeats = (
        _read(home, f"{kind}/{table.name}", clinic_id) for kind in ("superseded", "repeats")
    )
    moment, own = f"cast({quoted(now.isoformat())} as timestamp)", text(file["file_id"])
    current = lake.current_rows(home, table, clinic_id)
    con.execute(
        f"""
        create or replace temp table going as
        select {table.key} as row_key, file_id, source_line from ({current})
        where file_id = {own}
        union
        -- what an earlier withdrawal restored of this file
        select held.{table.key}, held.file_id, held.source_line
        from ({current}) as held
        semi join copies using (file_id)
        semi join (select * from ({repeats}) where file_id = {own}) as origin
            on held.{table.key} = origin.row_key
            and held.file_id = origin.by_file_id
            and held.source_line = origin.by_line
        """
    )
    con.execute(
        f"""
        create or replace temp table wanted as
        with
        freed as (
            select row_key from going
            union
            select gone.row_key from ({markers}) as gone
            anti join ({current}) as held on gone.row_key = held.{table.key}
            where gone.reason = {quoted(lake.WITHDRAWN)} or (
                gone.reason = {quoted(lake.ABSENT)}
                and gone.by_file_id not in (select file_id from said)
            )
        ),
        sayings as (
            select row_key, file_id, source_line, file_id as by_file_id, source_line as by_line,
                source_sheet as by_sheet
            from ({rows})
            union all
            select again.row_key, again.file_id, again.source_line, again.by_file_id,
                again.by_line, again.by_sheet
            from ({repeats}) as again
            anti join copies on again.by_file_id = copies.file_id
        )
        select sayings.*, said.place, said.source_file as by_file
        from sayings
        inner join said on sayings.by_file_id = said.file_id
        semi join freed using (row_key)
        qualify said.place = max(said.place) over (partition by sayings.row_key)
        """
    )
    con.execute(
        f"""
        delete from wanted
        where exists (
            select 1 from ({markers}) as gone
            inner join said on gone.by_file_id = said.file_id
            where gone.row_key = wanted.row_key and gone.reason = {quoted(lake.ABSENT)}
                and said.place > wanted.place
        )
        """
    )
    _leave_deleted(con, home, table, clinic_id, rows)
    copy_unless_empty(
        con,
        f"""
        select row_key, file_id, source_line, {quoted(new_id)} as by_file_id,
            {moment} as marked_at, {quoted(lake.WITHDRAWN)} as reason
        from going
        """,
        lake_file(home, f"superseded/{table.name}", clinic_id, name),
    )
    copy_unless_empty(
        con,
        f"""
        select row_key, by_file_id as file_id, by_line as source_line,
            {quoted(new_id)} as by_file_id, by_sheet, by_line
        from wanted
        """,
        lake_file(home, f"repeats/{table.name}", clinic_id, name),
    )
    n_restored = copy_unless_empty(
        con, _rows_wanted(table, rows, new_id, moment), lake_file(home, table.name, clinic_id, name)
    )
    (n_going,) = only_row(con.execute("select count(*) from going"))
    return n_going, n_restored


def _rows_wanted(table: Table, rows: str, new_id: str, moment: str) -> str:
    """Return SQL for the restored rows: the lake's content, with the place of who said it last."""
    return f"""
        select held.* exclude (row_key) replace (
            {quoted(new_id)} as file_id,
            {moment} as received_at,
            wanted.by_file as source_file,
            wanted.by_sheet as source_sheet,
            wanted.by_line as source_line
        )
        from ({rows}) as held
        inner join wanted
            on held.{table.key} = wanted.row_key
            and held.file_id = wanted.file_id
            and held.source_line = wanted.source_line
    """


def _leave_deleted(
    con: duckdb.DuckDBPyConnection, home: Home, table: Table, clinic_id: str, rows: str
) -> None:
    """Take from ``wanted`` what a later snapshot lacks: it would have deleted it.

    As when it was read, a row it holds back is no deletion, nor are other rows of that client.
    """
    places = dict(con.execute("select file_id, place from said").fetchall())
    for profile in accepted_profiles(home, clinic_id):
        snapshot = snapshot_of(profile, table.name)
        if snapshot is None or profile.file_id not in places:
            continue
        owner = OWNER.get(table.name, "client_key")
        kept = home.quarantine / table.name / f"clinic={clinic_id}" / f"{profile.file_id}.parquet"
        held = f"select {owner} from read_parquet({quoted(kept)})" if kept.exists() else ""
        spared = f"and {owner} not in ({held})" if held else ""
        nobody = f"select count(*) from ({held}) where {owner} is null" if held else "select 0"
        if only_row(con.execute(nobody))[0]:
            continue  # it may be any row: nothing is deleted
        in_scope = of_source(
            con,
            f"""
            select held.{owner}, wanted.row_key, wanted.by_file as source_file,
                wanted.by_sheet as source_sheet
            from wanted inner join ({rows}) as held
                on wanted.row_key = held.{table.key} and wanted.file_id = held.file_id
                and wanted.source_line = held.source_line
            where wanted.place < {places[profile.file_id]}
            """,
            snapshot,
        )
        con.execute(
            f"delete from wanted where place < {places[profile.file_id]} and row_key in "
            f"(select row_key from ({in_scope}) where true {spared})"
        )


def _read(home: Home, folder: str, clinic_id: str, key: str | None = None) -> str:
    paths = [home.lake / folder / "empty.parquet"]
    paths += sorted((home.lake / folder / f"clinic={clinic_id}").glob("*.parquet"))
    row_key = f"{key} as row_key, " if key else ""
    return (
        f"select {row_key}* from read_parquet([{texts(map(str, paths))}], union_by_name = true, "
        "hive_partitioning = false)"
    )


def _forget(home: Home, clinic_id: str, file_id: str) -> None:
    """Delete what only served to read on: identities, the look of the form, rows held back."""
    for path in (
        *(home.vault / "identities" / f"clinic={clinic_id}").glob(f"*/{file_id}.*"),
        *home.quarantine.glob(f"*/clinic={clinic_id}/{file_id}.parquet"),
        home.lake / "quality" / "form_profiles" / f"clinic={clinic_id}" / f"{file_id}.json",
    ):
        path.unlink(missing_ok=True)
