"""Columns of one name, and columns without one: read, and refused only where a feed means one."""

from __future__ import annotations

import openpyxl
import pytest

from transforms.clinics.clinic import Clinic
from transforms.errors import FileRefused
from transforms.intake.column_mapping import mappings_by_table
from transforms.intake.read_file import read_export

FEED = {
    "table": "responses",
    "set": {"instrument": "phq9", "rater": "client", "completed_at": "2026-01-01"},
    "columns": {"client_id": "pid"},
}
FILE = "pid,mood,note,mood\n1,2,a,3\n2,0,b,1\n"
EQUAL = "pid,mood,note,mood\n1,2,a,2\n2,,b,\n"


@pytest.fixture
def read(con, tmp_path):
    """Write a file and read it for one feed; return the items' cells and the notes."""

    def run(content: str, format_name: str = "delimited", name: str = "x.csv", **feed):
        path = tmp_path / name
        path.write_text(content)
        clinic = Clinic(clinic="harbor", format=format_name, feeds=[FEED | feed])
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        (source,) = read_export(path, clinic, con=con, scratch=scratch)
        (mapping,) = mappings_by_table(clinic, path.name, [source])["responses"]
        cells = ", ".join(f'"{one}"' for one in mapping.items.values()) or "1"
        rows = con.execute(f"select {cells} from {source.relation} order by _line").fetchall()
        source.drop(con)
        left = "select count(*) from duckdb_tables() union all select count(*) from duckdb_views() "
        assert set(con.execute(left + "where not internal").fetchall()) == {(0,)}
        return rows, {note.kind: note.text for note in source.notes}

    return run


def test_the_second_of_two_columns_of_one_name_is_called_by_its_number(read):
    rows, notes = read(FILE, items=["mood#2"])

    assert rows == [("3",), ("1",)]
    assert notes["doubled_columns"].startswith("columns 2 and 4 have the same name")


@pytest.mark.parametrize(
    "feed",
    [
        {"items": ["mood"]},
        {"items": {1: "mood"}},
        {"submitted": {"total": "mood"}},
        {"columns": {"client_id": "pid", "session_id": "mood"}, "items": ["note"]},
        {"when": {"mood": ["2"]}, "items": ["note"]},
        {"items": ["note"], "columns": {"client_id": {"join": ["pid", "mood"]}}},
    ],
)
def test_a_name_that_two_columns_have_is_refused_where_it_is_mapped(read, con, feed):
    """Also where a column may be absent: it would be read as empty."""
    with pytest.raises(FileRefused, match="mapped name that two columns have: mood") as refusal:
        read(FILE, **feed)

    assert refusal.value.code == "F04"
    assert "mood#2" not in str(refusal.value.what)
    assert con.execute("select count(*) from duckdb_tables()").fetchone() == (0,)


@pytest.mark.parametrize(
    "feed",
    [
        {"items": "m_{n}"},
        {"wide": {"items": "m_{item}_s{session}"}, "columns": {"client_id": "pid"}},
    ],
)
def test_an_item_that_stands_twice_is_never_left_out(read, feed):
    names = "m_1,m_2,m_2" if "wide" not in feed else "m_1_s1,m_1_s2,m_1_s2"

    with pytest.raises(FileRefused, match="that two columns have"):
        read(f"pid,{names}\n1,2,2,3\n", **feed)


def test_a_canonical_item_that_stands_twice_is_never_left_out(read):
    header = "response_id,client_id,instrument,rater,completed_at,item_1,item_2,Item_2"

    with pytest.raises(FileRefused, match="that two columns have: item_2"):
        read(f"{header}\n1,1,phq9,client,2026-01-01,1,2,3\n", "canonical", "responses.csv",
             columns=None, set={})  # fmt: skip


@pytest.mark.parametrize("name", ["mood", "mood#1", "mood#2"])
def test_columns_that_hold_the_same_may_be_called_by_their_name(read, name):
    rows, _ = read(EQUAL, items=[name])

    assert rows == [("2",), (None,)]


def test_a_column_without_a_name_is_called_by_its_place(read):
    """As R and pandas write row names."""
    rows, notes = read(",pid,mood\n1,c7,2\n2,c8,0\n", items=["column 1"])

    assert rows == [("1",), ("2",)]
    assert notes["unnamed_columns"] == "1 column without a name: map it as column 1"


def test_a_sheet_has_the_same_names(con, tmp_path):
    book = openpyxl.Workbook()
    for row in (["pid", "mood", None, "mood"], ["1", 2, "x", 3]):
        book.active.append(row)
    book.save(tmp_path / "book.xlsx")
    feed = FEED | {"items": ["mood#2", "column 3"]}
    clinic = Clinic(clinic="harbor", format="workbook", feeds=[feed])

    (source,) = read_export(tmp_path / "book.xlsx", clinic, con=con, scratch=tmp_path)

    assert source.columns == ("pid", "mood#1", "column 3", "mood#2")
    assert {note.kind for note in source.notes} == {"doubled_columns", "unnamed_columns"}
