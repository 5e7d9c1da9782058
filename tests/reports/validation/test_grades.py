"""How checks add up to an order, a tally and a grade."""

import pytest

from reports.validation.grades import (
    Tally,
    files_by_status,
    grade_of,
    with_waivers,
    worst_first,
)
from reports.validation.tables import Check, FileBalance


def check(rule_id="S04", severity="quarantine", state="fail", n_failed=1, n_scope=100, **other):
    return Check(
        clinic_id=other.get("clinic_id", "harbor"), rule_id=rule_id, title="A title",
        category="conformance", severity=severity, n_scope=n_scope, n_failed=n_failed,
        threshold=0.0, state=state, state_with_waivers=other.get("with_waivers", state),
        message=None, table_names="responses", n_files_short=1,
    )  # fmt: skip


def delivered(status="accepted", file_id="f1", table="responses"):
    return FileBalance("harbor", file_id, "a.csv", table, status, None, 9, 9, 0, 0, 0, 0, True)


def test_a_failed_fatal_rule_stands_before_a_larger_share_of_a_warning():
    order = worst_first(
        [
            check("W", "warn", n_failed=100),
            check("P", state="pass", n_failed=0),
            check("N", state="not_applicable", n_failed=0, n_scope=0),
            check("F", "fatal", n_failed=1),
            check("E", "warn", state="error", n_failed=0),
            check("Q", "quarantine", n_failed=50),
            check("H", "quarantine", state="pass", n_failed=2),
        ]
    )

    assert [c.rule_id for c in order] == ["F", "Q", "W", "E", "H", "P", "N"]


def test_among_equal_severities_the_larger_share_stands_first():
    order = worst_first([check("A", n_failed=10, n_scope=1000), check("B", n_failed=9, n_scope=10)])

    assert [c.rule_id for c in order] == ["B", "A"]


def test_a_failed_rule_without_failing_rows_is_still_ordered_by_severity():
    order = worst_first([check("W", "warn", n_failed=3), check("F", "fatal", n_failed=0)])

    assert [c.rule_id for c in order] == ["F", "W"]


def test_an_error_counts_as_applied_and_never_as_passed():
    tally = Tally.of(
        [check(state="pass"), check(state="error"), check(state="not_applicable", n_scope=0)]
    )

    assert (tally.n_pass, tally.n_applied, tally.pass_share) == (1, 2, 0.5)
    assert tally.state == "error"


def test_nothing_in_scope_has_no_pass_share():
    tally = Tally.of([check(state="not_applicable", n_scope=0)])

    assert tally.pass_share is None
    assert tally.state == "not_applicable"


@pytest.mark.parametrize(
    ("checks", "files", "grade"),
    [
        ([], [], "–"),
        ([check(state="pass", n_failed=0)], [delivered()], "A"),
        ([check(severity="warn", state="pass", n_failed=3)], [delivered()], "A"),
        ([check(severity="warn")], [delivered()], "B"),
        ([check(severity="inform")], [delivered()], "B"),
        ([check(severity="quarantine")], [delivered()], "C"),
        ([check(severity="quarantine", state="pass", n_failed=1)], [delivered()], "C"),
        ([check(severity="fatal", state="pass", n_failed=1)], [delivered()], "C"),
        ([check(severity="inform", state="error", n_failed=0)], [delivered()], "C"),
        ([check(severity="fatal")], [delivered()], "D"),
        ([check(state="pass", n_failed=0)], [delivered(), delivered("refused", "f2")], "D"),
        ([check(state="pass", n_failed=0)], [delivered("rejected")], "D"),
    ],
)
def test_the_grade_follows_the_gravest_finding(checks, files, grade):
    assert grade_of(checks, files)[0] == grade


def test_the_reason_is_what_gave_the_grade_and_nothing_less():
    held, stuck = check(), check(rule_id="S21", severity="warn", state="error", n_failed=0)

    assert grade_of([held, stuck], [delivered()])[1] == "Rows are held back; a check could not run"
    assert grade_of([held], [delivered()])[1] == "Rows are held back"
    assert grade_of([held], [delivered("rejected"), delivered("refused", "f2")])[1] == (
        "A file was refused; a file was rejected"
    )


def test_what_is_waived_counts_neither_as_passed_nor_as_failed():
    checks = [
        check("A", state="pass", n_failed=0),
        check("B", "warn", state="fail", with_waivers="waived"),
        check("C", "warn", state="error", n_failed=0, with_waivers="error"),
    ]

    counted = with_waivers(checks)

    assert [c.rule_id for c in counted] == ["A", "C"]
    assert Tally.of(counted).pass_share == 0.5
    assert grade_of(with_waivers(checks[:2]), [delivered()])[0] == "A"


def test_a_workbook_with_one_rejected_sheet_counts_once_as_rejected():
    counts = files_by_status(
        [delivered(), delivered("rejected", table="sessions"), delivered(file_id="f2")]
    )

    assert counts == {"refused": 0, "rejected": 1, "held": 0, "accepted": 1}


def test_a_file_that_waits_for_an_answer_is_not_loaded():
    counts = files_by_status([delivered("held"), delivered("held", table="sessions")])

    assert counts == {"refused": 0, "rejected": 0, "held": 1, "accepted": 0}
    assert grade_of([], [delivered("held")]) == ("D", "A file was held back")
