"""Tests that share a night or a parse of dbt stay in one worker, and the longest begin."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.workers import SHARED, SLOWEST, group_of, slowest_first


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/acceptance/test_trace.py::test_it[a::b]", "airflow_home"),
        ("tests/dags/test_nightly_form.py::test_it", "airflow_home"),
        ("tests/dbt/test_project.py::test_it", "dbt"),
        ("tests/docs/test_docs.py::test_it[tests/dbt/x]", "tests/docs/test_docs.py"),
    ],
)
def test_what_uses_airflow_or_dbt_is_one_group_and_else_a_file_is(nodeid, group):
    assert group_of(nodeid) == group


def test_whoever_uses_a_shared_fixture_is_in_its_group(request):
    """A test of another folder that asks for a night would run all nights a second time."""
    users = [
        (fixture, item.nodeid)
        for item in request.session.items
        for fixture in SHARED
        if fixture in getattr(item, "fixturenames", ())
    ]

    assert [nodeid for fixture, nodeid in users if group_of(nodeid) != fixture] == []
    assert set(SHARED) <= set(SLOWEST)


def test_groups_that_take_longest_come_first_and_stay_whole():
    files = ["a", "dbt/b", "dags/c", "dbt/d", "acceptance/test_planted_truth"]
    items = [SimpleNamespace(nodeid=f"tests/{file}.py::test_it") for file in files]
    slowest_first(items)

    in_order = [item.nodeid[6:].partition(".")[0] for item in items]
    assert in_order == ["acceptance/test_planted_truth", "dags/c", "dbt/b", "dbt/d", "a"]
