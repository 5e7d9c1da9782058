"""How checks add up to an order, a tally and a grade."""

from dataclasses import replace

import pytest

from reports.validation.grades import (
    Tally,
    files_by_status,
    grade_of,
    with_waivers,
    worst_first,
    worst_of,
)
from reports.validation.standing import Standing
from reports.validation.tables import Check, FileBalance


def check(rule_id="S04", severity="quarantine", state="fail", n_failed=1, n_scope=100, **other):
    return Check(
        clinic_id=other.get("clinic_id", "harbor"), rule_id=rule_id, title="A title",
        category="conformance", severity=severity, n_scope=n_scope, n_failed=n_failed,
        threshold=0.0, state=state, state_with_waivers=other.get("with_waivers", state),
        message=None, table_names="responses",
        **{name: other[name] for name in ("n_lost", "n_lost_clients", "n_unread") if name in other},
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


CAME = Standing("harbor", n_files=1, n_files_ever=1, n_received=9, n_usable=9, n_loaded=9)


@pytest.mark.parametrize(
    ("checks", "grade"),
    [
        ([check(state="pass", n_failed=0)], "A"),
        ([check(severity="warn", state="pass", n_failed=3)], "A"),
        ([check(severity="warn")], "B"),
        ([check(severity="inform")], "B"),
        ([check(severity="inform", state="error", n_failed=0)], "B"),
    ],
)
def test_where_nothing_is_lost_a_check_that_fell_short_costs_the_a(checks, grade):
    """How many rows were lost decides the rest: test_nights.py has both ends of each grade."""
    assert grade_of(CAME, checks)[0] == grade


def test_the_reason_is_the_largest_loss_then_what_fell_short():
    stuck = check(rule_id="S21", severity="warn", state="error", n_failed=0)
    one_row = replace(CAME, n_received=100, n_usable=99)
    two_clients = replace(one_row, n_open_rows=2, n_open_clients=2, n_held_clients=2, n_clients=4)

    assert grade_of(one_row, [check(), stuck]) == (
        "B", "1 % of the rows delivered lost; a check fell short; a check could not run",
    )  # fmt: skip
    assert grade_of(two_clients, [stuck]) == ("D", "50 % of the clients lost")


def test_what_is_waived_counts_neither_as_passed_nor_as_failed():
    checks = [
        check("A", state="pass", n_failed=0),
        check("B", "warn", state="fail", with_waivers="waived"),
        check("C", "warn", state="error", n_failed=0, with_waivers="error"),
    ]

    counted = with_waivers(checks)

    assert [c.rule_id for c in counted] == ["A", "C"]
    assert Tally.of(counted).pass_share == 0.5
    assert grade_of(CAME, checks[:2])[0] == "A"
    assert grade_of(CAME, checks[:2], is_waived_lost=True)[0] == "B"


def test_rows_and_clients_lost_stand_before_severity_and_a_waiver_last():
    order = worst_first(
        [
            check("WAIVED", "fatal", n_failed=900, with_waivers="waived"),
            check("FATAL", "fatal"),
            check("ROWS", "quarantine", n_lost=3, n_lost_clients=1),
            check("CLIENTS", "quarantine", n_lost=3, n_lost_clients=2),
            check("UNREAD", "fatal", n_unread=1),
            check("OPEN", state="not_applicable", n_failed=0, n_scope=0, n_lost=35),
            check("OURS", "fatal", clinic_id="all", n_lost=99),
        ]
    )

    assert [c.rule_id for c in order] == [
        "UNREAD", "OPEN", "CLIENTS", "ROWS", "FATAL", "WAIVED", "OURS",
    ]  # fmt: skip
    assert worst_of(order[-2:]) is None


def test_a_workbook_with_one_rejected_sheet_counts_once_as_rejected():
    counts = files_by_status(
        [delivered(), delivered("rejected", table="sessions"), delivered(file_id="f2")]
    )

    assert counts == {"refused": 0, "rejected": 1, "held": 0, "withdrawn": 0, "accepted": 1}


def test_a_file_that_waits_for_an_answer_is_not_loaded():
    counts = files_by_status([delivered("held"), delivered("held", table="sessions")])

    assert counts == {"refused": 0, "rejected": 0, "held": 1, "withdrawn": 0, "accepted": 0}
