"""The first rows of a file nobody described yet, from which its format is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from transforms.errors import FileRefused
from transforms.formats.header import checked_header, tidy

Kind = Literal["text", "workbook", "json"]


@dataclass(frozen=True)
class Head:
    """The file, what it is made of, and its first rows with their lines; JSON has no rows."""

    path: Path
    scratch: Path
    kind: Kind
    rows: list[list[str]]
    lines: list[int]
    delimiter: str | None = None
    encoding: str | None = None

    @property
    def names(self) -> list[str]:
        """The cells of the first row, tidied."""
        return [tidy(cell) for cell in self.rows[0]]

    @property
    def header_row(self) -> int | None:
        """Line of the first row as wide as the widest that holds names and no values.

        None if that is the first row, or if there is none.
        """
        widths = [sum(bool(cell.strip()) for cell in row) for row in self.rows]
        for place, (row, width) in enumerate(zip(self.rows, widths, strict=True)):
            if width >= 0.8 * max(widths) and _holds_names(row):
                return self.lines[place] if place else None
        return None


def _holds_names(row: list[str]) -> bool:
    try:
        checked_header(row)
    except FileRefused:
        return False
    return True
