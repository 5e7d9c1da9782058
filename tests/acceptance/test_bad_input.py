"""Bad input stops itself, not the night: a clear reason, and the other clinics publish."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import datetime

import openpyxl
import pytest

from pipeline.storage.ledger import Ledger
from tests.acceptance.canary_exports import HEADING, MARK, sheets, text
from tests.acceptance.leaks import places_with

GOOD = (
    "response_id,client_id,instrument,rater,completed_at,item_1,item_2,item_3,item_4,item_5,"
    "item_6,item_7,item_8,item_9\n"
    "r1,c1,phq9,client,2026-01-05 10:00,1,1,1,1,1,1,1,1,1\n"
    "r2,c1,phq9,client,2026-01-12 10:00,0,1,0,1,0,1,0,1,0\n"
)
CONFLICT = GOOD.replace("r2,", "r1,")
HEADER_WITHOUT_ID = GOOD.replace("client_id,", "").replace(",c1,", ",")
# Written into every bad file; must come out nowhere.
CANARY = "Zebedee-Quillfeather-1961"
TOTALS = (
    "select score from core.fct_scores where scale = 'total' and clinic_id = '{}' order by score"
)

BOOK = """
clinic: book
format: workbook
feeds:
  - table: responses
    sheet: PHQ 2026
    header_row: 3
    header_rows: 2
    set: {instrument: phq9, rater: client}
    columns: {client_id: Client, completed_at: Date}
    items: "PHQ-9 {n}"
    date_format: "%d.%m.%Y"
"""
LONG = """
clinic: long
format: delimited
files: "long*.csv"
feeds:
  - table: responses
    set: {instrument: phq9, rater: client}
    long: {key: [client, day], item: question, value: answer}
    columns: {client_id: client, completed_at: day}
"""


def workbook() -> bytes:
    """Titles, names merged over nine columns, a real date, and a date and numbers as text."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "PHQ 2026"
    rows = [
        ["Questionnaires of the year"],
        [],
        ["Client", "Date", "PHQ-9", *[None] * 8],
        [None, None, *range(1, 10)],
        ["b1", datetime(2026, 1, 5), *[1] * 9],
        ["b2", "12.01.2026", *"232323232"],
    ]
    for row in rows:
        sheet.append(row)
    for block in ("A3:A4", "B3:B4", "C3:K3"):
        sheet.merge_cells(block)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def zipped(**members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"exports/{name}.csv", content)
    return out.getvalue()


SESSIONS = "session_id,client_id,therapist_id,session_at,attendance\ns1,c1,t1,2026-01-05,attended\n"
SLASHES = GOOD.replace("2026-01-05", "05/01/2026").replace("2026-01-12", "31/01/2026")
# An item 11 of a questionnaire that has nine, and one that is not scored.
ANSWERS = "client,day,question,answer\n" + "".join(
    f"c1,2026-01-05,{number},1\n" for number in range(1, 12)
)


@pytest.fixture(scope="module")
def canaries():
    """Two clinics with a canary in every cell; test_nothing_leaks has every format, and is slow."""
    return {"text": text(), "sheets": sheets()}


@pytest.fixture(scope="module")
def bad_home(home_with, night, canaries):
    configs = {clinic: export.config for clinic, export in canaries.items()}
    place = home_with("bad", clinics={"book": BOOK, "long": LONG} | configs)
    files = {
        "good/responses.csv": GOOD.encode(),
        "empty/responses.csv": b"",
        "binary/responses.csv": bytes(range(256)) * 40 + CANARY.encode(),
        "truncated/export.xlsx": b"PK\x03\x04" + CANARY.encode() * 20,
        "noid/responses.csv": HEADER_WITHOUT_ID.replace("r1", CANARY).encode(),
        "delimiter/responses.csv": GOOD.replace(",", ";").replace("r1", CANARY).encode(),
        "ragged/responses.csv": (GOOD + f"{CANARY},c2,phq9\n").encode(),
        "nameless/whatever.csv": GOOD.encode(),
        "conflict/responses.csv": CONFLICT.encode(),
        "packed/january.zip": zipped(responses=GOOD, sessions=SESSIONS),
        "gzipped/responses.csv.gz": gzip.compress(GOOD.encode()),
        "unclear/january.zip": zipped(sessions=SESSIONS, responses_1=GOOD, responses_2=SLASHES),
        "book/forms.xlsx": workbook(),
        "long/long.csv": ANSWERS.encode(),
    }
    for clinic, export in canaries.items():
        files |= {f"{clinic}/{file}": content for file, content in export.files.items()}
    for name, content in files.items():
        path = place.landing / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    assert night(place) == "success"
    return place


@pytest.mark.parametrize(
    ("clinic", "words"),
    [
        ("empty", "empty"),
        ("binary", "binary"),
        ("truncated", "workbook"),
        ("noid", "client_id"),
        ("delimiter", "semicolon"),
        ("ragged", "line 4"),
        ("nameless", "Begin it"),
        ("unclear", "responses_2.csv in the archive: Day and month in completed_at"),
    ],
)
def test_a_bad_file_is_refused_with_reason_and_remedy(bad_home, clinic, words):
    row = next(row for row in Ledger(bad_home).all_files() if row["clinic_id"] == clinic)

    assert row["status"] == "refused"
    assert words.lower() in row["reason"].lower()
    assert "\n" not in row["reason"]
    assert row["reason"].endswith(".")
    assert row["reason"].count(". ") >= 1  # what is wrong, then what to do


def test_the_good_clinic_is_published(bad_home, ask):
    rows = ask(bad_home, TOTALS.format("good"))

    assert rows == [(4.0,), (9.0,)]


@pytest.mark.parametrize("clinic", ["packed", "gzipped"])
def test_an_archive_is_published_like_the_file_in_it(bad_home, ask, clinic):
    assert ask(bad_home, TOTALS.format(clinic)) == [(4.0,), (9.0,)]


def test_a_row_of_an_archive_is_traced_to_the_file_in_it(bad_home, ask):
    balance = ask(
        bad_home,
        "select source_file, table_name, n_received, n_loaded from quality.dq_balance "
        "where clinic_id = 'packed' order by all",
    )
    lines = ask(
        bad_home,
        "select distinct source_file, source_line from core.fct_scores "
        "where clinic_id = 'packed' order by all",
    )

    assert balance == [("january.zip", "responses", 2, 2), ("january.zip", "sessions", 1, 1)]
    assert lines == [("january.zip", 2), ("january.zip", 3)]


def test_a_workbook_with_titles_and_merged_names_is_published(bad_home, ask):
    """Nine ones; five twos and four threes. Lines are Excel's row numbers."""
    rows = ask(
        bad_home,
        "select score, completed_at::date::varchar, source_line from core.fct_scores "
        "where clinic_id = 'book' and scale = 'total' order by score",
    )

    assert rows == [(9.0, "2026-01-05", 5), (22.0, "2026-01-12", 6)]


def test_an_item_the_instrument_does_not_have_is_found(bad_home, ask):
    """Item rows numbered 1 to 11 under the name of the PHQ-9: no total is made of nine of them."""
    found = ask(
        bad_home,
        "select n_failed, state from quality.dq_rule_results "
        "where clinic_id = 'long' and rule_id = 'S03'",
    )

    assert found == [(1, "fail")]
    assert ask(bad_home, TOTALS.format("long")) == []


def test_a_file_that_breaks_a_fatal_rule_too_often_is_held_back_whole(bad_home, ask):
    """Two answers under one id: nobody can say which is right, so nothing of it is loaded."""
    row = next(row for row in Ledger(bad_home).all_files() if row["clinic_id"] == "conflict")
    held_back = ask(
        bad_home,
        "select count(distinct (row_key, source_line)), bool_or(rule_id = 'S01') "
        "from quality.dq_quarantine where clinic_id = 'conflict' and status = 'open'",
    )
    balance = ask(
        bad_home,
        "select n_received, n_loaded, n_quarantined, is_balanced from quality.dq_balance "
        "where clinic_id = 'conflict'",
    )

    assert row["status"] == "rejected"
    assert "S01" in row["reason"]
    assert held_back == [(2, True)]
    assert balance == [(2, 0, 2, True)]


def test_refused_files_are_in_the_quality_tables(bad_home, ask):
    rows = ask(
        bad_home,
        "select clinic_id from quality.dq_rule_results "
        "where rule_id in ('F01', 'F02') and state = 'fail' order by all",
    )

    assert [row[0] for row in rows] == [
        "binary", "delimiter", "empty", "nameless", "noid", "ragged", "truncated",
        "unclear",
    ]  # fmt: skip


def test_no_cell_of_a_bad_file_is_in_any_artefact(bad_home):
    kept = (bad_home.landing, bad_home.vault)
    leaks = [
        path.relative_to(bad_home.root)
        for path in bad_home.root.rglob("*")
        if path.is_file()
        and not any(path.is_relative_to(folder) for folder in kept)
        and CANARY.encode() in path.read_bytes()
    ]

    assert leaks == []


def test_a_canary_in_any_cell_comes_out_nowhere_and_its_line_is_named(
    bad_home, airflow_home, canaries, ask
):
    found = ask(
        bad_home,
        "select clinic_id, source_file, source_line, column_name from quality.dq_quarantine",
    )
    planted = {(name, *at) for name, export in canaries.items() for at in export.answers}
    places = [bad_home.root, airflow_home.root]

    assert len(planted) == 8
    assert planted - set(found) == set()
    assert places_with(MARK, places) == set()
    # What columns are called is kept, to tell when an export changes its form.
    kept = {at.split("/")[0] for at in places_with(HEADING, places)}
    assert kept <= {"lake", "work"}
