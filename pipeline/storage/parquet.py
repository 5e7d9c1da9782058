"""Writing a file so that it is either there and whole, or not there at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.storage.duckdb_session import quoted
from transforms.sql import only_row
from transforms.statistics.withheld import Record


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; it becomes ``target`` in one step when all went well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.tmp")
    yield partial
    os.replace(partial, target)


def copy_query(con: duckdb.DuckDBPyConnection, query: str, target: Path) -> int:
    """Write a query's rows to a Parquet file; return how many."""
    with whole(target) as partial:
        copied = con.execute(f"copy ({query}) to {quoted(partial)} (format parquet)")
        n_rows: int = only_row(copied)[0]
    return n_rows


def copy_unless_empty(con: duckdb.DuckDBPyConnection, query: str, target: Path) -> int:
    """Write a query's rows to a Parquet file and return how many; no rows, no file."""
    n_rows = copy_query(con, query, target)
    if n_rows == 0:
        target.unlink()
    return n_rows


def write_rows(target: Path, rows: list[Record], schema: pa.Schema) -> None:
    """Write rows to a Parquet file."""
    with whole(target) as partial:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), partial)
