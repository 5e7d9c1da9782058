"""Another version's scale: answers of a whole instrument in a file that lie as on a sibling's."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Finding, Sources, rows_of
from expectations.rows.answers import ANSWERS
from expectations.rows.context import INSTRUMENT_JOIN

# Relation made once per pass: (file_id, number, n_forms, is_mixed) of each instrument in a file.
_SCALES = "answered_scales"


class ScaleMixUp(Check):
    """A whole instrument in a file is answered on another scale than its definition's."""

    kind: Literal["scale_mix_up"]
    min_forms: int = Field(ge=1)
    share_above: float = Field(gt=0, lt=1)
    counts_scope: ClassVar[bool] = True

    def findings(self, sources: Sources) -> list[Finding]:
        items = sources.staged.items
        if not items:
            return []
        setup = f"""
        create or replace temp table {_SCALES} as
        with ranges as (
            select file_id, number, any_value(n_forms) as n_forms,
                min(low) as low, max(high) as high
            from {ANSWERS} inner join context_instrument using (number)
            where item <= n_items
            group by file_id, number
        ),
        -- A code for a missing answer says nothing about the scale.
        strays as (
            select file_id, number, min(answer) as low, max(answer) as high,
                count(distinct (row_key, source_line)) filter (where answer > item_max) as n_above
            from (
                select delivered.file_id, number, item_min, item_max, row_key, source_line,
                    unnest([{", ".join(items)}]) as answer
                from {rows_of(sources.staged)} as delivered {INSTRUMENT_JOIN}
                where number in (
                    select number from ranges inner join context_instrument using (number)
                    where low < item_min or high > item_max
                )
            )
            where (answer between item_min and item_max)
                or not list_contains(:missing_codes, answer)
            group by file_id, number
        )
        select
            ranges.file_id, number, n_forms,
            coalesce(strays.n_above > {self.share_above} * n_forms, false)
            or item_step >= 1 and coalesce(
                coalesce(strays.high, ranges.high) <= shorter_max
                or strays.low = item_min + item_step and strays.high = item_max + item_step
                or strays.low = item_min - item_step and strays.high = item_max - item_step, false
            ) as is_mixed
        from ranges
        inner join context_instrument using (number)
        left join strays using (file_id, number)
        where n_forms >= {self.min_forms} and item_max is not null
        """
        rows = f"""
        select {PLACE}
        from {rows_of(sources.staged)} as delivered {INSTRUMENT_JOIN}
        semi join (from {_SCALES} where is_mixed) as mixed
            on delivered.file_id = mixed.file_id and instrument.number = mixed.number
        where coalesce({", ".join(items)}) is not null
        """
        scope = f"select file_id, sum(n_forms) as n_scope from {_SCALES} group by file_id"
        reason = "the instrument's answers in this file use another scale than its version"
        return [Finding("version", reason, rows, scope, setup, f"from {_SCALES} where is_mixed")]
