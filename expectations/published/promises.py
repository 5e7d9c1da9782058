"""The aggregate tables that have a suite of their own, their natural bounds, and change classes.

Bounds stand in the meta of the model (`low`, `high`, `above`; `where` names rows of one kind), so a
new table has its suite by declaring them; `expectations.published.bounds` checks what the names of
any table's columns promise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from expectations.declared import declared
from expectations.published.bounds import TOLERANCE
from transforms.sql import name


@dataclass(frozen=True)
class Bound:
    """A column that lies in [low, high]; with ``where``, in rows whose column has that value."""

    column: str
    low: float | None
    high: float | None = None
    where: tuple[str, str] | None = None
    is_open: bool = False

    def broken_in_sql(self) -> list[tuple[str, str]]:
        """Return on which side an impossible value lies, with the SQL that finds it."""
        only = f" and {name(self.where[0])} = '{self.where[1]}'" if self.where else ""
        low = f"<= {self.low}" if self.is_open else f"< {self.low} - {TOLERANCE}"
        sides = [("below its minimum", low, self.low)]
        sides += [("above its maximum", f"> {self.high} + {TOLERANCE}", self.high)]
        return [
            (side, f"{name(self.column)} {beyond}{only}")
            for side, beyond, bound in sides
            if bound is not None
        ]


@dataclass(frozen=True)
class Mart:
    """One aggregate table and the columns that have natural bounds."""

    table: str
    bounds: tuple[Bound, ...]


def _bound(given: Mapping[str, Any]) -> Bound:
    ((column, value),) = (given.get("where") or {None: None}).items()
    return Bound(
        given["column"],
        given.get("above", given.get("low")),
        given.get("high"),
        None if column is None else (column, value),
        "above" in given,
    )


MARTS = tuple(
    Mart(table, tuple(map(_bound, meta["bounds"])))
    for table, meta in declared().items()
    if "bounds" in meta
)
EPISODES = "core.fct_episodes"
# Jacobson & Truax 1991 and the NHS Talking Therapies manual: true for a contradictory row.
CONTRADICTIONS = """
    (jt_class = 'recovered' and not (jt_is_case_at_start and is_reliably_improved))
    or (
        -- Moved towards the cut-off and past it; a score on it is the operator's business.
        jt_class = 'recovered'
        and (outcome_post - jt_cutoff_value) * (outcome_post - outcome_pre) < 0
    )
    or (jt_class = 'improved' and not is_reliably_improved)
    or (jt_class in ('deteriorated', 'harmed') and not is_reliably_deteriorated)
    or (jt_class = 'harmed' and jt_is_case_at_start)
    or (jt_class = 'unchanged' and (is_reliably_improved or is_reliably_deteriorated))
    or jt_class not in ('recovered', 'improved', 'unchanged', 'deteriorated', 'harmed')
    or (nhs_is_recovered and not nhs_is_case_at_start)
    or (nhs_is_reliably_recovered and not (nhs_is_recovered and nhs_is_reliably_improved))
    or (nhs_is_reliably_improved and nhs_is_reliably_deteriorated)
"""
