"""Rows held back for want of another row: taken up again the night that row is there.

A row in quarantine is open until it comes in good order, is deleted or erased. Where only other
rows were wrong (a missing or quarantined parent, a session outside its episode), nobody has to
send it again: it is judged anew with every delivery of its clinic, and what comes free is loaded
as a delivery of its own, ``<file> (held rows)``. Its own file stays as it was accounted for.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb

from expectations.catalogue import Catalogue
from expectations.checks.where import Where
from expectations.rows.row_source import ALIASES
from pipeline.home import Home
from pipeline.storage.duckdb_session import quoted
from pipeline.storage.landing import Delivery
from pipeline.storage.open_rows import open_rows, read
from pipeline.storage.parquet import copy_unless_empty
from transforms.contract import TABLES
from transforms.sql import only_row, texts

SUFFIX = " (held rows)"
_CANDIDATES = "held_candidates"
Paths = dict[str, list[Path]]
Trial = Callable[[Paths], Path]


def free(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    run_id: str,
    clinic_id: str,
    rules: Catalogue,
    staged: Mapping[str, list[Path]],
    received_at: datetime,
    trial: Trial,
) -> tuple[list[Delivery], Paths]:
    """Stage the held rows that nothing holds back any more.

    Parameters
    ----------
    staged : tonight's files of the clinic by table; a row that came again is not taken up
    trial : marks staged files and returns the marks

    Returns
    -------
    deliveries, and their staged files by table
    """
    folder = home.work(run_id) / "held" / clinic_id
    candidates: Paths = {}
    for table in TABLES:
        paths = _stage_candidates(con, home, run_id, clinic_id, rules, table, staged, folder)
        if paths:
            candidates[table] = paths
    if not candidates:
        return [], {}
    # Tonight's questionnaires are nobody's parents.
    parents = {table: paths for table, paths in staged.items() if table != "responses"}
    together = {
        table: [*parents.get(table, ()), *candidates.get(table, ())]
        for table in {**parents, **candidates}
    }
    marks = trial(together)
    freed = {
        table: [path for path in paths if _keep_free(con, path, table, marks, rules)]
        for table, paths in candidates.items()
    }
    deliveries = _deliveries(con, clinic_id, freed, received_at)
    path = _list_path(home, run_id, clinic_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [delivery.as_row() for delivery in deliveries]
    path.write_text(json.dumps(rows, default=datetime.isoformat, indent=1), encoding="utf-8")
    return deliveries, {table: paths for table, paths in freed.items() if paths}


def freed_deliveries(home: Home, run_id: str, clinics: set[str]) -> list[Delivery]:
    """Return what `free` staged this night."""
    found = []
    for clinic_id in sorted(clinics):
        path = _list_path(home, run_id, clinic_id)
        rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        found += [
            Delivery(**row | {"received_at": datetime.fromisoformat(row["received_at"])})
            for row in rows
        ]
    return found


def about_other_rows(rules: Catalogue, table: str) -> list[str]:
    """Return the rules that hold a row back for what another row is like."""
    others = "|".join(alias for alias in ALIASES[table] if alias not in ("instrument", "found"))
    refers = re.compile(rf"\b({others or 'nothing'})\.")
    return [
        rule.id
        for rule in rules.of_table(table)
        if rule.keeps_out
        and all(
            check.kind == "reference"
            or (isinstance(check, Where) and any(refers.search(b.where) for b in check.breaks))
            for check in rule.checks
        )
    ]


def _stage_candidates(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    run_id: str,
    clinic_id: str,
    rules: Catalogue,
    table: str,
    staged: Mapping[str, list[Path]],
    folder: Path,
) -> list[Path]:
    """Write the rows that only other rows hold back, one file per delivery they came in."""
    rows = open_rows(con, home, clinic_id, table)
    if rows is None:
        return []
    key, others = TABLES[table].key, texts(about_other_rows(rules, table))
    again = f"select {key} from {read(staged[table])}" if staged.get(table) else "select null"
    con.execute(
        f"""
        create or replace temp table {_CANDIDATES} as
        select file_id, row_key, source_line from ({rows})
        where row_key not in (select * from ({again}) as came(row_key) where row_key is not null)
        group by all having bool_and(rule_id in ({others or "null"}))
        """
    )
    paths = []
    files = con.execute(f"select distinct file_id from {_CANDIDATES} order by all").fetchall()
    for (file_id,) in files:
        kept = home.quarantine / table / f"clinic={clinic_id}" / f"{file_id}.parquet"
        new_id = hashlib.sha256(f"{file_id} held rows {run_id}".encode()).hexdigest()[:16]
        path = folder / table / f"{new_id}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        if kept.exists():
            _copy(con, kept, path, key, file_id, new_id)
            paths += [path] if path.exists() else []
    return paths


def _copy(
    con: duckdb.DuckDBPyConnection, kept: Path, path: Path, key: str, file_id: str, new_id: str
) -> None:
    copy_unless_empty(
        con,
        f"""
        select kept.* replace ({quoted(new_id)} as file_id)
        from read_parquet({quoted(kept)}) as kept
        semi join (from {_CANDIDATES} where file_id = {quoted(file_id)}) as wanted
            on kept.{key} = wanted.row_key and kept.source_line = wanted.source_line
        """,
        path,
    )


def _keep_free(
    con: duckdb.DuckDBPyConnection, path: Path, table: str, marks: Path, rules: Catalogue
) -> bool:
    """Leave only the rows in the file that no mark takes out; tell whether there are any."""
    key = TABLES[table].key
    keeps_out = texts(rule.id for rule in rules.rules if rule.keeps_out)
    free_rows = path.with_name(f"free-{path.name}")
    copy_unless_empty(
        con,
        f"""
        select rows.* from read_parquet({quoted(path)}) as rows
        anti join (
            from read_parquet({quoted(marks)})
            where table_name = '{table}' and rule_id in ({keeps_out or "null"})
        ) as marked
            on rows.{key} = marked.row_key
            and rows.source_line = marked.source_line
            and rows.file_id = marked.file_id
        """,
        free_rows,
    )
    path.unlink()
    if free_rows.exists():
        free_rows.rename(path)
    return path.exists()


def _deliveries(
    con: duckdb.DuckDBPyConnection, clinic_id: str, freed: Paths, received_at: datetime
) -> list[Delivery]:
    found: dict[str, Delivery] = {}
    for paths in freed.values():
        for path in paths:
            (name,) = only_row(
                con.execute(f"select min(source_file) from read_parquet({quoted(path)})")
            )
            one = Delivery(clinic_id, name + SUFFIX, path.stem, "", 0, received_at)
            sha256 = hashlib.sha256(path.stem.encode()).hexdigest()
            found[path.stem] = replace(one, sha256=sha256)
    return [found[file_id] for file_id in sorted(found)]


def _list_path(home: Home, run_id: str, clinic_id: str) -> Path:
    return home.work(run_id) / "held" / f"{clinic_id}.json"
