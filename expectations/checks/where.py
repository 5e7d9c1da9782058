"""Predicates written in the rule itself."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from expectations.checks.check import Check, Strict
from expectations.checks.finding import Fault, Part
from expectations.rows.answers import Suspects
from expectations.rows.delivery import Staged

# Columns that vary from delivery to delivery.
_ANSWER = re.compile(r"item_\d+|submitted_\w+")


class Break(Strict):
    """One way to break a rule: the SQL predicate that is true for a broken row."""

    where: str
    column: str | None = None
    reason: str


class Where(Check):
    """Predicates in SQL over the staged columns and the documented joined aliases."""

    kind: Literal["where"]
    breaks: tuple[Break, ...] = Field(min_length=1)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the breaks put the blame on."""
        named = (each.column for each in self.breaks)
        return tuple(column for column in named if column and not _ANSWER.fullmatch(column))

    def part(self, staged: Staged, suspects: Suspects) -> Part:
        return Part(
            tuple(Fault(staged.with_nulls(b.where), b.column, b.reason) for b in self.breaks)
        )
