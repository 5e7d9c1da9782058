"""The clinic's count of sessions, against ours."""

from __future__ import annotations

from typing import Literal

from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Finding, Sources
from expectations.checks.history import history
from transforms.contract import ATTENDED
from transforms.sql import texts

# As in macros/clinical.sql: a clinic that does not record types delivers treatment.
_IS_TREATMENT = "coalesce(session_type, 'treatment') in ('treatment', 'group')"


class SessionNumber(Check):
    """The number is the session's place among the attended treatment sessions of its episode."""

    kind: Literal["session_number"]

    def findings(self, sources: Sources) -> list[Finding]:
        needed = (
            "client_key",
            "episode_key",
            "session_at",
            "attendance",
            "session_type",
            "session_number",
        )
        rows = f"""
        with counted as (
            select *, row_number() over (
                partition by client_key, episode_key order by session_at, row_key
            ) as number
            from ({history(sources, needed, ["client_key"])})
            where attendance in ({texts(ATTENDED)}) and {_IS_TREATMENT}
        )
        select {PLACE} from counted
        where is_new and ({sources.in_scope}) and session_number <> number
        """
        reason = "not the place of the session among the attended treatment sessions of its episode"
        return [Finding("session_number", reason, rows)]
