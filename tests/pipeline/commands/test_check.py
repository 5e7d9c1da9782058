"""`rapport check` says what the night says of a file, and loads nothing."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import duckdb
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.check import BALANCE, check
from pipeline.steps import compiled_models
from pipeline.storage.ledger import Ledger
from tests.pipeline.half_nights import HEADER

GOOD = "r1,c1,phq9,client,2026-01-05,1,1,1,1,1,1,1,1,1"


def _bytes(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _of_the_night(place, run_id):
    """Return the rows by outcome and the rules that fell short, as a night recorded them."""
    ledger = Ledger(place)
    files = {row["file_id"] for row in ledger.all_files() if row["run_id"] == run_id}
    balance = [
        tuple(row[name] for name in BALANCE)
        for row in ledger.all_file_tables()
        if row["file_id"] in files
    ]
    results = place.lake / "quality" / "rule_results" / f"{run_id}.parquet"
    fell_short = duckdb.execute(
        "select rule_id, severity, state, n_failed, n_scope from read_parquet(?) "
        "where state in ('fail', 'error') and not is_waived",
        [str(results)],
    ).fetchall()
    return balance, sorted(fell_short)


def _shown(checked):
    return sorted(
        (one.rule_id, one.severity, one.state, one.n_failed, one.n_scope)
        for one in checked.findings
    )


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


def test_the_lake_tells_a_duplicate_and_a_later_night_counts_the_same(clinic, tmp_path):
    """Every rule that fell short, with its counts and no other, is what the night records."""
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

    clinic.land(file.name, *file.read_text("utf-8").splitlines()[1:])
    assert clinic.night() == {file.name: checked.status}
    assert _of_the_night(clinic.place, "run2") == (checked.balance, _shown(checked))


def test_models_kept_from_the_last_check_give_the_same_tables(clinic, tmp_path, monkeypatch):
    """The first check starts dbt, the second runs what dbt compiled."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "responses_1.csv"
    rows = [GOOD, "r2,c1,phq9,client,2026-01-06,4,1,1,1,1,1,1,1,1"]
    file.write_text("\n".join([HEADER, *rows]) + "\n", "utf-8")

    first = check(clinic.place, file, "clinic", tmp_path / "first")
    (kept,) = (tmp_path / "cache" / "rapport").iterdir()
    monkeypatch.setattr(compiled_models, "build_tables", None)  # breaks where it is called
    second = check(clinic.place, file, "clinic", tmp_path / "second")

    plain = {"report": None, "issues": []}
    assert replace(first, **plain) == replace(second, **plain)
    assert first.rows
    assert str(clinic.place.root) not in kept.read_text("utf-8")
    pages = [path.read_text("utf-8") for path in (first.report, second.report)]
    tables = [page[page.index('id="tables"') :] for page in pages]
    assert tables[0] == tables[1]


def test_the_first_ten_broken_rows_are_printed_with_line_column_and_reason(clinic, tmp_path):
    """A word nobody mapped in line 2, then eleven answers out of range."""
    file = tmp_path / "responses_1.csv"
    rows = ["w1,c1,phq9,client,2026-01-05,often,1,1,1,1,1,1,1,1"]
    rows += [f"r{n},c1,phq9,client,2026-02-{n:02},7,1,1,1,1,1,1,1,1" for n in range(1, 12)]
    file.write_text("\n".join([HEADER, *rows]) + "\n", "utf-8")
    command = ["check", str(file), "--clinic", "clinic", "--report", str(tmp_path / "out")]

    ended = CliRunner().invoke(app, command, env={"RAPPORT_HOME": str(clinic.place.root)})
    listed = ended.output.partition("Rows, the first 10 of ")[2].splitlines()[2:12]

    assert ended.exit_code == 1
    assert [line.split()[:3] for line in listed[:2]] == [
        ["2", "item_1", "S07"], ["3", "item_1", "S04"],
    ]  # fmt: skip
    assert "is neither a number nor a declared missing code" in listed[0]
    assert len(listed) == 10
    assert "often" not in ended.output


def test_a_clean_file_is_exit_code_0_and_has_no_issue_list(clinic, tmp_path):
    file = tmp_path / "responses_1.csv"
    clean = "r1,c1,phq9,client,2026-01-05 10:15,1,1,1,1,1,1,1,1,1"
    file.write_text("\n".join([HEADER, clean]) + "\n", "utf-8")
    command = ["check", str(file), "--clinic", "clinic", "--report", str(tmp_path / "out")]

    ended = CliRunner().invoke(app, command, env={"RAPPORT_HOME": str(clinic.place.root)})

    assert ended.exit_code == 0, ended.output
    assert "Rules: all that applied were met" in ended.output
    assert list((tmp_path / "out").rglob("index.html")) != []
    assert list((tmp_path / "out").rglob("issues-*")) == []
