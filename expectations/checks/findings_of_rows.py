"""Checks over the rows of a table: repeated keys, periods that overlap, forms without session."""

from __future__ import annotations

from expectations.catalogue import Rule
from expectations.checks.check import Check
from expectations.checks.finding import (
    PLACE,
    Finding,
    Sources,
    rows_of,
)
from expectations.checks.history import REPEATED
from expectations.checks.row_predicates import key_column
from transforms.contract import PROVENANCE, TABLES
from transforms.sql import name

NOT_CONTENT = {column for column, _ in PROVENANCE} | {"bad_cells"}


def unique_key(_rule: Rule, _check: Check, sources: Sources) -> Finding:
    staged = sources.staged
    content = ", ".join(
        name(column) for column in sorted(staged.columns) if column not in NOT_CONTENT
    )
    rows = f"""
        select {PLACE}
        from {rows_of(staged)} semi join {REPEATED} using (row_key)
        -- Rows that repeat each other in full are dropped as duplicates, not as contradictions.
        qualify count(distinct row({content})) over (partition by file_id, row_key) > 1
    """
    return Finding(
        key_column(TABLES[staged.table]),
        "the same key stands on another row with other content",
        rows,
    )


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
    return Finding(
        "completed_at", "no attended session of the client had begun in the two days before", rows
    )
