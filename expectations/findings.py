"""Checks that look at several rows at once: repeats, overlaps, scales, recomputed scores.

Each returns SQL for the rows that break it, as (file_id, source_line, row_key); the marking
pass joins them to the rows. A check may also count its own scope, where the rows in scope are
not told by a predicate over one row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from expectations.answers import ANSWERS
from expectations.catalogue import Check, Rule
from expectations.context import INSTRUMENT_JOIN
from expectations.delivery import Staged, parquet
from expectations.predicates import key_column
from transforms.contract import PROVENANCE, TABLES, Column
from transforms.sql import name, text

PLACE = "file_id, source_line, row_key"
NOT_CONTENT = {column for column, _ in PROVENANCE} | {"bad_cells"}
# Relation made once per pass: (file_id, number, n_forms, is_mixed) of each instrument in a file.
SCALES = "answered_scales"
# Distinct entries of the free-text columns: (column_name, entry).
TEXTS = "free_texts"
# Without their source these have nothing in scope.
COUNT_THEIR_SCOPE = ("scale_mix_up", "submitted_score", "unscored_forms")


@dataclass(frozen=True)
class Finding:
    """Rows that break a check.

    Attributes
    ----------
    rows : str
        SQL for (file_id, source_line, row_key).
    scope : str or None
        SQL for (file_id, n_scope), if the check counts its own scope.
    setup : str or None
        Statement to run first.
    only_if : str or None
        Query without whose rows nothing can be broken; spares the pass over the rows.
    """

    column: str | None
    reason: str
    rows: str
    scope: str | None = None
    setup: str | None = None
    only_if: str | None = None


@dataclass(frozen=True)
class Sources:
    """What a finding may read beside the staged rows."""

    staged: Staged
    held: str | None
    scores: Sequence[Path]
    knows_sessions: bool


def findings(rule: Rule, check: Check, sources: Sources) -> list[Finding]:
    """Return the findings of a check, none if single rows decide it."""
    builder = _BUILDERS.get(check.kind)
    found = builder(rule, check, sources) if builder else None
    return found if isinstance(found, list) else [found] if found else []


def _rows(staged: Staged, columns: str = "*") -> str:
    return f"(select {columns}, {TABLES[staged.table].key} as row_key from {staged.relation})"


def _unique_key(_rule: Rule, _check: Check, sources: Sources) -> Finding:
    staged = sources.staged
    content = ", ".join(
        name(column) for column in sorted(staged.columns) if column not in NOT_CONTENT
    )
    rows = f"""
        with repeated as (
            select row_key from {_rows(staged, "file_id")}
            where row_key is not null group by row_key having count(*) > 1
        )
        select {PLACE}
        from {_rows(staged)} semi join repeated using (row_key)
        -- Rows that repeat each other in full are dropped as duplicates, not as contradictions.
        qualify count(distinct row({content})) over (partition by file_id, row_key) > 1
    """
    return Finding(
        key_column(TABLES[staged.table]),
        "the same key stands on another row with other content",
        rows,
    )


def _same_day_form(_rule: Rule, _check: Check, sources: Sources) -> Finding:
    columns = (
        "file_id, source_line, client_key, instrument_id, rater, completed_at, session_key,"
        " received_at"
    )
    day = "client_key, instrument_id, rater, cast(completed_at as date)"
    rows = f"""
        with days as (
            select hash({day}) as day, {columns}, row_key
            from {_rows(sources.staged, columns)}
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


def _one_per_day(rule: Rule, check: Check, sources: Sources) -> Finding:
    day = f"client_key, cast({check.at} as date)"
    rows = f"""
        with rows as (
            select *, hash({day}) as day from {_rows(sources.staged)} where {rule.applies_to}
        ),
        crowded as (select day from rows group by day having count(distinct row_key) > 1)
        select {PLACE} from rows semi join crowded using (day)
        qualify row_key is distinct from first_value(row_key) over (
            partition by {day} order by {check.at}, row_key
        )
    """
    return Finding(check.at, "another attended session of the client on the same day", rows)


def _no_overlap(_rule: Rule, check: Check, sources: Sources) -> Finding:
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
            select {columns}, true as is_new, row_key from {_rows(sources.staged, columns)}
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


def _unlinked_alliance_form(_rule: Rule, _check: Check, sources: Sources) -> Finding | None:
    if not sources.knows_sessions:
        return None
    rows = f"""
        select {PLACE}
        from (
            select form.*, cast(completed_at as date) as day
            from {_rows(sources.staged)} as form
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


def _scale_mix_up(_rule: Rule, check: Check, sources: Sources) -> Finding | None:
    items = sources.staged.items
    if not items:
        return None
    setup = f"""
        create or replace temp table {SCALES} as
        with ranges as (
            select file_id, number, any_value(n_forms) as n_forms,
                min(low) as low, max(high) as high
            from {ANSWERS} inner join context_instrument using (number)
            where item <= n_items
            group by file_id, number
        ),
        -- A code for a missing answer says nothing about the scale.
        strays as (
            select file_id, number, min(answer) as low, max(answer) as high,
                count(distinct (row_key, source_line)) filter (where answer > item_max) as n_above
            from (
                select delivered.file_id, number, item_min, item_max, row_key, source_line,
                    unnest([{", ".join(items)}]) as answer
                from {_rows(sources.staged)} as delivered {INSTRUMENT_JOIN}
                where number in (
                    select number from ranges inner join context_instrument using (number)
                    where low < item_min or high > item_max
                )
            )
            where (answer between item_min and item_max)
                or not list_contains(:missing_codes, answer)
            group by file_id, number
        )
        select
            ranges.file_id, number, n_forms,
            coalesce(strays.n_above > {check.share_above} * n_forms, false)
            or item_step >= 1 and coalesce(
                coalesce(strays.high, ranges.high) <= shorter_max
                or strays.low = item_min + item_step and strays.high = item_max + item_step
                or strays.low = item_min - item_step and strays.high = item_max - item_step, false
            ) as is_mixed
        from ranges
        inner join context_instrument using (number)
        left join strays using (file_id, number)
        where n_forms >= {check.min_forms} and item_max is not null
    """
    rows = f"""
        select {PLACE}
        from {_rows(sources.staged)} as delivered {INSTRUMENT_JOIN}
        semi join (from {SCALES} where is_mixed) as mixed
            on delivered.file_id = mixed.file_id and instrument.number = mixed.number
        where coalesce({", ".join(items)}) is not null
    """
    scope = f"select file_id, sum(n_forms) as n_scope from {SCALES} group by file_id"
    reason = "the instrument's answers in this file use another scale than its version"
    return Finding("version", reason, rows, scope, setup, f"from {SCALES} where is_mixed")


def _free_text(_rule: Rule, check: Check, sources: Sources) -> list[Finding]:
    """Match the pattern against the distinct texts: few, and told by the Parquet dictionary."""
    return [
        Finding(
            column.name,
            check.reason,
            f"select {PLACE} from {_rows(sources.staged)} semi join strange_texts using ({key})",
            setup=f"""
                create or replace temp table strange_texts as
                select entry as {key} from {TEXTS}
                where column_name = {text(column.name)}
                    and regexp_matches(entry, {text(check.pattern)})
            """,
            only_if="from strange_texts",
        )
        for column in free_text_columns(sources.staged.table)
        for key in (name(column.lake_name),)
    ]


def list_texts(con: duckdb.DuckDBPyConnection, staged: Staged) -> None:
    """Make the relation of the distinct entries of the table's free-text columns."""
    each = [
        f"select distinct {text(column.name)} as column_name, {name(column.lake_name)} as entry"
        f" from {staged.relation}"
        for column in free_text_columns(staged.table)
    ]
    nothing = "select null::varchar as column_name, null::varchar as entry limit 0"
    con.execute(f"create or replace temp table {TEXTS} as {' union all '.join(each) or nothing}")


def free_text_columns(table: str) -> list[Column]:
    """Return the text columns of a table that no closed set and no registry restricts."""
    return [
        column
        for column in TABLES[table].columns
        if column.kind == "text" and not column.values and column.name != "instrument"
    ]


def _submitted_score(_rule: Rule, check: Check, sources: Sources) -> Finding | None:
    if not sources.scores:
        return None
    # A prorated total and a plain sum of the answered items are both right, and differ.
    both = f"""
        (select file_id, source_line, response_key as row_key, score, submitted_score
        from {parquet(sources.scores)}
        where score_source = 'computed' and submitted_score is not null and score is not null
            and not coalesce(is_prorated, false))
    """
    # Clinics round means to one decimal; sums are whole and leave nothing to round.
    tolerance = (
        f"(case when score = round(score) then {check.tolerance_whole}"
        f" else {check.tolerance_fraction} + 1e-9 end)"
    )
    rows = f"select distinct {PLACE} from {both} where abs(score - submitted_score) > {tolerance}"
    scope = f"""
        select file_id, count(*) as n_scope
        from (select distinct {PLACE} from {both}) group by file_id
    """
    return Finding(None, "a submitted score differs from the recomputed one", rows, scope)


def _unscored_forms(_rule: Rule, _check: Check, sources: Sources) -> Finding | None:
    if not sources.scores:
        return None
    forms = f"""
        (select file_id, source_line, response_key as row_key,
            bool_or(score is not null) as has_score
        from {parquet(sources.scores)}
        where n_answered > 0 and score_source = 'computed'
        group by all)
    """
    rows = f"select {PLACE} from {forms} where not has_score"
    scope = f"select file_id, count(*) as n_scope from {forms} group by file_id"
    return Finding(None, "too few items are answered for any score", rows, scope)


_BUILDERS: dict[str, Callable[[Rule, Check, Sources], Finding | list[Finding] | None]] = {
    "unique_key": _unique_key,
    "same_day_form": _same_day_form,
    "one_per_day": _one_per_day,
    "no_overlap": _no_overlap,
    "unlinked_alliance_form": _unlinked_alliance_form,
    "scale_mix_up": _scale_mix_up,
    "free_text": _free_text,
    "submitted_score": _submitted_score,
    "unscored_forms": _unscored_forms,
}
