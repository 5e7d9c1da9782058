"""Keys that are missing, or that stand on rows which contradict each other."""

from __future__ import annotations

from typing import Literal

from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Fault, Finding, Part, Sources, rows_of
from expectations.checks.history import REPEATED
from expectations.rows.answers import Suspects
from expectations.rows.delivery import Staged
from transforms.contract import PROVENANCE, TABLES, Table
from transforms.sql import name

_NOT_CONTENT = {column for column, _ in PROVENANCE} | {"bad_cells"}


class UniqueKey(Check):
    """The natural key is there, and stands on one row."""

    kind: Literal["unique_key"]

    def part(self, staged: Staged, suspects: Suspects) -> Part:
        """A row without key."""
        table = TABLES[staged.table]
        return Part((Fault(f"{table.key} is null", _key_column(table), "has no key"),))

    def findings(self, sources: Sources) -> list[Finding]:
        """Rows of one file with the same key and other content."""
        staged = sources.staged
        content = ", ".join(
            name(column) for column in sorted(staged.columns) if column not in _NOT_CONTENT
        )
        rows = f"""
        select {PLACE}
        from {rows_of(staged)} semi join {REPEATED} using (row_key)
        -- Rows that repeat each other in full are dropped as duplicates, not as contradictions.
        qualify count(distinct row({content})) over (partition by file_id, row_key) > 1
    """
        reason = "the same key stands on another row with other content"
        return [Finding(_key_column(TABLES[staged.table]), reason, rows)]


def _key_column(table: Table) -> str:
    """Return the clinic's column to correct when the natural key is wrong."""
    own = [column.name for column in table.columns if column.lake_name == table.key]
    return own[0] if own else table.key_parts[0]
