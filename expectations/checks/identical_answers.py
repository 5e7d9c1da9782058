"""Forms copied from one client to another."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from expectations.checks.check import Check
from expectations.checks.finding import HAS_TIME, PLACE, Finding, Sources, rows_of


class IdenticalAnswers(Check):
    """Two clients gave all the same answers, not all alike, in the same minute."""

    kind: Literal["identical_answers"]
    min_items: int = Field(ge=2)

    def findings(self, sources: Sources) -> list[Finding]:
        items = sources.staged.items
        if not items:
            return []
        answers = ", ".join(items)
        n_answers = " + ".join(f"({item} is not null)::int" for item in items)
        moment = "instrument_id, version, rater, date_trunc('minute', completed_at)"
        rows = f"""
        with forms as (
            select {PLACE}, client_key, hash({moment}, {answers}) as copy
            from {rows_of(sources.staged)}
            where client_key is not null and {HAS_TIME}
                and {n_answers} >= {self.min_items}
                and greatest({answers}) <> least({answers})
        ),
        copies as (
            select copy from forms group by copy having min(client_key) <> max(client_key)
        )
        select {PLACE} from forms semi join copies using (copy)
        """
        reason = "another client gave all the same answers in the same minute"
        return [Finding("completed_at", reason, rows)]
