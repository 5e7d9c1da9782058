"""When a rule was first broken and where its share changed, on counts typed in by hand."""

from datetime import datetime

import pytest

from reports.validation.trends import (
    RUNS,
    Count,
    change_point,
    sparkline,
    trends_of,
)


def runs(*failed, of=100):
    return [Count(datetime(2026, 11, day), of, n) for day, n in enumerate(failed, start=1)]


def test_a_rise_is_found_at_the_run_where_it_began():
    """4 of 400 before, 60 of 300 after."""
    change = change_point(runs(1, 1, 1, 1, 20, 20, 20))

    assert (change.run_at, change.before, change.after) == (datetime(2026, 11, 5), 0.01, 0.2)


def test_a_fall_is_found_too():
    change = change_point(runs(20, 20, 20, 0, 0, 0))

    assert (change.run_at, change.before, change.after) == (datetime(2026, 11, 4), 0.2, 0.0)


@pytest.mark.parametrize(
    "counts",
    [
        runs(5, 6, 4, 5, 7, 5),  # chance
        runs(0, 0, 0, 0),  # nothing ever failed
        runs(0, 0, 50),  # a single run on one side
        runs(0, 0, 990, 990, of=100_000),  # 0.99 points: too small a step to tell
    ],
)
def test_no_change_is_told_without_one(counts):
    assert change_point(counts) is None


def test_a_step_of_one_point_is_told():
    assert change_point(runs(0, 0, 1000, 1000, of=100_000)).after == 0.01


def test_a_trend_shows_thirty_runs_and_knows_the_first_of_all(con):
    """40 runs, broken in the 3rd and the last: the line has 30 runs and the 3rd is named."""
    con.execute("create schema quality")
    con.execute(
        "create table quality.dq_rule_results as select 'run-' || (100 + i) as run_id, "
        "timestamp '2026-01-01' + to_days(i::integer) as run_at, 'harbor' as clinic_id, "
        "rule_id, state, 50 as n_scope, if(rule_id = 'S04' and i in (3, 40), 1, 0) as n_failed "
        "from range(1, 41) as r (i), (values ('S01', 'pass'), ('S04', 'fail')) as s (rule_id, "
        "state)"
    )
    found = con.execute(RUNS, {"run_id": "run-140"})
    names = [column[0] for column in found.description]

    trends = trends_of([dict(zip(names, row, strict=True)) for row in found.fetchall()])

    assert trends["S04", "harbor"].first_seen == datetime(2026, 1, 4)
    assert [c.n_failed for c in trends["S04", "harbor"].counts] == [0] * 29 + [1]
    assert trends["S01", "harbor"].first_seen is None


def test_a_line_needs_two_runs_and_rises_with_the_share():
    assert sparkline([0.1]) == ""
    assert 'points="3,19 87,3"' in sparkline([0.0, 0.5])
