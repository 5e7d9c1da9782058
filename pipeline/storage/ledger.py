"""What has been received and what became of it: runs, files and rows per file and table.

Holds file names, hashes, counts and reasons; never a cell of a file.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    bindparam,
    delete,
    false,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from pipeline.home import Home
from pipeline.storage import audit_chain
from pipeline.storage.ledger_tables import (
    approval_log,
    audit_log,
    file_tables,
    files,
    loading,
    names,
    opened,
    runs,
    said_plainly,
    writer,
)
from transforms.errors import BalanceError
from transforms.statistics.withheld import Facts, Record

File = tuple[str, str]  # clinic_id, file_id
RUN_ID = "%Y-%m-%dT%H-%M-%SZ"  # by the start in UTC: run ids sort by time
GOING_ON = ("running", "waiting")
RESTORED = " (restored rows)"  # ends the name of the delivery that a withdrawal is


class Ledger:
    """Access to the ledger of one home. Every write is one transaction."""

    def __init__(self, home: Home) -> None:
        home.root.mkdir(parents=True, exist_ok=True)
        self._engine = opened(f"sqlite:///{home.ledger}")

    @contextmanager
    def _rows(self) -> Iterator[Connection]:
        with said_plainly(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with said_plainly(), self._engine.begin() as connection:
            yield connection

    def end_unfinished(self) -> None:
        """Mark runs that never ended as failed; only for whoever holds the writer's lock."""
        with self._transaction() as connection:
            connection.execute(
                update(runs)
                .where(runs.c.status.in_(GOING_ON))
                .values(status="failed", message="ended without a word (killed?)")
            )

    def open_run(self, run_id: str, started_at: datetime, fingerprint: str) -> None:
        """Record that a run has started."""
        with self._transaction() as connection:
            connection.execute(
                insert(runs).values(
                    run_id=run_id, started_at=started_at, status="running", fingerprint=fingerprint
                )
            )
            _append(connection, "run started", run=run_id, code_and_configuration=fingerprint)

    def close_run(self, run_id: str, finished_at: datetime, status: str, message: str = "") -> None:
        """Record how a run ended."""
        with self._transaction() as connection:
            connection.execute(
                update(runs)
                .where(runs.c.run_id == run_id)
                .values(finished_at=finished_at, status=status, message=message)
            )
            _append(connection, "run ended", run=run_id, status=status)

    def all_runs(self) -> list[Record]:
        """Return every run, newest first."""
        with self._rows() as connection:
            found = connection.execute(select(runs).order_by(runs.c.run_id.desc()))
            return [dict(row) for row in found.mappings()]

    def run(self, run_id: str) -> Record:
        """Return one run."""
        return next(row for row in self.all_runs() if row["run_id"] == run_id)

    def all_files(self) -> list[Record]:
        """Return every file with its verdict, oldest first."""
        with self._rows() as connection:
            found = connection.execute(
                select(files).order_by(
                    files.c.received_at, files.c.clinic_id, files.c.source_file, files.c.file_id
                )
            )
            return [dict(row) for row in found.mappings()]

    def all_file_tables(self) -> list[Record]:
        """Return row counts per file and table."""
        with self._rows() as connection:
            return [dict(row) for row in connection.execute(select(file_tables)).mappings()]

    def begin_files(self, run_id: str, begun: list[File]) -> None:
        """Record that a run is about to put these files into the lake.

        Raises
        ------
        BalanceError
            One of them is in the lake already: another run has taken it in meanwhile.
        """
        accepted = {_key(row) for row in self.all_files() if row["status"] == "accepted"}
        if taken := accepted & set(begun):
            raise BalanceError(
                f"run {run_id}: {len(taken)} file(s) were taken in by another run meanwhile. "
                "Nothing was changed; run again."
            )
        if not begun:
            return
        rows = [{"clinic_id": c, "file_id": f, "run_id": run_id} for c, f in begun]
        with self._transaction() as connection:
            for row in rows:
                connection.execute(delete(loading).where(_is(loading, row)))
            connection.execute(insert(loading), rows)

    def all_loading(self) -> dict[File, str]:
        """Return which run began each file that has no verdict since."""
        with self._rows() as connection:
            found = connection.execute(select(loading)).mappings()
            return {_key(row): row["run_id"] for row in found}

    def seen_names(self) -> set[tuple[str, str, str]]:
        """Return every (clinic_id, source_file, sha256) that ever lay in landing."""
        with self._rows() as connection:
            found = connection.execute(select(names))
            return {(row.clinic_id, row.source_file, row.sha256) for row in found}

    def note_names(self, seen: Iterable[tuple[str, str, str]]) -> None:
        """Add names under which a content lies in landing; known ones are no error."""
        rows = [dict(zip(names.c.keys(), one, strict=True)) for one in seen]
        if rows:
            with self._transaction() as connection:
                connection.execute(insert(names).prefix_with("or ignore"), rows)

    def record_files(self, settled: Iterable[tuple[Record, list[Record]]]) -> None:
        """Record the verdicts of files with their row counts, all or none of them.

        An earlier verdict on a file is replaced.
        """
        settled = list(settled)
        if not settled:
            return
        counts = [row for _, tables in settled for row in tables]
        with self._transaction() as connection:
            for table in (file_tables, files, loading):
                named = (
                    table.c.clinic_id == bindparam("clinic"),
                    table.c.file_id == bindparam("id"),
                )
                keys = [{"clinic": f["clinic_id"], "id": f["file_id"]} for f, _ in settled]
                connection.execute(delete(table).where(*named), keys)
            connection.execute(insert(files), [file for file, _ in settled])
            if counts:
                connection.execute(insert(file_tables), counts)
            said = [_identity(file) | {"rows": _counts(tables)} for file, tables in settled]
            _append_all(connection, "file", said)

    def hold(
        self, run_ids: list[str], clinics: set[str] | None, reason: str
    ) -> list[tuple[str, str]]:
        """Mark the accepted files of these runs as held; return (clinic_id, file_id) of each.

        Their row counts go: a file that is read again brings new ones. ``clinics`` None is all.
        """
        held = [
            (row["clinic_id"], row["file_id"])
            for row in self.all_files()
            if row["run_id"] in run_ids
            and row["status"] == "accepted"
            and (clinics is None or row["clinic_id"] in clinics)
        ]
        with self._transaction() as connection:
            for clinic_id, file_id in held:
                connection.execute(
                    delete(file_tables).where(
                        (file_tables.c.clinic_id == clinic_id) & (file_tables.c.file_id == file_id)
                    )
                )
                connection.execute(
                    update(files)
                    .where((files.c.clinic_id == clinic_id) & (files.c.file_id == file_id))
                    .values(status="held", reason=reason, fingerprint="")  # new again next time
                )
                _append(connection, "file held", clinic=clinic_id, file=file_id, why=reason)
            # A withdrawal that goes with all its clinic delivered leaves nothing to account for.
            for row in self.all_files():
                restored = row["clinic_id"], restored_id(row["file_id"])
                if row["status"] == "withdrawn" and restored in held:
                    connection.execute(delete(file_tables).where(_is(file_tables, row)))
        return held

    def withdraw(self, taken: Record, reason: str, restored: Record, tables: list[Record]) -> None:
        """Mark a file as withdrawn and record the delivery that restores what it had replaced."""
        with self._transaction() as connection:
            connection.execute(
                update(files).where(_is(files, taken)).values(status="withdrawn", reason=reason)
            )
            connection.execute(delete(loading).where(_is(loading, restored)))
            connection.execute(insert(files).values(**restored))
            if tables:
                connection.execute(insert(file_tables), tables)
            why = _identity(taken) | {"status": "withdrawn", "why": reason}
            _append(connection, "withdrawal", **why, restored=_counts(tables))

    def set_counts(self, rows: list[Record], event: str = "erasure") -> None:
        """Set the row counts of files and tables after rows went; again, they stay the same."""
        with self._transaction() as connection:
            for row in rows:
                of_table = _is(file_tables, row) & (file_tables.c.table_name == row["table_name"])
                counts = {n: row[n] for n in ("n_accepted", "n_quarantined", "n_erased")}
                connection.execute(update(file_tables).where(of_table).values(**counts))
            erased = sum(row["loaded"] + row["quarantined"] for row in rows)
            clinics = sorted({row["clinic_id"] for row in rows})
            if rows:
                _append(connection, event, clinics=clinics, rows=erased)

    def note(self, event: str, *, only_if_new: bool = False, **detail: object) -> None:
        """Add to the audit chain what the ledger's other tables do not record.

        Parameters
        ----------
        only_if_new : not where the last entry of this event says the same
        """
        with self._transaction() as connection:
            # Takes the right to write first: two may not follow the same entry.
            connection.execute(delete(loading).where(false()))
            same = select(audit_log.c.detail).where(audit_log.c.event == event)
            last = connection.execute(same.order_by(audit_log.c.entry.desc())).scalar()
            if not (only_if_new and last == audit_chain.detail_text(detail)):
                _append(connection, event, **detail)

    def audit_entries(self) -> list[Record]:
        """Return the audit chain, oldest first."""
        with self._rows() as connection:
            found = connection.execute(select(audit_log).order_by(audit_log.c.entry))
            return [dict(row) for row in found.mappings()]

    def audit_problems(self) -> list[str]:
        """Return what shows that the audit chain, or a file the ledger names, was tampered with."""
        rows = self.audit_entries()
        with self._rows() as connection:
            n_written = None
            if self._engine.dialect.name == "sqlite":
                asked = "select seq from sqlite_sequence where name = 'audit'"
                n_written = connection.exec_driver_sql(asked).scalar() or 0
        noted = set()
        for row in rows:
            if row["event"] in ("file", "withdrawal"):
                detail = json.loads(row["detail"])
                noted.add((detail["clinic"], detail["file"], detail["sha256"]))
        unknown = [
            f"file {row['file_id']} of {row['clinic_id']} is in the ledger, not in the chain"
            for row in self.all_files()
            if (row["clinic_id"], row["file_id"], row["sha256"]) not in noted
            and not row["source_file"].endswith(RESTORED)
            and rows
            and row["received_at"] >= rows[0]["at"]
        ]
        return audit_chain.broken(rows, n_written) + unknown

    def forget_names(self, gone: Iterable[tuple[str, str, str]]) -> None:
        """Forget that contents ever lay under these names: they may be sent again."""
        with self._transaction() as connection:
            for clinic_id, source_file, sha256 in gone:
                connection.execute(
                    delete(names).where(
                        (names.c.clinic_id == clinic_id)
                        & (names.c.source_file == source_file)
                        & (names.c.sha256 == sha256)
                    )
                )

    def writer(self) -> Record | None:
        """Return who writes, None for nobody."""
        with self._rows() as connection:
            row = connection.execute(select(writer)).mappings().first()
            return dict(row) if row else None

    def claim_writer(self, row: Record, over: Record | None) -> bool:
        """Write down who writes from now on; False where somebody else was faster.

        Parameters
        ----------
        over : the row of a dead owner that is taken over, as it was read; None for no row
        """
        try:
            with self._transaction() as connection:
                if over is None:
                    connection.execute(insert(writer).values(slot=1, **row))
                    return True
                as_read = (writer.c.claim == over["claim"]) & (
                    writer.c.heartbeat == over["heartbeat"]
                )
                return connection.execute(update(writer).where(as_read).values(**row)).rowcount == 1
        except IntegrityError:
            return False

    def touch_writer(self, claim: str, **values: object) -> bool:
        """Change the row of a claim, its heartbeat for one; False where it is no longer there."""
        with self._transaction() as connection:
            changed = update(writer).where(writer.c.claim == claim).values(**values)
            return connection.execute(changed).rowcount == 1

    def free_writer(self, claim: str) -> None:
        """Delete the row of a claim, if it is still there."""
        with self._transaction() as connection:
            connection.execute(delete(writer).where(writer.c.claim == claim))

    def copy_to(self, target: Path) -> None:
        """Write the ledger of this moment into a new SQLite file, in which nobody writes."""
        with self._rows() as connection, closing(sqlite3.connect(target)) as copy:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)  # a server has its own way to back up
            raw.backup(copy)
            copy.execute("delete from writer")
            copy.commit()

    def log_approval(self, entry: Record) -> None:
        """Add that a run asked for approval, or how it was answered."""
        with self._transaction() as connection:
            connection.execute(insert(approval_log).values(**entry))
            named = ("run_id", "asked_because", "choice", "decided_by", "reason")
            said = {name: entry[name] for name in named if entry.get(name)}
            _append(connection, "approval" if "choice" in said else "approval asked", **said)

    def approvals(self) -> list[Record]:
        """Return the last entry of every run that asked, oldest run first; choice None: open."""
        with self._rows() as connection:
            found = connection.execute(select(approval_log).order_by(approval_log.c.entry))
            last = {row["run_id"]: dict(row) for row in found.mappings()}
        return [
            {name: value for name, value in row.items() if name != "entry"} for row in last.values()
        ]

    def mark_scored(self, clinic_id: str, file_id: str, fingerprint: str) -> None:
        """Record with which registry a file was scored."""
        with self._transaction() as connection:
            connection.execute(
                update(files)
                .where((files.c.clinic_id == clinic_id) & (files.c.file_id == file_id))
                .values(score_fingerprint=fingerprint)
            )


def restored_id(file_id: str) -> str:
    """Return the delivery that restores what a withdrawn file had replaced."""
    return hashlib.sha256(f"{file_id} withdrawn".encode()).hexdigest()[:16]


def _append(connection: Connection, event: str, **detail: object) -> None:
    """Add an entry in the transaction that did what it says, which already writes."""
    _append_all(connection, event, [detail])


def _append_all(connection: Connection, event: str, details: Iterable[Record]) -> None:
    """Add entries of one event, each sealed to the one before it."""
    newest = select(audit_log).order_by(audit_log.c.entry.desc()).limit(1)
    last = connection.execute(newest).mappings().first()
    number, previous = (last["entry"], last["hash"]) if last else (0, audit_chain.BEGINNING)
    rows = []
    for entry, detail in enumerate(details, start=number + 1):
        row = {
            "entry": entry,
            "at": datetime.now(UTC).replace(tzinfo=None, microsecond=0),
            "event": event,
            "detail": audit_chain.detail_text(detail),
            "previous": previous,
        }
        previous = audit_chain.sealed(row)
        rows.append(row | {"hash": previous})
    connection.execute(insert(audit_log), rows)


def _identity(file: Record) -> Record:
    """Return a file by its hash; a name may hold what must not be kept."""
    named = {"clinic": "clinic_id", "file": "file_id", "sha256": "sha256", "run": "run_id"}
    return {word: file[column] for word, column in named.items()} | {"status": file["status"]}


def _counts(tables: list[Record]) -> dict[str, dict[str, int]]:
    return {
        row["table_name"]: {name[2:]: row[name] for name in row if name.startswith("n_")}
        for row in tables
    }


def _key(row: Mapping[Any, Any]) -> File:
    return row["clinic_id"], row["file_id"]


def _is(table: Table, row: Facts) -> ColumnElement[bool]:
    """Return the condition for one file's rows of a table."""
    is_clinic: ColumnElement[bool] = table.c.clinic_id == row["clinic_id"]
    is_file: ColumnElement[bool] = table.c.file_id == row["file_id"]
    return is_clinic & is_file
