"""Checks of a row against the one before it: overlaps, changes of mode, jumps, session numbers."""

from __future__ import annotations

import re

from expectations.catalogue import Rule
from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Finding, Sources
from expectations.checks.history import columns_in, history
from expectations.rows.delivery import parquet
from transforms.contract import ATTENDED
from transforms.sql import texts

# Relation made once per pass: forms with the size of the move since the one before.
MOVES = "score_moves"
# A condition that only holds where a column differs from the row before it.
_CHANGES = re.compile(r"(\w+) <> previous\.\1( and (?!.*\bor\b).*)?", re.DOTALL)
# As in macros/clinical.sql: a clinic that does not record types delivers treatment.
IS_TREATMENT = "coalesce(session_type, 'treatment') in ('treatment', 'group')"


def sequence(rule: Rule, check: Check, sources: Sources) -> Finding:
    table, within = sources.staged.table, ", ".join(check.within)
    columns = columns_in(table, within, check.at, check.where, rule.applies_to)
    asked = dict.fromkeys(re.findall(r"\bprevious\.(\w+)", check.where))
    order = f"partition by {within} order by {check.at}, row_key"
    before = "".join(f", lag({column}) over same as previous_{column}" for column in asked)
    where = re.sub(r"\bprevious\.(\w+)", r"previous_\1", check.where)
    given = " and ".join(f"{column} is not null" for column in (*check.within, check.at))
    moved = ""
    if changed := _CHANGES.fullmatch(check.where):
        # Ordering the rows costs most: those whose column never changes are left out before.
        moved = f"""
            semi join (
                select {within} from delivered
                group by all having min({changed[1]}) <> max({changed[1]})
            ) as moved using ({within})
        """
    rows = f"""
        with delivered as (
            select * from ({history(sources, columns, check.within)})
            where {given} and ({rule.applies_to})
        ),
        rows as (select * from delivered {moved})
        select {PLACE} from (
            select *, lag(row_key) over same as previous_key{before}
            from rows window same as ({order})
        )
        where is_new and previous_key is not null and ({where})
    """
    return Finding(check.column, check.reason, rows)


def one_per_day(rule: Rule, check: Check, sources: Sources) -> Finding:
    columns = columns_in(sources.staged.table, check.at, "client_key", rule.applies_to)
    day = f"client_key, cast({check.at} as date)"
    rows = f"""
        with rows as (
            select *, hash({day}) as day
            from ({history(sources, columns, ["client_key"])})
            where {rule.applies_to}
        ),
        crowded as (select day from rows group by day having count(*) > 1)
        select {PLACE} from rows semi join crowded using (day)
        qualify is_new and row_key is distinct from first_value(row_key) over (
            partition by {day} order by is_new, {check.at}, row_key
        )
    """
    return Finding(check.at, "another attended session of the client on the same day", rows)


def same_day_form(_rule: Rule, _check: Check, sources: Sources) -> Finding:
    columns = ("client_key", "instrument_id", "rater", "completed_at", "session_key")
    # The place of a form without a time of day stands below a second of it.
    untimed = "date_trunc('second', completed_at) = date_trunc('day', completed_at)"
    place = f"case when {untimed} then completed_at end"
    day = "client_key, instrument_id, rater, cast(completed_at as date)"
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
    return Finding(
        "completed_at", "another form of the day for the same session is the one that stays", rows
    )


def session_number(rule: Rule, _check: Check, sources: Sources) -> Finding:
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
            where attendance in ({texts(ATTENDED)}) and {IS_TREATMENT}
        )
        select {PLACE} from counted
        where is_new and ({rule.applies_to}) and session_number <> number
    """
    reason = "not the place of the session among the attended treatment sessions of its episode"
    return Finding("session_number", reason, rows)


def score_jump(_rule: Rule, check: Check, sources: Sources) -> Finding | None:
    if not sources.scores:
        return None
    columns = ("client_key", "instrument_id", "version", "rater", "completed_at")
    held = f"union all by name select * from {parquet(sources.held_scores)}"
    setup = f"""
        create or replace temp table {MOVES} as
        select form.file_id, form.source_line, form.row_key,
            abs(score - lag(score) over (
                partition by client_key, instrument.number
                order by completed_at, row_key
            )) / nullif(reliable_change, 0) as n_changes, is_new
        from ({history(sources, columns, ["client_key", "instrument_id"])}) as form
        inner join (
            select * from {parquet(sources.scores)} {held if sources.held_scores else ""}
        ) as scored
            on form.row_key = scored.response_key and form.file_id = scored.file_id
            and form.source_line = scored.source_line
        inner join (
            select distinct the_id, the_version, the_rater, primary_scale, number
            from context_instrument
        ) as instrument
            on scored.instrument_id = instrument.the_id and scored.version = instrument.the_version
            and scored.rater = instrument.the_rater and scored.scale = instrument.primary_scale
        inner join context_scale as scale
            on scored.instrument_id = scale.instrument_id and scored.version = scale.version
            and scored.rater = scale.rater and scored.scale = scale.scale
        where scored.score is not null and scale.reliable_change is not null
            and form.client_key is not null and form.completed_at is not null
    """
    rows = f"select {PLACE} from {MOVES} where is_new and n_changes > {check.times}"
    scope = f"""
        select file_id, count(*) as n_scope from {MOVES}
        where is_new and n_changes is not null group by file_id
    """
    reason = f"the score moved by more than {check.times:g} reliable changes since the form before"
    return Finding(None, reason, rows, scope, setup)
