"""Bad input stops itself, not the night: a clear reason, and the other clinics publish."""

from __future__ import annotations

import pytest

from pipeline.ledger import Ledger

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


@pytest.fixture(scope="module")
def bad_home(home_with, night):
    place = home_with("bad")
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
    }
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
    rows = ask(bad_home, "select score from core.fct_scores where scale = 'total' order by score")

    assert rows == [(4.0,), (9.0,)]


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
