"""Forms that were filled in twice."""

from __future__ import annotations

from typing import Literal

from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Finding, Sources
from expectations.checks.history import history


class SameDayForm(Check):
    """One form per client, instrument, rater and day; the latest completed one stays."""

    kind: Literal["same_day_form"]

    def findings(self, sources: Sources) -> list[Finding]:
        columns = ("client_key", "instrument_id", "rater", "completed_at", "session_key")
        day = "client_key, instrument_id, rater, cast(completed_at as date)"
        # The place of a form without a time of day stands below a second of it.
        untimed = "date_trunc('second', completed_at) = date_trunc('day', completed_at)"
        place = f"case when {untimed} then completed_at end"
        rows = f"""
        with days as (
            select *, {place} as place, hash({day}) as day
            from ({history(sources, columns, ["client_key", "instrument_id"])})
            where client_key is not null and instrument_id is not null
                and rater is not null and completed_at is not null
        ),
        crowded as (select day from days group by day having count(*) > 1),
        -- What the lake holds stays there: a second form of the day comes too late.
        forms as (
            select days.*,
                max(session_key::varchar) over (partition by {day}) is not null as has_session,
                first_value(row_key) over (
                    partition by {day}, session_key, place
                    order by is_new, completed_at desc, received_at desc, file_id desc,
                        source_line desc, row_key desc
                ) as kept_key
            from days semi join crowded using (day)
        )
        select {PLACE} from forms
        where is_new
            and (row_key is distinct from kept_key or (session_key is null and has_session))
        """
        reason = "another form of the day for the same session is the one that stays"
        return [Finding("completed_at", reason, rows)]
