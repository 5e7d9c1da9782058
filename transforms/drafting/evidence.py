"""What answers say for and against a questionnaire: whether its items go together under its key.

Asked of DuckDB; neither a variance nor a cell leaves this module.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import duckdb

from transforms import sql
from transforms.formats.source import Source

# Below that, chance decides between two keys too often.
FEWEST_ROWS = 30


@dataclass(frozen=True)
class Evidence:
    """The answers of one table."""

    con: duckdb.DuckDBPyConnection
    source: Source

    def n_outside(self, columns: Iterable[str], low: float, high: float) -> tuple[int, int]:
        """Return how many numbers are no answers from low to high, of how many."""
        outside = " + ".join(
            f"count(*) filter (where {_number(one)} not between {low} and {high})"
            for one in columns
        )
        filled = " + ".join(f"count({_number(one)})" for one in columns)
        query = f"select {outside}, {filled} from {self.source.relation}"
        found = sql.execute_quietly(self.con, query, step="counting answers")
        n_outside, n = sql.only_row(found)
        return n_outside, n

    def alpha(self, columns: Collection[str], reverse: Collection[int]) -> float | None:
        """Return Cronbach's alpha with some items reversed; None where too few rows would tell.

        Over the rows that answered all items: n / (n - 1) (1 - sum of the items' variances /
        variance of their sum). Reversing changes an item's sign, not its variance.

        Source: Cronbach 1951, Psychometrika 16:297-334.

        Parameters
        ----------
        reverse : numbers of items, which are counted from 1 in the order of the columns
        """
        n = len(columns)
        if self.source.n_rows < FEWEST_ROWS or n < 3:
            return None
        signed = " + ".join(f"({'-' if at + 1 in reverse else ''}i{at})" for at in range(n))
        variances = " + ".join(f"var_samp(i{at})" for at in range(n))
        named = ", ".join(f"{_number(one)} as i{at}" for at, one in enumerate(columns))
        query = f"""
            select count(*), {variances}, var_samp(total)
            from (select *, {signed} as total from (select {named} from {self.source.relation}))
            where total is not null
        """
        found = sql.execute_quietly(self.con, query, step="asking how items go together")
        n_rows, of_items, of_total = sql.only_row(found)
        if n_rows < FEWEST_ROWS or not of_total:
            return None
        alpha: float = n / (n - 1) * (1 - of_items / of_total)
        return alpha


def _number(column: str) -> str:
    return f"try_cast(replace({sql.name(column)}, ',', '.') as double)"
