"""What the web surveys have in common: a class per system says only what its header is.

A row is a response, columns are questions, answers are choice texts. A system tells its header
(`recognizes`) and names its columns (`layout_of`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from transforms.cells import folded
from transforms.errors import FileRefused
from transforms.formats.format import Block, DeclaredClinic, DeclaredFeed, Format, Problem
from transforms.formats.head import Head
from transforms.formats.header import tidy
from transforms.formats.request import Request
from transforms.formats.source import Source
from transforms.formats.surveys import reader
from transforms.formats.surveys.header import Layout
from transforms.formats.surveys.options import SurveyOptions


class SurveySystem(Format):
    """A web survey. ``n_header_rows``: how many rows its header takes."""

    block = Block("survey", SurveyOptions)
    has_texts = True
    n_header_rows: ClassVar[int] = 1

    @abstractmethod
    def layout_of(
        self, head: list[list[str]], rules: SurveyOptions, identifiers: frozenset[str]
    ) -> Layout:
        """Read the header rows.

        Raises
        ------
        FileRefused
            F04: they are not the system's.
        """

    def layout_in(self, head: Head, rules: SurveyOptions) -> Layout | None:
        """Return the layout of an undescribed file; None if its header is not the system's."""
        rows = [[tidy(cell) for cell in row] for row in head.rows[: self.n_header_rows]]
        if len(rows) < self.n_header_rows:
            return None
        try:
            return self.layout_of(rows, rules, frozenset())
        except FileRefused:
            return None

    def read(self, request: Request) -> list[Source]:
        """Read one export."""
        return reader.read(request, self.layout_of, self.n_header_rows)

    def problems(self, clinic: DeclaredClinic) -> Iterator[Problem]:
        """Yield choice texts that are read as one and the same but do not mean the same."""
        for number, feed in enumerate(clinic.feeds):
            yield from _ambiguous_texts(("feeds", number, "values"), feed)


def _ambiguous_texts(where: tuple[str | int, ...], feed: DeclaredFeed) -> Iterator[Problem]:
    for column, codes in feed.values.items():
        meant: dict[str, str] = {}
        for text, word in codes.items():
            if meant.setdefault(folded(text), word) != word:
                yield (
                    (*where, column, text),
                    "another text differs from it in capitals and blanks only",
                    "Keep one: they are read as the same answer",
                )
