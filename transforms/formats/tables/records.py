"""Rows of a delimited file or a workbook's first sheet, one by one, with their true lines.

For formats whose header is more than one row; `delimited` and `workbook` read the others.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from transforms.errors import FileRefused
from transforms.formats.source import WORKBOOK_SUFFIXES, plural
from transforms.formats.text.encoding import TextFile, as_utf8
from transforms.formats.text.header import recognize_delimiter
from transforms.formats.workbook.reader import first_sheet

# A line and the cells of the row that begins there.
Record = tuple[int, list[str]]


class Records:
    """The rows of one file in order, without blank ones. Close it to remove what it decoded."""

    def __init__(
        self,
        path: Path,
        scratch: Path,
        *,
        delimiter: str | None = None,
        encoding: str | None = None,
    ) -> None:
        self.path = path
        self.is_workbook = path.suffix.lower() in WORKBOOK_SUFFIXES
        self.text: TextFile | None = None
        self.delimiter = delimiter
        if not self.is_workbook:
            self.text = as_utf8(path, scratch, encoding=encoding)
            self.delimiter = delimiter or recognize_delimiter(_first_line(self.text))

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *_: object) -> None:
        if self.text and self.text.path != self.path:
            self.text.path.unlink(missing_ok=True)

    def __iter__(self) -> Iterator[Record]:
        if self.text is None or self.delimiter is None:
            return self._of_workbook()
        return self._of_text(self.text, self.delimiter)

    def _of_workbook(self) -> Iterator[Record]:
        for number, *cells in first_sheet(self.path):
            yield number, [cell or "" for cell in cells]

    def _of_text(self, text: TextFile, delimiter: str) -> Iterator[Record]:
        line, is_broken = 1, False
        with text.path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=delimiter, strict=True)
            try:
                for cells in reader:
                    if any(cells):
                        yield line, cells
                    line = reader.line_num + 1
            except csv.Error:
                is_broken = True
        if is_broken:  # raised outside the handler: the csv module's error stays unchained
            raise FileRefused(
                "F05",
                f"From line {line} on the quotation marks do not pair up",
                "Export it again; a quotation mark inside a cell must be doubled",
            )


def _first_line(text: TextFile) -> str:
    with text.path.open(encoding="utf-8-sig", newline=None) as stream:
        return stream.readline(1_000_000).rstrip("\n")


class Widths:
    """Checks that every row has the header's number of cells; more are fine while blank."""

    def __init__(self, n_columns: int) -> None:
        self.n_columns = n_columns
        self.n_ragged = 0
        self.lines: list[int] = []

    def fits(self, line: int, cells: list[str]) -> bool:
        """Whether the row fits; remembers it if not."""
        if len(cells) >= self.n_columns and not any(cells[self.n_columns :]):
            return True
        self.n_ragged += 1
        self.lines = [*self.lines, line][:5]
        return False

    def refuse_ragged(self) -> None:
        """Refuse (F05) the file if a row did not fit."""
        if not self.n_ragged:
            return
        more = ", …" if self.n_ragged > len(self.lines) else ""
        raise FileRefused(
            "F05",
            f"{plural(self.n_ragged, 'row')} without exactly {plural(self.n_columns, 'cell')} "
            f"(line {', '.join(map(str, self.lines))}{more})",
            "The file may be cut off, or a cell may hold an unquoted delimiter. Export it again",
        )
