"""What the columns of one source hold, as counts and limits only: no cell leaves this module."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import duckdb

from transforms import sql
from transforms.formats.source import Source
from transforms.formats.time_zones import SHORT_DATE

_BLANKS = "chr(32) || chr(9) || chr(10) || chr(13) || chr(160)"
FEWEST_CELLS = 5  # Fewer that are all alike may be chance.
_NUMBER = r"[-+]?\d+([.,]\d+)?"
_ISO = r"^\d{4}[-/]\d{1,2}[-/]\d{1,2}(\D.*)?$"
# Name: SQL over {cell}, the trimmed text of a column.
_DAY, _MONTH = (
    f"try_cast(regexp_extract({{cell}}, '{SHORT_DATE}', {place}) as integer)" for place in (1, 2)
)
_TWO_DIGIT_YEAR = r"^\d{1,2}[-./ ]\d{1,2}[-./ ]\d\d(\D.*)?$"


def _where(test: str) -> str:
    return f"coalesce(sum(n) filter (where {test}), 0)::bigint"


_VALUE = (
    f"case when regexp_full_match({{cell}}, '{_NUMBER}') "
    "then try_cast(replace({cell}, ',', '.') as double) end"
)
# Texts and numbers that mostly stand for no answer; numbers only where the others are far off.
_MISSING_TEXTS = ("#NULL!", "#N/A", "N/A", "NA", "NaN", "NULL", ".", "-", "?")
_HIGH = (77, 88, 99, 777, 888, 999, 9999)
_MISSING_NUMBERS = tuple(f"{number}" for number in (-1, -7, -8, -9, *_HIGH, *(-n for n in _HIGH)))
_MISSING = (*_MISSING_TEXTS, *_MISSING_NUMBERS)
_HIGHEST_ANSWER = 20  # 99 among answers from 0 to 100 is one of them.
_IS_ANSWER = f"{{cell}} not in ({sql.texts(_MISSING_NUMBERS)})"
# SQL over {cell}, a trimmed text that n rows have, in the order of `_profile`; raw has the codes.
_COUNTS = (
    f"list_sort(list(raw) filter (where raw in ({sql.texts(_MISSING)})))",
    _where("{cell} is not null"),
    _where(f"regexp_full_match({{cell}}, '{_NUMBER}')"),
    _where(r"regexp_full_match({cell}, '[-+]?\d+,\d+')"),
    _where(r"regexp_full_match({cell}, '[-+]?\d+\.\d+')"),
    f"min({_VALUE})",
    f"max({_VALUE})",
    f"min({_VALUE}) filter (where {_IS_ANSWER})",
    f"max({_VALUE}) filter (where {_IS_ANSWER})",
    "count({cell})",
    _where(f"regexp_matches({{cell}}, '{_ISO}')"),
    _where(f"regexp_matches({{cell}}, '{SHORT_DATE}')"),
    _where(f"{_DAY} between 13 and 31"),
    _where(f"{_MONTH} between 13 and 31"),
    r"min(nullif(regexp_extract({cell}, '^\d{1,2}([-./ ])\d{1,2}[-./ ]', 1), ''))",
    _where(f"regexp_matches({{cell}}, '{_TWO_DIGIT_YEAR}')"),
    _where(r"regexp_matches({cell}, '[ T]\d{1,2}:\d\d')"),
    _where(r"regexp_matches({cell}, '[ T]\d{1,2}:\d\d:\d\d')"),
    _where("regexp_matches({cell}, '[AaPp][Mm]$')"),
)
# What a column without any filled cell has, in the same order.
_EMPTY = (None, 0, 0, 0, 0, None, None, None, None, 0, 0, 0, 0, 0, None, 0, 0, 0, 0)


@dataclass(frozen=True)
class Profile:
    """One column: how many cells are filled, numbers, dates of which order; lowest, highest.

    n_rows : of the table, filled or not.
    missing : codes found that mostly stand for no answer; they count in no other number, but
        for numbers, which count as filled.
    mark : what stands between the numbers of a short date, one character; None without any.
    """

    name: str
    n_filled: int
    n_numbers: int
    n_commas: int
    n_points: int
    low: float | None
    high: float | None
    n_distinct: int
    n_iso: int
    n_short: int
    n_day_first: int
    n_month_first: int
    mark: str | None
    n_two_digit_years: int
    n_minutes: int
    n_seconds: int
    n_halves: int
    n_rows: int = 0
    missing: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether nine in ten filled cells are numbers."""
        return self.n_filled > 0 and self.n_numbers >= 0.9 * self.n_filled

    @property
    def is_date(self) -> bool:
        """Whether nine in ten filled cells look like dates."""
        return self.n_filled > 0 and self.n_iso + self.n_short >= 0.9 * self.n_filled

    @property
    def is_constant(self) -> bool:
        """Whether many filled cells all hold the same."""
        return self.n_filled >= FEWEST_CELLS and self.n_distinct == 1

    @property
    def is_unique(self) -> bool:
        """Whether every row, of more than one, holds something else."""
        return self.n_rows > 1 and self.n_distinct == self.n_filled == self.n_rows

    @property
    def order(self) -> str:
        """What the dates show: iso, day first, month first, mixed or either."""
        if self.n_iso >= self.n_short:
            return "iso"
        if self.n_day_first and self.n_month_first:
            return "mixed"
        if self.n_day_first:
            return "day first"
        return "month first" if self.n_month_first else "either"


def profiles(con: duckdb.DuckDBPyConnection, source: Source) -> list[Profile]:
    """Return the profile of every column of a source, in its order; second names left out."""
    names = [name for name in source.columns if name not in source.second_names]
    if not names:
        return []
    cells = ", ".join(f"{sql.name(one)} as c{at}" for at, one in enumerate(names))
    # One row per cell, so that the query is as short for a thousand columns as for one; equal
    # cells of a column are looked at once.
    query = f"""
        select place, {", ".join(_COUNTS).replace("{cell}", "cell")}
        from (
            select
                place, raw, n,
                case when raw not in ({sql.texts(_MISSING_TEXTS)}) then nullif(raw, '') end as cell
            from (
                select place, trim(written, {_BLANKS}) as raw, count(*) as n
                from (
                    unpivot (select {cells} from {source.relation})
                    on columns(*) into name place value written
                )
                group by all
            )
        )
        group by place
    """
    rows = sql.execute_quietly(con, query, step="counting what columns hold").fetchall()
    counted = {place: counts for place, *counts in rows}
    return [
        _profile(name, source.n_rows, *counted.get(f"c{at}", _EMPTY))
        for at, name in enumerate(names)
    ]


def _profile(
    name: str,
    n_rows: int,
    codes: list[str] | None,
    n_filled: int,
    n_numbers: int,
    n_commas: int,
    n_points: int,
    low: float | None,
    high: float | None,
    lowest_answer: float | None,
    highest_answer: float | None,
    *others: Any,  # the fields of a profile that follow, in its order
) -> Profile:
    """Take numbers such as 99 for codes only where every other number is a small one."""
    texts = [code for code in codes or () if code in _MISSING_TEXTS]
    numbers = [code for code in codes or () if code not in texts]
    apart: list[str] = []
    is_far = False
    if lowest_answer is not None and highest_answer is not None:
        is_far = 0 <= lowest_answer <= highest_answer <= _HIGHEST_ANSWER
        apart = [one for one in numbers if is_far and not -1 < float(one) <= highest_answer + 1]
    if is_far and len(apart) == len(numbers):
        low, high = lowest_answer, highest_answer
    else:
        apart = []
    counted = Profile(name, n_filled, n_numbers, n_commas, n_points, low, high, *others)
    return replace(counted, n_rows=n_rows, missing=(*texts, *apart))
