"""DuckDB connections as the pipeline wants them: bounded, offline, spilling into the vault."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pipeline.home import Home
from transforms.errors import NothingToDoError

# 2 of the 4 GiB a night may use; Python, Airflow and the tables being written need the rest.
MEMORY = "2GB"


@contextmanager
def duck(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield an in-memory connection; whatever it spills goes to the private scratch folder."""
    connection = duckdb.connect(
        config={
            "memory_limit": os.environ.get("RAPPORT_MEMORY", MEMORY),
            "temp_directory": str(home.scratch / f"spill-{os.getpid()}"),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def for_few_rows(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Run statements over a small file: planned as written, on one thread.

    The answers are the same. Of a file of ten rows, planning for millions is most of the cost.
    """
    con.execute("set threads = 1")
    con.execute("pragma disable_optimizer")
    try:
        yield
    finally:
        con.execute("pragma enable_optimizer")
        con.execute("reset threads")


def open_published(home: Home, who: str) -> duckdb.DuckDBPyConnection:
    """Open the published release to read; ``who`` asks, for the message.

    Raises NothingToDoError when nothing is published.
    """
    if not home.published.exists():
        raise NothingToDoError(f"{who}: nothing is published. Run `rapport run` first.")
    return duckdb.connect(str(home.published.resolve()), read_only=True)


def quoted(path: Path | str) -> str:
    """Return a path as an SQL string literal."""
    return "'" + str(path).replace("'", "''") + "'"
