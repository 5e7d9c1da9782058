"""Scores that a clinic computed itself, against ours."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Finding, Sources
from expectations.rows.delivery import parquet


class SubmittedScore(Check):
    """The score the clinic sent equals the one recomputed from the answers."""

    kind: Literal["submitted_score"]
    tolerance_whole: float = Field(ge=0)
    tolerance_fraction: float = Field(ge=0)
    counts_scope: ClassVar[bool] = True

    def findings(self, sources: Sources) -> list[Finding]:
        if not sources.scores:
            return []
        # A prorated total and a plain sum of the answered items are both right, and differ.
        both = f"""
        (select file_id, source_line, response_key as row_key, score, submitted_score
        from {parquet(sources.scores)}
        where score_source = 'computed' and submitted_score is not null and score is not null
            and not coalesce(is_prorated, false))
    """
        # Clinics round means to one decimal; sums are whole and leave nothing to round.
        tolerance = (
            f"(case when score = round(score) then {self.tolerance_whole}"
            f" else {self.tolerance_fraction} + 1e-9 end)"
        )
        differ = f"abs(score - submitted_score) > {tolerance}"
        rows = f"select distinct {PLACE} from {both} where {differ}"
        scope = f"""
        select file_id, count(*) as n_scope
        from (select distinct {PLACE} from {both}) group by file_id
        """
        return [Finding(None, "a submitted score differs from the recomputed one", rows, scope)]
