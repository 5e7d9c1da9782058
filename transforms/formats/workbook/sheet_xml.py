"""Cells in the XML of a sheet that calamine would give as empty, and how far a sheet reaches."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.parsers import expat

from transforms.formats.archive import Damaged


@dataclass
class SheetPart:
    """What the XML of one sheet holds.

    errors : (row, column), counted from 0, to the error written there, such as #N/A.
    uncalculated : cells with a formula but no stored result, such as C5.
    """

    n_rows: int = 0
    n_columns: int = 0
    has_formulas: bool = False
    has_errors: bool = False
    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    uncalculated: list[str] = field(default_factory=list)


def read_details(chunks: Iterable[bytes], part: SheetPart) -> None:
    """Find errors and formulas without a result in the XML of an Excel sheet.

    Raises
    ------
    Damaged
        The XML is broken.
    """
    _parse(chunks, _Cells(part).parser)


def read_open_document(chunks: Iterable[bytes], part: SheetPart) -> dict[str, SheetPart]:
    """Find how far the largest sheet of an OpenDocument file reaches, and per sheet its formulas.

    Returns
    -------
    dict of sheet name to SheetPart
        ``uncalculated`` also holds formulas whose result is an error.
    """
    found = _OpenDocument(part)
    _parse(chunks, found.parser)
    return found.sheets


def _parse(chunks: Iterable[bytes], parser: expat.XMLParserType) -> None:
    is_broken = False
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError):
        is_broken = True
    if is_broken:
        raise Damaged


class _Cells:
    """Collects errors and formulas without a result from a sheet's XML."""

    def __init__(self, part: SheetPart) -> None:
        self.part = part
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.row = self.column = -1
        self.kind = ""
        self.has_formula = self.is_value = False
        self.value = ""

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "row":
            self.row = int(attributes.get("r", self.row + 2)) - 1
            self.column = -1
        elif local == "c":
            self._begin_cell(attributes)
        elif local == "f":
            self.has_formula = True
        elif local == "v":
            self.is_value = True

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        place = re.fullmatch(r"([A-Za-z]{1,3})(\d{1,7})", attributes.get("r", ""))
        self.column = column_number(place[1].encode()) - 1 if place else self.column + 1
        self.row = int(place[2]) - 1 if place else self.row
        self.kind = attributes.get("t", "n")
        self.has_formula, self.value = False, ""

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local == "v":
            self.is_value = False
        elif local == "c":
            if self.kind == "e":
                self.part.errors[self.row, self.column] = self.value
            # A formula may well give an empty text.
            if self.has_formula and not self.value and self.kind != "str":
                self.part.uncalculated.append(cell_name(self.row, self.column))

    def _text(self, text: str) -> None:
        if self.is_value:
            self.value += text


class _OpenDocument:
    """Follows the tables of an OpenDocument sheet, whose rows and cells may be repeated."""

    def __init__(self, part: SheetPart) -> None:
        self.part = part
        self.sheets: dict[str, SheetPart] = {}
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.n_rows = self.n_columns = self.n_filled = self.times = 0
        self.sheet = SheetPart()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "table":
            self.n_rows = 0
            self.sheet = self.sheets.setdefault(attributes.get("table:name", ""), SheetPart())
        elif local == "table-row":
            self.times = int(attributes.get("table:number-rows-repeated", 1))
            self.n_columns = self.n_filled = 0
        elif local in ("table-cell", "covered-table-cell"):
            if _is_uncalculated(attributes):
                self.sheet.uncalculated.append(cell_name(self.n_rows, self.n_columns))
            self.n_columns += int(attributes.get("table:number-columns-repeated", 1))
            if any(key.startswith(("office:", "calcext:")) for key in attributes):
                self.n_filled = self.n_columns
        elif local == "p":
            self.n_filled = self.n_columns

    def _end(self, name: str) -> None:
        if name.rpartition(":")[2] != "table-row":
            return
        self.n_rows += self.times
        if self.n_filled:
            self.part.n_rows = max(self.part.n_rows, self.n_rows)
            self.part.n_columns = max(self.part.n_columns, self.n_filled)


def _is_uncalculated(attributes: dict[str, str]) -> bool:
    """Whether a cell's formula has no result, or an error for one."""
    if "table:formula" not in attributes:
        return False
    kind = attributes.get("office:value-type")
    is_error = attributes.get("calcext:value-type") == "error"
    # Text stands in the cell's paragraphs; every other kind in an attribute of its own.
    values = ("office:value", "office:date-value", "office:time-value", "office:boolean-value")
    return is_error or (kind != "string" and not any(attributes.get(key) for key in values))


def column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def cell_name(row: int, column: int) -> str:
    """Return a cell's name as Excel writes it, from places counted from 0.

    Examples
    --------
    >>> cell_name(4, 27)
    'AB5'
    """
    letters, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row + 1}"
