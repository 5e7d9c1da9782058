"""What the feeds of a clinic's YAML say about the layout of one file: names, header, sheets."""

from __future__ import annotations

from collections.abc import Callable

from transforms.clinics.clinic import (
    Clinic,
    Feed,
    Join,
    canonical_table,
)
from transforms.contract import TABLES
from transforms.errors import FileRefused
from transforms.formats.source import HeaderPlace, ReadOptions


def text_options(file_name: str, clinic: Clinic) -> ReadOptions:
    """Return how a delimited file of this name is to be read."""
    delimiter = clinic.delimiter
    if delimiter is None and clinic.format == "canonical":
        # Not guessed: a file with semicolons mostly has decimal commas too.
        delimiter = "\t" if file_name.lower().endswith(".tsv") else ","
    return ReadOptions(
        delimiter=delimiter,
        encoding=clinic.encoding,
        expected=_expected(clinic.feeds_for(file_name, None)),
        header_of=_header_of(file_name, clinic),
    )


def workbook_options(file_name: str, clinic: Clinic) -> ReadOptions:
    """Return which sheets of a workbook are read, and where their columns are named."""
    named = frozenset(feed.sheet.lower() for feed in clinic.feeds if feed.sheet)
    options = ReadOptions(
        named=named,
        header_of=_header_of(file_name, clinic),
        expected_of=lambda sheet: _expected(clinic.feeds_for(file_name, sheet)),
    )
    if not clinic.feeds:
        return _only(options, lambda name: canonical_table(name) is not None)
    if all(feed.sheet for feed in clinic.feeds):
        return _only(options, lambda name: name.lower() in named)
    return options


def _only(options: ReadOptions, is_wanted: Callable[[str], bool]) -> ReadOptions:
    return ReadOptions(**{**vars(options), "is_wanted": is_wanted})


def _expected(feeds: list[Feed]) -> frozenset[str]:
    return frozenset(column for feed in feeds for column in _source_columns(feed))


def _source_columns(feed: Feed) -> set[str]:
    if feed.is_canonical:
        return {column.name for column in TABLES[feed.table].columns}
    joins = (column for column in feed.columns.values() if isinstance(column, Join))
    plain = {column for column in feed.columns.values() if isinstance(column, str)}
    return plain.union(*(join.join for join in joins))


def _header_of(file_name: str, clinic: Clinic) -> Callable[[str], HeaderPlace]:
    def header_of(sheet: str) -> HeaderPlace:
        feeds: list[Feed | Clinic] = list(clinic.feeds_for(file_name, sheet or None))
        places = {
            HeaderPlace(
                one.header_row or clinic.header_row, one.header_rows or clinic.header_rows or 1
            )
            for one in feeds or [clinic]
        }
        if len(places) > 1:
            raise FileRefused(
                "F04",
                "The feeds that read this file give different header rows",
                "Write the same `header_row` and `header_rows` into each, in the clinic's YAML",
            )
        return places.pop()

    return header_of
