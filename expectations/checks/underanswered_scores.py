"""Scores that stand on fewer answers than their rule of prorating allows."""

from __future__ import annotations

from typing import ClassVar, Literal

from expectations.checks.check import Check
from expectations.checks.finding import Finding, Sources
from expectations.rows.delivery import parquet


class UnderansweredScores(Check):
    """No score was computed from fewer answers than its scale asks for."""

    kind: Literal["underanswered_scores"]
    counts_scope: ClassVar[bool] = True

    def findings(self, sources: Sources) -> list[Finding]:
        if not sources.scores:
            return []
        scores = f"""
        {parquet(sources.scores)} as scored
        inner join context_scale using (instrument_id, version, rater, scale)
        where score is not null and score_source = 'computed' and min_answered is not null
    """
        rows = f"""
        select distinct file_id, source_line, response_key as row_key
        from {scores} and n_answered < min_answered
        """
        scope = f"select file_id, count(*) as n_scope from {scores} group by file_id"
        reason = "a score was computed from fewer answers than its rule asks for"
        return [Finding(None, reason, rows, scope)]
