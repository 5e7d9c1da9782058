"""Scores that a delivery would take away."""

from __future__ import annotations

from typing import ClassVar, Literal

from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Finding, Sources, rows_of
from expectations.rows.context import INSTRUMENT_JOIN
from expectations.rows.delivery import parquet
from transforms.instruments.stored_totals import WITHOUT_ANSWERS
from transforms.sql import text


class LostScores(Check):
    """No form held with a score comes again without one.

    Left out are rows that are held back for what is wrong with them, and replace nothing: a cell
    that cannot be read, an impossible answer, an instrument that lost an item column.
    """

    kind: Literal["lost_scores"]
    counts_scope: ClassVar[bool] = True

    def findings(self, sources: Sources) -> list[Finding]:
        if not sources.scores or not sources.held or not sources.held_scores:
            return []
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
        answered = (
            f"coalesce({', '.join(sources.staged.items)})" if sources.staged.items else "null"
        )
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
        return [
            Finding(None, "was held with a score, and would have none", rows, scope, setup, only_if)
        ]
