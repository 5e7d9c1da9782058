"""Scores that a clinic computed itself, against ours: complete forms, and forms with gaps."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Finding, Sources
from expectations.rows.delivery import parquet
from transforms.instruments.stored_totals import BLANKS_AS_0, FITS, PRORATED
from transforms.sql import text

DIFFERS = "a submitted score differs from the recomputed one"


class SubmittedScore(Check):
    """The score the clinic sent equals the one recomputed from the answers.

    Of forms with gaps only those count whose total no rule for gaps explains.
    """

    kind: Literal["submitted_score"]
    tolerance_whole: float = Field(ge=0)
    tolerance_fraction: float = Field(ge=0)
    counts_scope: ClassVar[bool] = True

    def findings(self, sources: Sources) -> list[Finding]:
        if not sources.scores:
            return []
        # Clinics round means to one decimal; sums are whole and leave nothing to round.
        tolerance = (
            f"(case when score = round(score) then {self.tolerance_whole}"
            f" else {self.tolerance_fraction} + 1e-9 end)"
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


class SubmittedWithGaps(Check):
    """The total of a form with gaps follows the instrument's own rule for gaps."""

    kind: Literal["submitted_with_gaps"]
    counts_scope: ClassVar[bool] = True

    def findings(self, sources: Sources) -> list[Finding]:
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


def _both(sources: Sources) -> str:
    """Return the scores of answered forms beside those the clinic sent."""
    return f"""
        (select file_id, source_line, response_key as row_key,
            score, submitted_score, submitted_fits,
            score is null or coalesce(is_prorated, false) as has_gaps
        from {parquet(sources.scores)}
        where score_source = 'computed' and submitted_score is not null and n_answered > 0)
    """


def _of_gaps() -> str:
    return ", ".join(map(text, (BLANKS_AS_0, PRORATED)))
