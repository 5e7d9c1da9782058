"""Mark every delivered row that breaks a rule, and count every rule.

Order matters: clients and therapists first, then episodes, sessions and responses, so that a
row that refers to a quarantined row is quarantined too. A file whose fatal rule falls short
counts as quarantined whole. Everything runs inside DuckDB; no row enters Python.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import duckdb
import pyarrow as pa

from expectations.catalogue import Catalogue
from expectations.checks.against_registry import MissingCodes
from expectations.checks.finding import Sources
from expectations.checks.free_text import list_texts
from expectations.checks.history import find_repeats
from expectations.marking.compile import Compiler
from expectations.marking.one_pass import Counted, run_passes
from expectations.rows.answers import Suspects, find_suspects
from expectations.rows.context import (
    PARENTS,
    Service,
    build_instruments,
    build_parents,
    facts,
    refuse,
)
from expectations.rows.delivery import (
    Lake,
    Staged,
    file_id_of,
    stage,
)
from expectations.verdicts import state_of
from transforms.contract import TABLES
from transforms.intake.item_sets import ItemSet
from transforms.sql import text

# Parents before children.
ORDER = ("clients", "therapists", "episodes", "sessions", "responses")
MARKS = {
    "table_name": "VARCHAR",
    "file_id": "VARCHAR",
    "row_key": "UUID",
    "source_line": "BIGINT",
    "rule_id": "VARCHAR",
    "column_name": "VARCHAR",
    "reason": "VARCHAR",
}
COUNTS = {
    "run_id": "VARCHAR",
    "clinic_id": "VARCHAR",
    "file_id": "VARCHAR",
    "source_file": "VARCHAR",
    "table_name": "VARCHAR",
    "rule_id": "VARCHAR",
    "n_scope": "BIGINT",
    "n_failed": "BIGINT",
    "error": "VARCHAR",
}
_SCHEMA = pa.schema(
    [(name, pa.string() if kind == "VARCHAR" else pa.int64()) for name, kind in COUNTS.items()]
)


def mark(
    con: duckdb.DuckDBPyConnection,
    staged: Mapping[str, Sequence[Path]],
    lake: Path,
    registry: Path,
    rules: Catalogue,
    *,
    clinic_id: str,
    run_id: str,
    received_at: datetime,
    marks_path: Path,
    counts_path: Path,
    blocked: Collection[str] = (),
    scores: Sequence[Path] = (),
    therapist_ids: Sequence[Path] = (),
    ages: Sequence[Path] = (),
    client_ids: Sequence[Path] = (),
    service: Service | None = None,
    item_sets: Mapping[str, Sequence[ItemSet]] = MappingProxyType({}),
) -> None:
    """Write the marks and the counts of one clinic's delivery.

    Parameters
    ----------
    staged : mapping of table name to staged Parquet files, one row per delivered row
    lake : folder of the lake, read for rows the delivery refers to
    registry : folder with ``instruments.parquet``
    blocked : files that are rejected already, whatever their rows are like
    received_at : when the delivery arrived; the "now" of rules about the future, and the day on
        which a rule must be in force
    scores : Parquet files of recomputed scores of the staged responses; without them the rules
        about scores are not applicable
    therapist_ids, ages, client_ids : what only the vault can tell (`expectations.rows.courses`)
    service : what the clinic says of its service; None for the defaults of a clinic's YAML
    item_sets : file to the items its feeds have columns for (`expectations.rows.answers`)

    Notes
    -----
    Marks are sparse: one row per failing row x rule x column, columns as in MARKS; a failing
    cell's value is never written. Counts hold one row per rule x file x table.
    """
    tables = {table: stage(con, table, staged.get(table, ())) for table in ORDER}
    build_instruments(con, registry)
    in_force = Catalogue(rules=rules.in_force(received_at.date()))
    known = Lake(lake, clinic_id)
    told = (tuple(therapist_ids), tuple(ages), tuple(client_ids))
    moment = f"timestamp '{received_at.isoformat(sep=' ')}'"
    given = (service or Service()).facts() | {":received_at": moment}
    delivery = _Delivery(con, in_force, tables, known, tuple(scores), told, given, item_sets)
    delivery.rejected |= {*blocked}
    delivery.mark()
    # A workbook rejected for its last sheet takes its first sheets along: look again.
    while delivery.rejected_late:
        delivery.mark()
    _write_marks(con, marks_path)
    _write_counts(con, delivery, counts_path, clinic_id=clinic_id, run_id=run_id)


@dataclass
class _Delivery:
    """One clinic's staged tables on their way through the catalogue."""

    con: duckdb.DuckDBPyConnection
    rules: Catalogue
    tables: Mapping[str, Staged]
    lake: Lake
    scores: tuple[Path, ...]
    told: tuple[tuple[Path, ...], ...]
    given: Mapping[str, str]
    item_sets: Mapping[str, Sequence[ItemSet]]
    rejected: set[str] = field(default_factory=set)
    rejected_late: bool = False
    counted: dict[tuple[str, str], Counted] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)

    def mark(self) -> None:
        """Mark all tables once, knowing the files rejected so far."""
        columns = ", ".join(f"{column} {kind}" for column, kind in MARKS.items())
        self.con.execute(f"create or replace temp table marks ({columns})")
        build_parents(self.con, self.lake, *self.told)
        codes = [
            c
            for r in self.rules.rules
            for k in r.checks
            if isinstance(k, MissingCodes)
            for c in k.codes
        ]
        self.known = facts(self.con, self.lake) | {
            **self.given,
            ":missing_codes": f"[{', '.join(f'{code:g}' for code in codes)}]::double[]",
        }
        before, self.rejected_late = set(self.rejected), False
        seen: set[str] = set()
        for table in ORDER:
            staged = self.tables[table]
            if not staged.paths:
                continue
            self._mark_table(staged)
            new = self._rejected_by(table) - before
            self.rejected_late |= bool(new & seen - self.rejected)
            self.rejected |= new
            seen |= {file_id_of(path) for path in staged.paths}
            if table in PARENTS:
                self._refuse(table)

    def _mark_table(self, staged: Staged) -> None:
        # Whether a file can be read, its reader decides before there are rows.
        rules = [r for r in self.rules.of_table(staged.table) if not r.is_about_file]
        suspects = self._suspects(staged)
        sources = Sources(
            staged,
            self.lake.rows(self.con, staged.table),
            self.scores,
            self.known[":knows_sessions"] == "true",
            self.lake.scores(),
            find_repeats(self.con, staged),
            short=[(one.file_id, one.number) for one in suspects.short],
        )
        list_texts(self.con, staged)
        collected = Compiler(self.con, self.known, suspects)
        passes = [
            compiled
            for rule in rules
            if (compiled := collected.compile(rule, staged, sources)) is not None
        ]
        collected.finish()
        counted = run_passes(self.con, staged, passes)
        for rule_id, scopes in collected.scopes.items():
            if rule_id in counted and not counted[rule_id].error:
                counted[rule_id] = counted[rule_id].with_scope(scopes)
        counted |= {rule_id: Counted({}, error) for rule_id, error in collected.errors.items()}
        for rule_id, value in counted.items():
            self.counted[staged.table, rule_id] = value

    def _suspects(self, staged: Staged) -> Suspects:
        if staged.table != "responses":
            return Suspects()
        others = [one for table, one in self.tables.items() if table != "responses"]
        also = {file_id_of(path) for one in others for path in one.paths}
        return find_suspects(self.con, staged, self.item_sets, also)

    def _rejected_by(self, table: str) -> set[str]:
        return {
            file_id
            for rule in self.rules.of_table(table)
            if rule.severity == "fatal" and (table, rule.id) in self.counted
            for file_id, (n_scope, n_failed) in self.counted[table, rule.id].counts.items()
            if state_of(n_scope, n_failed, rule.threshold, None) == "fail"
        }

    def _refuse(self, table: str) -> None:
        """Tell the contexts which rows of a parent table will not reach the lake."""
        keeps_out = ", ".join(text(rule.id) for rule in self.rules.rules if rule.keeps_out)
        files = ", ".join(text(file_id) for file_id in sorted(self.rejected)) or "null"
        self.con.execute(
            f"""
            create or replace temp table refused_rows as
            select distinct row_key, file_id, source_line
            from marks
            where table_name = {text(table)} and rule_id in ({keeps_out or "null"})
            union
            select {TABLES[table].key}, file_id, source_line
            from staged_{table}
            where file_id in ({files})
            """
        )
        if self.con.execute("select 1 from refused_rows limit 1").fetchone():
            refuse(self.con, table, "refused_rows")


def _write_marks(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    con.execute(
        f"""
        copy (select {", ".join(MARKS)} from marks order by all)
        to {text(str(path))} (format parquet)
        """
    )


def _write_counts(
    con: duckdb.DuckDBPyConnection, delivery: _Delivery, path: Path, *, clinic_id: str, run_id: str
) -> None:
    rows = []
    for (table, rule_id), counted in delivery.counted.items():
        paths = delivery.tables[table].paths
        for file_id in sorted({file_id_of(path) for path in paths}):
            n_scope, n_failed = counted.counts.get(file_id, (0, 0))
            rows.append((file_id, table, rule_id, n_scope, n_failed, counted.error))
    sources = _source_files(con, delivery.tables)
    values = [
        (run_id, clinic_id, file_id, sources.get(file_id), table, rule_id, n_scope, n_failed, error)
        for file_id, table, rule_id, n_scope, n_failed, error in rows
    ]
    counts = pa.Table.from_pylist([dict(zip(COUNTS, row, strict=True)) for row in values], _SCHEMA)
    con.register("counts", counts)
    path.parent.mkdir(parents=True, exist_ok=True)
    con.execute(f"copy (select * from counts order by all) to {text(str(path))} (format parquet)")
    con.unregister("counts")


def _source_files(con: duckdb.DuckDBPyConnection, tables: Mapping[str, Staged]) -> dict[str, str]:
    found: dict[str, str] = {}
    for staged in tables.values():
        if staged.paths:
            found |= dict(
                con.execute(
                    f"select file_id, min(source_file) from {staged.relation} group by file_id"
                ).fetchall()
            )
    return found
