"""Fix and resubmit over two nights: what was corrected leaves quarantine by its key."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.steps.publish import published_run, releases
from pipeline.storage.ledger import Ledger
from pipeline.storage.quarantine import sweep

STATUS = """
    select source_file, source_line, rule_id, status, fixed_by_file, first_seen < last_seen
    from quality.dq_quarantine where clinic_id = 'clinic' and status <> 'flagged' order by all
"""


@pytest.fixture(scope="module")
def resubmitted(two_nights):
    """The home, and what its first release says of quarantine and sessions."""
    place = two_nights.place
    with duckdb.connect(str(place.release(two_nights.first)), read_only=True) as con:
        before = con.execute(STATUS).fetchall()
        ((sessions,),) = con.execute(
            "select count(*) from core.fct_sessions where clinic_id = 'clinic'"
        ).fetchall()
    return place, before, sessions


def test_broken_rows_and_what_points_to_them_are_held_back(resubmitted):
    """r2 is sound, but its session is held back: no orphan flows on."""
    _, before, sessions = resubmitted

    assert [(file, line, rule, status) for file, line, rule, status, *_ in before] == [
        ("responses_1.csv", 3, "S02", "open"),
        ("responses_1.csv", 4, "S04", "open"),
        ("responses_1.csv", 5, "S04", "open"),
        ("sessions_1.csv", 3, "N02", "open"),
        ("sessions_2.csv", 2, "FILE", "open"),
        ("sessions_2.csv", 3, "F06", "open"),
        ("sessions_2.csv", 4, "F06", "open"),
    ]
    assert sessions == 1


def test_a_corrected_row_leaves_quarantine_by_its_key(resubmitted, ask):
    """Repaired: the session, the form that names it, the answer, and the rejected file's rows."""
    place, _, _ = resubmitted

    fixed = [row[:5] for row in ask(place, STATUS) if row[3] == "fixed"]

    assert fixed == [
        ("responses_1.csv", 3, "S02", "fixed", "responses_2.csv"),
        ("responses_1.csv", 4, "S04", "fixed", "responses_2.csv"),
        ("sessions_1.csv", 3, "N02", "fixed", "sessions_3.csv"),
        ("sessions_2.csv", 2, "FILE", "fixed", "sessions_4.csv"),
        ("sessions_2.csv", 3, "F06", "fixed", "sessions_4.csv"),
        ("sessions_2.csv", 4, "F06", "fixed", "sessions_4.csv"),
    ]


def test_a_row_that_comes_broken_again_stays_open_where_it_is_now(resubmitted, ask):
    """Last seen moves, first seen stays."""
    place, _, _ = resubmitted

    still_open = [row for row in ask(place, STATUS) if row[3] == "open"]

    assert still_open == [("responses_2.csv", 4, "S04", "open", None, True)]


def test_the_page_shows_next_day_that_it_was_fixed(two_nights):
    """Rows to correct and issue list are down to what is broken still; the rest left quarantine."""
    first, second = sorted(run.parent for run in two_nights.pages.glob("*/run.json"))

    assert _listed(first) == {
        ("N02", "sessions_1.csv", "3"), ("S02", "responses_1.csv", "3"),
        ("S04", "responses_1.csv", "4"), ("S04", "responses_1.csv", "5"),
        ("FILE", "sessions_2.csv", "2"), ("F06", "sessions_2.csv", "3"),
        ("F06", "sessions_2.csv", "4"),
    }  # fmt: skip
    assert _listed(second) == {("S04", "responses_2.csv", "4")}
    for name in ("F06", "FILE", "N02", "S02", "S04"):
        assert ("Repaired", "clinic", name) not in _left_quarantine(first)
        assert ("Repaired", "clinic", name) in _left_quarantine(second)
    issues = [
        list(csv.DictReader((run / "issues-clinic.csv").open(encoding="utf-8-sig")))
        for run in (first, second)
    ]
    assert [len(rows) for rows in issues] == [7, 1]


def _listed(run: Path) -> set[tuple[str, str, str]]:
    """Return rule, file and line of the clinic's rows a page shows under Rows to correct."""
    held = (run / "index.html").read_text(encoding="utf-8").split('id="held"')[1]
    shown = set()
    for block in held.split('id="balance"')[0].split("<summary>")[1:]:
        rule = block.split()[0]
        cells = [_cells(row) for row in re.findall(r"<tr.*?</tr>", block, re.DOTALL)[1:]]
        shown |= {(rule, file, line) for clinic, file, line, *_ in cells if clinic == "clinic"}
    return shown


def _left_quarantine(run: Path) -> set[tuple[str, str, str]]:
    """Return how, clinic and rule of the table of rows that left quarantine; empty without it."""
    text = (run / "index.html").read_text(encoding="utf-8")
    after = text.partition("Rows that left quarantine")[2].partition("</table>")[0]
    rows = [_cells(row) for row in re.findall(r"<tr.*?</tr>", after, re.DOTALL)[1:]]
    return {(how, clinic, rule.split()[0]) for how, clinic, rule, *_ in rows}


def _cells(row: str) -> list[str]:
    inside = re.findall(r"<t[dh].*?>(.*?)</t[dh]>", row, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in inside]


def test_whole_file_rows_say_in_words_what_happened(resubmitted, ask):
    place, _, _ = resubmitted
    rows = ask(
        place,
        "select title, reason from quality.dq_quarantine "
        "where rule_id = 'FILE' and clinic_id = 'clinic'",
    )

    assert rows[0][0] == "Held back because the whole file was rejected"
    assert "F06" in rows[0][1]


def test_what_a_killed_run_wrote_is_swept_and_the_rest_stays(resubmitted):
    place, _, _ = resubmitted
    folder = place.lake / "quality" / "quarantine" / "clinic"
    kept = sorted(folder.glob("*.parquet"))
    ledger = Ledger(place).all_files()
    settled = {(row["clinic_id"], row["file_id"]): row["run_id"] for row in ledger}
    (file_id, *_) = [row["file_id"] for row in ledger if row["clinic_id"] == "clinic"]
    leftover = folder / f"9999-run_{file_id}_sessions.parquet"
    leftover.write_bytes(kept[0].read_bytes())

    assert sweep(place, settled, set(), set()) == 0, "that run may still be at work"
    assert sweep(place, settled, set(), {"9999-run"}) == 1
    assert sorted(folder.glob("*.parquet")) == kept
    assert len(kept) >= 4


def test_regrade_flips_a_past_grade_and_back(resubmitted, ask):
    """S04 broke in 2 of 4 forms of night one; a threshold of one half lets that pass."""
    place, _, _ = resubmitted
    query = (
        "select state, original_state, regraded_at is not null from quality.dq_rule_results "
        "where rule_id = 'S04' and source_file = 'responses_1.csv' and clinic_id = 'clinic'"
    )
    loaded = "select sum(n_loaded), sum(n_quarantined) from quality.dq_balance"
    rules = place.config / "rules.yml"
    text, amounts = rules.read_text(encoding="utf-8"), ask(place, loaded)
    arguments = ["regrade", "--since", published_run(place)[:10], "--home", str(place.root)]

    def regraded(threshold: str) -> tuple:
        at = text.index("id: S04")
        edited = text[:at] + text[at:].replace("threshold: 0\n", f"threshold: {threshold}\n", 1)
        rules.write_text(edited, encoding="utf-8")
        result = CliRunner().invoke(
            app, arguments, env={"RAPPORT_CONFIG": str(place.config)}, catch_exceptions=False
        )
        assert result.exit_code == 0, result.output
        return ask(place, query)[0]

    assert ask(place, query) == [("fail", None, False)]
    assert regraded("0.5") == ("pass", "fail", True)
    assert regraded("0.5") == ("pass", "fail", True)
    assert regraded("0.49") == ("fail", "fail", True)
    assert regraded("0") == ("fail", None, False)
    rules.write_text(text, encoding="utf-8")
    assert ask(place, loaded) == amounts
    status = ask(
        place,
        "select distinct state from quality.dq_rule_status "
        "where rule_id = 'S04' and clinic_id = 'clinic'",
    )
    assert ("fail",) in status


def test_a_regraded_page_tells_of_its_own_night(two_nights):
    """The first night's page, written again, still lists what only the second night repaired."""
    place = two_nights.place
    first, second = sorted(releases(place))
    arguments = ["regrade", "--since", first[:10], "--home", str(place.root)]
    result = CliRunner().invoke(app, arguments, env={"RAPPORT_CONFIG": str(place.config)})
    assert result.exit_code == 0, result.output

    for run_id in (first, second):
        written, again = (
            {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.csv")}
            for folder in (two_nights.pages / run_id, place.reports / run_id)
        )
        assert written
        assert again == written
