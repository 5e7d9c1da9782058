"""Rules about the published tables as a whole: counts per clinic, found in SQL.

One file of SQL per rule in expectations/measures gives rows (clinic_id, table_name, n_scope,
n_failed and, if it helps, detail in words). Only counts leave the database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from expectations.catalogue import Catalogue, Rule
from expectations.checks.decided_elsewhere import Measured
from expectations.rows.delivery import parquet
from expectations.verdicts import share_of, state_of
from transforms.errors import ConfigError
from transforms.sql import records

MEASURES = Path(__file__).with_name("measures")
# Rules that are not about one clinic after the other.
ABOUT_ALL = ("P02", "P04", "W01")
# A file without the table: the rule has nothing in scope.
NEEDS = {"S27": "process.fct_alerts"}
_SETTING = re.compile(r"(?<!:):([a-z_]+)")


@dataclass(frozen=True)
class Measure:
    """Counts of one rule for one clinic (None: no single clinic) and table."""

    rule_id: str
    clinic_id: str | None
    table_name: str
    n_scope: int
    n_failed: int
    detail: str | None = None
    error: str | None = None


def measured_rules(rules: Catalogue) -> list[tuple[Rule, Measured]]:
    """Return the rules of this kind with their settings."""
    return [
        (rule, check)
        for rule in rules.rules
        for check in rule.checks
        if isinstance(check, Measured)
    ]


def query_of(rule: Rule, check: Measured) -> str:
    """Return a rule's SQL with its settings filled in.

    Raises
    ------
    ConfigError
        A setting is missing, or the rule has no SQL.
    """
    path = MEASURES / f"{rule.id}.sql"
    if not path.exists():
        raise ConfigError(f"rules.yml: rule {rule.id}, key checks", "has no query", f"Add {path}")

    def value(match: re.Match[str]) -> str:
        if match[1] not in check.settings:
            raise ConfigError(
                f"rules.yml: rule {rule.id}, key checks.settings",
                f"{match[1]} is missing",
                "Give it a number",
            )
        return f"{check.settings[match[1]]:g}"

    return _SETTING.sub(value, path.read_text(encoding="utf-8"))


def open_lake(con: duckdb.DuckDBPyConnection, lake: Path) -> None:
    """Make the views of the lake that queries may use."""
    views = {"lake_flags": "flags", "lake_scales": "registry/scales.parquet"}
    for view, place in views.items():
        path = lake / place
        files = [path] if path.suffix else sorted(path.rglob("*.parquet"))
        if files and all(file.exists() for file in files):
            con.execute(f"create temp view {view} as select * from {parquet(files)}")


def measure(
    con: duckdb.DuckDBPyConnection, rules: Catalogue, leave_out: Sequence[str] = ()
) -> list[Measure]:
    """Run every query against the open file of published tables.

    A rule has a row for every clinic, also where nothing is in scope; a query that fails is an
    error of the rule and hides no other.
    """
    clinics = [row[0] for row in con.execute("select clinic_id from core.dim_clinics").fetchall()]
    return [
        found
        for rule, check in measured_rules(rules)
        if rule.id not in leave_out
        for found in _with_every_clinic(rule, _measure(con, rule, check), sorted(clinics))
    ]


def _measure(con: duckdb.DuckDBPyConnection, rule: Rule, check: Measured) -> list[Measure]:
    query = query_of(rule, check)
    needed = NEEDS.get(rule.id)
    if needed and not _has_table(con, needed):
        return []
    try:
        rows = records(con.execute(query))
    except duckdb.Error as error:
        kind = type(error).__name__.removesuffix("Exception")
        return [Measure(rule.id, None, "", 0, 0, error=f"{kind} error while the query ran")]
    return [
        Measure(
            rule.id,
            row["clinic_id"],
            row["table_name"],
            int(row["n_scope"] or 0),
            int(row["n_failed"] or 0),
            row.get("detail"),
        )
        for row in rows
    ]


def _has_table(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    found = con.execute(
        "select 1 from duckdb_tables() where schema_name || '.' || table_name = ?", [table]
    )
    return found.fetchone() is not None


def _with_every_clinic(rule: Rule, found: list[Measure], clinics: list[str]) -> Iterator[Measure]:
    yield from found
    is_about_clinics = rule.id not in ABOUT_ALL
    if any(each.error for each in found) or not (is_about_clinics or not found):
        return
    table = found[0].table_name if found else NEEDS.get(rule.id, "")
    missing = [c for c in clinics if c not in {each.clinic_id for each in found}]
    about: list[str | None] = [*missing] if is_about_clinics else [None]
    for clinic in about:
        yield Measure(rule.id, clinic, table, 0, 0)


def result_of(rule: Rule, counted: Measure, of_what: str = "") -> dict[str, Any]:
    """Return the row of a rule's result; ``of_what`` says what was counted, in its message."""
    state = state_of(counted.n_scope, counted.n_failed, rule.threshold, counted.error)
    return {
        "clinic_id": counted.clinic_id,
        "file_id": None,
        "source_file": None,
        "table_name": counted.table_name or None,
        "rule_id": rule.id,
        "title": rule.title,
        "category": rule.category,
        "severity": rule.severity,
        "n_scope": counted.n_scope,
        "n_failed": counted.n_failed,
        "share_failed": share_of(counted.n_scope, counted.n_failed),
        "threshold": rule.threshold,
        "state": state,
        "message": _message(rule, state, counted, of_what),
    }


def _message(rule: Rule, state: str, counted: Measure, of_what: str) -> str:
    if state == "error":
        return f"the check could not run: {counted.error}"
    if state == "not_applicable":
        return f"nothing in scope ({rule.denominator})"
    detail = f": {counted.detail}" if counted.detail and counted.n_failed else ""
    return f"{counted.n_failed:,} of {counted.n_scope:,}{of_what} break it{detail}"
