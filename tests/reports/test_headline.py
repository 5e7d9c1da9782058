"""The headline: shares with and without waivers, and which waiver ends when."""

from __future__ import annotations

import pytest

from reports.headline import headline


@pytest.fixture
def run(con):
    """A function that fills the two tables and reads the headline of run-1."""
    con.execute("create schema quality")
    con.execute(
        "create table quality.dq_rule_status (run_id varchar, run_at timestamp, clinic_id varchar,"
        " state varchar, state_with_waivers varchar)"
    )
    con.execute(
        "create table quality.dq_waivers (clinic_id varchar, valid_from date, is_expired boolean,"
        " days_left bigint)"
    )

    def read(states: list[tuple], waivers: list[tuple] = (), clinic_id=None):
        for run_id, clinic, *both in states:
            row = [run_id, clinic, *both]
            con.execute("insert into quality.dq_rule_status values (?, '2026-01-05', ?, ?, ?)", row)
        for waiver in waivers:
            con.execute("insert into quality.dq_waivers values (?, ?, ?, ?)", [*waiver])
        return headline(con, "run-1", clinic_id)

    return read


def test_the_headline_of_the_brief(run):
    """96 of 100 pass; of the four that fail two are waived: 96 of 98."""
    states = [("run-1", "harbor", "pass", "pass")] * 96
    states += [("run-1", "harbor", "fail", "waived")] * 2
    states += [("run-1", "harbor", "fail", "fail")] * 2
    states += [("run-1", "harbor", "not_applicable", "not_applicable")] * 7
    states += [("run-0", "harbor", "fail", "fail")] * 50
    waivers = [("harbor", "2026-01-01", False, 5), (None, "2026-01-05", False, 15)]
    waivers += [("harbor", "2026-01-01", False, 90), ("harbor", "2026-01-06", False, 90)]

    found = run(states, waivers)

    assert found.text == "96 % pass, 3 waivers, 1 expires in 5 days"
    assert (found.pass_share, found.n_waived) == (0.96, 2)
    assert found.pass_share_with_waivers == pytest.approx(96 / 98)


def test_an_expired_waiver_is_named_and_an_error_is_no_pass(run):
    found = run(
        [("run-1", "harbor", "pass", "pass"), ("run-1", None, "error", "error")],
        [("harbor", "2025-01-01", True, 0)],
    )

    assert found.text == "50 % pass, 1 expired"


def test_one_clinic_and_nothing_at_all(run):
    """99.5 % is not 100 %; a waiver of another clinic is not this one's."""
    states = [("run-1", "harbor", "pass", "pass")] * 199 + [("run-1", "harbor", "fail", "fail")]
    found = run(states, [("summit", "2026-01-01", False, 1)], clinic_id="harbor")

    assert found.text == "99 % pass"
    assert run([], clinic_id="nobody").text == "nothing was checked"
