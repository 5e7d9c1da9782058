"""Delimited text: every dialect gives the same rows; what is broken is refused in one line."""

from __future__ import annotations

import csv
import io
import stat
import traceback
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transforms import sql
from transforms.errors import FileRefused
from transforms.formats.source import HeaderPlace, ReadOptions
from transforms.formats.text import encoding as text
from transforms.formats.text import reader as delimited
from transforms.formats.text.header import DELIMITERS

CANARY = "Zebedee Quillfeather"
SESSIONS = frozenset({"session_id", "client_id", "session_at"})


def read(con, folder: Path, raw: bytes, **options):
    """Read bytes as a file; return the Source and its rows with their lines."""
    path, scratch = folder / "export.csv", folder / "scratch"
    path.write_bytes(raw)
    scratch.mkdir(exist_ok=True)
    try:
        source = delimited.read(path, con=con, scratch=scratch, options=ReadOptions(**options))[0]
    finally:
        assert list(scratch.iterdir()) == []
    columns = ", ".join(map(sql.name, source.columns))
    order = f"select {columns}, _line from {source.relation} order by _line"
    return source, con.execute(order).fetchall()


def refusal_of(con, folder: Path, raw: bytes, **options) -> FileRefused:
    """Return the refusal, after checking that nothing of the file clings to it."""
    with pytest.raises(FileRefused) as caught:
        read(con, folder, raw, **options)
    shown = "".join(traceback.format_exception(caught.value))
    assert CANARY not in shown
    assert caught.value.__context__ is None
    assert "\n" not in str(caught.value)
    return caught.value


def test_cells_are_text_as_written_and_empty_ones_are_null(con, tmp_path):
    raw = b'id,score,word\n007,3.0,"a, ""b"""\n8,,""\n'

    source, rows = read(con, tmp_path, raw)

    assert source.columns == ("id", "score", "word")
    assert rows == [("007", "3.0", 'a, "b"', 2), ("8", None, None, 3)]
    assert source.n_rows == 2
    assert source.notes == ()


def test_lines_are_physical_lines_even_after_a_quoted_line_break(con, tmp_path):
    raw = b'id,word\n1,"two\nlines"\n\n2,x\n,\n3,y\n\n\n'

    source, rows = read(con, tmp_path, raw)

    assert rows == [("1", "two\nlines", 2), ("2", "x", 5), ("3", "y", 7)]
    assert [note.text for note in source.notes] == ["4 rows without any cell left out"]


def test_blank_rows_are_left_out_and_lines_still_count_them(con, tmp_path):
    """The fast way: one line is one row, blank ones included."""
    source, rows = read(con, tmp_path, b"id,word\n1,a\n,\n2,b\n")

    assert rows == [("1", "a", 2), ("2", "b", 4)]
    assert source.n_rows == 2


def test_a_trailing_empty_line_costs_nothing(con, tmp_path):
    source, rows = read(con, tmp_path, b"id,word\r\n1,a\r\n\r\n\r\n")

    assert rows == [("1", "a", 2)]
    assert source.relation.startswith("source")
    assert source.notes == ()


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_missing_last_line_end_loses_no_row(con, tmp_path, line_end):
    raw = line_end.join(["id,word", "1,a", "2,b"]).encode()

    assert read(con, tmp_path, raw)[1] == [("1", "a", 2), ("2", "b", 3)]


def test_mixed_line_ends_are_read(con, tmp_path):
    assert read(con, tmp_path, b"id,word\r\n1,a\n2,b\r\n")[1] == [("1", "a", 2), ("2", "b", 3)]


def test_windows_1252_is_recognized_and_noted(con, tmp_path):
    source, rows = read(con, tmp_path, "id,ort\n1,Zürich\n2,Genève\n".encode("cp1252"))

    assert [row[1] for row in rows] == ["Zürich", "Genève"]
    assert [(note.kind, note.text) for note in source.notes] == [("encoding", "read as cp1252")]


def test_text_that_is_no_western_language_is_refused_until_declared(con, tmp_path):
    raw = "id,город\n1,Москва\n2,Новгород\n".encode("cp1251")

    refusal = refusal_of(con, tmp_path, raw)
    declared = read(con, tmp_path, raw, encoding="cp1251")[1]

    assert refusal.code == "F01"
    assert "declare `encoding:`" in refusal.remedy
    assert declared == [("1", "Москва", 2), ("2", "Новгород", 3)]


def test_a_declared_encoding_that_does_not_fit_is_refused(con, tmp_path):
    raw = f"id,name\n1,{CANARY} ü\n".encode("cp1252")

    refusal = refusal_of(con, tmp_path, raw, encoding="utf-8")

    assert str(refusal).startswith("The text cannot be decoded as utf-8")


def test_decoded_copies_are_readable_by_their_owner_only(tmp_path):
    path = tmp_path / "export.csv"
    path.write_text("id\nü\n", encoding="utf-16")

    decoded = text.as_utf8(path, tmp_path)

    assert stat.S_IMODE(decoded.path.stat().st_mode) == 0o600
    assert decoded.path.read_text(encoding="utf-8") == "id\nü\n"


@pytest.mark.parametrize(
    ("raw", "code", "words"),
    [
        (b"", "F01", "empty (0 bytes)"),
        (bytes(range(256)) * 8, "F01", "binary"),
        (b"PK\x03\x04" + b"x" * 90, "F01", "zip archive or an Excel workbook"),
        (b"id,word\n1,\0\n", "F01", "1 NUL byte"),
        ("id,word\n1,a\0\n".encode("utf-16"), "F01", "1 NUL byte"),
        (b"\n1,2\n", "F04", "first line is blank"),
        (b"7,2026-05-01,3\n8,2026-05-02,4\n", "F04", "3 of its 3 cells are numbers or dates"),
        (b"a,a,a#1\n1,a,2\n", "F04", "Columns 1 and 3 have the same name"),
        (b"id,_line\n1,a\n", "F04", "Column 2 is called _line"),
        (b'id,wo"rd\n1,a\n2,b\n', "F04", "a quotation mark that does not pair up"),
        (b'id,5" word\n1,a\n2,"b"\n3,c"\n', "F04", "a quotation mark that does not pair up"),
        (b'id,"word\n1,a\n2,b\n', "F04", "a quotation mark that does not pair up"),
        (b"id,word\n1,a\n2\n3,c,d\n", "F05", "2 rows without exactly 2 cells (lines 3, 4)"),
        (b'id,word\n1,a\n2,"open\n3,c\n', "F05", "From line 3 on the quotation marks"),
    ],
)
def test_a_broken_file_is_refused_with_a_reason(con, tmp_path, raw, code, words):
    refusal = refusal_of(con, tmp_path, raw.replace(b"word", CANARY.encode()))

    assert refusal.code == code
    assert words in refusal.what
    assert refusal.remedy


def test_ragged_rows_name_five_lines_and_count_all(con, tmp_path):
    raw = b"id,word\n" + f"{CANARY}\n".encode() * 7

    refusal = refusal_of(con, tmp_path, raw)

    assert refusal.what == "7 rows without exactly 2 cells (lines 2, 3, 4, 5, 6, …)"


def test_a_file_cut_off_in_its_last_row_is_refused(con, tmp_path):
    refusal = refusal_of(con, tmp_path, b"id,word,more\n1,a,b\n2,c")

    assert "1 row without exactly 3 cells (line 3)" in refusal.what
    assert "cut off" in refusal.remedy


def test_the_wrong_delimiter_is_named_with_what_to_do(con, tmp_path):
    raw = f"session_id;client_id;session_at\n1;{CANARY};2026-05-01\n".encode()

    refusal = refusal_of(con, tmp_path, raw, delimiter=",", expected=SESSIONS)

    assert str(refusal) == (
        "The delimiter is a semicolon, not a comma. Export with a comma, or write "
        '`delimiter: ";"` into the clinic\'s YAML.'
    )


def test_an_unusual_delimiter_is_found_by_the_names_expected(con, tmp_path):
    raw = b"session_id^client_id^session_at\n1^2^2026-05-01\n"

    refusal = refusal_of(con, tmp_path, raw, expected=SESSIONS)
    rows = read(con, tmp_path, raw, expected=SESSIONS, delimiter="^")[1]

    assert refusal.code == "F03"
    assert "'^'" in refusal.what
    assert rows == [("1", "2", "2026-05-01", 2)]


def test_a_header_with_commas_in_its_names_keeps_its_semicolons(con, tmp_path):
    raw = b'when;"how, and why";n\n1;2;3\n'

    assert read(con, tmp_path, raw)[0].columns == ("when", "how, and why", "n")


def test_a_header_may_hold_a_line_break(con, tmp_path):
    source, rows = read(con, tmp_path, b'id,"a\nquestion"\n1,x\n')

    assert source.columns == ("id", "a\nquestion")
    assert rows == [("1", "x", 3)]


def test_empty_columns_without_name_are_left_out(con, tmp_path):
    source, rows = read(con, tmp_path, b"id,word,\n1,a,\n2,b,\n")

    assert source.columns == ("id", "word")
    assert rows == [("1", "a", 2), ("2", "b", 3)]
    assert [note.kind for note in source.notes] == ["blank_columns"]


def test_a_header_without_rows_is_no_row_and_no_refusal(con, tmp_path):
    source, rows = read(con, tmp_path, b"id,word\n")

    assert rows == []
    assert source.n_rows == 0
    assert [note.kind for note in source.notes] == ["no_rows"]


def test_dropping_a_source_frees_its_tables(con, tmp_path):
    source, _ = read(con, tmp_path, b"id,word\n1,a\n")

    source.drop(con)

    assert con.execute("show tables").fetchall() == []


def at(row: int, n_rows: int = 1):
    """A declared place of the header."""
    return lambda sheet: HeaderPlace(row, n_rows)


def test_lines_above_a_declared_header_are_not_read(con, tmp_path):
    raw = b'Export of May\nsaid "so\n\nid,word\n1,a\n2,"b\nb"\n3,c\n'

    source, rows = read(con, tmp_path, raw, header_of=at(4))

    assert source.columns == ("id", "word")
    assert rows == [("1", "a", 5), ("2", "b\nb", 6), ("3", "c", 8)]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_names_in_two_rows_are_joined(con, tmp_path, line_end):
    raw = line_end.join(["title", "client,PHQ,PHQ", "id,1,2", "7,0,3", ""]).encode()

    source, rows = read(con, tmp_path, raw, header_of=at(2, 2))

    assert source.columns == ("client id", "PHQ 1", "PHQ 2")
    assert rows == [("7", "0", "3", 4)]


@pytest.mark.parametrize("raw", [b"a,b\n1,2\n", b"a,b\n\n\n1,2\n"])
def test_a_declared_header_that_is_not_there_is_refused(con, tmp_path, raw):
    refusal = refusal_of(con, tmp_path, raw, header_of=at(3))

    assert refusal.code == "F04"
    assert "Line 3, the header according to `header_row`" in refusal.what


def test_a_title_is_refused_with_the_line_to_declare(con, tmp_path):
    raw = f"{CANARY},May,2026\n\nsession_id,client_id,session_at\n1,2,2026-05-01\n".encode()

    refusal = refusal_of(con, tmp_path, raw, expected=SESSIONS)

    assert refusal.what == "Line 1 is a title, it seems: the column names stand in line 3"
    assert "`header_row: 3`" in refusal.remedy


@pytest.mark.parametrize("hint", ["sep=;", '"sep=;"', "SEP=;"])
def test_excels_line_about_the_delimiter_is_no_header(con, tmp_path, hint):
    source, rows = read(con, tmp_path, f"{hint}\r\nid;word\r\n1;a,b\r\n".encode())

    assert source.columns == ("id", "word")
    assert rows == [("1", "a,b", 3)]


@pytest.mark.parametrize(
    ("raw", "rows", "lines"),
    [
        (b"id,word\n1,a\nid,word\n2,b\n", [("1", "a", 2), ("2", "b", 4)], "line 3"),
        # Appended with its byte order mark, and found row by row too.
        (b"id,word\n1,a\n\xef\xbb\xbfid,word\n2,b\n", [("1", "a", 2), ("2", "b", 4)], "line 3"),
        (b'id,word\n1,"a\nb"\n id,word \n2,b\n', [("1", "a\nb", 2), ("2", "b", 5)], "line 4"),
        (b"id,word\nid,word\nid,word\n2,b\n", [("2", "b", 4)], "lines 2, 3"),
    ],
)
def test_a_header_that_comes_again_is_left_out_and_counted(con, tmp_path, raw, rows, lines):
    source, found = read(con, tmp_path, raw)

    n_headers = 2 if "lines" in lines else 1
    plural = "s" if n_headers > 1 else ""
    said = f"{n_headers} repeated header row{plural} left out ({lines})"
    assert found == rows
    assert source.n_rows == len(rows)
    assert [note.text for note in source.notes if note.kind == "repeated_headers"] == [said]


@pytest.mark.parametrize("quoted", [b"a", b'"a\nb"'])
def test_a_header_in_another_order_is_refused_with_its_line(con, tmp_path, quoted):
    """Dropping it would put the rows below into the wrong columns."""
    raw = b"id,word,more\n1," + quoted + b",c\nword,id,more\nb,2,c\n"

    refusal = refusal_of(con, tmp_path, raw)

    assert refusal.code == "F04"
    line = 3 + quoted.count(b"\n")
    assert refusal.what.endswith(f"in another order, in line {line}")
    assert con.execute("show tables").fetchall() == []


def test_a_row_that_holds_one_name_is_data(con, tmp_path):
    assert read(con, tmp_path, b"id,word\n1,word\nid,2\n")[1] == [("1", "word", 2), ("id", "2", 3)]


@pytest.mark.parametrize("blank", [b" , ", b",", b"\t,", b"\xc2\xa0,"])
def test_rows_of_blanks_are_blank(con, tmp_path, blank):
    fast = read(con, tmp_path, b"id,word\n1,a\n" + blank + b"\n2,b\n")
    slow = read(con, tmp_path, b'id,word\n1,"a\nb"\n' + blank + b"\n2,b\n")

    assert [row[-1] for row in fast[1]] == [2, 4]
    assert [row[-1] for row in slow[1]] == [2, 5]


def test_too_many_columns_are_refused(con, tmp_path):
    names = ",".join(f"c{n}" for n in range(5_001))

    assert "5,001 columns" in refusal_of(con, tmp_path, f"{names}\n".encode()).what


WORDS = st.text(
    st.characters(codec="cp1252", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), max_size=8
)
CELLS = st.one_of(WORDS, st.integers(-9, 99).map(str), st.just("a\nb"), st.just('say "a, b; c"'))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]),
    delimiter=st.sampled_from(DELIMITERS),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_every_dialect_gives_the_same_cells(
    tmp_path_factory, rows, encoding, delimiter, line_end, quoting
):
    """Encoding × delimiter × line end; the declared codec where bytes alone do not tell."""
    # Python's writer leaves a line feed unquoted in a file whose lines end with CR.
    quoting = csv.QUOTE_ALL if line_end == "\r" else quoting
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerow(["session_id", "client_id", "word"])
    writer.writerows(rows)
    raw = written.getvalue().encode(encoding)
    declared = encoding if encoding in ("cp1252", "utf-16-le", "utf-16-be") else None

    with duckdb.connect() as con:
        _, found = read(con, tmp_path_factory.mktemp("dialect"), raw, encoding=declared)

    filled = [tuple(cell or None for cell in row) for row in rows if any(row)]
    assert [row[:-1] for row in found] == filled


@pytest.mark.parametrize(
    ("cells", "has_blanks"),
    [
        (b"a b,c", False),
        (b"'a',!", False),
        (b",", False),
        (b'"","x"', False),  # quoted nothing is nothing
        (b" a,c", True),
        (b"a,c ", True),
        (b'"a ",c', True),
        (b" ,c", True),
        (b"a\t,c", True),
        (b"a\xe2\x80\x83,c", True),  # an em space; trimming takes any
        ("é,c".encode(), True),  # not looked at more closely
    ],
)
def test_trimming_is_spared_only_where_it_changes_nothing(con, tmp_path, cells, has_blanks):
    source, rows = read(con, tmp_path, b"id,word,note\n1,x,y\n2," + cells + b"\n")

    assert source.has_blanks is has_blanks
    for cell in rows[1][1:-1]:
        (same,) = con.execute(
            "select ? is not distinct from nullif(trim(?), '')", [cell] * 2
        ).fetchone()
        assert same or has_blanks
