"""Bad input stops itself, not the night: a clear reason, and the other clinics publish."""

from __future__ import annotations

import pytest

from pipeline.storage.ledger import Ledger
from tests.acceptance.bad_exports import CANARIES, CANARY
from tests.acceptance.canary_exports import HEADING, MARK
from tests.acceptance.leaks import places_with

TOTALS = (
    "select score from core.fct_scores where scale = 'total' and clinic_id = '{}' order by score"
)


@pytest.fixture(scope="module")
def bad_home(two_nights):
    """Everything bad came in the first of the two nights."""
    return two_nights.place


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


def test_a_canary_in_any_cell_comes_out_nowhere_and_its_line_is_named(bad_home, airflow_home, ask):
    found = ask(
        bad_home,
        "select clinic_id, source_file, source_line, column_name from quality.dq_quarantine",
    )
    planted = {(name, *at) for name, export in CANARIES.items() for at in export.answers}
    places = [bad_home.root, airflow_home.root]

    assert len(planted) == 8
    assert planted - set(found) == set()
    assert places_with(MARK, places) == set()
    # What columns are called is kept, to tell when an export changes its form.
    kept = {at.split("/")[0] for at in places_with(HEADING, places)}
    assert kept <= {"lake", "work"}
