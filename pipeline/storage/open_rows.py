"""What is open in quarantine, and what was replaced: states of rows, read from the lake."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipeline.home import Home
from pipeline.storage.duckdb_session import quoted
from transforms.contract import TABLES


def open_rows(con: duckdb.DuckDBPyConnection, home: Home, clinic_id: str, table: str) -> str | None:
    """Return SQL for a table's rows that are open in quarantine, one per row and rule.

    Returns
    -------
    str or None
        (file_id, row_key, source_line, rule_id), of the delivery that brought the row last; None
        where nothing was ever held back. Rows without a key, and of rejected files, are left out.
    """
    quality = home.lake / "quality"
    held = _of_table(quality / "quarantine" / clinic_id, table)
    if not held:
        return None
    told = _of_table(quality / "quarantine_events" / clinic_id, table)
    later = (
        f"""
        union all
        select row_key, happened_at, source_file, file_id, true as is_settled
        from {read(told)} where row_key is not null
        """
        if told
        else ""
    )
    return f"""
        with found as (
            select *, max(run_id) over (partition by file_id) as last_run_id
            from {read(held)} where row_key is not null and takes_row_out
        ),
        said as (
            select row_key, seen_at as happened_at, source_file, file_id, false as is_settled
            from found
            {later}
        ),
        latest as (
            from said
            qualify row_number() over (
                partition by row_key
                order by happened_at desc, source_file desc, file_id desc, is_settled
            ) = 1
        )
        select distinct found.file_id, found.row_key, found.source_line, found.rule_id
        from found
        semi join (from latest where not is_settled) as still
            on found.row_key = still.row_key and found.file_id = still.file_id
        where found.run_id = found.last_run_id
    """


def files_with_open_rows(con: duckdb.DuckDBPyConnection, home: Home, clinic_id: str) -> set[str]:
    """Return the files of which rows are open in quarantine."""
    return {
        file_id
        for table in TABLES
        if (rows := open_rows(con, home, clinic_id, table))
        for (file_id,) in con.execute(f"select distinct file_id from ({rows})").fetchall()
    }


def replaced_files(con: duckdb.DuckDBPyConnection, home: Home, clinic_id: str) -> set[str]:
    """Return the files of which a later delivery replaced or deleted rows."""
    paths = sorted((home.lake / "superseded").glob(f"*/clinic={clinic_id}/*.parquet"))
    if not paths:
        return set()
    rows = con.execute(f"select distinct file_id from {read(paths)}").fetchall()
    return {file_id for (file_id,) in rows}


def read(paths: list[Path]) -> str:
    """Return SQL that reads files as one relation, columns matched by name."""
    files = ", ".join(quoted(path) for path in paths)
    return f"read_parquet([{files}], union_by_name = true)"


def _of_table(folder: Path, table: str) -> list[Path]:
    return sorted(folder.glob(f"*_{table}.parquet"))
