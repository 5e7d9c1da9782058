"""Checks over a file's answers, scores and texts: scales mixed up, scores that differ."""

from __future__ import annotations

import duckdb

from expectations.catalogue import Rule
from expectations.checks.check import Check
from expectations.checks.finding import (
    PLACE,
    Finding,
    Sources,
    rows_of,
)
from expectations.rows.answers import ANSWERS
from expectations.rows.context import INSTRUMENT_JOIN
from expectations.rows.delivery import Staged, parquet
from transforms.contract import TABLES, Column
from transforms.sql import name, text

# Relation made once per pass: (file_id, number, n_forms, is_mixed) of each instrument in a file.
SCALES = "answered_scales"
# Made once per pass: (number) of the instruments whose forms of all files leave out an end.
POOLED = "pooled_scales"
# Distinct entries of the free-text columns: (column_name, entry).
TEXTS = "free_texts"
# Made once per pass: (file_id, source_line, row_key, has_score) of each form with an answer.
SCORED = "scored_forms"


def scale_mix_up(_rule: Rule, check: Check, sources: Sources) -> Finding | None:
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
                from {rows_of(sources.staged)} as delivered {INSTRUMENT_JOIN}
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
        from {rows_of(sources.staged)} as delivered {INSTRUMENT_JOIN}
        semi join (from {SCALES} where is_mixed) as mixed
            on delivered.file_id = mixed.file_id and instrument.number = mixed.number
        where coalesce({", ".join(items)}) is not null
    """
    scope = f"select file_id, sum(n_forms) as n_scope from {SCALES} group by file_id"
    reason = "the instrument's answers in this file use another scale than its version"
    return Finding("version", reason, rows, scope, setup, f"from {SCALES} where is_mixed")


def scale_pooled(_rule: Rule, check: Check, sources: Sources) -> Finding | None:
    """Pool the delivered files with the lake: a small clinic never sends fifty forms in one."""
    items = sources.staged.items
    if not items:
        return None
    wanted = "columns('^(instrument_id|version|rater|item_[0-9]+)$')"
    held = f"union all by name select {wanted} from ({sources.held})" if sources.held else ""
    # Coded from 1 instead of 0, or from the shorter scale of a sibling.
    ends = "(item_min = 0 and low > 0 or high <= shorter_max)"
    setup = f"""
        create or replace temp table {POOLED} as
        with suspects as (
            select number from {ANSWERS} inner join context_instrument using (number)
            where item <= n_items and item_step >= 1
            group by number, item_min, shorter_max
            having (item_min = 0 and min(low) > 0) or max(high) <= shorter_max
        ),
        pooled as (
            select number, item_min, shorter_max, n_items,
                unnest([{", ".join(items)}]) as answer, unnest(range(1, {len(items)} + 1)) as item,
                unnest(list_resize([1], {len(items)}, 0)) as is_form
            from (select {wanted} from {sources.staged.relation} {held}) as delivered
            {INSTRUMENT_JOIN}
            where number in (from suspects) and coalesce({", ".join(items)}) is not null
        ),
        ranges as (
            select number, item_min, shorter_max, sum(is_form) as n_forms,
                min(answer) as low, max(answer) as high
            from pooled where item <= n_items group by all
        )
        select number from ranges where n_forms >= {check.min_forms} and {ends}
    """
    rows = f"""
        select {PLACE}
        from {rows_of(sources.staged)} as delivered {INSTRUMENT_JOIN}
        where instrument.number in (from {POOLED}) and coalesce({", ".join(items)}) is not null
    """
    scope = f"""
        select file_id, sum(n_forms) as n_scope from (
            select distinct file_id, number, n_forms
            from {ANSWERS} inner join context_instrument using (number) where item_max is not null
        ) group by file_id
    """
    reason = "no form of the instrument, in any file of the clinic, uses one end of its scale"
    return Finding("version", reason, rows, scope, setup, f"from {POOLED}")


def free_text(_rule: Rule, check: Check, sources: Sources) -> list[Finding]:
    """Match the pattern against the distinct texts: few, and told by the Parquet dictionary."""
    return [
        Finding(
            column.name,
            check.reason,
            f"select {PLACE} from {rows_of(sources.staged)} semi join strange_texts using ({key})",
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


def submitted_score(_rule: Rule, check: Check, sources: Sources) -> Finding | None:
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


def unscored_forms(_rule: Rule, _check: Check, sources: Sources) -> Finding | None:
    if not sources.scores:
        return None
    setup = f"""
        create or replace temp table {SCORED} as
        select file_id, source_line, response_key as row_key,
            bool_or(score is not null) as has_score
        from {parquet(sources.scores)}
        where n_answered > 0 and score_source = 'computed'
        group by all
    """
    rows = f"select {PLACE} from {SCORED} where not has_score"
    scope = f"select file_id, count(*) as n_scope from {SCORED} group by file_id"
    return Finding(None, "too few items are answered for any score", rows, scope, setup)
