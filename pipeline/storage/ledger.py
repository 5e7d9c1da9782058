"""What has been received and what became of it: runs, files and rows per file and table.

Reached through SQLAlchemy only, so that it can move from SQLite to a server by its address.
Holds file names, hashes, counts and reasons; never a cell of a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.schema import CreateTable

from pipeline.home import Home
from transforms.errors import BalanceError, LedgerError

File = tuple[str, str]  # clinic_id, file_id
RUN_ID = "%Y-%m-%dT%H-%M-%SZ"  # by the start in UTC: run ids sort by time
GOING_ON = ("running", "waiting")
REMEDIES = {
    "full": "Free space on the disk",
    "readonly": "Give this user the right to write in the home",
    "unable to open": "Give this user the right to write in the home",
    "locked": "End the program that has ledger.sqlite open",
    "malformed": "Restore ledger.sqlite from the back-up",
}

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("started_at", DateTime, nullable=False),
    Column("finished_at", DateTime),
    # running, waiting (for approval), published, nothing_new, failed, rejected, rolled_back
    Column("status", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("message", String),
)

files = Table(
    "files",
    metadata,
    Column("clinic_id", String, primary_key=True),
    Column("file_id", String, primary_key=True),  # first 16 hex digits of the SHA-256
    Column("sha256", String, nullable=False),
    Column("source_file", String, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("received_at", DateTime, nullable=False),
    Column("run_id", String, ForeignKey("runs.run_id"), nullable=False),
    # accepted; rejected = read, but too much of it broke a fatal rule; refused = could not be read;
    # held = kept out of the release by a person's decision, or for want of one
    Column("status", String, nullable=False),
    Column("reason", String),
    Column("fingerprint", String, nullable=False),
    Column("score_fingerprint", String),
)

file_tables = Table(
    "file_tables",
    metadata,
    Column("clinic_id", String, primary_key=True),
    Column("file_id", String, primary_key=True),
    Column("table_name", String, primary_key=True),
    Column("n_received", Integer, nullable=False),
    Column("n_accepted", Integer, nullable=False),
    Column("n_duplicate", Integer, nullable=False),
    Column("n_quarantined", Integer, nullable=False),
    Column("n_erased", Integer, nullable=False, default=0),
)

# Which run is putting a file into the lake: written before its first row, gone with its verdict.
# What lies in the lake of a file whose run ended without a verdict is proved dead.
loading = Table(
    "loading",
    metadata,
    Column("clinic_id", String, primary_key=True),
    Column("file_id", String, primary_key=True),
    Column("run_id", String, ForeignKey("runs.run_id"), nullable=False),
)

# One row while somebody writes, see pipeline/storage/writer_lock.py.
writer = Table(
    "writer",
    metadata,
    Column("slot", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("claim", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("run_id", String),  # the row outlives its process only while it names a run
    Column("host", String, nullable=False),
    Column("pid", Integer),  # NULL: a run of the service, whose steps are processes of their own
    Column("since", DateTime, nullable=False),
    Column("heartbeat", DateTime, nullable=False),
)

# Every name under which a content ever lay in landing: a copy that lies there is no delivery.
names = Table(
    "names",
    metadata,
    Column("clinic_id", String, primary_key=True),
    Column("source_file", String, primary_key=True),
    Column("sha256", String, primary_key=True),
)


# Append-only: one row when a run asks, one when it is answered.
approval_log = Table(
    "approvals",
    metadata,
    Column("entry", Integer, primary_key=True, autoincrement=True),
    Column("run_id", String, ForeignKey("runs.run_id"), nullable=False),
    Column("asked_at", DateTime, nullable=False),
    Column("asked_because", String, nullable=False),
    Column("choice", String),
    Column("decided_by", String),
    Column("reason", String),
    Column("decided_at", DateTime),
)


class Ledger:
    """Access to the ledger of one home. Every write is one transaction."""

    def __init__(self, home: Home) -> None:
        home.root.mkdir(parents=True, exist_ok=True)
        self._engine = _engine(f"sqlite:///{home.ledger}")
        with self._transaction() as connection:
            for table in metadata.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))

    @contextmanager
    def _rows(self) -> Iterator[Connection]:
        with _said_plainly(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with _said_plainly(), self._engine.begin() as connection:
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

    def close_run(self, run_id: str, finished_at: datetime, status: str, message: str = "") -> None:
        """Record how a run ended."""
        with self._transaction() as connection:
            connection.execute(
                update(runs)
                .where(runs.c.run_id == run_id)
                .values(finished_at=finished_at, status=status, message=message)
            )

    def all_runs(self) -> list[dict]:
        """Return every run, newest first."""
        with self._rows() as connection:
            found = connection.execute(select(runs).order_by(runs.c.run_id.desc()))
            return [dict(row) for row in found.mappings()]

    def run(self, run_id: str) -> dict:
        """Return one run."""
        return next(row for row in self.all_runs() if row["run_id"] == run_id)

    def all_files(self) -> list[dict]:
        """Return every file with its verdict, oldest first."""
        with self._rows() as connection:
            found = connection.execute(
                select(files).order_by(
                    files.c.received_at, files.c.clinic_id, files.c.source_file, files.c.file_id
                )
            )
            return [dict(row) for row in found.mappings()]

    def all_file_tables(self) -> list[dict]:
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
            return {tuple(row) for row in connection.execute(select(names))}

    def note_names(self, seen: Iterable[tuple[str, str, str]]) -> None:
        """Add names under which a content lies in landing; known ones are no error."""
        rows = [dict(zip(names.c.keys(), one, strict=True)) for one in seen]
        if rows:
            with self._transaction() as connection:
                connection.execute(insert(names).prefix_with("or ignore"), rows)

    def record_file(self, file: dict, tables: list[dict]) -> None:
        """Record a file's verdict with its row counts, replacing an earlier verdict."""
        with self._transaction() as connection:
            for table in (file_tables, files, loading):
                connection.execute(delete(table).where(_is(table, file)))
            connection.execute(insert(files).values(**file))
            if tables:
                connection.execute(insert(file_tables), tables)

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
        return held

    def writer(self) -> dict | None:
        """Return who writes, None for nobody."""
        with self._rows() as connection:
            row = connection.execute(select(writer)).mappings().first()
            return dict(row) if row else None

    def claim_writer(self, row: dict, over: dict | None) -> bool:
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

    def touch_writer(self, claim: str, **values) -> bool:
        """Change the row of a claim, its heartbeat for one; False where it is no longer there."""
        with self._transaction() as connection:
            changed = update(writer).where(writer.c.claim == claim).values(**values)
            return connection.execute(changed).rowcount == 1

    def free_writer(self, claim: str) -> None:
        """Delete the row of a claim, if it is still there."""
        with self._transaction() as connection:
            connection.execute(delete(writer).where(writer.c.claim == claim))

    def log_approval(self, entry: dict) -> None:
        """Add that a run asked for approval, or how it was answered."""
        with self._transaction() as connection:
            connection.execute(insert(approval_log).values(**entry))

    def approvals(self) -> list[dict]:
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


def _key(row) -> File:
    return row["clinic_id"], row["file_id"]


def _is(table: Table, row: dict):
    """Return the condition for one file's rows of a table."""
    return (table.c.clinic_id == row["clinic_id"]) & (table.c.file_id == row["file_id"])


@contextmanager
def _said_plainly() -> Iterator[None]:
    """Turn what the database could not do into one sentence; its own carries the statement."""
    try:
        yield
    except IntegrityError:
        raise  # a defect of ours, or lost to somebody faster: the caller knows
    except DBAPIError as error:
        said = str(error.orig)
        remedies = (remedy for part, remedy in REMEDIES.items() if part in said)
        raise LedgerError(
            f"the ledger: {said}. {next(remedies, 'See docs/runbook.md')}; then run again. "
            "The published release is unchanged."
        ) from None


def _engine(url: str) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _wait_for_writers(connection, _record) -> None:
            # Mapped tasks of one night write at the same time.
            connection.execute("pragma busy_timeout = 30000")

    return engine
