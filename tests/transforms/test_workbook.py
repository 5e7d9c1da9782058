"""Workbooks: cells come out as the text a CSV would hold; damaged ones are refused."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest

from transforms import sql
from transforms.clinic import Clinic, canonical_clinic
from transforms.errors import FileRefused
from transforms.export import read_export

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
    assert [note.text for note in sources[0].notes] == ["2 sheets not used: Notes, sessions"]


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
    monkeypatch.setattr("transforms.readers.workbook.LARGEST_UNPACKED", 1000)

    with pytest.raises(FileRefused, match="unpacks to more"):
        read(path)
