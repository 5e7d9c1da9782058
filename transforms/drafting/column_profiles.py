"""What the columns of one source hold, as counts and limits only: no cell leaves this module."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from transforms import sql
from transforms.formats.source import Source
from transforms.formats.time_zones import SHORT_DATE

_AT_ONCE = 100
_NUMBER = r"[-+]?\d+([.,]\d+)?"
_ISO = r"^\d{4}[-/]\d{1,2}[-/]\d{1,2}(\D.*)?$"
# Name: SQL over {cell}, the trimmed text of a column.
_DAY, _MONTH = (
    f"try_cast(regexp_extract({{cell}}, '{SHORT_DATE}', {place}) as integer)" for place in (1, 2)
)
_TWO_DIGIT_YEAR = r"^\d{1,2}[-./ ]\d{1,2}[-./ ]\d\d(\D.*)?$"


def _where(test: str) -> str:
    return f"count(*) filter (where {test})"


# SQL over {cell}, the trimmed text of a column, in the order of `Profile`.
_COUNTS = (
    "count({cell})",
    _where(f"regexp_full_match({{cell}}, '{_NUMBER}')"),
    _where(r"regexp_full_match({cell}, '[-+]?\d+,\d+')"),
    _where(r"regexp_full_match({cell}, '[-+]?\d+\.\d+')"),
    f"min(case when regexp_full_match({{cell}}, '{_NUMBER}') "
    "then try_cast(replace({cell}, ',', '.') as double) end)",
    f"max(case when regexp_full_match({{cell}}, '{_NUMBER}') "
    "then try_cast(replace({cell}, ',', '.') as double) end)",
    "count(distinct {cell})",
    _where(f"regexp_matches({{cell}}, '{_ISO}')"),
    _where(f"regexp_matches({{cell}}, '{SHORT_DATE}')"),
    _where(f"{_DAY} between 13 and 31"),
    _where(f"{_MONTH} between 13 and 31"),
    r"any_value(nullif(regexp_extract({cell}, '^\d{1,2}([-./ ])\d{1,2}[-./ ]', 1), ''))",
    _where(f"regexp_matches({{cell}}, '{_TWO_DIGIT_YEAR}')"),
    _where(r"regexp_matches({cell}, '[ T]\d{1,2}:\d\d')"),
    _where(r"regexp_matches({cell}, '[ T]\d{1,2}:\d\d:\d\d')"),
    _where("regexp_matches({cell}, '[AaPp][Mm]$')"),
)


@dataclass(frozen=True)
class Profile:
    """One column: how many cells are filled, numbers, dates of which order; lowest, highest.

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

    @property
    def is_number(self) -> bool:
        """Whether nine in ten filled cells are numbers."""
        return self.n_filled > 0 and self.n_numbers >= 0.9 * self.n_filled

    @property
    def is_date(self) -> bool:
        """Whether nine in ten filled cells look like dates."""
        return self.n_filled > 0 and self.n_iso + self.n_short >= 0.9 * self.n_filled

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
    found = []
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        cells = ", ".join(
            f"nullif(trim({sql.name(name)} , chr(32) || chr(9) || chr(10) || chr(13) || chr(160)),"
            f" '') as c{number}"
            for number, name in enumerate(some)
        )
        asked = ", ".join(
            expression.replace("{cell}", f"c{number}")
            for number in range(len(some))
            for expression in _COUNTS
        )
        query = f"select {asked} from (select {cells} from {source.relation})"
        row = sql.execute_quietly(con, query, step="counting what columns hold").fetchone()
        width = len(_COUNTS)
        found += [
            Profile(name, *row[at * width : (at + 1) * width]) for at, name in enumerate(some)
        ]
    return found
