"""Several rows of a client on one day."""

from __future__ import annotations

from typing import Literal

from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Finding, Sources
from expectations.checks.history import columns_in, history


class OnePerDay(Check):
    """At most one row per client and calendar day of ``at`` among the rows in scope."""

    kind: Literal["one_per_day"]
    at: str

    def findings(self, sources: Sources) -> list[Finding]:
        columns = columns_in(sources.staged.table, self.at, "client_key", sources.in_scope)
        day = f"client_key, cast({self.at} as date)"
        rows = f"""
        with rows as (
            select *, hash({day}) as day
            from ({history(sources, columns, ["client_key"])})
            where {sources.in_scope}
        ),
        crowded as (select day from rows group by day having count(*) > 1)
        select {PLACE} from rows semi join crowded using (day)
        qualify is_new and row_key is distinct from first_value(row_key) over (
            partition by {day} order by is_new, {self.at}, row_key
        )
        """
        return [Finding(self.at, "another attended session of the client on the same day", rows)]
