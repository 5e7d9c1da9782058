"""Scores that move further than people do."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Finding, Sources
from expectations.checks.history import history
from expectations.rows.delivery import parquet

# Relation made once per pass: forms with the size of the move since the one before.
_MOVES = "score_moves"


class ScoreJump(Check):
    """The primary score moved by more than ``times`` reliable changes since the form before."""

    kind: Literal["score_jump"]
    times: float = Field(gt=0)
    counts_scope: ClassVar[bool] = True

    def findings(self, sources: Sources) -> list[Finding]:
        if not sources.scores:
            return []
        columns = ("client_key", "instrument_id", "version", "rater", "completed_at")
        held = f"union all by name select * from {parquet(sources.held_scores)}"
        setup = f"""
        create or replace temp table {_MOVES} as
        select form.file_id, form.source_line, form.row_key,
            abs(score - lag(score) over (
                partition by client_key, instrument.number
                order by completed_at, row_key
            )) / nullif(reliable_change, 0) as n_changes, is_new
        from ({history(sources, columns, ["client_key", "instrument_id"])}) as form
        inner join (
            select * from {parquet(sources.scores)} {held if sources.held_scores else ""}
        ) as scored
            on form.row_key = scored.response_key and form.file_id = scored.file_id
            and form.source_line = scored.source_line
        inner join (
            select distinct the_id, the_version, the_rater, primary_scale, number
            from context_instrument
        ) as instrument
            on scored.instrument_id = instrument.the_id and scored.version = instrument.the_version
            and scored.rater = instrument.the_rater and scored.scale = instrument.primary_scale
        inner join context_scale as scale
            on scored.instrument_id = scale.instrument_id and scored.version = scale.version
            and scored.rater = scale.rater and scored.scale = scale.scale
        where scored.score is not null and scale.reliable_change is not null
            and form.client_key is not null and form.completed_at is not null
        """
        rows = f"select {PLACE} from {_MOVES} where is_new and n_changes > {self.times}"
        scope = f"""
        select file_id, count(*) as n_scope from {_MOVES}
        where is_new and n_changes is not null group by file_id
        """
        far = f"more than {self.times:g} reliable changes since the form before"
        return [Finding(None, f"the score moved by {far}", rows, scope, setup)]
