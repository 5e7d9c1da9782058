"""`rapport check` says what the night says of a file, and loads nothing."""

from __future__ import annotations

import hashlib

from typer.testing import CliRunner

from pipeline.check import check
from pipeline.cli import app
from tests.pipeline.half_nights import HEADER

GOOD = "r1,c1,phq9,client,2026-01-05,1,1,1,1,1,1,1,1,1"


def _bytes(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_refused_file_is_exit_code_2_in_the_nights_words(clinic, tmp_path):
    clinic.land("responses_1.csv", GOOD)
    clinic.land("responses_2.csv", "r2,c1", header="response_id,client_id")
    file = clinic.place.landing / "clinic" / "responses_2.csv"
    assert clinic.night() == {"responses_1.csv": "accepted", "responses_2.csv": "refused"}
    before = _bytes(clinic.place.root)

    checked = check(clinic.place, file, "clinic", tmp_path / "out")

    assert (checked.status, checked.exit_code) == ("refused", 2)
    assert checked.reason == clinic.reasons["responses_2.csv"]
    assert _bytes(clinic.place.root) == before
    assert checked.report.is_file()


def test_the_lake_tells_a_duplicate_and_a_wrong_row_is_a_finding(clinic, tmp_path):
    clinic.land("responses_1.csv", GOOD)
    clinic.night()
    before = _bytes(clinic.place.root)
    file = tmp_path / "responses_2.csv"
    wrong = "r2,c1,phq9,client,2026-01-06,4,1,1,1,1,1,1,1,1"  # PHQ-9 answers are 0-3
    file.write_text("\n".join([HEADER, GOOD, wrong]) + "\n", "utf-8")

    checked = check(clinic.place, file, "clinic", tmp_path / "out")

    assert checked.exit_code == 1
    ((table, received, new, duplicate, quarantined),) = checked.balance
    assert (table, received) == ("responses", 2)
    assert (new, duplicate, quarantined) == (0, 1, 1)
    assert "S04" in {finding.rule_id for finding in checked.findings}
    assert sorted(path.suffix for path in checked.issues) == [".csv", ".xlsx"]
    assert _bytes(clinic.place.root) == before


def test_a_clean_file_is_exit_code_0_and_has_no_issue_list(clinic, tmp_path):
    file = tmp_path / "responses_1.csv"
    clean = "r1,c1,phq9,client,2026-01-05 10:15,1,1,1,1,1,1,1,1,1"
    file.write_text("\n".join([HEADER, clean]) + "\n", "utf-8")
    command = ["check", str(file), "--clinic", "clinic", "--report", str(tmp_path / "out")]

    ended = CliRunner().invoke(app, command, env={"RAPPORT_HOME": str(clinic.place.root)})

    assert ended.exit_code == 0, ended.output
    assert list((tmp_path / "out").rglob("index.html")) != []
    assert list((tmp_path / "out").rglob("issues-*")) == []
