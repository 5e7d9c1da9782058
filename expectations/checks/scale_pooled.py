"""A scale coded otherwise, seen over all files of a clinic: small ones never send fifty at once."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Finding, Sources, rows_of
from expectations.rows.answers import ANSWERS
from expectations.rows.context import INSTRUMENT_JOIN

# Made once per pass: (number) of the instruments whose forms of all files leave out an end.
_POOLED = "pooled_scales"


class ScalePooled(Check):
    """All forms of an instrument a clinic ever sent leave out an end of its scale."""

    kind: Literal["scale_pooled"]
    min_forms: int = Field(ge=1)
    counts_scope: ClassVar[bool] = True

    def findings(self, sources: Sources) -> list[Finding]:
        items = sources.staged.items
        if not items:
            return []
        wanted = "columns('^(instrument_id|version|rater|item_[0-9]+)$')"
        held = f"union all by name select {wanted} from ({sources.held})" if sources.held else ""
        # Coded from 1 instead of 0, or from the shorter scale of a sibling.
        ends = "(item_min = 0 and low > 0 or high <= shorter_max)"
        setup = f"""
            create or replace temp table {_POOLED} as
            with suspects as (
                select number from {ANSWERS} inner join context_instrument using (number)
                where item <= n_items and item_step >= 1
                group by number, item_min, shorter_max
                having (item_min = 0 and min(low) > 0) or max(high) <= shorter_max
            ),
            pooled as (
                select number, item_min, shorter_max, n_items,
                    unnest([{", ".join(items)}]) as answer,
                    unnest(range(1, {len(items)} + 1)) as item,
                    unnest(list_resize([1], {len(items)}, 0)) as is_form
                from (select {wanted} from {sources.staged.relation} {held}) as delivered
                {INSTRUMENT_JOIN}
                where number in (from suspects) and coalesce({", ".join(items)}) is not null
            ),
            ranges as (
                select number, item_min, shorter_max, sum(is_form) as n_forms,
                    min(answer) as low, max(answer) as high
                from pooled where item <= n_items group by all
            )
            select number from ranges where n_forms >= {self.min_forms} and {ends}
        """
        rows = f"""
            select {PLACE}
            from {rows_of(sources.staged)} as delivered {INSTRUMENT_JOIN}
            where instrument.number in (from {_POOLED}) and coalesce({", ".join(items)}) is not null
        """
        # Of fewer forms nobody can tell: they are not in scope, and a note of the report says so.
        names = "columns('^(instrument_id|version|rater)$')"
        held = f"union all by name select {names} from ({sources.held})" if sources.held else ""
        scope = f"""
            with enough as (
                select number
                from (select {names} from {sources.staged.relation} {held}) as delivered
                {INSTRUMENT_JOIN}
                group by number having count(*) >= {self.min_forms}
            )
            select file_id, sum(n_forms) as n_scope from (
                select distinct file_id, number, n_forms
                from {ANSWERS} inner join context_instrument using (number)
                where item_max is not null and number in (from enough)
            ) group by file_id
        """
        reason = "no form of the instrument, in any file of the clinic, uses one end of its scale"
        return [Finding("version", reason, rows, scope, setup, f"from {_POOLED}")]
