"""Workbooks (xlsx, xlsm, xlsb, xls, ods): every wanted sheet as a table of text cells.

python-calamine reads them. A whole number comes out as `3`, not `3.0`; a real date as ISO
8601, whatever the cell's display format. Lines are Excel's row numbers.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

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
from transforms.readers.header import checked_header, without_empty_unnamed
from transforms.readers.source import Note, ReadOptions, Source, load_rows, plural

# More than any clinic's workbook, less than what a zip bomb unpacks to.
LARGEST_UNPACKED = 2 * 1024**3
_OLE = b"\xd0\xcf\x11\xe0"


def read(
    path: Path, *, con: duckdb.DuckDBPyConnection, scratch: Path, options: ReadOptions
) -> list[Source]:
    """Read the visible sheets wanted; rows without any cell are left out.

    Raises
    ------
    FileRefused
        F01 empty, corrupt, cut off or password-protected; F04 header; F06 no sheet wanted.
    """
    _refuse_unreadable(path)
    names, ignored = _sheets(path, options)
    if not names:
        raise FileRefused(
            "F06",
            "No visible sheet belongs to a table",
            "Call the sheets responses, sessions, episodes, clients and therapists, or name them "
            "in the clinic's YAML",
        )
    note = Note("ignored_sheets", f"{plural(len(ignored), 'sheet')} not used: {', '.join(ignored)}")
    notes = (note,) if ignored else ()
    sources = []
    for name in names:
        sources.append(_read_sheet(path, name, con, scratch, notes))
        notes = ()
    return sources


def _refuse_unreadable(path: Path) -> None:
    if path.stat().st_size == 0:
        raise FileRefused("F01", "The file is empty (0 bytes)", "Export it again")
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic == _OLE and path.suffix.lower() != ".xls":
        raise FileRefused(
            "F01",
            "The workbook is password-protected, or an old .xls under a new name",
            "Save it without a password as .xlsx",
        )
    if path.suffix.lower() != ".xls" and not _is_intact(path):
        raise _damaged()


def _is_intact(path: Path) -> bool:
    """Whether every part of the archive has its check sum: calamine may not read to its end."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST_UNPACKED:
                raise FileRefused("F01", "The workbook unpacks to more than 2 GiB", "Send parts")
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, RuntimeError, EOFError):
        return False


def _damaged() -> FileRefused:
    return FileRefused(
        "F01",
        "The workbook is damaged, cut off, or no workbook at all",
        "Open it in Excel and save it again as .xlsx",
    )


def _quietly(path: Path, action):
    """Run an action on the workbook; refuse in our own words whatever goes wrong in it."""
    is_locked = False
    try:
        with CalamineWorkbook.from_path(path) as book:
            return action(book)
    except PasswordError:
        is_locked = True
    except (CalamineError, ValueError, OSError):
        pass
    except BaseException as error:
        # A panic in calamine's Rust is no Exception.
        if type(error).__name__ != "PanicException":
            raise
    if is_locked:
        raise FileRefused("F01", "The workbook is password-protected", "Save it without a password")
    raise _damaged()


def _sheets(path: Path, options: ReadOptions) -> tuple[list[str], list[str]]:
    sheets = _quietly(path, lambda book: book.sheets_metadata)
    wanted = [
        sheet.name
        for sheet in sheets
        if sheet.typ == SheetTypeEnum.WorkSheet
        and sheet.visible == SheetVisibleEnum.Visible
        and options.is_wanted(sheet.name)
    ]
    return wanted, [sheet.name for sheet in sheets if sheet.name not in wanted]


def _read_sheet(
    path: Path,
    name: str,
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
    notes: tuple[Note, ...],
) -> Source:
    rows = _quietly(path, lambda book: _rows(book.get_sheet_by_name(name)))
    if not rows:
        raise FileRefused("F04", f"Sheet {name} is empty", "Its first row must hold column names")
    _, *header = rows[0]
    names = checked_header([cell or "" for cell in header])
    relation, n_rows = load_rows(con, scratch, names, rows[1:])
    columns, more = without_empty_unnamed(con, relation, names)
    if n_rows == 0:
        more += (Note("no_rows", f"sheet {name} has a header but no rows"),)
    return Source(
        name,
        relation,
        columns,
        n_rows,
        notes=(*notes, *more),
        has_real_dates=True,
        drops=(f"drop table {relation}",),
    )


def first_sheet(path: Path) -> Iterator[tuple]:
    """Yield the filled rows of the first visible sheet: row number, then cells as text.

    Raises
    ------
    FileRefused
        F01 empty, corrupt, cut off or password-protected; F06 no visible sheet.
    """
    _refuse_unreadable(path)
    names, _ = _sheets(path, ReadOptions())
    if not names:
        raise FileRefused("F06", "The workbook has no visible sheet", "Export it again")
    yield from _quietly(path, lambda book: _rows(book.get_sheet_by_name(names[0])))


def _rows(sheet: CalamineSheet) -> list[tuple]:
    return list(_filled_rows(sheet))


def _filled_rows(sheet: CalamineSheet) -> Iterator[tuple]:
    for number, cells in enumerate(sheet.to_python(skip_empty_area=False), 1):
        texts = tuple(map(cell_text, cells))
        if any(texts):
            yield (number, *texts)


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
