"""The ledger's tables, and the door to its database.

Reached through SQLAlchemy only, so that it can move from SQLite to a server by its address.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
)
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.schema import CreateTable

from transforms.errors import LedgerError

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
    # held = kept out of the release by a person's decision, or for want of one; withdrawn = taken
    # back by a person for good, its rows stay as history
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


# Append-only and hash-chained, see pipeline/storage/audit_chain.py.
audit_log = Table(
    "audit",
    metadata,
    Column("entry", Integer, primary_key=True, autoincrement=True),
    Column("at", DateTime, nullable=False),
    Column("event", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("previous", String, nullable=False),
    Column("hash", String, nullable=False),
    sqlite_autoincrement=True,  # remembers how many there were
)
APPEND_ONLY = """
    create trigger if not exists audit_is_never_{verb}d before {verb} on audit
    begin select raise(abort, 'the audit chain is append-only'); end
"""


def opened(url: str) -> Engine:
    """Return the database with every table there."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _wait_for_writers(connection: sqlite3.Connection, _record: object) -> None:
            # Mapped tasks of one night write at the same time.
            connection.execute("pragma busy_timeout = 30000")

    with said_plainly(), engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
        if engine.dialect.name == "sqlite":
            for verb in ("update", "delete"):
                connection.exec_driver_sql(APPEND_ONLY.format(verb=verb))
    return engine


@contextmanager
def said_plainly() -> Iterator[None]:
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
