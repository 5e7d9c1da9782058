"""Write a clinic's tables as the clinic would send them: CSV, REDCap flat export, workbook.

Each writer returns where every row of a canonical table ended up, so that a planted error can be
named by file and line.
"""

from __future__ import annotations

import csv
import io
import os
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from openpyxl import Workbook

from demo.tables import Tables

SAME_TIME_IN_ARCHIVE = (2026, 10, 31, 0, 0, 0)


@dataclass
class Edit:
    """A row to be written otherwise than it is: changed in place, or a changed copy at the end.

    ``changes`` maps canonical columns to what stands in the file.
    """

    table: str
    row: int
    changes: dict[str, object]
    is_copy: bool = False


@dataclass
class Layout:
    """Where rows of the canonical tables ended up: file and line (the header is line 1).

    ``edited`` holds the line of every edit, in the order of the edits.
    """

    files: dict[str, str]
    line_of: dict[str, np.ndarray]
    edited: list[int] = field(default_factory=list)


def write_canonical_csv(tables: Tables, folder: Path, edits: Iterable[Edit] = ()) -> Layout:
    """Write one CSV per canonical table."""
    edits = list(edits)
    layout = Layout(
        {name: f"{name}.csv" for name in tables},
        {name: np.arange(table.num_rows) + 2 for name, table in tables.items()},
    )
    layout.edited = [0] * len(edits)
    for name, table in tables.items():
        path = folder / layout.files[name]
        write_csv(table, path)
        of_table = [number for number, edit in enumerate(edits) if edit.table == name]
        lines = edit_lines(
            path,
            [(int(edits[n].row) + 2, edits[n].changes, edits[n].is_copy) for n in of_table],
        )
        for number, line in zip(of_table, lines, strict=True):
            layout.edited[number] = line
    return layout


def write_csv(table: pa.Table, path: Path) -> None:
    """Write a table as UTF-8 CSV with one header line; no value is an empty cell."""
    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow(table.column_names)
    options = pa_csv.WriteOptions(include_header=False, quoting_style="none")
    with path.open("wb") as file:
        file.write(header.getvalue().encode())
        pa_csv.write_csv(table, file, options)


def edit_lines(path: Path, edits: list[tuple[int, dict[str, object], bool]]) -> list[int]:
    """Change lines of a CSV in place or append changed copies; return the line of each edit.

    No cell of a demo file holds a line break, so a line is a row.
    """
    if not edits:
        return []
    wanted = {line for line, _, _ in edits}
    rows: dict[int, list[str]] = {}
    partial = path.with_suffix(".partial")
    with path.open(newline="", encoding="utf-8") as source:
        header = next(csv.reader([source.readline()]))
        n_lines = 1
        for text in source:
            n_lines += 1
            if n_lines in wanted:
                rows[n_lines] = next(csv.reader([text]))
    placed: list[int] = []
    appended: list[list[str]] = []
    for line, changes, is_copy in edits:
        row = list(rows[line])
        for column, value in changes.items():
            row[header.index(column)] = "" if value is None else str(value)
        if is_copy:
            appended.append(row)
            placed.append(n_lines + len(appended))
        else:
            rows[line] = row
            placed.append(line)
    with (
        path.open(newline="", encoding="utf-8") as source,
        partial.open("w", newline="", encoding="utf-8") as target,
    ):
        writer = csv.writer(target, lineterminator="\n")
        for number, text in enumerate(source, start=1):
            if number in rows:
                writer.writerow(rows[number])
            else:
                target.write(text)
        writer.writerows(appended)
    os.replace(partial, path)
    return placed


def write_workbook(tables: Tables, path: Path, edits: Iterable[Edit] = ()) -> Layout:
    """Write one workbook with a sheet per canonical table; dates are dates of the workbook."""
    edits = list(edits)
    layout = Layout(
        {name: path.name for name in tables},
        {name: np.arange(table.num_rows) + 2 for name, table in tables.items()},
    )
    layout.edited = [0] * len(edits)
    workbook = Workbook(write_only=True)
    for name, table in tables.items():
        sheet = workbook.create_sheet(name)
        sheet.append(table.column_names)
        rows = [list(row) for row in zip(*table.to_pydict().values(), strict=True)]
        for number, edit in enumerate(edits):
            if edit.table != name:
                continue
            row = rows[edit.row]
            if edit.is_copy:
                row = list(row)
                rows.append(row)
            for column, value in edit.changes.items():
                row[table.column_names.index(column)] = value
            layout.edited[number] = len(rows) + 1 if edit.is_copy else edit.row + 2
        for row in rows:
            sheet.append(row)
    _save_without_clock(workbook, path)
    return layout


def _save_without_clock(workbook: Workbook, path: Path) -> None:
    """Save with fixed times inside, so that the same seed gives the same bytes."""
    draft = io.BytesIO()
    workbook.save(draft)
    with zipfile.ZipFile(draft) as source, zipfile.ZipFile(path, "w") as target:
        for name in sorted(source.namelist()):
            content = source.read(name)
            if name == "docProps/core.xml":
                content = _without_times(content)
            entry = zipfile.ZipInfo(name, date_time=SAME_TIME_IN_ARCHIVE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, content)


def _without_times(core: bytes) -> bytes:
    stamp = b"2026-10-31T00:00:00Z"
    return re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stamp, core)
