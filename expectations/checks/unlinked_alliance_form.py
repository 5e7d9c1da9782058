"""Alliance forms that no session explains."""

from __future__ import annotations

from typing import Literal

from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Finding, Sources, rows_of


class UnlinkedAllianceForm(Check):
    """An alliance form without session follows an attended one within two days."""

    kind: Literal["unlinked_alliance_form"]

    def findings(self, sources: Sources) -> list[Finding]:
        if not sources.knows_sessions:
            return []
        rows = f"""
        select {PLACE}
        from (
            select form.*, cast(completed_at as date) as day,
                -- Without a time of day the form may have been the last thing of its day.
                case when date_trunc('second', completed_at) = date_trunc('day', completed_at)
                    then completed_at + interval 1439 minutes else completed_at end as moment
            from {rows_of(sources.staged)} as form
            semi join (from context_instrument where family = 'alliance') as instrument
                on form.instrument_id = instrument.the_id and form.version = instrument.the_version
            where session_key is null and client_key is not null and completed_at is not null
        ) as form
        asof left join (
            select for_client, held_at, cast(held_at as date) as held_on
            from context_session where is_attended
        ) as held on form.client_key = held.for_client and form.moment >= held.held_at
        where held_on is null or day > held_on + 2
        """
        reason = "no attended session of the client had begun in the two days before"
        return [Finding("completed_at", reason, rows)]
