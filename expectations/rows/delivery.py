"""The rows of one delivery and of the clinic's lake, as relations on a connection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from transforms.contract import TABLES, lake_columns
from transforms.sql import name, texts


@dataclass(frozen=True)
class Staged:
    """The staged files of one table and the columns they bring."""

    table: str
    paths: tuple[Path, ...]
    columns: tuple[str, ...]

    @property
    def items(self) -> tuple[str, ...]:
        """Item columns in order of their number."""
        found = [column for column in self.columns if column.startswith("item_")]
        return tuple(sorted(found, key=lambda column: int(column.removeprefix("item_"))))

    @property
    def submitted(self) -> tuple[str, ...]:
        """Columns of submitted scores."""
        return tuple(column for column in self.columns if column.startswith("submitted_"))

    @property
    def relation(self) -> str:
        """Name of the view over the files."""
        return f"staged_{self.table}"

    def with_nulls(self, sql: str) -> str:
        """Put NULL for items and submitted scores that the files have no column of."""
        return re.sub(
            r"\b(item_[0-9]+|submitted_[a-z]\w*)\b",
            lambda found: found[0] if found[0] in self.columns else "null::double",
            sql,
        )


def file_id_of(path: Path) -> str:
    """Return the delivery a staged file came from (``<file_id>-<n>.parquet``)."""
    return path.stem.split("-")[0]


def parquet(paths: Sequence[Path]) -> str:
    """Return SQL that reads the files as one relation, columns matched by name."""
    files = texts(str(path) for path in paths)
    return f"read_parquet([{files}], union_by_name = true, hive_partitioning = false)"


def stage(con: duckdb.DuckDBPyConnection, table: str, paths: Sequence[Path]) -> Staged:
    """Make the view ``staged_<table>`` over the table's staged files; without files it is empty."""
    expected = lake_columns(TABLES[table]) | {"bad_cells": "VARCHAR[]"}
    if not paths:
        nulls = ", ".join(f"cast(null as {kind}) as {name(key)}" for key, kind in expected.items())
        con.execute(f"create or replace temp view staged_{table} as select {nulls} limit 0")
        return Staged(table, (), tuple(expected))
    source = parquet(paths)
    columns = [row[0] for row in con.execute(f"describe select * from {source}").fetchall()]
    missing = "".join(
        f", cast(null as {kind}) as {name(column)}"
        for column, kind in expected.items()
        if column not in columns
    )
    con.execute(f"create or replace temp view staged_{table} as select *{missing} from {source}")
    return Staged(table, tuple(paths), tuple(columns))


@dataclass(frozen=True)
class Lake:
    """The clinic's part of the lake."""

    folder: Path
    clinic_id: str

    def rows(self, con: duckdb.DuckDBPyConnection, table: str) -> str | None:
        """Return SQL for the clinic's current rows of ``table``, or None if it has none."""
        files = sorted((self.folder / table / f"clinic={self.clinic_id}").glob("*.parquet"))
        if not files:
            return None
        empty = self.folder / table / "empty.parquet"
        query = f"select * from {parquet([*files, empty] if empty.exists() else files)}"
        markers = self.folder / "superseded" / table / f"clinic={self.clinic_id}"
        gone = sorted(markers.glob("*.parquet"))
        if gone:
            query = f"""
                select held.*
                from ({query}) as held
                anti join {parquet(gone)} as gone
                    on held.{TABLES[table].key} = gone.row_key
                    and held.file_id = gone.file_id
                    and held.source_line = gone.source_line
            """
        return query if con.execute(f"select 1 from ({query}) limit 1").fetchone() else None

    def scores(self) -> list[Path]:
        """Return the files of the scores of the clinic's accepted responses."""
        return sorted((self.folder / "scores" / f"clinic={self.clinic_id}").glob("*.parquet"))
