"""When a build asks for approval: both ends of each threshold, over hand-made quality tables."""

from __future__ import annotations

import json
import shutil
from datetime import datetime

import duckdb
import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from pipeline.home import REPOSITORY, Home
from pipeline.steps.approval import ask, decide
from pipeline.steps.gate import (
    findings,
    gate_schema,
    load_gate,
)
from pipeline.storage.ledger import Ledger
from reports.drawing.templating import FILE_STATUSES
from transforms.errors import ConfigError, NothingToDoError

RUN, AT = "2026-01-02T02-00-00Z", datetime(2026, 1, 2, 2)
GATE = """\
default:
  quarantined_share: 0.2
  incomplete_share: 0.2
  smallest_scope: 20
  form_changes: [missing_column]
clinics:
  strict: {quarantined_share: 0.1}
"""


@pytest.fixture
def place(tmp_path) -> Home:
    """A home with one run, its own gate, and a build with empty quality tables."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "gate.yml").write_text(GATE, encoding="utf-8")
    shutil.copy(REPOSITORY / "config" / "rules.yml", tmp_path / "config")
    home = Home(tmp_path / "home", tmp_path / "config")
    home.root.mkdir()
    home.prepare()
    (home.landing / "strict").mkdir()
    Ledger(home).open_run(RUN, AT, "f")
    home.building.parent.mkdir(parents=True)
    with duckdb.connect(str(home.building)) as con:
        con.execute(
            "create schema quality;"
            "create table quality.dq_balance (clinic_id text, file_id text, run_id text, "
            "status text, n_received bigint, n_quarantined bigint);"
            "create table quality.dq_rule_results (run_id text, clinic_id text, file_id text, "
            "rule_id text, title text, category text, state text, n_scope bigint, "
            "n_failed bigint, is_waived boolean);"
            "create table quality.dq_form_changes (run_id text, clinic_id text, change text, "
            "is_blocking boolean, remedy text);"
            "create table quality.dq_approvals (run_id text, asked_at timestamp, "
            "asked_because text, choice text, decided_by text, reason text, "
            "decided_at timestamp);"
        )
    return home


def _put(place: Home, table: str, *row) -> None:
    with duckdb.connect(str(place.building)) as con:
        marks = ", ".join("?" * len(row))
        con.execute(f"insert into quality.{table} values ({marks})", list(row))


def _clinics(place: Home) -> list[str]:
    return [finding.clinic_id for finding in findings(place, Ledger(place), RUN)]


@pytest.mark.parametrize(
    ("clinic", "received", "held", "asked"),
    [
        ("usual", 100, 20, []),
        ("usual", 100, 21, ["usual"]),
        ("strict", 100, 10, []),
        ("strict", 100, 11, ["strict"]),
        ("usual", 19, 19, []),
        ("usual", 20, 20, ["usual"]),
    ],
)
def test_quarantined_share(place, clinic, received, held, asked):
    _put(place, "dq_balance", clinic, "a", RUN, "accepted", received, held)

    assert _clinics(place) == asked


@pytest.mark.parametrize(
    ("failed", "waived", "status", "asked"),
    [
        (20, False, "accepted", []),
        (21, False, "accepted", ["usual"]),
        (21, True, "accepted", []),
        (21, False, "rejected", []),
    ],
)
def test_completeness(place, failed, waived, status, asked):
    _put(place, "dq_balance", "usual", "a", RUN, status, 100, 0)
    _put(place, "dq_rule_results", RUN, "usual", "a", "N01", "t", "completeness", "fail", 100,
         failed, waived)  # fmt: skip

    assert _clinics(place) == asked


@pytest.mark.parametrize(
    ("change", "blocking", "remedy", "asked"),
    [
        ("missing_column", False, "Look at it", ["usual"]),
        ("missing_column", True, "Look at it", []),
        ("added_column", False, "Look at it", []),
        ("missing_column", False, "Nothing: accepted in the clinic's YAML, the new reference", []),
    ],
)
def test_form_changes(place, change, blocking, remedy, asked):
    _put(place, "dq_form_changes", RUN, "usual", change, blocking, remedy)

    assert _clinics(place) == asked


@pytest.mark.parametrize(
    ("rule", "state", "waived", "asked"),
    [
        ("P04", "fail", False, ["all clinics"]),
        ("P04", "error", False, ["all clinics"]),
        ("P04", "fail", True, []),
        ("P04", "pass", False, []),
        ("P01", "fail", False, []),
    ],
)
def test_marts(place, rule, state, waived, asked):
    _put(place, "dq_rule_results", RUN, None, None, rule, "t", "plausibility", state, 1, 1, waived)

    assert _clinics(place) == asked


def test_rows_of_an_unpublished_earlier_run_are_judged_too(place):
    later = "2026-01-03T02-00-00Z"
    Ledger(place).open_run(later, AT, "f")
    _put(place, "dq_balance", "usual", "a", RUN, "accepted", 100, 50)

    assert len(findings(place, Ledger(place), later)) == 1
    Ledger(place).close_run(RUN, AT, "published")
    assert findings(place, Ledger(place), later) == []


def test_without_findings_nobody_is_asked(place):
    assert ask(place, Ledger(place), RUN) == {"is_asked": False, "because": []}
    assert Ledger(place).approvals() == []
    with pytest.raises(NothingToDoError, match="does not wait"):
        decide(place, Ledger(place), RUN, choice="publish", clinics=[], by="qa", why="x")


def test_publishing_is_written_down_once_and_may_be_repeated_until_it_is_published(place):
    ledger = Ledger(place)
    _put(place, "dq_balance", "usual", "a", RUN, "accepted", 100, 50)
    assert ask(place, ledger, RUN)["is_asked"]
    assert ledger.run(RUN)["status"] == "waiting"

    answer = {"choice": "publish", "clinics": [], "by": "qa", "why": "seen"}
    assert decide(place, ledger, RUN, **answer) is False
    assert decide(place, ledger, RUN, **answer) is False  # killed before it was published
    with pytest.raises(NothingToDoError, match="does not wait"):
        decide(place, ledger, RUN, **answer | {"choice": "reject"})
    ledger.close_run(RUN, AT, "published")
    with pytest.raises(NothingToDoError, match="does not wait"):
        decide(place, ledger, RUN, **answer)
    with duckdb.connect(str(place.building), read_only=True) as con:
        log = con.execute("select choice, decided_by, reason from quality.dq_approvals").fetchall()
    assert log == [("publish", "qa", "seen")]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("default: {quarantined_share: 2}", "default.quarantined_share: Input should be less"),
        ("clinics: {strict: {share: 0.1}}", "clinics.strict.share: Extra inputs"),
        ("default: [", "not valid YAML"),
        ("clinics: {strikt: {smallest_scope: 5}}", "clinics: unknown strikt. Name its folder"),
        ("default: {mart_rules: [P03, P3]}", "mart_rules: unknown P3. See config/rules.yml"),
    ],
)
def test_a_gate_that_would_judge_nothing_is_refused(place, text, where):
    (place.config / "gate.yml").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError) as refusal:
        load_gate(place)
    assert str(refusal.value).startswith(f"config/gate.yml: {where}")


@pytest.mark.parametrize("place_of_clinic", ["config/clinics/new.yml", "home/landing/new/a.csv"])
def test_a_clinic_is_known_by_its_yaml_or_its_folder(place, place_of_clinic):
    (place.config / "gate.yml").write_text("clinics: {new: {smallest_scope: 5}}", encoding="utf-8")
    file = place.config.parent / place_of_clinic
    file.parent.mkdir(parents=True)
    file.touch()

    own = load_gate(place).of("new")
    assert (own.smallest_scope, own.quarantined_share) == (5, 0.2)


def test_the_schema_accepts_the_gate():
    content = YAML(typ="safe").load(REPOSITORY / "config" / "gate.yml")
    validator = Draft202012Validator(json.loads(gate_schema()))
    assert validator.is_valid(content)
    assert not validator.is_valid(content | {"surprise": 1})


STATUSES = {"accepted", "rejected", "refused", "held", "withdrawn"}


def test_tables_and_reports_know_every_status_of_a_file():
    models = YAML(typ="safe").load(
        REPOSITORY / "models" / "marts" / "quality" / "_quality__models.yml"
    )
    balance = next(model for model in models["models"] if model["name"] == "dq_balance")
    status = next(column for column in balance["columns"] if column["name"] == "status")
    known = status["config"]["meta"]["values"]

    assert set(known) == set(FILE_STATUSES) == STATUSES
