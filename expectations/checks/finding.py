"""What a check hands to the marking pass: predicates over one row, or rows that it found.

A part is a guard (a cheap predicate over the whole row) and faults (one predicate per column and
reason); the faults are looked at only where the guard is true, which keeps sixty item columns off
the path of a healthy row. A finding is a query of its own; the marking pass joins it to the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from expectations.rows.delivery import Staged
from transforms.contract import TABLES
from transforms.sql import text

PLACE = "file_id, source_line, row_key"
# An export of dates gives every form the same moment, which proves nothing.
HAS_TIME = "date_trunc('second', completed_at) <> date_trunc('day', completed_at)"


@dataclass(frozen=True)
class Fault:
    """One way a row can break a rule: true ``where``, the clinic's column name, the reason."""

    where: str
    column: str | None
    reason: str


@dataclass(frozen=True)
class Part:
    """Faults looked at only where ``guard`` is true."""

    faults: tuple[Fault, ...]
    guard: str = "true"

    @property
    def is_broken(self) -> str:
        """SQL that is true for a row with any of the faults, never NULL."""
        some = " or ".join(f"({fault.where})" for fault in self.faults) or "false"
        if self.guard == "true":
            return f"case when {some} then true else false end"
        return (
            f"case when {self.guard} then case when {some} then true else false end else false end"
        )


@dataclass(frozen=True)
class Finding:
    """Rows that break a check.

    Attributes
    ----------
    rows : str
        SQL for (file_id, source_line, row_key).
    scope : str or None
        SQL for (file_id, n_scope), if the check counts its own scope.
    setup : str or None
        Statement to run first.
    only_if : str or None
        Query without whose rows nothing can be broken; spares the pass over the rows.
    """

    column: str | None
    reason: str
    rows: str
    scope: str | None = None
    setup: str | None = None
    only_if: str | None = None


@dataclass(frozen=True)
class Sources:
    """What a finding may read beside the staged rows; ``in_scope`` is the rule's predicate."""

    staged: Staged
    held: str | None
    scores: Sequence[Path]
    knows_sessions: bool
    held_scores: Sequence[Path] = ()
    has_repeats: bool = True
    in_scope: str = "true"
    # (file_id, instrument number) of forms that are held back for lost item columns (S34).
    short: Sequence[tuple[str, int]] = ()


def rows_of(staged: Staged, columns: str = "*") -> str:
    """Return SQL for the staged rows with their natural key as ``row_key``."""
    return f"(select {columns}, {TABLES[staged.table].key} as row_key from {staged.relation})"


def is_bad(column: str) -> str:
    """Return SQL that is true for a row whose cell of the clinic's column could not be read."""
    return f"coalesce(list_contains(bad_cells, {text(column)}), false)"
