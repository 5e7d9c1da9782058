"""Periods that run at the same time: episodes of a client, posts of a therapist."""

from __future__ import annotations

from typing import Literal

from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Finding, Sources, rows_of
from transforms.contract import TABLES


class NoOverlap(Check):
    """Periods [start, end] of the same ``of`` do not overlap; touching is allowed."""

    kind: Literal["no_overlap"]
    of: str
    start: str
    end: str

    def findings(self, sources: Sources) -> list[Finding]:
        columns = f"file_id, source_line, received_at, {self.of}, {self.start}, {self.end}"
        key = TABLES[sources.staged.table].key
        if key not in columns:
            columns += f", {key}"
        held = (
            f"union all select {columns}, false as is_new, {key} as row_key from ({sources.held})"
            if sources.held
            else ""
        )
        rows = f"""
        with delivered as (
            select {columns}, true as is_new, row_key from {rows_of(sources.staged, columns)}
        ),
        several as (
            select {self.of} from (
                select {self.of}, row_key from delivered
                {held and f"union all select {self.of}, {key} from ({sources.held})"}
            )
            where {self.of} is not null
            group by {self.of} having count(distinct row_key) > 1
        ),
        periods as (
            select * from (select * from delivered {held}) semi join several using ({self.of})
            qualify row_number() over (
                partition by row_key
                order by is_new desc, received_at desc, file_id desc, source_line desc
            ) = 1
        )
        select {PLACE} from periods
        qualify is_new and coalesce({self.start}, date '0001-01-01') < max(
            coalesce({self.end}, date '9999-01-01')
        ) over (
            partition by {self.of} order by {self.start} nulls first, row_key
            rows between unbounded preceding and 1 preceding
        )
        """
        return [Finding(self.start, "begins before an earlier period has ended", rows)]
