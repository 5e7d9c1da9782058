"""Great Expectations judges counts: four states, thresholds to the row, rejected files."""

import logging
from datetime import datetime

import duckdb
import pandas as pd
import pytest

from expectations.catalogue import Catalogue, load_rules
from expectations.judging.judge import judge
from expectations.marking.marking import COUNTS

RULES = load_rules()
RUN_AT = datetime(2026, 1, 1, 6, 0)


@pytest.fixture
def judged(tmp_path):
    """Return a function that judges hand-made counts; S-rules not named are left out."""

    def run(*rows, rules=RULES, is_same_alone=True):
        path = tmp_path / "counts.parquet"
        with duckdb.connect() as con:
            typed = ", ".join(f"{column} {kind}" for column, kind in COUNTS.items())
            con.execute(f"create table counts ({typed})")
            for row in rows:
                con.execute("insert into counts values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            con.execute(f"copy counts to '{path}' (format parquet)")
        judgement = judge([path], rules, "run-1", RUN_AT)
        # `rapport check` judges without the suites: the same verdicts, in the same order.
        alone = judge([path], rules, "run-1", RUN_AT, with_suites=False)
        assert (alone == judgement) is is_same_alone
        asked = {row[5] for row in rows}
        judgement.rule_results = [r for r in judgement.rule_results if r["rule_id"] in asked]
        return judgement

    return run


def counted(rule, n_scope, n_failed, error=None, *, table="responses", file="f1", clinic="north"):
    return ("run-1", clinic, file, f"{file}.csv", table, rule, n_scope, n_failed, error)


@pytest.mark.parametrize(
    ("n_scope", "n_failed", "error", "state"),
    [
        # S01 allows 1 %.
        (300, 0, None, "pass"),
        (300, 3, None, "pass"),
        (300, 4, None, "fail"),
        (0, 0, None, "not_applicable"),
        (300, 300, "Binder: no such column", "error"),
        (0, 0, "Binder: no such column", "error"),
    ],
)
def test_four_states_are_told_apart(judged, n_scope, n_failed, error, state):
    """An empty scope is no pass, a check that could not run is no failure."""
    judgement = judged(counted("S01", n_scope, n_failed, error))

    assert [row["state"] for row in judgement.rule_results] == [state]


def test_the_canary_rule_fails(judged):
    """The engine can fail: one broken row of a rule that allows none."""
    judgement = judged(counted("S04", 1_000_000, 1))

    assert judgement.rule_results[0]["state"] == "fail"
    assert judgement.rule_results[0]["message"] == (
        "1 of 1,000,000 break it (under 0.01%; none allowed)"
    )


def test_a_result_has_the_columns_of_the_lake(judged):
    """The shape of lake/quality/rule_results."""
    row = judged(counted("S04", 200, 3)).rule_results[0]

    assert row == {
        "run_id": "run-1",
        "run_at": RUN_AT,
        "clinic_id": "north",
        "file_id": "f1",
        "source_file": "f1.csv",
        "table_name": "responses",
        "rule_id": "S04",
        "title": "Every answer lies within its instrument's range",
        "category": "conformance/value",
        "severity": "quarantine",
        "n_scope": 200,
        "n_failed": 3,
        "share_failed": 0.015,
        "threshold": 0.0,
        "state": "fail",
        "message": "3 of 200 break it (1.50%; none allowed)",
    }


def test_a_fatal_rule_rejects_its_file_and_no_other(judged):
    """Files are judged apart, and clinics too, even with one content hash."""
    judgement = judged(
        counted("S01", 100, 2),
        counted("S01", 100, 1, file="f2"),
        counted("S01", 100, 0, clinic="south"),
    )

    assert list(judgement.rejected) == [("north", "f1")]
    assert judgement.rejected["north", "f1"] == [
        "S01 Each questionnaire has one key and stands once in a file: "
        "2 of 100 break it (2.00%; 1.00% allowed)"
    ]


@pytest.mark.parametrize(
    "row",
    [
        counted("S04", 100, 100),
        counted("S21", 100, 100),
        counted("S01", 100, 100, "Binder: no such column"),
        counted("S01", 0, 0),
    ],
    ids=["quarantine", "warn", "error", "not applicable"],
)
def test_nothing_but_a_fatal_failure_rejects_a_file(judged, row):
    """Quarantine takes rows; an error says something about us, not about the file."""
    assert judged(row).rejected == {}


def test_a_refused_file_is_a_failure_of_the_file_itself(judged):
    """The reader's refusal comes as a count without a table."""
    judgement = judged(counted("F01", 1, 1, table=None), counted("F02", 0, 0, table=None))

    states = {row["rule_id"]: row["state"] for row in judgement.rule_results}
    assert states == {"F01": "fail", "F02": "not_applicable"}
    assert judgement.rule_results[0]["table_name"] is None
    assert list(judgement.rejected) == [("north", "f1")]


def test_a_rule_nobody_counted_is_an_error(judged, tmp_path):
    """Silence would look like a pass."""
    judged(counted("S04", 100, 0))

    results = judge([tmp_path / "counts.parquet"], RULES, "run-1", RUN_AT).rule_results

    states = {row["rule_id"]: row["state"] for row in results}
    assert states.pop("S04") == "pass"
    assert set(states) == {rule.id for rule in RULES.rules if rule.table == "responses"} - {"S04"}
    assert set(states.values()) == {"error"}


def test_a_rule_that_left_the_catalogue_is_an_error(judged):
    """Counts of an older catalogue can still be read."""
    row = judged(counted("Z99", 100, 1)).rule_results[0]

    assert (row["state"], row["title"]) == ("error", "Z99")


def test_an_exception_in_great_expectations_is_an_error_and_not_bad_data(judged, monkeypatch):
    """There a check that cannot run says success = False, with the exception beside it."""
    import expectations.judging.suites

    def refuse(*_args):
        raise ZeroDivisionError

    monkeypatch.setattr(expectations.judging.suites, "state_of", refuse)

    judgement = judged(counted("S01", 100, 100), is_same_alone=False)

    row = judgement.rule_results[0]
    assert (row["state"], row["message"]) == (
        "error",
        "Great Expectations could not run the check",
    )
    assert judgement.rejected == {}


def test_a_run_without_counts_has_no_results():
    """Every clinic's intake broke off: nothing was judged."""
    judgement = judge([], RULES, "run-1", RUN_AT)

    assert (judgement.rule_results, judgement.rejected) == ([], {})


def test_the_suite_tells_severity_and_reasons():
    """What a reader of Great Expectations' own JSON finds."""
    from expectations.judging.suites import suite_for

    suite = suite_for("responses", [RULES.rule("S01"), RULES.rule("S21"), RULES.rule("S12")])

    assert suite.name == "responses"
    assert [x.severity.value for x in suite.expectations] == ["critical", "warning", "info"]
    assert [x.description for x in suite.expectations] == [
        RULES.rule(rule).title for rule in ("S01", "S21", "S12")
    ]
    assert all(RULES.rule("S01").why in note for note in [suite.expectations[0].notes])


@pytest.mark.parametrize(
    ("counts", "success"),
    [((100, 0, None), True), ((0, 0, None), True), ((100, 2, None), False), ((9, 0, "x"), False)],
    ids=["pass", "not applicable", "fail", "error"],
)
def test_great_expectations_itself_says_so(counts, success):
    """The flag in its own result agrees with our state, and its result holds counts only."""
    from expectations.judging.suites import BatchMaker, suite_for

    row = dict(zip(("n_scope", "n_failed", "error"), counts, strict=True)) | {"rule_id": "S01"}
    batch = BatchMaker().batch("responses", pd.DataFrame([row]))

    result = batch.validate(suite_for("responses", [RULES.rule("S01")]))

    assert result.success is success
    assert result.results[0].result["observed_value"] == f"{counts[1]} of {counts[0]} rows"


def test_great_expectations_stays_silent(judged, caplog, capsys):
    """No progress bar and no log line below a warning."""
    with caplog.at_level(logging.DEBUG):
        judged(counted("S01", 100, 0))

    noise = [r for r in caplog.records if r.name.startswith("great_expectations")]
    assert [r for r in noise if r.levelno < logging.WARNING] == []
    assert "Calculating Metrics" not in capsys.readouterr().err


def test_a_rule_out_of_force_is_not_missed(judged, tmp_path):
    """Without it every rule that ended would be an error for ever."""
    judged(counted("S04", 100, 0))
    ended = RULES.rule("S05").model_copy(update={"valid_to": datetime(2025, 12, 31).date()})
    rules = Catalogue(rules=(RULES.rule("S04"), ended))

    results = judge([tmp_path / "counts.parquet"], rules, "run-1", RUN_AT).rule_results

    assert [(row["rule_id"], row["state"]) for row in results] == [("S04", "pass")]
