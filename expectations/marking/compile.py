"""Rules compiled for one table: predicates over a row, and rows that only many rows condemn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import duckdb

from expectations.catalogue import Rule
from expectations.checks.finding import Fault, Finding, Part, Sources
from expectations.marking.one_pass import TablePass, describe_error
from expectations.rows.answers import Suspects
from expectations.rows.delivery import Staged
from expectations.rows.row_source import FOUND
from transforms.sql import only_row


class Compiler:
    """Compiles the rules of one table, and gathers the rows its findings condemn."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, known: Mapping[str, str], suspects: Suspects
    ) -> None:
        self.con, self.known, self.suspects = con, known, suspects
        self.scopes: dict[str, dict[str, int]] = {}
        self.errors: dict[str, str] = {}
        self._number = 0
        con.execute(
            f"""
            create or replace temp table {FOUND}_all
                (fault integer, file_id varchar, source_line bigint, row_key uuid)
            """
        )

    def compile(self, rule: Rule, staged: Staged, sources: Sources) -> TablePass | None:
        """Return the rule as SQL, or None if it is not about this table or cannot run."""
        parts = [
            part for check in rule.checks if (part := check.part(staged, self.suspects)) is not None
        ]
        if not parts:
            return None
        scope = staged.with_nulls(rule.applies_to)
        own = replace(sources, in_scope=rule.applies_to)
        try:
            for check in rule.checks:
                several = check.findings(own)
                parts += [self._collect(rule, found) for found in several]
                if check.counts_scope:
                    scope = "true" if several else "false"
        except duckdb.Error as error:
            self.errors[rule.id] = describe_error(error)
            return None
        return TablePass(
            rule,
            _filled_in(scope, self.known),
            tuple(_with_facts(part, self.known) for part in parts),
        )

    def finish(self) -> None:
        """Make the relation the rows are joined with: one row per condemned row."""
        self.con.execute(
            f"""
            create or replace temp table {FOUND} as
            select row_key, source_line, file_id, list(fault) as faults
            from {FOUND}_all group by row_key, source_line, file_id
            """
        )

    def _collect(self, rule: Rule, found: Finding) -> Part:
        if found.setup:
            self.con.execute(_filled_in(found.setup, self.known))
        if found.scope:
            self.scopes[rule.id] = dict(self.con.execute(found.scope).fetchall())
        if found.only_if and not self.con.execute(f"{found.only_if} limit 1").fetchone():
            return Part(())
        self._number += 1
        inserted = self.con.execute(
            f"""
            insert into {FOUND}_all
            select {self._number}, file_id, source_line, row_key
            from ({_filled_in(found.rows, self.known)})
            """
        )
        (n_rows,) = only_row(inserted)
        # Nothing found: no join, the rows pass untouched.
        where = f"list_contains(found.faults, {self._number})" if n_rows else "false"
        return Part((Fault(where, found.column, found.reason),))


def _with_facts(part: Part, known: Mapping[str, str]) -> Part:
    return Part(
        tuple(replace(fault, where=_filled_in(fault.where, known)) for fault in part.faults),
        _filled_in(part.guard, known),
    )


def _filled_in(sql: str, known: Mapping[str, str]) -> str:
    """Replace the placeholders of rules.yml by what is known about the clinic and delivery."""
    for placeholder, value in known.items():
        sql = sql.replace(placeholder, value)
    return sql
