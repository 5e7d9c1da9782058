"""Workbooks (xlsx, xlsm, ods): every wanted sheet as a table of text cells.

python-calamine reads them. A whole number comes out as `3`, not `3.0`; a real date as ISO
8601, whatever the cell's display format. Lines are Excel's row numbers.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import duckdb
from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from transforms.errors import FileRefused
from transforms.formats.archive import Damaged
from transforms.formats.header import repeated_note, told_columns
from transforms.formats.source import (
    Note,
    ReadOptions,
    Source,
    load_rows,
    plural,
)
from transforms.formats.workbook.header import Sheet, sheet_header
from transforms.formats.workbook.parts import check_parts, refuse_uncalculated, sheet_part
from transforms.formats.workbook.sheet_xml import SheetPart

_OLE = b"\xd0\xcf\x11\xe0"
_SHOWN = 5


def read(
    path: Path, *, con: duckdb.DuckDBPyConnection, scratch: Path, options: ReadOptions
) -> list[Source]:
    """Read the sheets wanted; rows without any cell are left out, hidden sheets unless named.

    Raises
    ------
    FileRefused
        F01 empty, corrupt, cut off, password-protected, linked, a bomb, formulas without a
        result; F04 header; F05 merged cells; F06 no sheet wanted.
    """
    parts = _checked(path)
    names, ignored = _sheets(path, options)
    if not names:
        hidden = " (hidden ones must be named)" if any("(" in name for name in ignored) else ""
        raise FileRefused(
            "F06",
            f"No visible sheet belongs to a table{hidden}",
            "Call the sheets responses, sessions, episodes, clients and therapists, or name them "
            "in the clinic's YAML",
        )
    note = Note("ignored_sheets", f"{plural(len(ignored), 'sheet')} not used: {', '.join(ignored)}")
    notes = (note,) if ignored else ()
    sources: list[Source] = []
    try:
        for name in names:
            part = _undamaged(partial(sheet_part, path, name, parts))
            sources.append(_read_sheet(path, name, part, con, scratch, options, notes))
            notes = ()
    except FileRefused:
        for source in sources:
            source.drop(con)
        raise
    return sources


T = TypeVar("T")


def _checked(path: Path) -> dict[str, SheetPart]:
    """Refuse what is no whole workbook; return what its XML tells about its sheets."""
    if path.stat().st_size == 0:
        raise FileRefused("F01", "The file is empty (0 bytes)", "Export it again")
    with path.open("rb") as stream:
        magic = stream.read(4)
    if path.suffix.lower() == ".xlsb" or (path.suffix.lower() == ".xls" and magic == _OLE):
        raise FileRefused(
            "F01",
            "In a binary workbook (.xls, .xlsb) an error cannot be told from an empty cell",
            "Save it as .xlsx",
        )
    if magic == _OLE:
        raise FileRefused(
            "F01",
            "The workbook is password-protected, or an old .xls under a new name",
            "Save it without a password as .xlsx",
        )
    return _undamaged(lambda: check_parts(path))


def _undamaged(action: Callable[[], T]) -> T:
    """Run an action on the archive a workbook is; refuse in our own words what is no archive."""
    try:
        return action()
    except (zipfile.BadZipFile, zlib.error, Damaged, OSError, ValueError, NotImplementedError):
        pass
    except (RuntimeError, EOFError, KeyError):
        pass
    raise _damaged()


def _damaged() -> FileRefused:
    return FileRefused(
        "F01",
        "The workbook is damaged, cut off, or no workbook at all",
        "Open it in Excel and save it again as .xlsx",
    )


def _quietly(path: Path, action: Callable[[CalamineWorkbook], T]) -> T:
    """Run an action on the workbook; refuse in our own words whatever goes wrong in it."""
    is_locked = False
    try:
        with CalamineWorkbook.from_path(path) as book:
            return action(book)
    except PasswordError:
        is_locked = True
    except (CalamineError, ValueError, OSError, OverflowError):
        pass
    except BaseException as error:
        # A panic in calamine's Rust is no Exception.
        if type(error).__name__ != "PanicException":
            raise
    if is_locked:
        raise FileRefused("F01", "The workbook is password-protected", "Save it without a password")
    raise _damaged()


def _sheets(path: Path, options: ReadOptions) -> tuple[list[str], list[str]]:
    """Return the sheets to read and the others, hidden ones marked as such."""
    wanted, ignored = [], []
    for sheet in _quietly(path, lambda book: book.sheets_metadata):
        is_hidden = sheet.visible != SheetVisibleEnum.Visible
        is_read = sheet.typ == SheetTypeEnum.WorkSheet and options.is_wanted(sheet.name)
        if is_read and (not is_hidden or sheet.name.lower() in options.named):
            wanted.append(sheet.name)
        else:
            ignored.append(f"{sheet.name} (hidden)" if is_hidden else sheet.name)
    return wanted, ignored


def _read_sheet(
    path: Path,
    name: str,
    part: SheetPart,
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
    options: ReadOptions,
    notes: tuple[Note, ...],
) -> Source:
    refuse_uncalculated(name, part)
    sheet = _quietly(path, lambda book: _sheet(book.get_sheet_by_name(name), part))
    names, last = sheet_header(sheet, name, options)
    again = _Repeated(sheet, last)
    relation, n_rows = load_rows(con, scratch, names, again.data())
    told = told_columns(con, relation, names)
    more = (*told.notes, *again.notes())
    if n_rows == 0:
        more += (Note("no_rows", f"sheet {name} has a header but no rows"),)
    return Source(
        name,
        told.relation,
        told.names,
        n_rows,
        notes=(*notes, *more),
        has_real_dates=True,
        drops=(*told.drops, f"drop table {relation}"),
        second_names=told.second_names,
        doubled=told.doubled,
    )


class _Repeated:
    """The rows below the header, without those that repeat it."""

    def __init__(self, sheet: Sheet, last: int) -> None:
        self.sheet = sheet
        self.last = last
        self.lines: list[int] = []

    def data(self) -> Iterator[tuple[Any, ...]]:
        """Yield row number and cells."""
        names = next(cells for number, cells in self.sheet.rows if number == self.last)
        for number, cells in self.sheet.rows:
            if number <= self.last:
                continue
            if cells == names:
                self.lines.append(number)
            else:
                yield (number, *cells)

    def notes(self) -> tuple[Note, ...]:
        """Say which rows were left out."""
        if not self.lines:
            return ()
        said = repeated_note(self.lines[:_SHOWN], len(self.lines))
        return (Note("repeated_headers", said),)


def first_sheet(path: Path) -> Iterator[tuple[Any, ...]]:
    """Yield the filled rows of the first visible sheet: row number, then cells as text.

    Raises
    ------
    FileRefused
        F01 as `read`; F06 no visible sheet.
    """
    parts = _checked(path)
    names, _ = _sheets(path, ReadOptions())
    if not names:
        raise FileRefused("F06", "The workbook has no visible sheet", "Export it again")
    part = _undamaged(lambda: sheet_part(path, names[0], parts))
    refuse_uncalculated(names[0], part)
    sheet = _quietly(path, lambda book: _sheet(book.get_sheet_by_name(names[0]), part))
    for number, cells in sheet.rows:
        yield (number, *cells)


def _sheet(sheet: CalamineSheet, part: SheetPart) -> Sheet:
    errors: dict[int, dict[int, str]] = {}
    for (row, column), error in part.errors.items():
        errors.setdefault(row + 1, {})[column] = error or "#ERROR!"
    rows = []
    for number, cells in enumerate(sheet.to_python(skip_empty_area=False), 1):
        texts = list(map(cell_text, cells))
        # calamine gives an error as an empty cell: it is not, and a rule shall find it.
        for column, error in errors.get(number, {}).items():
            if column < len(texts):
                texts[column] = error
        if any(text and not text.isspace() for text in texts):
            rows.append((number, texts))
    return Sheet(rows, list(sheet.merged_cell_ranges or []))


def cell_text(cell: object) -> str | None:
    """Return a cell as text; an empty one is None.

    Examples
    --------
    >>> cell_text(3.0), cell_text(9.1), cell_text(True), cell_text(date(2026, 5, 1))
    ('3', '9.1', 'true', '2026-05-01')
    """
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        # Excel counts days in floating point: 10:30 may come out a microsecond early.
        whole = (cell + timedelta(milliseconds=500)).replace(microsecond=0)
        return whole.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell)
