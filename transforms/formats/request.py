"""What is asked of a format's reader: one file, and what the clinic's YAML wants of it.

Plain values and a few functions: a format knows no clinic and no feed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypedDict, TypeVar

import duckdb

from transforms.errors import FileRefused
from transforms.formats.options import Options
from transforms.formats.source import HeaderPlace, Source
from transforms.instruments.registry import Registry

AnyOptions = TypeVar("AnyOptions", bound=Options)


class Dialect(TypedDict):
    """How text is written, where the clinic's YAML says so."""

    delimiter: str | None
    encoding: str | None


@dataclass(frozen=True)
class FeedRequest:
    """What one feed takes from a file.

    columns : source columns it names, in a fixed order; those of an item pattern are not among them
    pattern : item pattern such as srs_{n}, if it has one
    has_answers : whether it names items or scores
    identifiers : those of the columns that become pseudonyms at the door
    expected : names a header should hold, which tell it from a title
    time_formats : strptime formats of times, its own ones only
    instrument : id, version and rater, if it sets an instrument
    item_columns, item_texts : of a source the columns of the items, and SQL for their cleaned text;
        both refuse (F02) a source that lacks one
    """

    form: str | None
    sheet: str | None
    columns: tuple[str, ...]
    pattern: str | None
    has_answers: bool
    identifiers: frozenset[str]
    expected: frozenset[str]
    header: HeaderPlace
    time_formats: tuple[str, ...]
    missing_codes: frozenset[str]
    instrument: tuple[str, str | None, str | None] | None
    item_columns: Callable[[Source], list[str]]
    item_texts: Callable[[Source], list[str]]

    @cached_property
    def _item(self) -> re.Pattern[str] | None:
        if self.pattern is None:
            return None
        before, _, after = self.pattern.partition("{n}")
        return re.compile(re.escape(before) + r"\d+" + re.escape(after))

    def fits_items(self, column: str) -> bool:
        """Whether a source column fits the item pattern."""
        return bool(self._item and self._item.fullmatch(column))

    def names(self, column: str) -> bool:
        """Whether the feed names a source column, itself or by its item pattern."""
        return column in self.columns or self.fits_items(column)


@dataclass(frozen=True)
class Request:
    """One file to read.

    scratch : folder for decoded copies, in the vault; left empty
    yaml : name of the clinic's file, for messages
    options : the clinic's block of this format, if the format has one
    feeds : all feeds of the clinic. feeds_for : those that read a sheet or form of this file
    dictionary : file name pattern of what explains the exports
    time_formats : strptime formats of times, the clinic's
    header : where the clinic's column names stand
    """

    path: Path
    con: duckdb.DuckDBPyConnection
    scratch: Path
    registry: Registry
    yaml: str
    options: Options | None
    feeds: tuple[FeedRequest, ...]
    feeds_for: Callable[[str | None], list[FeedRequest]]
    delimiter: str | None
    encoding: str | None
    dictionary: str | None
    time_formats: tuple[str, ...]
    missing_codes: frozenset[str]
    header: HeaderPlace

    def block(self, model: type[AnyOptions]) -> AnyOptions:
        """Return the clinic's block of this format, which is of this model."""
        assert isinstance(self.options, model)
        return self.options

    @property
    def dialect(self) -> Dialect:
        """The declared delimiter and encoding."""
        return {"delimiter": self.delimiter, "encoding": self.encoding}

    def is_mapped(self, column: str) -> bool:
        """Whether a feed that reads the file names a source column."""
        return any(feed.names(column) for feed in self.feeds_for(None))

    def file_beside(self, pattern: str | None) -> Path | None:
        """Return the last file that lies beside the export and fits a pattern."""
        found = sorted(self.path.parent.glob(pattern)) if pattern else []
        return found[-1] if found else None

    def all_time_formats(self) -> tuple[str, ...]:
        """Return the formats of times: of the feeds that read the file, then the clinic's."""
        formats = list(self.time_formats)
        for feed in self.feeds_for(None):
            formats = [*feed.time_formats, *formats]
        return tuple(dict.fromkeys(formats))

    def header_of(self, sheet: str) -> HeaderPlace:
        """Return where the names of a sheet stand; a text file has the empty sheet name.

        Raises
        ------
        FileRefused
            F04: the feeds that read it do not agree.
        """
        places = {feed.header for feed in self.feeds_for(sheet or None)} or {self.header}
        if len(places) > 1:
            raise FileRefused(
                "F04",
                "The feeds that read this file give different header rows",
                "Write the same `header_row` and `header_rows` into each, in the clinic's YAML",
            )
        return places.pop()
