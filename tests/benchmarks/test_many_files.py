"""The bench of many files takes every form in."""

from benchmarks.many_files import STEPS, measure


def test_every_form_comes_in_and_every_step_is_measured():
    seconds = measure(9, 30)

    assert tuple(seconds) == STEPS
    assert all(value > 0 for value in seconds.values())
