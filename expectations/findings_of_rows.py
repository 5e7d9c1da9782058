"""Checks over the rows of a table: repeated keys, forms and sessions twice a day, overlaps."""

from __future__ import annotations

from expectations.catalogue import Rule
from expectations.checks import Check
from expectations.finding import PLACE, Finding, Sources, rows_of
from expectations.predicates import key_column
from transforms.contract import PROVENANCE, TABLES
from transforms.sql import name

NOT_CONTENT = {column for column, _ in PROVENANCE} | {"bad_cells"}


def unique_key(_rule: Rule, _check: Check, sources: Sources) -> Finding:
    staged = sources.staged
    content = ", ".join(
        name(column) for column in sorted(staged.columns) if column not in NOT_CONTENT
    )
    rows = f"""
        with repeated as (
            select row_key from {rows_of(staged, "file_id")}
            where row_key is not null group by row_key having count(*) > 1
        )
        select {PLACE}
        from {rows_of(staged)} semi join repeated using (row_key)
        -- Rows that repeat each other in full are dropped as duplicates, not as contradictions.
        qualify count(distinct row({content})) over (partition by file_id, row_key) > 1
    """
    return Finding(
        key_column(TABLES[staged.table]),
        "the same key stands on another row with other content",
        rows,
    )


def same_day_form(_rule: Rule, _check: Check, sources: Sources) -> Finding:
    columns = (
        "file_id, source_line, client_key, instrument_id, rater, completed_at, session_key,"
        " received_at"
    )
    day = "client_key, instrument_id, rater, cast(completed_at as date)"
    rows = f"""
        with days as (
            select hash({day}) as day, {columns}, row_key
            from {rows_of(sources.staged, columns)}
            where client_key is not null and instrument_id is not null
                and rater is not null and completed_at is not null
        ),
        crowded as (select day from days group by day having count(*) > 1),
        -- A form delivered again under its own key replaces itself and is no second form.
        forms as (
            select days.*,
                max(session_key::varchar) over (partition by {day}) is not null as has_session,
                first_value(row_key) over (
                    partition by {day}, session_key
                    order by completed_at desc, received_at desc, file_id desc,
                        source_line desc, row_key desc
                ) as kept_key
            from days semi join crowded using (day)
        )
        select {PLACE} from forms
        where row_key is distinct from kept_key or (session_key is null and has_session)
    """
    return Finding(
        "completed_at", "another form of the day for the same session was completed later", rows
    )


def one_per_day(rule: Rule, check: Check, sources: Sources) -> Finding:
    day = f"client_key, cast({check.at} as date)"
    rows = f"""
        with rows as (
            select *, hash({day}) as day from {rows_of(sources.staged)} where {rule.applies_to}
        ),
        crowded as (select day from rows group by day having count(distinct row_key) > 1)
        select {PLACE} from rows semi join crowded using (day)
        qualify row_key is distinct from first_value(row_key) over (
            partition by {day} order by {check.at}, row_key
        )
    """
    return Finding(check.at, "another attended session of the client on the same day", rows)


def no_overlap(_rule: Rule, check: Check, sources: Sources) -> Finding:
    columns = f"file_id, source_line, received_at, {check.of}, {check.start}, {check.end}"
    key = TABLES[sources.staged.table].key
    if key not in columns:
        columns += f", {key}"
    held = (
        f"union all select {columns}, false as is_new, {key} as row_key from ({sources.held})"
        if sources.held
        else ""
    )
    rows = f"""
        with delivered as (
            select {columns}, true as is_new, row_key from {rows_of(sources.staged, columns)}
        ),
        several as (
            select {check.of} from (
                select {check.of}, row_key from delivered
                {held and f"union all select {check.of}, {key} from ({sources.held})"}
            )
            where {check.of} is not null
            group by {check.of} having count(distinct row_key) > 1
        ),
        periods as (
            select * from (select * from delivered {held}) semi join several using ({check.of})
            qualify row_number() over (
                partition by row_key
                order by is_new desc, received_at desc, file_id desc, source_line desc
            ) = 1
        )
        select {PLACE} from periods
        qualify is_new and coalesce({check.start}, date '0001-01-01') < max(
            coalesce({check.end}, date '9999-01-01')
        ) over (
            partition by {check.of} order by {check.start} nulls first, row_key
            rows between unbounded preceding and 1 preceding
        )
    """
    return Finding(check.start, "begins before an earlier period has ended", rows)


def unlinked_alliance_form(_rule: Rule, _check: Check, sources: Sources) -> Finding | None:
    if not sources.knows_sessions:
        return None
    rows = f"""
        select {PLACE}
        from (
            select form.*, cast(completed_at as date) as day
            from {rows_of(sources.staged)} as form
            semi join (from context_instrument where family = 'alliance') as instrument
                on form.instrument_id = instrument.the_id and form.version = instrument.the_version
            where session_key is null and client_key is not null and completed_at is not null
        ) as form
        asof left join (
            select for_client, cast(held_at as date) as held_on
            from context_session where is_attended
        ) as held on form.client_key = held.for_client and form.day >= held.held_on
        where held_on is null or day > held_on + 2
    """
    return Finding("completed_at", "no attended session of the client in the two days before", rows)
