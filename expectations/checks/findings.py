"""Checks that look at several rows at once.

Each returns SQL for the rows that break it, as (file_id, source_line, row_key); the marking
pass joins them to the rows. A check may also count its own scope, where the rows in scope are
not told by a predicate over one row.
"""

from __future__ import annotations

from collections.abc import Callable

from expectations.catalogue import Rule
from expectations.checks import findings_of_answers as answers
from expectations.checks import findings_of_patterns as patterns
from expectations.checks import findings_of_rows as rows
from expectations.checks import findings_over_time as over_time
from expectations.checks.check import Check
from expectations.checks.finding import Finding, Sources

# Without their source these have nothing in scope.
COUNT_THEIR_SCOPE = (
    "scale_mix_up",
    "scale_pooled",
    "submitted_score",
    "unscored_forms",
    "underanswered_scores",
    "score_jump",
)
_BUILDERS: dict[str, Callable[[Rule, Check, Sources], Finding | list[Finding] | None]] = {
    "unique_key": rows.unique_key,
    "same_day_form": over_time.same_day_form,
    "one_per_day": over_time.one_per_day,
    "sequence": over_time.sequence,
    "session_number": over_time.session_number,
    "score_jump": over_time.score_jump,
    "identical_answers": patterns.identical_answers,
    "bulk_entry": patterns.bulk_entry,
    "group_sessions": patterns.group_sessions,
    "underanswered_scores": patterns.underanswered_scores,
    "no_overlap": rows.no_overlap,
    "unlinked_alliance_form": rows.unlinked_alliance_form,
    "scale_mix_up": answers.scale_mix_up,
    "scale_pooled": answers.scale_pooled,
    "free_text": answers.free_text,
    "submitted_score": answers.submitted_score,
    "unscored_forms": answers.unscored_forms,
}


def findings(rule: Rule, check: Check, sources: Sources) -> list[Finding]:
    """Return the findings of a check, none if single rows decide it."""
    builder = _BUILDERS.get(check.kind)
    found = builder(rule, check, sources) if builder else None
    return found if isinstance(found, list) else [found] if found else []
