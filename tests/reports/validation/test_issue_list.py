"""The issue list for a clinic, opened as the clinic would open it."""

import csv
import shutil

import duckdb
import openpyxl
import pytest
from python_calamine import CalamineWorkbook

from reports.drawing.spreadsheet_cells import safe_cell
from reports.validation.guidance import Guidance
from reports.validation.issue_list import write_lists
from reports.validation.tables import read_run_quality
from tests.reports.hand_made import CANARY, RUN, WHOLE_KEY


def written(database, folder, **how):
    return write_lists(read_run_quality(database, RUN), folder, **how)


@pytest.fixture(scope="module")
def lists(analytics, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lists")
    words = {"S04": Guidance("An answer cannot be.", "Look at the form on paper.")}
    return {path.name: path for path in written(analytics, folder, guidance=words)}


def sheet_of(path, name):
    return list(openpyxl.load_workbook(path)[name].iter_rows(values_only=True))


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.reader(lines))


def test_only_a_clinic_with_something_to_correct_gets_lists(lists):
    """Quay delivered nothing; the published tables are nobody's to correct."""
    assert sorted(lists) == [
        f"issues-{clinic}.{ending}"
        for clinic in ("harbor", "linden", "moor")
        for ending in ("csv", "xlsx")
    ]


def test_every_row_names_its_place_the_rule_and_what_to_do(lists):
    rows = sheet_of(lists["issues-harbor.xlsx"], "Rows")

    assert rows[0][:8] == (
        "File", "Sheet", "Line", "Column", "Rule", "What must hold", "Reason", "What to do",
    )  # fmt: skip
    assert len(rows) == 1 + 37 + 12
    assert rows[1][:8] == (
        "responses_2026-11.csv", None, 100, "item_1", "S04",
        "Answers lie in the range of the form", "The answer lies outside the range of the form",
        "Look at the form on paper.",
    )  # fmt: skip
    assert [row[8] for row in rows[1:]] == ["held back, counts nowhere"] * 37 + [
        "loaded, flagged"
    ] * 12
    assert rows_of(lists["issues-harbor.csv"]) == [
        ["" if cell is None else str(cell) for cell in row] for row in rows
    ]


def test_the_rules_stand_worst_first_and_the_summary_names_files_not_loaded(lists):
    rules = sheet_of(lists["issues-linden.xlsx"], "Rules")
    summary = sheet_of(lists["issues-linden.xlsx"], "Summary")

    assert [(row[0], row[2]) for row in rules[1:]] == [("S01", "Fail"), ("N02", "Open")]
    assert ("Rejected file", "export.xlsx: S01: all 900 rows carry the same response_id. "
            "Export one id per form.") in summary  # fmt: skip
    assert ("Entries that hold a row back", 3) in summary


def test_sheets_can_be_filtered_and_keep_their_header_in_sight(lists):
    book = openpyxl.load_workbook(lists["issues-harbor.xlsx"])

    assert book.sheetnames == ["Summary", "Rules", "Rows"]
    assert {sheet.freeze_panes for sheet in book} == {"A2"}
    for sheet in book:  # printed one page wide, with the header on each page
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (1, 0)
        assert sheet.print_title_rows == "$1:$1"
    assert book["Rows"].auto_filter.ref == "A1:J50"
    assert book["Rows"].column_dimensions["G"].width == 50
    looks = {(cell.font.bold, cell.alignment.wrap_text) for cell in book["Rows"][1]}
    assert looks == {(True, True)}
    looks = {(cell.font.bold, cell.alignment.wrap_text) for cell in book["Rows"][50]}
    assert looks == {(False, True)}


def test_another_reader_sees_the_same_sheets_with_lines_and_counts_as_numbers(lists):
    book = CalamineWorkbook.from_path(lists["issues-harbor.xlsx"])
    rules, rows = (book.get_sheet_by_name(name).to_python() for name in ("Rules", "Rows"))

    assert book.sheet_names == ["Summary", "Rules", "Rows"]
    assert rules[1][:8] == [
        "S04", "Answers lie in the range of the form", "Fail", "Quarantine", 37, 14200, "0.3 %",
        "0.1 %",
    ]  # fmt: skip
    assert [row[2] for row in rows[1:4]] == [100, 107, 114]


def test_what_to_do_names_the_clinics_own_file(analytics, tmp_path):
    words = {"N02": Guidance("Unknown.", "Map it in config/clinics/<clinic>.yml.")}

    written(analytics, tmp_path, guidance=words)
    excel, text = (tmp_path / f"issues-linden.{ending}" for ending in ("xlsx", "csv"))

    assert sheet_of(excel, "Rows")[1][7] == "Map it in config/clinics/linden.yml."
    assert rows_of(text)[1][7] == "Map it in config/clinics/linden.yml."


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\t=", "＝"])
def test_nothing_runs_as_a_formula(analytics, tmp_path, start):
    """Every text that comes from a file, a config or a rule: eleven places, all disarmed."""
    database = tmp_path / "analytics.duckdb"
    shutil.copyfile(analytics, database)
    hostile = f"{start}cmd|' /C calc'!A0"
    with duckdb.connect(str(database)) as con:
        for table, columns in {
            "quality.dq_quarantine": ("source_file", "source_sheet", "column_name", "reason"),
            "quality.dq_rule_results": ("title", "message"),
            "quality.dq_balance": ("source_file", "reason"),
            "core.dim_clinics": ("clinic_name",),
        }.items():
            updates = ", ".join(f"{column} = $hostile" for column in columns)
            con.execute(
                f"UPDATE {table} SET {updates} WHERE clinic_id = 'linden'", {"hostile": hostile}
            )
    words = {"N02": Guidance(hostile, hostile)}

    written(database, tmp_path, guidance=words)
    excel, text = (tmp_path / f"issues-linden.{ending}" for ending in ("xlsx", "csv"))

    cells = [cell for sheet in openpyxl.load_workbook(excel) for row in sheet for cell in row]
    assert {cell.data_type for cell in cells if cell.value is not None} == {"s", "n"}
    found = [str(cell.value) for cell in cells if "calc" in str(cell.value)]
    found += [cell for row in rows_of(text) for cell in row if "calc" in cell]
    # Summary: clinic and two files not loaded (after "Rejected file"). Rules: two titles, a
    # message, a meaning and a remedy. Rows: three, with six such columns, in Excel and in CSV.
    assert len(found) == 1 + 2 + 5 + 2 * 3 * 6
    assert {cell[0] for cell in found} == {"'"}


def test_a_character_excel_refuses_is_spelled_out():
    assert safe_cell("a\x00b\u202e") == "a\\u0000b\\u202e"


def test_no_cell_value_and_no_whole_key_is_in_a_list(lists):
    for path in lists.values():
        if path.suffix == ".xlsx":
            sheets = openpyxl.load_workbook(path)
            text = str([row for sheet in sheets for row in sheet.iter_rows(values_only=True)])
        else:
            text = path.read_text(encoding="utf-8-sig")
        assert CANARY not in text
        assert WHOLE_KEY not in text
        assert "S04" in text or "N02" in text or "moor" not in text
