"""The issue list that goes to a clinic: one Excel file and one CSV per clinic and run.

The Excel file has three sheets. Summary: what the run found. Rules: the rules that fell short,
the worst first. Rows: every row to correct, with file, sheet, line and column. The CSV holds
the sheet Rows. No cell value of an export is in either: a row is named by its place in the
delivered file.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.drawing.spreadsheet_cells import safe_cell
from reports.drawing.templating import (
    FILE_STATUSES,
    STATES,
    anchor,
    count,
    moment,
    percent,
    severity_word,
    write_text,
)
from reports.validation.grades import (
    HOLDS_BACK,
    grade_clinics,
    needs_attention,
    worst_first,
)
from reports.validation.guidance import Guidance, advice, reasons_of, remedy
from reports.validation.tables import (
    EVERY_CLINIC,
    Check,
    Clinic,
    FileBalance,
    HeldRow,
    RunQuality,
)

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.cell import Cell

# Excel has 1,048,576 lines in a sheet; the CSV has no such limit.
ROWS_IN_A_SHEET = 1_000_000

RULE_COLUMNS = {
    "Rule": 9, "What must hold": 44, "State": 14, "Severity": 13, "Rows that break it": 12,
    "Rows looked at": 12, "Share": 10, "Allowed": 10, "Why it matters": 60, "What to do": 60,
}  # fmt: skip
ROW_COLUMNS = {
    "File": 34, "Sheet": 14, "Line": 9, "Column": 20, "Rule": 9, "What must hold": 44,
    "Reason": 50, "What to do": 60, "Effect": 26, "First seen": 18,
}  # fmt: skip


@dataclass(frozen=True)
class Issues:
    """What one clinic has to correct.

    Attributes
    ----------
    checks : rules that fell short or hold rows back, the worst first
    rows : one per listed row and rule, in the order of the file
    files : files of this run that were not loaded
    """

    clinic: Clinic
    grade: str
    meaning: str
    checks: list[Check]
    rows: list[HeldRow]
    files: list[FileBalance]

    @property
    def name(self) -> str:
        """File name without its ending."""
        return f"issues-{anchor(self.clinic.clinic_id)}"


def write_lists(
    quality: RunQuality,
    target: Path,
    guidance: Mapping[str, Guidance] | None = None,
) -> list[Path]:
    """Write the issue lists of one run and return the paths, Excel and CSV of each clinic.

    A clinic with nothing to correct gets no file.

    Parameters
    ----------
    quality
        The run's results; open rows of earlier runs are listed too.
    target
        Folder for ``issues-<clinic>.xlsx`` and ``issues-<clinic>.csv``.
    guidance
        Meaning and remedy per rule id, from the rule catalogue.
    """
    paths = []
    for issues in issues_per_clinic(quality):
        rows = _row_lines(issues, _titles(quality), guidance or {})
        paths += [
            _write_excel(target / f"{issues.name}.xlsx", quality, issues, rows, guidance or {}),
            _write_csv(target / f"{issues.name}.csv", rows),
        ]
    return paths


def issues_per_clinic(quality: RunQuality) -> list[Issues]:
    """Return what each clinic has to correct; a clinic with nothing to correct is left out."""
    found = []
    for graded in grade_clinics(quality):
        name = graded.clinic.clinic_id
        issues = Issues(
            clinic=graded.clinic,
            grade=graded.grade,
            meaning=graded.meaning,
            checks=worst_first(c for c in quality.checks if c.clinic_id == name and _is_issue(c)),
            rows=[row for row in quality.held_rows if row.clinic_id == name],
            files=[f for f in quality.files if f.clinic_id == name and f.status != "accepted"],
        )
        if name != EVERY_CLINIC and (issues.checks or issues.rows or issues.files):
            found.append(issues)
    return found


def _is_issue(check: Check) -> bool:
    is_held = check.n_failed > 0 and check.severity in HOLDS_BACK
    return needs_attention(check) or is_held


def _titles(quality: RunQuality) -> dict[str, str]:
    return {check.rule_id: check.title for check in quality.checks}


def _row_lines(
    issues: Issues, titles: Mapping[str, str], guidance: Mapping[str, Guidance]
) -> list[list[Any]]:
    rows = sorted(
        issues.rows,
        key=lambda row: (
            row.source_file, row.source_sheet or "", row.source_line or 0, row.column_name or "",
            row.rule_id,
        ),
    )  # fmt: skip
    return [
        [
            row.source_file,
            row.source_sheet or "",
            row.source_line,
            row.column_name or "whole row",
            row.rule_id,
            titles.get(row.rule_id, ""),
            row.reason,
            _for_the_clinic(remedy(row, guidance), issues),
            "held back, counts nowhere" if row.severity in HOLDS_BACK else "loaded, flagged",
            moment(row.first_seen),
        ]
        for row in rows
    ]


def _for_the_clinic(text: str, issues: Issues) -> str:
    return text.replace("<clinic>", issues.clinic.clinic_id)


def _rule_lines(issues: Issues, guidance: Mapping[str, Guidance]) -> list[list[Any]]:
    lines, reasons = [], reasons_of(issues.rows)
    for check in issues.checks:
        why = reasons.get((check.rule_id, check.clinic_id), ())
        meaning, what_to_do = advice(check, guidance, why)
        lines.append(
            [
                check.rule_id,
                check.title,
                STATES[check.shown_state][1],
                severity_word(check.severity),
                check.n_failed,
                check.n_scope,
                percent(check.share_failed),
                percent(check.threshold),
                meaning,
                _for_the_clinic(what_to_do, issues),
            ]
        )
    return lines


def _summary_lines(quality: RunQuality, issues: Issues, n_rows: int) -> list[list[Any]]:
    n_held = sum(row.severity in HOLDS_BACK for row in issues.rows)
    lines: list[list[Any]] = [
        ["Clinic", issues.clinic.label],
        ["Run", quality.run_id],
        ["When (UTC)", moment(quality.run_at)],
        ["Grade", f"{issues.grade}: {issues.meaning}."],
        ["Rules to look at", len(issues.checks)],
        ["Entries that hold a row back", n_held],
        ["Entries that flag a row", len(issues.rows) - n_held],
        ["Files not loaded", len({line.file_id for line in issues.files})],
        ["What to do", "Correct the rows of the sheet Rows where they were entered, export "
         "again, and send the new export. Corrected rows are loaded the next night."],
        ["Lines", "Line numbers are those of the delivered file; the header is line 1."],
        ["What is not here", "No answer, score, name or date of a patient is in this file."],
    ]  # fmt: skip
    if n_rows > ROWS_IN_A_SHEET:
        lines.append(["Rows", f"The sheet shows {count(ROWS_IN_A_SHEET)} of {count(n_rows)} "
                      "entries; the CSV beside this file has all."])  # fmt: skip
    for line in issues.files:
        status = FILE_STATUSES.get(line.status, ("", line.status))[1]
        lines.append([f"{status} file", f"{line.source_file}: {line.reason or 'no reason given'}"])
    return lines


def _write_excel(
    path: Path,
    quality: RunQuality,
    issues: Issues,
    rows: list[list[Any]],
    guidance: Mapping[str, Guidance],
) -> Path:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    _sheet(book, "Summary", {"About": 30, "": 110}, _summary_lines(quality, issues, len(rows)))
    _sheet(book, "Rules", RULE_COLUMNS, _rule_lines(issues, guidance))
    _sheet(book, "Rows", ROW_COLUMNS, rows[:ROWS_IN_A_SHEET])
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    book.save(unfinished)
    os.replace(unfinished, path)
    return path


def _sheet(
    book: Workbook, title: str, columns: Mapping[str, int], lines: Sequence[Sequence[Any]]
) -> None:
    """Write one sheet: header frozen, filter on, columns wide enough to read.

    Counts and lines are numbers, so that they sort as such; every other cell is text.
    """
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.properties import PageSetupProperties

    sheet = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    last = get_column_letter(len(columns))
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0  # as many pages as it takes
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_title_rows = "1:1"
    sheet.auto_filter.ref = f"A1:{last}{len(lines) + 1}"
    for number, width in enumerate(columns.values(), start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    header, body = WriteOnlyCell(sheet), WriteOnlyCell(sheet)
    header.alignment = body.alignment = Alignment(wrap_text=True, vertical="top")
    header.font = Font(bold=True)

    def cells(line: Iterable[Any], look: Cell) -> list[Cell]:
        made = []
        for value in line:
            is_number = isinstance(value, int)
            cell = WriteOnlyCell(sheet, value if is_number else safe_cell(value))
            if not is_number:
                cell.data_type = "s"
            # Setting the look of each cell anew takes half of the time a sheet takes.
            cell._style = look._style  # type: ignore[attr-defined]  # its stubs lack it
            made.append(cell)
        return made

    sheet.append(cells(columns, header))
    for line in lines:
        sheet.append(cells(line, body))


def _write_csv(path: Path, rows: list[list[Any]]) -> Path:
    """Write the rows as CSV in UTF-8 with a byte order mark, which Excel needs to see umlauts."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(ROW_COLUMNS)
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    return write_text(path, "\ufeff" + text.getvalue())
