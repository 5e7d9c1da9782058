"""What a check over several rows hands to the marking pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from expectations.rows.delivery import Staged
from transforms.contract import TABLES

PLACE = "file_id, source_line, row_key"


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
    """What a finding may read beside the staged rows."""

    staged: Staged
    held: str | None
    scores: Sequence[Path]
    knows_sessions: bool
    held_scores: Sequence[Path] = ()
    has_repeats: bool = True
    # (file_id, instrument number) of forms that are held back for lost item columns (S34).
    short: Sequence[tuple[str, int]] = ()


def rows_of(staged: Staged, columns: str = "*") -> str:
    """Return SQL for the staged rows with their natural key as ``row_key``."""
    return f"(select {columns}, {TABLES[staged.table].key} as row_key from {staged.relation})"
