"""What exports of web surveys have in common: a row per response, columns named by questions.

A module per system (`limesurvey`, `google_forms`, `microsoft_forms`, `surveymonkey`) turns the
header rows into a `Layout`; reading, naming, times and multi-select questions are the same.

Every column is also called by its place, `column 7`. Columns that say who answered are not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from typing import Any

import duckdb

from transforms import sql
from transforms.errors import FileRefused
from transforms.formats.header import tidy
from transforms.formats.request import Request
from transforms.formats.source import (
    LINE,
    Note,
    Source,
    load_rows,
    plural,
)
from transforms.formats.survey_times import SurveyTimes
from transforms.formats.surveys.header import Field, Layout, LayoutOf
from transforms.formats.surveys.options import SurveyOptions
from transforms.formats.tables.choices import Choices
from transforms.formats.tables.records import Record, Records, Widths


def read(request: Request, layout_of: LayoutOf, n_header_rows: int) -> list[Source]:
    """Read one export (CSV or the first sheet of a workbook).

    Parameters
    ----------
    layout_of : the system's reading of the header rows.

    Returns
    -------
    list of one Source
        Columns are the fields' names, aliases and places; its answers are texts.

    Raises
    ------
    FileRefused
        F01 unreadable, F02 a personal column is mapped, F04 header, F05 ragged rows, F08 an
        option of a multi-select question that is not declared.
    """
    con, scratch, feeds = request.con, request.scratch, request.feeds_for(None)
    rules = request.block(SurveyOptions)
    identifiers = frozenset().union(*(feed.identifiers for feed in feeds))
    with Records(request.path, scratch, **request.dialect) as records:
        rows = iter(records)
        head = list(islice(rows, n_header_rows))
        cells = [[tidy(cell) for cell in row] for _, row in head]
        if len(cells) < n_header_rows:
            raise FileRefused("F04", "The file has no header", "Export it again, unchanged")
        layout = layout_of(cells, rules, identifiers)
        _refuse_personal(layout, {column for feed in feeds for column in feed.columns})
        answers = _Answers(layout, rules, request.all_time_formats())
        body = chain(head[layout.n_header_rows :], rows)
        relation, n_rows = load_rows(con, scratch, answers.columns, answers.rows(body))
    view, columns = _with_aliases(con, relation, answers)
    drops = (f"drop view {view}", f"drop table {relation}")
    notes = tuple(answers.notes(n_rows))
    return [
        Source(
            None,
            view,
            columns,
            n_rows,
            notes,
            has_real_dates=True,
            has_texts=True,
            drops=drops,
            second_names=frozenset(columns) - {*answers.columns},
            personal=layout.personal,
        )
    ]


def _refuse_personal(layout: Layout, mapped: set[str]) -> None:
    found = sorted(mapped & {*layout.personal})
    if found:
        raise FileRefused(
            "F02",
            f"The clinic's YAML maps {', '.join(found)}, which is never read",
            "Tell clients by a code they were given, asked in a question of its own",
        )


def _with_aliases(
    con: duckdb.DuckDBPyConnection, relation: str, answers: _Answers
) -> tuple[str, tuple[str, ...]]:
    taken = {LINE, *(column.lower() for column in answers.columns)}
    aliases: dict[str, str] = {}
    for field in answers.fields:
        for alias in (*field.aliases, f"column {field.position + 1}"):
            if alias.lower() not in taken:
                taken.add(alias.lower())
                aliases[alias] = field.name
    also = "".join(f", {sql.name(name)} as {sql.name(alias)}" for alias, name in aliases.items())
    view = sql.new_relation("source")
    con.execute(f"create temp view {view} as select *{also} from {relation}")
    return view, (*answers.columns, *aliases)


class _Answers:
    """Rows of one export as (line, cell, …), counting what is left out."""

    def __init__(self, layout: Layout, rules: SurveyOptions, formats: tuple[str, ...]) -> None:
        self.layout = layout
        self.fields = _renamed_if_reserved(layout.fields)
        self.widths = Widths(layout.n_cells)
        self.times = SurveyTimes(rules.timezone, formats)
        self.left_out: Counter[str] = Counter()
        self.choices = Choices(_choices(self.fields, rules), partial(_options_in, rules.separator))
        names = tuple(field.name for field in self.fields)
        self.columns = (*names, *self.choices.columns)
        _refuse_clash(self.columns)

    def rows(self, records: Iterator[Record]) -> Iterator[tuple[Any, ...]]:
        """Yield the responses that count; refuse the file in the end if rows are wrong."""
        for line, cells in records:
            if not any(map(tidy, cells)) or not self.widths.fits(line, cells):
                continue
            reason = self.layout.left_out(cells)
            if reason:
                self.left_out[reason] += 1
                continue
            values = [self._value(field, cells[field.position]) for field in self.fields]
            yield (line, *values, *self.choices.cells(values))
        self.widths.refuse_ragged()
        self.choices.refuse_undeclared(self.columns, "options", "survey")

    def _value(self, field: Field, cell: str) -> str | None:
        text = tidy(cell)
        if not text or (field.is_time and text in self.layout.no_time):
            return None
        return self.times.read(text) if field.is_time else text

    def notes(self, n_rows: int) -> Iterator[Note]:
        """Say what was left out and by which rule."""
        for what, n in self.left_out.items():
            yield Note("skipped_rows", f"{plural(n, what)} left out")
        if n := len(self.layout.personal):
            yield Note("personal_columns", f"{plural(n, 'personal column')} not read")
        yield self.times.note()
        if self.times.n_unreadable:
            yield Note(
                "unreadable_times",
                f"{plural(self.times.n_unreadable, 'time')} could not be read: declare "
                "`timestamp_format` in the clinic's YAML",
            )
        if n_rows == 0:
            yield Note("no_rows", "a header but no responses to read")


def _renamed_if_reserved(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """Call a column by its place if its text is Rapport's own name for a row's line."""
    return tuple(
        Field(field.position, f"column {field.position + 1}") if field.name == LINE else field
        for field in fields
    )


def _options_in(separator: str, cell: str) -> set[str]:
    return {tidy(part).lower() for part in cell.split(separator)} - {""}


def _choices(fields: tuple[Field, ...], rules: SurveyOptions) -> list[tuple[int, dict[str, str]]]:
    """Return, per multi-select question, its place and its options' columns."""
    at = {name: i for i, field in enumerate(fields) for name in (field.name, *field.aliases)}
    return [
        (at[question], {tidy(text).lower(): f"{question}_{code}" for text, code in options.items()})
        for question, options in rules.multi_select.items()
        if question in at
    ]


def _refuse_clash(columns: tuple[str, ...]) -> None:
    twice = [name for name, n in Counter(name.lower() for name in columns).items() if n > 1]
    if twice:
        raise FileRefused(
            "F04",
            f"{plural(len(twice), 'column')} cannot be told from another one",
            "Give the questions different texts, or the options of `multi_select` other codes",
        )
