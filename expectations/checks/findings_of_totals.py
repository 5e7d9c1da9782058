"""Checks over totals: the clinic's against ours, stored ones without answers, scores taken away."""

from __future__ import annotations

from expectations.catalogue import Rule
from expectations.checks.check import Check
from expectations.checks.finding import (
    PLACE,
    Finding,
    Sources,
    rows_of,
)
from expectations.rows.context import INSTRUMENT_JOIN
from expectations.rows.delivery import parquet
from transforms.instruments.stored_totals import BLANKS_AS_0, FITS, PRORATED, WITHOUT_ANSWERS
from transforms.sql import text

DIFFERS = "a submitted score differs from the recomputed one"
_KEYED = "file_id, source_line, response_key as row_key"


def submitted_score(_rule: Rule, check: Check, sources: Sources) -> list[Finding]:
    """Compare the totals of complete forms; of others, those no rule for gaps explains."""
    if not sources.scores:
        return []
    # Clinics round means to one decimal; sums are whole and leave nothing to round.
    tolerance = (
        f"(case when score = round(score) then {check.tolerance_whole}"
        f" else {check.tolerance_fraction} + 1e-9 end)"
    )
    wrong = f"""
        select {PLACE}, submitted_fits
        from {_both(sources)}
        where case
            when has_gaps then coalesce(submitted_fits not in ({_of_gaps()}), false)
            else abs(score - submitted_score) > {tolerance}
        end
    """
    scope = f"""
        select file_id, count(*) as n_scope
        from (select distinct {PLACE} from {_both(sources)}) group by file_id
    """
    reasons = {fit: f"{DIFFERS}; it fits the answers {words}" for fit, words in FITS.items()}
    return [
        Finding(
            None,
            reason,
            f"select distinct {PLACE} from ({wrong}) where coalesce(submitted_fits, '') {test}",
            scope,
        )
        for test, reason in (
            *((f"= {text(fit)}", reason) for fit, reason in reasons.items()),
            (f"not in ({', '.join(map(text, FITS))})", DIFFERS),
        )
    ]


def submitted_with_gaps(_rule: Rule, _check: Check, sources: Sources) -> list[Finding]:
    """Find totals of forms with gaps that follow another rule for gaps than the instrument's."""
    if not sources.scores:
        return []
    with_gaps = f"(select * from {_both(sources)} where has_gaps)"
    scope = f"""
        select file_id, count(*) as n_scope
        from (select distinct {PLACE} from {with_gaps}) group by file_id
    """
    reasons = {
        BLANKS_AS_0: "the stored total counts blanks as 0",
        PRORATED: "the stored total is prorated, with more gaps than the instrument allows",
    }
    return [
        Finding(
            None,
            reason,
            f"select distinct {PLACE} from {with_gaps} where submitted_fits = {text(fit)}",
            scope,
        )
        for fit, reason in reasons.items()
    ]


def stored_without_answers(_rule: Rule, _check: Check, sources: Sources) -> Finding | None:
    if not sources.scores:
        return None
    rows = f"""
        select {PLACE} from {rows_of(sources.staged)}
        where list_contains(bad_cells, {text(WITHOUT_ANSWERS)})
    """
    scope = f"""
        select file_id, count(*) as n_scope
        from (
            select distinct {_KEYED} from {parquet(sources.scores)}
            where submitted_score is not null
        )
        group by file_id
    """
    return Finding(None, "stored total without answers", rows, scope)


def lost_scores(_rule: Rule, _check: Check, sources: Sources) -> Finding | None:
    """Find forms held with a score that come again without one.

    Left out are rows that are held back for what is wrong with them, and replace nothing: a cell
    that cannot be read, an impossible answer, an instrument that lost an item column.
    """
    if not sources.scores or not sources.held or not sources.held_scores:
        return None
    setup = f"""
        create or replace temp table rescored_forms as
        with had as (
            select distinct scores.response_key as row_key, scores.scale
            from {parquet(sources.held_scores)} as scores
            semi join ({sources.held}) as held
                on scores.response_key = held.response_key
                and scores.file_id = held.file_id
                and scores.source_line = held.source_line
            where scores.score is not null
        )
        select
            {PLACE},
            bool_or(score is null) as is_lost,
            max(n_answered) = 0 as is_blank
        from (select *, response_key as row_key from {parquet(sources.scores)})
        semi join had using (row_key, scale)
        where not list_contains(:looked_at, file_id)
        group by {PLACE}
    """
    answered = f"coalesce({', '.join(sources.staged.items)})" if sources.staged.items else "null"
    short = ", ".join(f"({text(file_id)}, {number})" for file_id, number in sources.short)
    rows = f"""
        select {PLACE}
        from {rows_of(sources.staged)} as delivered {INSTRUMENT_JOIN}
        inner join rescored_forms using ({PLACE})
        where is_lost
            and (bad_cells is null or bad_cells = [{text(WITHOUT_ANSWERS)}])
            and not (is_blank and {answered} is not null and not is_scores_supplied)
            and {f"(file_id, number) not in ({short})" if short else "true"}
    """
    scope = "select file_id, count(*) as n_scope from rescored_forms group by file_id"
    only_if = "from rescored_forms where is_lost"
    return Finding(None, "was held with a score, and would have none", rows, scope, setup, only_if)


def _both(sources: Sources) -> str:
    """Return the scores of answered forms beside those the clinic sent."""
    return f"""
        (select {_KEYED}, score, submitted_score, submitted_fits,
            score is null or coalesce(is_prorated, false) as has_gaps
        from {parquet(sources.scores)}
        where score_source = 'computed' and submitted_score is not null and n_answered > 0)
    """


def _of_gaps() -> str:
    return ", ".join(map(text, (BLANKS_AS_0, PRORATED)))
