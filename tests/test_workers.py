"""Tests that share a night or a parse of dbt stay in one worker, and the longest begin."""

from __future__ import annotations

from types import SimpleNamespace

import tests.conftest as conftest
import tests.dbt.conftest as dbt_conftest
from tests.workers import SHARED_BY_A_GROUP, SLOWEST, group_of, slowest_first


def _item(file: str, *fixtures: str) -> SimpleNamespace:
    return SimpleNamespace(nodeid=f"tests/{file}.py::test_it", fixturenames=fixtures)


def test_what_uses_airflow_or_dbt_is_one_group_and_else_a_file_is():
    assert group_of(_item("a", "tmp_path", "night", "airflow_home")) == "airflow_home"
    assert group_of(_item("b", "airflow_home", "dbt")) == "airflow_home"
    assert group_of(_item("c", "built", "dbt")) == "dbt"
    assert group_of(_item("d", "tmp_path")) == "tests/d.py"


def test_the_fixtures_that_make_a_group_exist():
    """One that is renamed would split its group."""
    assert set(SHARED_BY_A_GROUP) <= vars(conftest).keys() | vars(dbt_conftest).keys()
    assert set(SHARED_BY_A_GROUP) <= set(SLOWEST)


def test_groups_that_take_longest_come_first_and_stay_whole():
    items = [_item("a"), _item("b", "dbt"), _item("c", "airflow_home"), _item("d", "dbt")]
    slowest_first(items)

    assert [item.nodeid[6] for item in items] == ["c", "b", "d", "a"]
