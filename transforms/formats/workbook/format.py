"""Workbooks with titles, merged names and several sheets, mapped by the clinic's YAML."""

from __future__ import annotations

from dataclasses import replace

from transforms.contract import canonical_table
from transforms.formats.format import Format, Recognition
from transforms.formats.head import Head
from transforms.formats.request import Request
from transforms.formats.source import ReadOptions, Source
from transforms.formats.workbook import reader


class Workbook(Format):
    """Any workbook."""

    name = "workbook"
    order = 40
    kinds = frozenset({"workbook"})
    may_be_reshaped = True
    has_any_shape = True
    feed_key = "sheet"

    @property
    def page(self) -> str:
        """File name of its page in docs/formats."""
        return "excel.md"

    def recognizes(self, head: Head) -> Recognition:
        """Take any workbook, though nothing speaks for it."""
        return Recognition("no system's own header was found", "medium", head.header_row)

    def read(self, request: Request) -> list[Source]:
        """Read the sheets the feeds name, or all."""
        return read_sheets(request)


def read_sheets(request: Request) -> list[Source]:
    """Read the sheets of a workbook that a feed reads, or whose name is a table's."""
    named = frozenset(feed.sheet.lower() for feed in request.feeds if feed.sheet)
    options = ReadOptions(
        named=named,
        header_of=request.header_of,
        expected_of=lambda sheet: frozenset().union(
            *(feed.expected for feed in request.feeds_for(sheet))
        ),
    )
    if not request.feeds:
        options = replace(options, is_wanted=lambda name: canonical_table(name) is not None)
    elif all(feed.sheet for feed in request.feeds):
        options = replace(options, is_wanted=lambda name: name.lower() in named)
    return reader.read(request.path, con=request.con, scratch=request.scratch, options=options)
