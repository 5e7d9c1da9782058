"""Checks of forms and sessions against others of the same moment: copies, bulk entry, groups."""

from __future__ import annotations

from expectations.catalogue import Rule
from expectations.checks.check import Check
from expectations.checks.finding import (
    PLACE,
    Finding,
    Sources,
    rows_of,
)
from expectations.rows.delivery import parquet

# An export of dates gives every form the same moment, which proves nothing; below a second stands
# only the place among those of the day.
HAS_TIME = "date_trunc('second', completed_at) <> date_trunc('day', completed_at)"


def identical_answers(_rule: Rule, check: Check, sources: Sources) -> Finding | None:
    items = sources.staged.items
    if not items:
        return None
    answers = ", ".join(items)
    n_answers = " + ".join(f"({item} is not null)::int" for item in items)
    moment = "instrument_id, version, rater, date_trunc('minute', completed_at)"
    rows = f"""
        with forms as (
            select {PLACE}, client_key, hash({moment}, {answers}) as copy
            from {rows_of(sources.staged)}
            where client_key is not null and {HAS_TIME}
                and {n_answers} >= {check.min_items}
                and greatest({answers}) <> least({answers})
        ),
        copies as (
            select copy from forms group by copy having min(client_key) <> max(client_key)
        )
        select {PLACE} from forms semi join copies using (copy)
    """
    reason = "another client gave all the same answers in the same minute"
    return Finding("completed_at", reason, rows)


def bulk_entry(rule: Rule, check: Check, sources: Sources) -> Finding:
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
            having count(*) >= {check.n_forms} / (1 + ceil({check.seconds} / 60.0))
        ),
        runs as (
            select *,
                lead(completed_at, {check.n_forms - 1}) over same
                    < completed_at + interval {check.seconds} seconds
                -- One client's own battery of forms, sent at once, is no bulk entry.
                and min(client_key) over following <> max(client_key) over following as begins
            from forms semi join crowded using (therapist)
            window
                same as (partition by therapist order by completed_at, row_key, source_line),
                following as (
                    partition by therapist order by completed_at, row_key, source_line
                    rows between current row and {check.n_forms - 1} following
                )
        )
        select {PLACE} from runs
        qualify bool_or(coalesce(begins, false)) over (
            partition by therapist order by completed_at, row_key, source_line
            rows between {check.n_forms - 1} preceding and current row
        )
    """
    reason = f"one of {check.n_forms} forms of a therapist's clients within {check.seconds} seconds"
    return Finding("completed_at", reason, rows)


def group_sessions(_rule: Rule, _check: Check, sources: Sources) -> list[Finding]:
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


def underanswered_scores(_rule: Rule, _check: Check, sources: Sources) -> Finding | None:
    if not sources.scores:
        return None
    scores = f"""
        {parquet(sources.scores)} as scored
        inner join context_scale using (instrument_id, version, rater, scale)
        where score is not null and score_source = 'computed' and min_answered is not null
    """
    rows = f"""
        select distinct file_id, source_line, response_key as row_key
        from {scores} and n_answered < min_answered
    """
    scope = f"select file_id, count(*) as n_scope from {scores} group by file_id"
    reason = "a score was computed from fewer answers than its rule asks for"
    return Finding(None, reason, rows, scope)
