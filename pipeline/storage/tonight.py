"""What the lake, the quarantine and tonight's other files say of many files' rows, asked once.

A file of which every row is new and in good order goes into the lake as it is; of many small files
nearly all do. What is asked of each of the others is asked of a small table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from pipeline.home import Home
from pipeline.storage.duckdb_session import quoted
from pipeline.storage.lake import current_rows
from transforms.contract import Table
from transforms.sql import new_relation

# Below, one question for each file costs less than copying what the lake holds of their rows.
MANY_FILES = 8


@dataclass(frozen=True)
class Tonight:
    """One table of one clinic, as tonight's files find it.

    Attributes
    ----------
    current : relation of the current rows of the lake whose key a file has; empty: not made
    as_they_are : file to its rows, where no row is taken out, repeated, or known already
    marked : files of which a row breaks a rule
    """

    table: Table
    current: str = ""
    as_they_are: Mapping[str, int] = field(default_factory=dict)
    marked: frozenset[str] = frozenset()

    def follow(self, con: duckdb.DuckDBPyConnection, target: Path, markers: Path) -> None:
        """Take over what settling a file changed in the lake: rows accepted, and rows replaced."""
        if not self.current:
            return
        if markers.exists():
            con.execute(
                f"""
                delete from {self.current} where exists (
                    select 1 from read_parquet({quoted(markers)}, hive_partitioning = false) as gone
                    where gone.row_key = {self.table.key}
                        and gone.file_id = {self.current}.file_id
                        and gone.source_line = {self.current}.source_line
                )
                """
            )
        if target.exists():
            rows = f"read_parquet({quoted(target)}, hive_partitioning = false)"
            new = f"select * from {rows} where {self.table.key} is not null"
            con.execute(f"insert into {self.current} by name {new}")


def look_at(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    run_id: str,
    table: Table,
    clinic_id: str,
    staged: Sequence[Path],
) -> Tonight:
    """Look at all files of a table together; uses the temp table ``rules``.

    Parameters
    ----------
    staged : the files the clinic still has to settle tonight
    """
    if len(staged) < MANY_FILES:
        return Tonight(table)
    rows = _read(staged)
    keys, current = new_relation("keys"), new_relation("current")
    con.execute(
        f"create temp table {keys} as select parse_filename(filename, true) as file, "
        f"{table.key} as row_key from {rows}"
    )
    marks = f"""
        select marks.* from {_read([home.work(run_id) / "marks" / f"{clinic_id}.parquet"])} as marks
        where table_name = '{table.name}'
    """
    taken = (
        f"select row_key from ({marks}) semi join (from rules where takes_row_out) using (rule_id)"
    )
    held = home.lake / "quality" / "quarantine" / clinic_id
    known = [f"select row_key from {keys} group by row_key having count(*) > 1", taken]
    for folder, files, key in (
        (home.lake / table.name / f"clinic={clinic_id}", "*.parquet", table.key),
        (held, f"*_{table.name}.parquet", "row_key"),
    ):
        if any(folder.glob(files)):
            known.append(
                f"select lake.{key} from {_read([folder / files])} as lake "
                f"semi join {keys} on lake.{key} = {keys}.row_key"
            )
    as_they_are = con.execute(
        f"""
        with known as (select distinct row_key from ({" union all ".join(known)}))
        select file, count(*) from {keys} left join known using (row_key)
        group by file
        having bool_and({keys}.row_key is not null and known.row_key is null)
        """
    ).fetchall()
    marked = con.execute(f"select distinct file_id from ({marks})").fetchall()
    con.execute(
        f"""
        create temp table {current} as
        select * from ({current_rows(home, table, clinic_id)}) as lake
        semi join {keys} on lake.{table.key} = {keys}.row_key
        union all by name
        select * exclude (filename) from {rows} where false
        """
    )
    con.execute(f"drop table {keys}")
    return Tonight(table, current, dict(as_they_are), frozenset(file for (file,) in marked))


def _read(paths: Iterable[Path]) -> str:
    files = ", ".join(quoted(path) for path in paths)
    return (
        f"read_parquet([{files}], union_by_name = true, filename = true, hive_partitioning = false)"
    )
