"""Where a text occurs in what a home and its Airflow hold: files, archives, databases."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb

# As the clinics wrote them, and what identifies persons: nothing else reads these two.
CLOSED = ("landing", "vault")
DATABASES = (".duckdb", ".parquet")


def files_outside(roots: Iterable[Path]) -> list[tuple[Path, str]]:
    """Return every file outside of landing and vault, with its path below its root."""
    return [
        (path, path.relative_to(root).as_posix())
        for root in roots
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.relative_to(root).parts[0] not in CLOSED
    ]


def places_with(mark: str, roots: Iterable[Path]) -> set[str]:
    """Return the files and the columns of tables that hold ``mark``, in any case of letters.

    A file is named by its path; a column of a published table as ``schema.table.column``, of a
    Parquet file as ``<path>:<column>``.
    """
    found = set()
    with duckdb.connect() as con:
        for path, name in files_outside(roots):
            if path.suffix in DATABASES:
                found |= set(_columns_with(mark.lower(), con, path, name))
            elif mark.lower().encode() in _bytes_of(path).lower():
                found.add(name)
    return found


def _bytes_of(path: Path) -> bytes:
    """Return a file's bytes; of an Excel file those of its parts."""
    if path.suffix != ".xlsx":
        content = path.read_bytes()
        return content + content.replace(b"\0", b"")  # also UTF-16
    with zipfile.ZipFile(path) as parts:
        return b" ".join(parts.read(name) for name in parts.namelist())


def _columns_with(
    mark: str, con: duckdb.DuckDBPyConnection, path: Path, name: str
) -> Iterator[str]:
    if path.suffix == ".parquet":
        yield from _holding(mark, con, f"{name}:", f"read_parquet('{path}')")
        return
    con.execute(f"attach '{path}' as it (read_only)")
    tables = con.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'it'"
    ).fetchall()
    for schema, table in tables:
        yield from _holding(mark, con, f"{schema}.{table}.", f'it."{schema}"."{table}"')
    con.execute("detach it")


def _holding(
    mark: str, con: duckdb.DuckDBPyConnection, prefix: str, relation: str
) -> Iterator[str]:
    described = con.execute(f"describe select * from {relation}").fetchall()
    yield from (f"{prefix}{column}" for column, *_ in described if mark in column.lower())
    texts = [column for column, kind, *_ in described if "VARCHAR" in kind or kind == "JSON"]
    if not texts:
        return
    holding = ", ".join(
        f"bool_or(contains(lower(\"{column}\"::varchar), '{mark}'))" for column in texts
    )
    held = con.execute(f"select {holding} from {relation}").fetchone()
    yield from (f"{prefix}{column}" for column, holds in zip(texts, held, strict=True) if holds)
