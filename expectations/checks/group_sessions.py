"""Group sessions that cannot have been one."""

from __future__ import annotations

from typing import Literal

from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Finding, Sources, rows_of


class GroupSessions(Check):
    """A group session names its group, has several clients, and each of them once."""

    kind: Literal["group_sessions"]

    def findings(self, sources: Sources) -> list[Finding]:
        groups = f"{rows_of(sources.staged)} where group_key is not null and session_at is not null"
        alone = f"""
        select {PLACE} from {groups}
        qualify min(client_key) over (partition by group_key, session_at)
            is not distinct from max(client_key) over (partition by group_key, session_at)
        """
        twice = f"""
        select {PLACE} from {groups} and client_key is not null
        qualify row_key is distinct from first_value(row_key) over (
            partition by group_key, session_at, client_key order by row_key
        )
        """
        unnamed = f"""
        select {PLACE} from {rows_of(sources.staged)}
        where session_type = 'group' and group_key is null
        """
        return [
            Finding("group_id", "a group of one client", alone),
            Finding("group_id", "the client stands twice in the same group session", twice),
            Finding("group_id", "a group session that names no group", unnamed),
        ]
