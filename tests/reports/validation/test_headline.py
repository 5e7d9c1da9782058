"""The headline: shares with and without waivers, and which waiver ends when."""

from __future__ import annotations

from datetime import datetime

import pytest

from reports.validation.headline import headlines
from reports.validation.standing import Standing
from reports.validation.tables import Clinic, RunQuality
from tests.reports.validation.test_grades import check


@pytest.fixture
def run(con):
    """A function that fills the waivers and returns the headline of one run of checks."""
    con.execute("create schema quality")
    con.execute(
        "create table quality.dq_waivers (clinic_id varchar, valid_from date, is_expired boolean,"
        " days_left bigint)"
    )

    def read(states: list[tuple], waivers: list[tuple] = (), clinic_id=None):
        for waiver in waivers:
            con.execute("insert into quality.dq_waivers values (?, ?, ?, ?)", [*waiver])
        checks = [
            check(clinic_id=clinic, state=state, with_waivers=with_waivers)
            for clinic, state, with_waivers in states
        ]
        standing = Standing("harbor", n_files=1, n_received=10, n_usable=10)
        clinics = [Clinic("harbor", None, None)]
        quality = RunQuality(
            "r", datetime(2026, 1, 5), clinics, checks, [], [], [], [], {"harbor": standing}
        )
        return headlines(con, quality)[clinic_id]

    return read


def test_the_headline_of_the_brief(run):
    """96 of 100 pass; of the four that fail two are waived: 96 of 98."""
    states = [("harbor", "pass", "pass")] * 96
    states += [("harbor", "fail", "waived")] * 2
    states += [("harbor", "fail", "fail")] * 2
    states += [("harbor", "not_applicable", "not_applicable")] * 7
    waivers = [("harbor", "2026-01-01", False, 5), (None, "2026-01-05", False, 15)]
    waivers += [("harbor", "2026-01-01", False, 90), ("harbor", "2026-01-06", False, 90)]

    found = run(states, waivers)

    assert found.text == "100 % of 10 rows usable, 3 waivers, 1 expires in 5 days"
    assert (found.pass_share, found.n_waived) == (0.96, 2)
    assert found.pass_share_with_waivers == pytest.approx(96 / 98)


def test_an_expired_waiver_is_named_and_our_own_tables_stand_apart(run):
    found = run(
        [("harbor", "pass", "pass"), ("all", "error", "error")],
        [("harbor", "2025-01-01", True, 0)],
    )

    assert found.text == "100 % of 10 rows usable, 1 expired"
    assert (found.n_applied, found.pass_share) == (1, 1.0)


def test_one_clinic_and_nothing_at_all(run):
    """A waiver of another clinic is not this one's."""
    states = [("harbor", "pass", "pass")] * 199 + [("harbor", "fail", "fail")]
    found = run(states, [("summit", "2026-01-01", False, 1)], clinic_id="harbor")

    assert found.text == "100 % of 10 rows usable"
    assert found.pass_share == 0.995
    assert run([]).text == "100 % of 10 rows usable, 1 waiver, 1 expires in 1 day"
    assert run([]).pass_share is None
