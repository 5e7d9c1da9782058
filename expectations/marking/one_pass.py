"""The one pass over the rows of a table: counts per file, marks of the failing rows.

Healthy rows cost a few comparisons: reasons are looked up only where a rule is broken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from expectations.catalogue import Rule
from expectations.checks.finding import Fault, Part
from expectations.rows.delivery import Staged
from expectations.rows.row_source import row_source
from transforms.sql import text

# Binder, parser and catalog errors quote SQL; every other error may quote a cell.
SAFE_ERRORS = (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException)


@dataclass(frozen=True)
class TablePass:
    """A rule compiled for one table."""

    rule: Rule
    scope: str
    parts: tuple[Part, ...]

    @property
    def is_broken(self) -> str:
        """SQL that is true for a row in scope that breaks the rule."""
        some = " or ".join(part.is_broken for part in self.parts) or "false"
        if self.scope == "true":
            return some
        return f"case when coalesce({self.scope}, false) then {some} else false end"


@dataclass
class Counted:
    """Counts of one rule per file: file_id to (n_scope, n_failed), or the error."""

    counts: dict[str, tuple[int, int]]
    error: str | None = None

    def with_scope(self, scopes: Mapping[str, int]) -> Counted:
        """Return the counts with the scope that the check counted itself."""
        counts = {
            file_id: (scopes.get(file_id, 0), n_failed)
            for file_id, (_, n_failed) in self.counts.items()
        }
        return Counted(counts, self.error)


def run_passes(
    con: duckdb.DuckDBPyConnection, staged: Staged, passes: Sequence[TablePass]
) -> dict[str, Counted]:
    """Run all rules in one query; if it fails, one by one, so that one hides no other.

    Appends to the temp table ``marks``. Returns counts by rule id.
    """
    if not passes:
        return {}
    try:
        return _run(con, staged, passes)
    except duckdb.Error:
        return {
            key: value for each in passes for key, value in _run_alone(con, staged, each).items()
        }


def describe_error(error: duckdb.Error) -> str:
    """Return the kind of error, with DuckDB's words only where they cannot quote a cell."""
    kind = type(error).__name__.removesuffix("Exception")
    if isinstance(error, SAFE_ERRORS):
        return f"{kind}: {str(error).splitlines()[0][:200]}"
    return f"{kind} error while the rule ran"


def _run_alone(
    con: duckdb.DuckDBPyConnection, staged: Staged, each: TablePass
) -> dict[str, Counted]:
    try:
        return _run(con, staged, [each])
    except duckdb.Error as error:
        return {each.rule.id: Counted({}, describe_error(error))}


def _run(
    con: duckdb.DuckDBPyConnection, staged: Staged, passes: Sequence[TablePass]
) -> dict[str, Counted]:
    scopes = list(dict.fromkeys(each.scope for each in passes))
    reasons = [
        (each, part, fault)
        for each in passes
        if each.rule.listed
        for part in each.parts
        for fault in part.faults
    ]
    con.execute("drop table if exists passed")
    con.execute(f"create temp table passed as {_query(staged, passes, scopes, reasons)}")
    _append_marks(con, staged, reasons)
    counted = {}
    for index, each in enumerate(passes):
        scope = f"n_scope_{scopes.index(each.scope)}"
        rows = con.execute(f"select file_id, {scope}, n_failed_{index} from passed").fetchall()
        counted[each.rule.id] = Counted({file_id: (n, failed) for file_id, n, failed in rows})
    con.execute("drop table passed")
    return counted


def _query(
    staged: Staged,
    passes: Sequence[TablePass],
    scopes: Sequence[str],
    reasons: Sequence[tuple[TablePass, Part, Fault]],
) -> str:
    broken = {each.rule.id: f"is_broken_{index}" for index, each in enumerate(passes)}
    flags = [f"coalesce({scope}, false) as in_scope_{n}" for n, scope in enumerate(scopes)]
    flags += [f"{each.is_broken} as {broken[each.rule.id]}" for each in passes]
    counts = [
        f"count(*) filter (where in_scope_{n}) as n_scope_{n}" for n in range(len(scopes))
    ] + [f"count(*) filter (where is_broken_{n}) as n_failed_{n}" for n in range(len(passes))]
    some_listed = " or ".join(broken[each.rule.id] for each in passes if each.rule.listed)
    found = [
        f"case when {broken[each.rule.id]} and {_guarded(part, fault)} then {n} end"
        for n, (each, part, fault) in enumerate(reasons)
    ]
    # The case keeps reasons away from healthy rows: a filter alone would compute them all.
    marks = (
        f"""
        list(case when {some_listed} then
            {{row_key: row_key, source_line: source_line,
              found: list_filter([{", ".join(found)}], lambda n: n is not null)}} end)
        filter (where {some_listed})
        """
        if found
        else "null"
    )
    used = " ".join([*flags, *found])
    return f"""
        select file_id, {", ".join(counts)}, {marks} as marks
        from (select *, {", ".join(flags)} from ({row_source(staged, used)}))
        group by file_id
    """


def _guarded(part: Part, fault: Fault) -> str:
    return f"({fault.where})" if part.guard == "true" else f"({part.guard}) and ({fault.where})"


def _append_marks(
    con: duckdb.DuckDBPyConnection,
    staged: Staged,
    reasons: Sequence[tuple[TablePass, Part, Fault]],
) -> None:
    if not reasons:
        return
    values = ", ".join(
        f"({n}, {text(each.rule.id)}, {text(fault.column) if fault.column else 'null'},"
        f" {text(fault.reason)})"
        for n, (each, _, fault) in enumerate(reasons)
    )
    con.execute(
        f"""
        insert into marks
        select {text(staged.table)}, file_id, row_key, source_line, rule_id, column_name, reason
        from (
            select file_id, mark.row_key, mark.source_line, unnest(mark.found) as n
            from (select file_id, unnest(marks) as mark from passed)
        )
        inner join (values {values}) as reasons(n, rule_id, column_name, reason) using (n)
        """
    )
