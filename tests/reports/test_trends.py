"""When a rule was first broken and where its share changed, on counts typed in by hand."""

from datetime import datetime

import pytest

from reports.trends import Count, Trend, change_point, sparkline


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


def test_first_seen_is_the_first_run_with_a_broken_row():
    assert Trend(tuple(runs(0, 0, 3, 0))).first_seen == datetime(2026, 11, 3)
    assert Trend(tuple(runs(0, 0))).first_seen is None


def test_a_line_needs_two_runs_and_rises_with_the_share():
    assert sparkline([0.1]) == ""
    assert 'points="3,19 87,3"' in sparkline([0.0, 0.5])
