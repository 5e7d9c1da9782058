"""A row against the one before it."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Finding, Sources
from expectations.checks.history import columns_in, history

# A condition that only holds where a column differs from the row before it.
_CHANGES = re.compile(r"(\w+) <> previous\.\1( and (?!.*\bor\b).*)?", re.DOTALL)


class Sequence(Check):
    """A row does not contradict the one before it.

    ``where`` is true for a row that does; ``previous`` is the row of the same ``within`` before it
    in the order of ``at``, among the rows in scope, those the lake holds included.
    """

    kind: Literal["sequence"]
    within: tuple[str, ...] = Field(min_length=1)
    at: str
    where: str
    column: str
    reason: str

    def findings(self, sources: Sources) -> list[Finding]:
        table, within = sources.staged.table, ", ".join(self.within)
        columns = columns_in(table, within, self.at, self.where, sources.in_scope)
        asked = dict.fromkeys(re.findall(r"\bprevious\.(\w+)", self.where))
        order = f"partition by {within} order by {self.at}, row_key"
        before = "".join(f", lag({column}) over same as previous_{column}" for column in asked)
        where = re.sub(r"\bprevious\.(\w+)", r"previous_\1", self.where)
        given = " and ".join(f"{column} is not null" for column in (*self.within, self.at))
        moved = ""
        if changed := _CHANGES.fullmatch(self.where):
            # Ordering the rows costs most: those whose column never changes are left out before.
            moved = f"""
            semi join (
                select {within} from delivered
                group by all having min({changed[1]}) <> max({changed[1]})
            ) as moved using ({within})
        """
        rows = f"""
        with delivered as (
            select * from ({history(sources, columns, self.within)})
            where {given} and ({sources.in_scope})
        ),
        rows as (select * from delivered {moved})
        select {PLACE} from (
            select *, lag(row_key) over same as previous_key{before}
            from rows window same as ({order})
        )
        where is_new and previous_key is not null and ({where})
        """
        return [Finding(self.column, self.reason, rows)]
