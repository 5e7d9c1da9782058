"""Forms of several clients entered in one go by somebody else than they."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from expectations.checks.check import Check
from expectations.checks.finding import HAS_TIME, PLACE, Finding, Sources, rows_of


class BulkEntry(Check):
    """``n_forms`` forms of several clients of one therapist were completed within ``seconds``."""

    kind: Literal["bulk_entry"]
    n_forms: int = Field(ge=2)
    seconds: int = Field(ge=1)

    def findings(self, sources: Sources) -> list[Finding]:
        rows = f"""
        with forms as (
            select delivered.file_id, delivered.source_line, delivered.row_key, client_key,
                completed_at, coalesce(delivered.therapist_key, session.by_therapist) as therapist
            from {rows_of(sources.staged)} as delivered
            left join context_session as session on delivered.session_key = session.the_key
            where client_key is not null and {HAS_TIME} and coalesce(session.kind, '') <> 'group'
                and coalesce(delivered.therapist_key, session.by_therapist) is not null
        ),
        -- Within a minute lie at most two calendar minutes: one of them holds half of the forms.
        crowded as (
            select distinct therapist from forms
            group by therapist, date_trunc('minute', completed_at)
            having count(*) >= {self.n_forms} / (1 + ceil({self.seconds} / 60.0))
        ),
        runs as (
            select *,
                lead(completed_at, {self.n_forms - 1}) over same
                    < completed_at + interval {self.seconds} seconds
                -- One client's own battery of forms, sent at once, is no bulk entry.
                and min(client_key) over following <> max(client_key) over following as begins
            from forms semi join crowded using (therapist)
            window
                same as (partition by therapist order by completed_at, row_key, source_line),
                following as (
                    partition by therapist order by completed_at, row_key, source_line
                    rows between current row and {self.n_forms - 1} following
                )
        )
        select {PLACE} from runs
        qualify bool_or(coalesce(begins, false)) over (
            partition by therapist order by completed_at, row_key, source_line
            rows between {self.n_forms - 1} preceding and current row
        )
        """
        crowd = f"{self.n_forms} forms of a therapist's clients within {self.seconds} seconds"
        return [Finding("completed_at", f"one of {crowd}", rows)]
