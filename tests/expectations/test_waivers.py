"""Waivers as a file people edit, and what they cover."""

from __future__ import annotations

import json
from datetime import date, datetime

import pytest

from expectations.catalogue import Catalogue, load_rules
from expectations.judging.regrade import is_waived, regrade
from expectations.waivers import WAIVERS, Waiver, load_waivers, waivers_schema
from transforms.errors import ConfigError

RULES = load_rules()
ENTRY = {
    "rule": "S22",
    "clinic": "harbor",
    "who": "Q. Lead",
    "why": "agreed with the clinic",
    "from": "2026-01-01",
    "until": "2026-06-30",
}
RESULT = {
    "rule_id": "S22",
    "clinic_id": "harbor",
    "table_name": "responses",
    "source_file": "a.csv",
    "run_at": datetime(2026, 3, 1, 6),
    "severity": "warn",
    "threshold": RULES.rule("S22").threshold,
    "n_scope": 100,
    "n_failed": 50,
    "state": "fail",
    "message": "50 of 100",
    "is_waived": False,
    "regraded_at": None,
}
NOW = datetime(2026, 6, 1)


@pytest.fixture
def loaded(tmp_path):
    """A function that writes one waiver with changes and loads the file."""

    def load(**changes):
        entry = {key: value for key, value in (ENTRY | changes).items() if value is not None}
        lines = [f"    {key}: {value}" for key, value in entry.items()]
        lines[0] = lines[0].replace("    rule", "  - rule")
        path = tmp_path / "waivers.yml"
        path.write_text("# top\nwaivers:\n" + "\n".join(lines) + "\n", encoding="utf-8")
        return load_waivers(path, RULES)

    return load


def test_a_waiver_lasts_180_days_at_most(loaded):
    """1 January to 30 June 2026 is 180 days on; one day more is refused."""
    assert loaded()[0].until == date(2026, 6, 30)

    with pytest.raises(ConfigError, match=r"^waivers\.yml:3: waivers\.1: until lies more than 180"):
        loaded(until="2026-07-01")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"why": None}, r"^waivers\.yml:3: waivers\.1\.why: Field required"),
        ({"colour": "red"}, r"^waivers\.yml:9: waivers\.1\.colour: Extra"),
        ({"until": "2025-12-31"}, r"waivers\.yml:3: .*until lies before from"),
        ({"until": "soon"}, r"^waivers\.yml:8: waivers\.1\.until: "),
        ({"rule": "Z99"}, r"^waivers\.yml:3: waivers\.1\.rule: no such rule"),
        ({"rule": "S01"}, r"^waivers\.yml:3: waivers\.1\.rule: S01 is fatal"),
        ({"table": "chairs"}, r"^waivers\.yml:9: waivers\.1\.table: "),
    ],
)
def test_errors_name_file_line_and_key(loaded, changes, message):
    with pytest.raises(ConfigError, match=message):
        loaded(**changes)


def test_a_fatal_rule_is_waived_only_explicitly(loaded):
    assert loaded(rule="S01", accept_fatal="true")[0].accept_fatal


def test_the_file_of_the_repository_is_read_and_the_schema_knows_its_keys():
    assert load_waivers(WAIVERS, RULES) == ()
    assert "until" in json.loads(waivers_schema())["$defs"]["Waiver"]["properties"]


def test_no_file_is_no_waiver(tmp_path):
    assert load_waivers(tmp_path / "waivers.yml", RULES) == ()


@pytest.mark.parametrize(
    ("changes", "covered"),
    [
        ({}, True),
        ({"clinic": "all"}, True),
        ({"clinic": "summit"}, False),
        ({"rule": "S24"}, False),
        ({"table": "responses", "file": "a.csv"}, True),
        ({"file": "b.csv"}, False),
        ({"table": "sessions"}, False),
        ({"column": "session_key"}, False),
        ({"from": "2026-03-01"}, True),
        ({"from": "2026-03-02"}, False),
        ({"until": "2026-03-01"}, True),
        ({"until": "2026-02-28"}, False),
    ],
)
def test_what_a_waiver_covers(changes, covered):
    """Both its days belong to it; a waiver of one column does not cover the rule's result."""
    assert is_waived(RESULT, [Waiver(**ENTRY | changes)]) is covered


def test_a_waiver_leaves_the_state_and_marks_the_result():
    (row,) = regrade([RESULT], RULES, [Waiver(**ENTRY)], NOW)

    assert (row["state"], row["is_waived"]) == ("fail", True)
    assert RESULT["is_waived"] is False


def test_regrading_keeps_errors_and_results_that_no_rule_explains():
    """A check that could not run, a dbt test and a rule that is gone stay as they were."""
    error = RESULT | {"state": "error", "threshold": 0.9}
    gone = RESULT | {"rule_id": "unique_fct_scores", "n_scope": None}

    assert regrade([error, gone], RULES, [], NOW) == [error, gone]


def test_regrading_follows_severity_and_keeps_the_first_verdict():
    """Judged as fatal under 90 % allowed then, as warn under today's threshold now."""
    old = RESULT | {"severity": "fatal", "threshold": 0.9, "state": "pass"}

    (once,) = regrade([old], RULES, [], NOW)
    (twice,) = regrade([once], RULES, [], datetime(2026, 7, 1))

    assert (once["state"], once["severity"], once["regraded_at"]) == ("fail", "warn", NOW)
    assert [once[f"original_{column}"] for column in ("state", "severity", "threshold")] == [
        "pass",
        "fatal",
        0.9,
    ]
    assert twice == once
    assert once["message"].startswith("50 of 100 break it (50.00%; ")


def test_a_verdict_brought_back_leaves_no_trace():
    """Judged again under another threshold and back: the row is what it was before the first."""
    rule = RULES.rule(RESULT["rule_id"])
    (today,) = regrade([RESULT | {"threshold": 0.9, "state": "pass"}], RULES, [], NOW)
    first = Catalogue(
        rules=(rule.model_copy(update={"threshold": 0.9, "severity": RESULT["severity"]}),)
    )

    (back,) = regrade([today], first, [], datetime(2026, 7, 1))

    assert today["regraded_at"] == NOW
    assert (back["state"], back["threshold"], back["regraded_at"]) == ("pass", 0.9, None)
    assert {back[f"original_{column}"] for column in ("state", "severity", "threshold")} == {None}
