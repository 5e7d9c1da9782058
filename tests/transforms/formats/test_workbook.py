"""Workbooks: cells come out as the text a CSV would hold; damaged ones are refused."""

from __future__ import annotations

import zipfile
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest

from transforms import sql
from transforms.clinics.clinic import Clinic, canonical_clinic
from transforms.errors import FileRefused
from transforms.intake.read_file import read_export

CANARY = "Zebedee Quillfeather"
SESSIONS = ["session_id", "client_id", "therapist_id", "session_at", "attendance"]


@pytest.fixture
def write(tmp_path):
    """Write a workbook: sheet name to rows."""

    def workbook(sheets: dict[str, list[list]], hidden: tuple[str, ...] = ()) -> Path:
        book = openpyxl.Workbook()
        book.remove(book.active)
        for name, rows in sheets.items():
            sheet = book.create_sheet(name)
            for row in rows:
                sheet.append(row)
            sheet.sheet_state = "hidden" if name in hidden else "visible"
        path = tmp_path / "export.xlsx"
        book.save(path)
        return path

    return workbook


@pytest.fixture
def read(con, tmp_path):
    """Read a workbook of a clinic without YAML; the scratch folder must be left empty."""

    def sources(path: Path, clinic: Clinic | None = None):
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        clinic = clinic or canonical_clinic("summit")
        found = read_export(path, clinic, con=con, scratch=scratch)
        assert list(scratch.iterdir()) == []
        return found

    return sources


def rows_of(con, source) -> list[tuple]:
    columns = ", ".join(map(sql.name, source.columns))
    return con.execute(f"select {columns}, _line from {source.relation} order by _line").fetchall()


def test_cells_come_out_as_a_csv_would_hold_them(con, write, read):
    rows = [
        ["session_id", "a", "b", "c", "d"],
        [3, 9.1, datetime(2026, 5, 1, 10, 30), date(2026, 5, 1), True],
        ["007", 3.0, "2026-05-01", " 4 ", False],
    ]

    source = read(write({"sessions": rows}))[0]

    assert rows_of(con, source) == [
        ("3", "9.1", "2026-05-01 10:30:00", "2026-05-01", "true", 2),
        ("007", "3", "2026-05-01", " 4 ", "false", 3),
    ]
    assert source.has_real_dates


def test_lines_are_excels_row_numbers_and_empty_rows_are_skipped(con, write, read):
    rows = [[None], ["session_id", "word"], [1, "a"], [None, None], [2, "b"], [None, None]]

    source = read(write({"Sessions 2026": rows}))[0]

    assert rows_of(con, source) == [("1", "a", 3), ("2", "b", 5)]
    assert source.sheet == "Sessions 2026"


def test_sheets_that_belong_to_no_table_are_named_and_left_out(write, read):
    path = write(
        {"clients": [["client_id"], [1]], "Notes": [["x"], [CANARY]], "sessions": [["a"], [1]]},
        hidden=("sessions",),
    )

    sources = read(path)

    assert [source.sheet for source in sources] == ["clients"]
    assert [note.text for note in sources[0].notes] == [
        "2 sheets not used: Notes, sessions (hidden)"
    ]


def test_a_mapped_workbook_reads_the_sheets_its_feeds_name(con, write, read):
    clinic = Clinic(
        clinic="summit",
        format="workbook",
        feeds=[{"table": "clients", "sheet": "Patients", "columns": {"client_id": "No"}}],
    )

    sources = read(write({"Patients": [["No"], [5]], "clients": [["client_id"], [1]]}), clinic)

    assert [source.sheet for source in sources] == ["Patients"]


def damaged(kind: str, whole: bytes) -> bytes:
    """Return a workbook's bytes, damaged in one way."""
    return {
        "empty": b"",
        "cut off": whole[: len(whole) // 2],
        "text": CANARY.encode(),
        "spliced": whole[:200] + CANARY.encode() * 9 + whole[200:],
        "encrypted": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("empty", "empty (0 bytes)"),
        ("cut off", "damaged, cut off, or no workbook"),
        ("text", "damaged, cut off, or no workbook"),
        ("spliced", "damaged, cut off, or no workbook"),
        ("encrypted", "password-protected"),
    ],
)
def test_a_damaged_workbook_is_refused_in_one_line(write, read, kind, words):
    path = write({"sessions": [SESSIONS, [1, 2, 3, "2026-05-01", "attended"]]})
    path.write_bytes(damaged(kind, path.read_bytes()))

    with pytest.raises(FileRefused) as caught:
        read(path)

    assert caught.value.code == "F01"
    assert words in caught.value.what
    assert CANARY not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_single_flipped_byte_anywhere_loads_the_same_cells_or_nothing(con, write, read):
    path = write({"clients": [["client_id", "gender"], *([n, "f"] for n in range(40))]})
    whole = path.read_bytes()
    expected = [(str(n), "f", n + 2) for n in range(40)]

    n_refused = 0
    for position in range(0, len(whole), 97):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        try:
            source = read(path)[0]
        except FileRefused:
            n_refused += 1
        else:
            assert rows_of(con, source) == expected

    assert n_refused > 10


def test_a_workbook_without_a_table_is_refused(write, read):
    with pytest.raises(FileRefused) as caught:
        read(write({"Sheet1": [["client_id"], [1]]}))

    assert caught.value.code == "F06"
    assert "responses, sessions, episodes, clients and therapists" in caught.value.remedy


def test_a_sheet_without_header_is_refused(write, read):
    with pytest.raises(FileRefused, match="Sheet clients is empty"):
        read(write({"clients": []}))


def test_a_workbook_that_unpacks_too_large_is_refused(monkeypatch, write, read):
    path = write({"clients": [["client_id"], [1]]})
    monkeypatch.setattr("transforms.formats.workbook.parts.LARGEST_UNPACKED", 1000)

    with pytest.raises(FileRefused, match="unpacks to more"):
        read(path)


def lines_of(con, source) -> list[int]:
    return [line for *_, line in rows_of(con, source)]


def rewritten(path: Path, part: str, change) -> Path:
    """Rewrite one part of a workbook's archive, or add it; check sums are right again."""
    with zipfile.ZipFile(path) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    parts[part] = change(parts.get(part, b""))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def mapped(**options) -> Clinic:
    return Clinic(
        clinic="summit",
        format="workbook",
        feeds=[
            {
                "table": "clients",
                "sheet": "Patients",
                "columns": {"client_id": "No", "gender": "Sex"},
                **options,
            }
        ],
    )


def test_rows_above_a_declared_header_are_not_read(con, write, read):
    rows = [["Patients of May"], [], ["No", "Sex"], [7, "f"]]

    (source,) = read(write({"Patients": rows}), mapped(header_row=3))

    assert rows_of(con, source) == [("7", "f", 4)]


def test_a_title_above_the_header_is_refused_with_the_row_to_declare(write, read):
    rows = [["Patients of May", "2026"], [], ["No", "Sex"], [7, "f"]]

    with pytest.raises(FileRefused) as caught:
        read(write({"Patients": rows}), mapped())

    assert caught.value.code == "F04"
    assert "row 1 is a title, it seems: the column names stand in sheet patients: row 3" in (
        caught.value.what.lower()
    )
    assert "`header_row: 3`" in caught.value.remedy


def test_a_declared_header_that_is_not_there_is_refused(write, read):
    with pytest.raises(FileRefused, match="row 9, the header according to"):
        read(write({"Patients": [["No", "Sex"], [7, "f"]]}), mapped(header_row=9))


def test_merged_names_in_two_rows_are_joined(con, tmp_path, read):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Patients"
    for row in (["No", "PHQ-9", None, "Sex"], [None, 1, 2, None], [7, 0, 3, "f"]):
        sheet.append(row)
    for block in ("A1:A2", "B1:C1", "D1:D2"):
        sheet.merge_cells(block)
    path = tmp_path / "export.xlsx"
    book.save(path)

    (source,) = read(path, mapped(header_rows=2))

    assert source.columns == ("No", "PHQ-9 1", "PHQ-9 2", "Sex")
    assert rows_of(con, source) == [("7", "0", "3", "f", 3)]


def test_merged_cells_below_the_header_are_refused_by_their_place(tmp_path, read):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Patients"
    for row in (["No", "Sex"], [7, "f"], [8, None]):
        sheet.append(row)
    sheet.merge_cells("B2:B3")
    path = tmp_path / "export.xlsx"
    book.save(path)

    with pytest.raises(FileRefused) as caught:
        read(path, mapped())

    assert caught.value.code == "F05"
    assert "1 merged cell below the header (B2)" in caught.value.what


def test_a_repeated_header_is_left_out_and_said(con, write, read):
    rows = [["No", "Sex"], [7, "f"], ["No", "Sex"], [8, "m"]]

    (source,) = read(write({"Patients": rows}), mapped())

    assert lines_of(con, source) == [2, 4]
    assert [n.text for n in source.notes] == ["1 repeated header row left out (line 3)"]


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_a_hidden_sheet_is_read_only_if_named(con, write, read, state):
    path = write({"Patients": [["No", "Sex"], [7, "f"]], "Other": [["x"]]})
    book = openpyxl.load_workbook(path)
    book["Patients"].sheet_state = state
    book.save(path)

    named = read(path, mapped())
    with pytest.raises(FileRefused, match="hidden ones must be named"):
        read(path, Clinic(clinic="summit", format="workbook"))

    assert rows_of(con, named[0]) == [("7", "f", 2)]


SERIALS = [
    # Excel's 1900 system; its day 60, 29 February 1900, never was and reads as the 28th.
    (False, 1, "1900-01-01"),
    (False, 59, "1900-02-28"),
    (False, 60, "1900-02-28"),
    (False, 61, "1900-03-01"),
    (False, 36526, "2000-01-01"),
    (False, 45413.4375, "2024-05-01 10:30:00"),
    (False, 2958465, "9999-12-31"),
    # Old Macs' 1904 system: 1,462 days fewer.
    (True, 1, "1904-01-02"),
    (True, 60, "1904-03-01"),
    (True, 35064, "2000-01-01"),
    (True, 43951.4375, "2024-05-01 10:30:00"),
]


@pytest.mark.parametrize(("is_1904", "serial", "expected"), SERIALS)
def test_serial_dates_of_both_systems(con, tmp_path, read, is_1904, serial, expected):
    """Microsoft, Date systems in Excel: 5 July 2011 is 40729 (1900) and 39267 (1904)."""
    book = openpyxl.Workbook()
    if is_1904:
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    sheet = book.active
    sheet.title = "Patients"
    sheet.append(["No", "Sex"])
    sheet.append([serial, "f"])
    sheet["A2"].number_format = "yyyy-mm-dd hh:mm"
    path = tmp_path / "export.xlsx"
    book.save(path)

    (source,) = read(path, mapped())

    assert rows_of(con, source)[0][0] == expected


def test_numbers_and_dates_stored_as_text_come_as_written(con, write, read):
    rows = [["No", "Sex"], ["007", " 3\u00a0"], ["31.12.2026", "4,5"]]

    (source,) = read(write({"Patients": rows}), mapped())

    assert rows_of(con, source) == [("007", " 3\u00a0", 2), ("31.12.2026", "4,5", 3)]
    assert source.has_odd_spaces


def test_formulas_without_a_result_are_refused_by_their_place(write, read):
    rows = [["No", "Sex"], ["=1+1", "f"], [2, "=A2"]]

    with pytest.raises(FileRefused) as caught:
        read(write({"Patients": rows}), mapped())

    assert "Sheet Patients: 2 formulas without a result (A2, B3)" in caught.value.what
    assert "let it calculate" in caught.value.remedy


def test_formulas_with_a_result_give_it(con, write, read):
    path = write({"Patients": [["No", "Sex"], ["=1+1", "f"]]})
    stored = lambda xml: xml.replace(b"<v></v>", b"<v>2</v>").replace(b"<v />", b"<v>2</v>")  # noqa: E731
    rewritten(path, "xl/worksheets/sheet1.xml", stored)

    (source,) = read(path, mapped())

    assert rows_of(con, source) == [("2", "f", 2)]


def test_an_error_is_text_that_a_rule_or_missing_code_can_meet(con, write, read):
    """Never an empty cell: #NULL! in an item must not look like no answer."""
    rows = [["No", "Sex"], [7, "#N/A"], ["#NULL!", "f"]]
    path = write({"Patients": rows})

    (source,) = read(path, mapped())

    assert rows_of(con, source) == [("7", "#N/A", 2), ("#NULL!", "f", 3)]


def test_a_workbook_that_takes_values_from_other_files_is_refused(write, read):
    path = write({"Patients": [["No", "Sex"], [7, "f"]]})
    rewritten(path, "xl/externalLinks/externalLink1.xml", lambda _: b"<externalLink/>")

    with pytest.raises(FileRefused) as caught:
        read(path, mapped())

    assert "takes values from 1 other file" in caught.value.what
    assert "Break Link" in caught.value.remedy


@pytest.mark.parametrize(("row", "is_read"), [(10, True), (11, False), (1_048_576, False)])
def test_a_cell_at_the_end_of_the_sheet_does_not_fill_memory(
    monkeypatch, write, read, row, is_read
):
    """calamine would lay out 17 billion cells: XFD is column 16,384."""
    monkeypatch.setattr("transforms.formats.workbook.parts.MOST_CELLS", 163_840)
    path = write({"Patients": [["No", "Sex"], [7, "f"]]})
    far = f'<row r="{row}"><c r="XFD{row}"><v>1</v></c></row></sheetData>'.encode()
    rewritten(path, "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b"</sheetData>", far))

    with pytest.raises(FileRefused) as caught:
        read(path, mapped())

    assert caught.value.code == ("F04" if is_read else "F01")
    assert ("spans" in caught.value.what) is not is_read


def test_cells_without_a_place_of_their_own_are_counted_too(write, read):
    path = write({"Patients": [["No", "Sex"], [7, "f"]]})
    bare = b"<row>" + b"<c/>" * 16_383 + b"<c><v>1</v></c></row>"
    far = bare + b'<row r="1048576"><c r="A1048576"><v>1</v></c></row></sheetData>'
    rewritten(path, "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b"</sheetData>", far))

    with pytest.raises(FileRefused, match="spans 1,048,577 rows and 16,38"):
        read(path, mapped())


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml"])
def test_xml_with_a_document_type_is_refused(write, read, part):
    path = write({"Patients": [["No", "Sex"], [7, "f"]]})
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    rewritten(path, part, lambda xml: bomb + xml)

    with pytest.raises(FileRefused, match="damaged"):
        read(path, mapped())


def test_a_bomb_in_a_workbook_is_refused_while_it_is_checked(write, read):
    path = write({"Patients": [["No", "Sex"], [7, "f"]]})
    rewritten(path, "xl/media/image1.png", lambda _: bytes(60_000_000))

    with pytest.raises(FileRefused, match="250 times its size"):
        read(path, mapped())


ODS = """<?xml version="1.0"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>
<table:table table:name="Patients">{rows}<table:table-row table:number-rows-repeated="1048000">\
<table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>\
</office:spreadsheet></office:body></office:document-content>"""
MANIFEST = """<?xml version="1.0"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>"""
ODS_ROW = (
    "<table:table-row {row}>"
    '<table:table-cell office:value-type="string"><text:p>{a}</text:p></table:table-cell>'
    '<table:table-cell {cell} office:value-type="string"><text:p>{b}</text:p></table:table-cell>'
    "</table:table-row>"
)


def ods(folder: Path, *rows: str) -> Path:
    path = folder / "export.ods"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", MANIFEST)
        archive.writestr("content.xml", ODS.format(rows="".join(rows)))
    return path


def test_an_open_document_sheet_is_read(con, tmp_path, read):
    header = ODS_ROW.format(row="", cell="", a="No", b="Sex")

    (source,) = read(ods(tmp_path, header, ODS_ROW.format(row="", cell="", a="7", b="f")), mapped())

    assert rows_of(con, source) == [("7", "f", 2)]


FORMULA = 'table:formula="of:=[.A1]"'


@pytest.mark.parametrize(
    "cell",
    [
        f"<table:table-cell {FORMULA}/>",
        f'<table:table-cell {FORMULA} office:value-type="float"/>',
        f'<table:table-cell {FORMULA} office:value-type="string" office:string-value="" '
        'calcext:value-type="error"><text:p>#DIV/0!</text:p></table:table-cell>',
    ],
)
def test_an_open_document_formula_without_a_result_is_refused(tmp_path, read, cell):
    """It reads as an empty cell: no answer where there was one."""
    header = ODS_ROW.format(row="", cell="", a="No", b="Sex")
    row = f"<table:table-row><table:table-cell/>{cell}</table:table-row>"

    with pytest.raises(FileRefused) as caught:
        read(ods(tmp_path, header, row), mapped())

    assert caught.value.code == "F01"
    assert "Sheet Patients: 1 formula without a result (B2)" in caught.value.what


def test_an_open_document_formula_with_a_result_gives_it(con, tmp_path, read):
    header = ODS_ROW.format(row="", cell="", a="No", b="Sex")
    row = (
        f'<table:table-row><table:table-cell {FORMULA} office:value-type="float" '
        'office:value="7"><text:p>7</text:p></table:table-cell><table:table-cell '
        f'{FORMULA} office:value-type="string"><text:p>f</text:p></table:table-cell>'
        "</table:table-row>"
    )

    (source,) = read(ods(tmp_path, header, row), mapped())

    assert rows_of(con, source) == [("7", "f", 2)]


@pytest.mark.parametrize(
    ("name", "raw"),
    [("old.xls", b"\xd0\xcf\x11\xe0" + bytes(2000)), ("new.xlsb", b"PK\x03\x04" + bytes(99))],
)
def test_binary_workbooks_are_refused_with_the_remedy(tmp_path, read, name, raw):
    path = tmp_path / name
    path.write_bytes(raw)

    with pytest.raises(FileRefused, match=r"\(\.xls, \.xlsb\).*Save it as \.xlsx"):
        read(path, mapped())


def test_a_value_repeated_a_billion_times_does_not_fill_memory(tmp_path, read):
    header = ODS_ROW.format(row="", cell="", a="No", b="Sex")
    bomb = ODS_ROW.format(
        row='table:number-rows-repeated="1000000"',
        cell='table:number-columns-repeated="16000"',
        a="7",
        b="f",
    )

    with pytest.raises(FileRefused, match="spans 1,000,001 rows and 16,001 columns"):
        read(ods(tmp_path, header, bomb), mapped())
