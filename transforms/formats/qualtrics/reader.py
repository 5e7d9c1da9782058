"""Qualtrics exports (CSV, TSV, XLSX; three header rows or two) as one table.

Columns are called by question id (`QID5_1`), Qualtrics' own by one name in every format
(`ResponseId`, `StartDate`, `EndDate`, `ExternalReference`, …). A question's name is an alias.
Names, addresses, IP numbers and places are not read at all. Previews, generated tests, spam and
unfinished responses are left out unless the clinic's YAML keeps them, and counted in any case.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

import duckdb

from transforms import sql
from transforms.errors import FileRefused
from transforms.formats.qualtrics.header import TIMES, Header, parse_header
from transforms.formats.qualtrics.options import QualtricsOptions
from transforms.formats.request import Request
from transforms.formats.source import (
    Note,
    Source,
    load_rows,
    plural,
)
from transforms.formats.tables.choices import Choices
from transforms.formats.tables.records import Record, Records, Widths
from transforms.formats.time_zones import ZonedTimes

# Status is a sum of these; exports of choice text have words instead.
_PREVIEW, _TEST, _SPAM = 1, 2, 8
_STATUS_WORDS = {
    "ip address": 0,
    "survey preview": _PREVIEW,
    "survey test": _TEST,
    "imported": 4,
    "spam": _SPAM,
    "possible spam": _SPAM,
    "survey preview spam": _PREVIEW + _SPAM,
    "imported spam": 4 + _SPAM,
    "offline": 16,
    "offline survey preview": 16 + _PREVIEW,
}
_FINISHED = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_RULED = ("Status", "DistributionChannel", "Finished", "Progress")
_LEFT_OUT = {
    "preview": "preview",
    "test": "generated test response",
    "spam": "response flagged as spam",
    "unfinished": "unfinished response",
}
_QUESTION_ID = re.compile(r"(\d+_)?QID\d")


def read(request: Request, reference: Header | None) -> list[Source]:
    """Read one export.

    Parameters
    ----------
    reference : header of a three-row export of the survey, for legacy files.

    Returns
    -------
    list of one Source
        Its columns are the ids and their aliases; lines are those of the file.

    Raises
    ------
    FileRefused
        F01 unreadable, F04 no Qualtrics header, F05 ragged rows, F08 undeclared codes.
    """
    con, scratch = request.con, request.scratch
    with Records(request.path, scratch, **request.dialect) as records:
        rows = iter(records)
        head = list(islice(rows, 3))
        header = parse_header([cells for _, cells in head], reference)
        survey = _Survey(header, request.block(QualtricsOptions), request.all_time_formats())
        body = chain(head[header.n_rows :], rows)
        relation, n_rows = load_rows(con, scratch, survey.columns, survey.rows(body))
    view, columns = _with_aliases(con, relation, survey)
    notes = [*survey.notes(n_rows), *_name_note(survey, request.is_mapped)]
    return [
        Source(
            None,
            view,
            columns,
            n_rows,
            notes=tuple(notes),
            has_real_dates=True,
            drops=(f"drop view {view}", f"drop table {relation}"),
            second_names=frozenset(columns) - {*survey.columns},
            personal=header.personal,
        )
    ]


def read_header(path: Path, scratch: Path) -> Header:
    """Read the header rows of an export only."""
    with Records(path, scratch) as records:
        return parse_header([cells for _, cells in islice(iter(records), 3)])


def _name_note(survey: _Survey, is_mapped: Callable[[str], bool]) -> Iterator[Note]:
    pinned = [
        one
        for one in survey.header.columns
        if _QUESTION_ID.match(one.id) and any(map(is_mapped, one.aliases))
    ]
    n_by_name = sum(not is_mapped(one.id) for one in pinned)
    if n_by_name:
        yield Note(
            "mapped_by_name",
            f"{plural(n_by_name, 'question')} mapped by a name that may change: "
            "write the question ids into the clinic's YAML",
        )


def _with_aliases(
    con: duckdb.DuckDBPyConnection, relation: str, survey: _Survey
) -> tuple[str, tuple[str, ...]]:
    aliases = {alias: one.id for one in survey.header.columns for alias in one.aliases}
    aliases = {a: i for a, i in aliases.items() if a.lower() not in survey.taken}
    also = "".join(f", {sql.name(i)} as {sql.name(alias)}" for alias, i in aliases.items())
    view = sql.new_relation("source")
    con.execute(f"create temp view {view} as select *{also} from {relation}")
    return view, (*survey.columns, *aliases)


class _Survey:
    """Rows of one export as (line, cell, …), counting what is left out."""

    def __init__(
        self, header: Header, rules: QualtricsOptions, time_formats: tuple[str, ...]
    ) -> None:
        self.header = header
        self.widths = Widths(header.n_cells)
        self.left_out: Counter[str] = Counter()
        self.positions = [column.position for column in header.columns]
        ids = tuple(column.id for column in header.columns)
        self.choices = Choices(_choices(rules, ids), _codes_in)
        self.columns = (*ids, *self.choices.columns)
        self.taken = {column.lower() for column in self.columns}
        self.zone = ZonedTimes(rules.timezone, stated=header.timezone, formats=time_formats)
        found = {column.id: column.position for column in header.columns}
        self.times = [found[name] for name in TIMES if name in found]
        self.rule = _Rule(rules, [found.get(name) for name in _RULED])

    def rows(self, records: Iterator[Record]) -> Iterator[tuple[Any, ...]]:
        """Yield the responses that count; refuse the file in the end if rows are wrong."""
        for line, cells in records:
            if not self.widths.fits(line, cells):
                continue
            reason = self.rule.left_out(cells)
            if reason:
                self.left_out[reason] += 1
                continue
            for position in self.times:
                cells[position] = self.zone.local(cells[position])
            values = [cells[position] or None for position in self.positions]
            yield (line, *values, *self.choices.cells(values))
        self.widths.refuse_ragged()
        self.choices.refuse_undeclared(self.columns, "codes", "qualtrics")

    def notes(self, n_rows: int) -> Iterator[Note]:
        """Say what was left out and by which rule."""
        for kind, what in _LEFT_OUT.items():
            if n := self.left_out[kind]:
                yield Note("skipped_rows", f"{plural(n, what)} left out")
        if n := self.header.n_personal:
            yield Note("personal_columns", f"{plural(n, 'personal column')} not read")
        if n := self.header.n_unclear:
            yield Note("unclear_columns", f"{plural(n, 'column')} not told apart by id or name")
        if self.header.n_rows == 2:
            yield Note("legacy", "two header rows: no question ids in the file")
        yield self.zone.note()
        if n_rows == 0:
            yield Note("no_rows", "a header but no responses to read")


class _Rule:
    """Why a response is left out. Few combinations of these cells occur: each is judged once."""

    def __init__(self, rules: QualtricsOptions, positions: list[int | None]) -> None:
        self.positions = positions
        self.dropped = {
            "preview": rules.previews == "drop",
            "test": rules.tests == "drop",
            "spam": rules.spam == "drop",
            "unfinished": rules.unfinished == "drop",
        }
        self.judged = lru_cache(4096)(self._judge)

    def left_out(self, cells: list[str]) -> str | None:
        """Return the kind of response that does not count, or None."""
        return self.judged(*("" if at is None else cells[at] for at in self.positions))

    def _judge(self, *cells: str) -> str | None:
        status, channel, finished, progress = (cell.strip().lower() for cell in cells)
        flags = _status(status)
        found = {
            "preview": bool(flags & _PREVIEW) or channel == "preview",
            "test": bool(flags & _TEST) or channel == "test",
            "spam": bool(flags & _SPAM),
            "unfinished": not _is_finished(finished, progress),
        }
        return next((kind for kind, is_so in found.items() if is_so and self.dropped[kind]), None)


def _is_finished(finished: str, progress: str) -> bool:
    known = _FINISHED.get(finished)
    if known is not None:
        return known
    # Words of another language: Progress, a percentage, says it too.
    return progress == "100" if progress.isdecimal() else True


def _status(text: str) -> int:
    if text.isdecimal() and len(text) < 5:
        return int(text)
    return _STATUS_WORDS.get(text, 0)


def _codes_in(cell: str) -> set[str]:
    return {code.strip() for code in cell.split(",")} - {""}


def _choices(rules: QualtricsOptions, ids: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """Return, per multi-select question in one column, its position and its codes' columns."""
    known = {column.lower() for column in ids}
    choices = []
    for question, codes in rules.multi_select.items():
        if question in ids:
            named = {code: f"{question}_{code}" for code in codes}
            choices.append((ids.index(question), named))
            clash = [name for name in named.values() if name.lower() in known]
            if clash:
                raise FileRefused(
                    "F04",
                    f"The export has {question} in one column and also {', '.join(clash)}",
                    "Export multi-select questions either split into columns or not",
                )
    return choices
