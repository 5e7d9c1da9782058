"""Where the column names of a delimited file stand, and what cuts them.

Lines are counted as a text editor shows them: a header whose names hold line breaks takes
several.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from itertools import islice
from typing import TextIO

from transforms.errors import FileRefused
from transforms.formats.header import checked_header, joined_names, shown_lines, title_refusal
from transforms.formats.source import ReadOptions
from transforms.formats.text.encoding import TextFile

DELIMITERS = (",", ";", "\t", "|")
LONGEST_HEADER = 1_000_000
_UNUSUAL = ("^", "~", ":", "#", " ")
_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a pipe", " ": "a space"}
# Rows below the first that are searched for the names a title row hides.
_LOOK_AHEAD = 20
# Excel writes this line above a file to tell its own reader the delimiter.
_SEP = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


@dataclass(frozen=True)
class TextHeader:
    """Names, delimiter, and the last line of the header.

    cells : the names as the last header row writes them; a row that repeats them is no data.
    """

    names: tuple[str, ...]
    cells: tuple[str, ...]
    delimiter: str
    last_line: int

    @property
    def trimmed(self) -> tuple[str, ...]:
        """The cells without the blanks around them, one per column."""
        width = len(self.names)
        return tuple(cell.strip() for cell in (*self.cells, *[""] * width)[:width])


def find_header(text: TextFile, options: ReadOptions) -> TextHeader:
    """Read the column names.

    Raises
    ------
    FileRefused
        F03 another delimiter, F04 blank line, title row, or no usable names.
    """
    place = options.header_of("")
    with text.path.open(encoding="utf-8-sig", newline=None) as stream:
        stated = _SEP.fullmatch(stream.readline(LONGEST_HEADER).rstrip("\n"))
        first = place.row or (2 if stated else 1)
        stream.seek(0)
        n_lines = sum(1 for _ in islice(stream, first - 1))
        rows = []
        for _ in range(place.n_rows):
            row, n_more = _logical_line(stream)
            rows.append(row)
            n_lines += n_more
        below = [line.rstrip("\n") for line in islice(stream, _LOOK_AHEAD)]
    _refuse_blank(rows[-1], n_lines, place.row)
    delimiter = options.delimiter or (stated[1] if stated else recognize_delimiter(rows[-1]))
    _refuse_title(rows[-1], below, n_lines, options)
    _refuse_wrong_delimiter(rows[-1], delimiter, options)
    for row in rows:
        _refuse_unpaired(row, delimiter)
    cells = [split(row, delimiter) for row in rows]
    names = checked_header(joined_names(cells))
    return TextHeader(names, tuple(cells[-1]), delimiter, n_lines)


def recognize_delimiter(header_line: str) -> str:
    """Return the delimiter that cuts the header into most names; comma if none does.

    Examples
    --------
    >>> recognize_delimiter("client_id;completed_at;item_1")
    ';'
    """
    return max(DELIMITERS, key=lambda mark: (len(split(header_line, mark)), mark == ","))


def called(delimiter: str) -> str:
    """Return a delimiter's name for messages."""
    return _NAMES.get(delimiter, f"'{delimiter}'")


def split(line: str, delimiter: str) -> list[str]:
    """Cut one row, which may hold quoted line breaks, into its cells."""
    return next(csv.reader(io.StringIO(line), delimiter=delimiter), [])


def _refuse_unpaired(row: str, delimiter: str) -> None:
    """Refuse a name with a lone quotation mark: reading on for its pair swallowed rows."""
    reader = csv.reader(io.StringIO(row), delimiter=delimiter)
    next(reader, None)
    # Of an odd number of marks one has no pair down to the end of the file.
    if row.count('"') % 2 or next(reader, None) is not None:
        raise FileRefused(
            "F04",
            "A column name holds a quotation mark that does not pair up",
            "Rename the column, or put the name in quotation marks and double the mark in it",
        )


def _logical_line(stream: TextIO) -> tuple[str, int]:
    """Return the next row without its line end, and how many lines it takes."""
    line = stream.readline(LONGEST_HEADER)
    n_lines = 1
    # A quoted name may hold line breaks: read on until the quotation marks pair up.
    while line.count('"') % 2 and len(line) < LONGEST_HEADER:
        more = stream.readline(LONGEST_HEADER)
        if not more:
            break
        line += more
        n_lines += 1
    return line.rstrip("\n"), n_lines


def _refuse_blank(line: str, number: int, declared: int | None) -> None:
    if line.strip():
        return
    if declared:
        raise FileRefused(
            "F04",
            f"Line {number}, the header according to `header_row`, is blank or not there",
            "Correct `header_row` in the clinic's YAML; count as a text editor does",
        )
    raise FileRefused(
        "F04",
        "The first line is blank",
        "The first line must hold the column names; if they stand further down, write "
        "`header_row` into the clinic's YAML",
    )


def _refuse_title(line: str, below: list[str], number: int, options: ReadOptions) -> None:
    """Refuse if a line further down holds more of the expected names than the header does."""
    if not options.expected:
        return
    marks = (*DELIMITERS, *([options.delimiter] if options.delimiter else []))
    found = max(_n_expected(line, mark, options) for mark in marks)
    for offset, later in enumerate(below, 1):
        if max(_n_expected(later, mark, options) for mark in marks) > found:
            raise title_refusal("Line", number, number + offset)


def _refuse_wrong_delimiter(line: str, delimiter: str, options: ReadOptions) -> None:
    """Refuse if another delimiter finds expected names that this one does not."""
    if not options.expected and len(split(line, delimiter)) > 1:
        return
    marks = (*DELIMITERS, *_UNUSUAL) if options.expected else DELIMITERS
    found = {
        mark: _n_expected(line, mark, options) for mark in {delimiter: None, **dict.fromkeys(marks)}
    }
    better = max(found, key=lambda mark: found[mark])
    if found[better] <= found[delimiter]:
        return
    escaped = "\\t" if better == "\t" else better
    raise FileRefused(
        "F03",
        f"The delimiter is {called(better)}, not {called(delimiter)}",
        f'Export with {called(delimiter)}, or write `delimiter: "{escaped}"` into the '
        "clinic's YAML",
    )


def _n_expected(line: str, delimiter: str, options: ReadOptions) -> int:
    names = {name.strip() for name in split(line, delimiter)}
    # A lone name is found with any delimiter and proves nothing.
    if len(names) < 2:
        return 0
    return len(names & options.expected) if options.expected else len(names)


def reordered_refusal(lines: list[int], total: int) -> FileRefused:
    """Return the refusal of rows that hold the header's names in another order."""
    return FileRefused(
        "F04",
        f"The column names stand again, in another order, in {shown_lines(lines, total)}",
        "Two exports stand in one file: send them as two",
    )
