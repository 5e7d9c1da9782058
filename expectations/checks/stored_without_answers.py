"""Totals stored for forms on which nothing was answered."""

from __future__ import annotations

from typing import ClassVar, Literal

from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Finding, Sources, rows_of
from expectations.rows.delivery import parquet
from transforms.instruments.stored_totals import WITHOUT_ANSWERS
from transforms.sql import text


class StoredWithoutAnswers(Check):
    """No form without an answer carries a total that a formula makes of blanks."""

    kind: Literal["stored_without_answers"]
    counts_scope: ClassVar[bool] = True

    def findings(self, sources: Sources) -> list[Finding]:
        if not sources.scores:
            return []
        rows = f"""
            select {PLACE} from {rows_of(sources.staged)}
            where list_contains(bad_cells, {text(WITHOUT_ANSWERS)})
        """
        scope = f"""
            select file_id, count(*) as n_scope
            from (
                select distinct file_id, source_line, response_key as row_key
                from {parquet(sources.scores)}
                where submitted_score is not null
            )
            group by file_id
        """
        return [Finding(None, "stored total without answers", rows, scope)]
