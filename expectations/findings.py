"""Checks that look at several rows at once: repeats, overlaps, scales, recomputed scores.

Each returns SQL for the rows that break it, as (file_id, source_line, row_key); the marking
pass joins them to the rows. A check may also count its own scope, where the rows in scope are
not told by a predicate over one row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from expectations.catalogue import Check, Rule
from expectations.delivery import Staged, parquet
from expectations.predicates import key_column
from transforms.contract import PROVENANCE, TABLES
from transforms.sql import name

PLACE = "file_id, source_line, row_key"
NOT_CONTENT = {column for column, _ in PROVENANCE} | {"bad_cells"}
# Relation made once per pass: (file_id, number, n_forms, is_mixed) of each instrument in a file.
SCALES = "answered_scales"
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
    """

    column: str | None
    reason: str
    rows: str
    scope: str | None = None
    setup: str | None = None


@dataclass(frozen=True)
class Sources:
    """What a finding may read beside the staged rows."""

    staged: Staged
    held: str | None
    scores: Sequence[Path]
    knows_sessions: bool


def finding(rule: Rule, check: Check, sources: Sources) -> Finding | None:
    """Return the finding of a check, or None if single rows decide it."""
    builder = _BUILDERS.get(check.kind)
    return builder(rule, check, sources) if builder else None


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
    lowest, highest = f"least({', '.join(items)})", f"greatest({', '.join(items)})"
    if len(items) == 1:
        lowest = highest = items[0]
    join = """
        inner join context_instrument as instrument
            on form.instrument_id = instrument.the_id and form.version = instrument.the_version
            and form.rater = instrument.the_rater
    """
    strange = "(answer < item_min or answer > item_max) and list_contains(:missing_codes, answer)"
    setup = f"""
        create or replace temp table {SCALES} as
        with forms as (
            select file_id, number, {lowest} as lowest, {highest} as highest
            from {sources.staged.relation} as form {join}
        ),
        ranges as (
            select
                file_id, number, count(lowest) as n_forms,
                min(lowest) filter (
                    where not ({strange.replace("answer", "lowest")})) as low,
                max(highest) filter (
                    where not ({strange.replace("answer", "highest")})) as high,
                count(*) filter (where highest > item_max
                    and not list_contains(:missing_codes, highest)) as n_above
            from forms inner join context_instrument using (number)
            where item_max is not null
            group by file_id, number
        )
        select
            file_id, number, n_forms,
            coalesce(n_above > {check.share_above} * n_forms, false)
            or item_step >= 1 and coalesce(
                high <= shorter_max
                or low = item_min + item_step and high = item_max + item_step
                or low = item_min - item_step and high = item_max - item_step, false
            ) as is_mixed
        from ranges inner join context_instrument using (number)
        where n_forms >= {check.min_forms}
    """
    rows = f"""
        select {PLACE}
        from {_rows(sources.staged)} as form {join}
        semi join (from {SCALES} where is_mixed) as mixed
            on form.file_id = mixed.file_id and instrument.number = mixed.number
        where {lowest} is not null
    """
    scope = f"select file_id, sum(n_forms) as n_scope from {SCALES} group by file_id"
    reason = "the instrument's answers in this file use another scale than its version"
    return Finding("version", reason, rows, scope, setup)


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


_BUILDERS: dict[str, Callable[[Rule, Check, Sources], Finding | None]] = {
    "unique_key": _unique_key,
    "same_day_form": _same_day_form,
    "one_per_day": _one_per_day,
    "no_overlap": _no_overlap,
    "unlinked_alliance_form": _unlinked_alliance_form,
    "scale_mix_up": _scale_mix_up,
    "submitted_score": _submitted_score,
    "unscored_forms": _unscored_forms,
}
