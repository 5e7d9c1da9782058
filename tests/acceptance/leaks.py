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
    for path, name in files_outside(roots):
        if path.suffix in DATABASES:
            found |= set(_columns_with(mark, path, name))
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


def _columns_with(mark: str, path: Path, name: str) -> Iterator[str]:
    with duckdb.connect() as con:
        if path.suffix == ".parquet":
            relations = {f"{name}:": f"read_parquet('{path}')"}
        else:
            con.execute(f"attach '{path}' as it (read_only)")
            tables = con.execute(
                "select schema_name, table_name from duckdb_tables() where database_name = 'it'"
            ).fetchall()
            relations = {f"{s}.{t}.": f'it."{s}"."{t}"' for s, t in tables}
        for prefix, relation in relations.items():
            described = con.execute(f"describe select * from {relation}").fetchall()
            columns = [column for column, *_ in described]
            holding = ", ".join(
                f"bool_or(contains(lower(\"{column}\"::varchar), '{mark.lower()}'))"
                for column in columns
            )
            held = con.execute(f"select {holding} from {relation}").fetchone()
            for column, holds in zip(columns, held, strict=True):
                if holds or mark.lower() in column.lower():
                    yield f"{prefix}{column}"
