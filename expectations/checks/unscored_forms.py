"""Forms that were filled in and still have no score."""

from __future__ import annotations

from typing import ClassVar, Literal

from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Finding, Sources
from expectations.rows.delivery import parquet

# Made once per pass: (file_id, source_line, row_key, has_score) of each form with an answer.
_SCORED = "scored_forms"


class UnscoredForms(Check):
    """A form with an answer has a score on at least one scale."""

    kind: Literal["unscored_forms"]
    counts_scope: ClassVar[bool] = True

    def findings(self, sources: Sources) -> list[Finding]:
        if not sources.scores:
            return []
        setup = f"""
        create or replace temp table {_SCORED} as
        select file_id, source_line, response_key as row_key,
            bool_or(score is not null) as has_score
        from {parquet(sources.scores)}
        where n_answered > 0 and score_source = 'computed'
        group by all
        """
        rows = f"select {PLACE} from {_SCORED} where not has_score"
        scope = f"select file_id, count(*) as n_scope from {_SCORED} group by file_id"
        return [Finding(None, "too few items are answered for any score", rows, scope, setup)]
