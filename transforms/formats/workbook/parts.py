"""What a workbook's own XML tells before and after calamine reads it.

calamine lays a sheet out as one rectangle, gives errors and formulas without a result as empty
cells, and follows whatever the archive says. So every part is unpacked here once, under limits:
check sums, sizes, how large the rectangle would be, and where such cells stand.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from transforms.errors import FileRefused
from transforms.formats.archive import Damaged, inflated, refuse_ratio
from transforms.formats.source import plural
from transforms.formats.workbook.sheet_xml import (
    SheetPart,
    column_number,
    read_details,
    read_open_document,
)

# More than any clinic's workbook, less than what a zip bomb unpacks to.
LARGEST_UNPACKED = 1024**3
# Filled or not: calamine keeps about 40 bytes for every cell of the rectangle.
MOST_CELLS = 30_000_000
_PLACE = re.compile(rb"""\sr=["']([A-Za-z]{0,3})(\d{1,7})["']""")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
_ERROR = re.compile(rb"""\st=["']e["']""")
_CELL = re.compile(rb"<(?:\w+:)?c[\s>/]")
_ROW = re.compile(rb"<(?:\w+:)?row[\s>/]")
_DOCTYPE = b"<!DOCTYPE"
_RELATIONS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_ODS = "content.xml"
_SHOWN = 5


def check_parts(path: Path) -> dict[str, SheetPart]:
    """Verify every part of a zipped workbook; return what its sheets hold.

    Keys are names of parts; sheets of OpenDocument files, which share one part, `content.xml#name`.

    Raises
    ------
    FileRefused
        F01: too large, a bomb, or values linked from other files.
    Damaged
        A part that is not what the archive says.
    """
    found: dict[str, SheetPart] = {}
    sheets: dict[str, SheetPart] = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        _refuse_links(infos)
        _refuse_large(sum(info.file_size for info in infos))
        for info in infos:
            if info.flag_bits & 1 or info.compress_type not in (0, 8):
                raise Damaged
            scan = _Scan() if _is_sheet(info.filename) else None
            n_bytes = 0
            for chunk, n_packed in inflated(stream, info):
                n_bytes += len(chunk)
                refuse_ratio(n_bytes, n_packed)
                if scan:
                    scan.add(chunk)
            if scan:
                found[info.filename] = scan.part()
        for name, part in found.items():
            _refuse_sparse(part)
            chunks = (chunk for chunk, _ in inflated(stream, archive.getinfo(name)))
            if name == _ODS:
                sheets = read_open_document(chunks, part)
            elif part.has_formulas or part.has_errors:
                read_details(chunks, part)
            _refuse_sparse(part)
    return found | {f"{_ODS}#{name}": part for name, part in sheets.items()}


def sheet_part(path: Path, sheet: str, parts: dict[str, SheetPart]) -> SheetPart:
    """Return the part of the sheet called so; an empty one where the format has none."""
    if not any(name.startswith("xl/worksheets/") for name in parts):
        return parts.get(f"{_ODS}#{sheet}", SheetPart())
    with zipfile.ZipFile(path) as archive:
        book = _root(archive, "xl/workbook.xml")
        links = {
            link.get("Id"): link.get("Target", "")
            for link in _root(archive, "xl/_rels/workbook.xml.rels")
        }
    for node in book.iter():
        if node.tag.rpartition("}")[2] == "sheet" and node.get("name") == sheet:
            target = links.get(node.get(f"{_RELATIONS}id"), "")
            name = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            return parts.get(str(PurePosixPath(name)), SheetPart())
    return SheetPart()


def refuse_uncalculated(sheet: str, part: SheetPart) -> None:
    """Refuse (F01) formulas without a result: their cells would read as empty."""
    if not part.uncalculated:
        return
    n_cells = len(part.uncalculated)
    more = ", …" if n_cells > _SHOWN else ""
    raise FileRefused(
        "F01",
        f"Sheet {sheet}: {plural(n_cells, 'formula')} without a result "
        f"({', '.join(part.uncalculated[:_SHOWN])}{more})",
        "Open it in Excel, let it calculate, and save it; or paste the values",
    )


def _root(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    content = archive.read(name)
    if _DOCTYPE in content:
        raise Damaged
    try:
        return ElementTree.fromstring(content)
    except ElementTree.ParseError:
        pass
    raise Damaged


def _refuse_links(infos: list[zipfile.ZipInfo]) -> None:
    n_links = sum(info.filename.lower().startswith("xl/externallinks/external") for info in infos)
    if n_links:
        raise FileRefused(
            "F01",
            f"The workbook takes values from {plural(n_links, 'other file')}",
            "In Excel choose Data, Edit Links, Break Link, and save it",
        )


def _refuse_large(n_bytes: int) -> None:
    if n_bytes > LARGEST_UNPACKED:
        raise FileRefused(
            "F01",
            f"The workbook unpacks to more than {LARGEST_UNPACKED / 1024**3:.2g} GiB",
            "Send it in parts, or as CSV",
        )


def _refuse_sparse(part: SheetPart) -> None:
    if part.n_rows * part.n_columns > MOST_CELLS:
        raise FileRefused(
            "F01",
            f"A sheet spans {part.n_rows:,} rows and {part.n_columns:,} columns, more than "
            f"{MOST_CELLS:,} cells",
            "Delete what stands far below or beside the table, or send it as CSV",
        )


def _is_sheet(name: str) -> bool:
    return name == _ODS or (name.startswith("xl/worksheets/") and name.endswith(".xml"))


class _Scan:
    """Looks for places, formulas and errors in the XML of a sheet, chunk by chunk."""

    def __init__(self) -> None:
        self._part = SheetPart()
        self._rest = b""
        self._n_bare = self._n_bare_rows = 0

    def add(self, chunk: bytes) -> None:
        """Look at one chunk; a tag cut off at its end waits for the next."""
        data = self._rest + chunk
        cut = data.rfind(b"<")
        self._rest = data[cut:] if cut > 0 else b""
        self._look(data[:cut] if cut > 0 else data)

    def _look(self, data: bytes) -> None:
        part = self._part
        if _DOCTYPE in data:
            raise Damaged
        places = _PLACE.findall(data)
        columns = {letters for letters, _ in places}
        part.n_columns = max([part.n_columns, *map(column_number, columns)])
        part.n_rows = max(part.n_rows, max((int(row) for _, row in places), default=0))
        part.has_formulas = part.has_formulas or bool(_FORMULA.search(data))
        part.has_errors = part.has_errors or bool(_ERROR.search(data))
        n_named = sum(1 for letters, _ in places if letters)
        self._count_bare(data, len(places) - n_named, n_named)

    def _count_bare(self, data: bytes, n_rows: int, n_cells: int) -> None:
        """Count rows and cells without a place of their own: they follow one another."""
        self._n_bare_rows += max(0, len(_ROW.findall(data)) - n_rows)
        if len(_CELL.findall(data)) > n_cells:
            widths = [len(_CELL.findall(row)) for row in _ROW.split(data)]
            self._n_bare = max([self._n_bare + widths[0], *widths[1:]])

    def part(self) -> SheetPart:
        """Return what was found, once all chunks were looked at."""
        self._look(self._rest)
        part = self._part
        part.n_columns = max(part.n_columns, self._n_bare)
        part.n_rows += self._n_bare_rows
        return part
