"""The DAG loads fast, keeps the house rules, and lays the night out in the agreed order."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.orchestration.run_locally import POOL
from pipeline.steps.approval import CHOICES

DAG_FOLDER = Path(__file__).parents[2] / "dags"


@pytest.fixture(scope="module")
def bag(airflow_home):
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(DAG_FOLDER), bundle_name="dags-folder", known_pools={"default_pool", POOL})


def test_every_file_yields_its_dag(bag):
    """One DAG a file, same name; an empty folder cannot pass this."""
    files = sorted(path.stem for path in DAG_FOLDER.glob("*.py") if path.stem != "__init__")

    assert bag.import_errors == {}
    assert sorted(bag.dags) == files != []
    assert bag.dag_warnings == set()


def test_one_night_at_a_time_never_backfilled_by_surprise(bag):
    dag = bag.dags["nightly"]

    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.doc_md
    assert "docs/runbook.md" in dag.doc_md


def test_the_steps_stand_in_order(bag):
    dag = bag.dags["nightly"]
    order = [
        "open_run", "clinics", "intake", "judge", "accept", "build",
        "audit", "report", "gate", "is_approval_needed", "approve", "decide", "publish",
        "close_run",
    ]  # fmt: skip

    assert set(dag.task_dict) == {*order, "is_anything_new"}
    for earlier, later in itertools.pairwise(order):
        assert earlier in dag.get_task(later).get_flat_relative_ids(upstream=True)


def test_writers_share_one_slot(bag):
    dag = bag.dags["nightly"]

    writers = {"accept", "build", "audit", "gate", "decide"}
    assert {task.task_id for task in dag.tasks if task.pool == POOL} == writers


def test_a_person_is_asked_and_silence_rejects(bag):
    from airflow.providers.standard.operators.hitl import HITLOperator

    dag = bag.dags["nightly"]
    approve = dag.get_task("approve")

    assert isinstance(approve, HITLOperator)
    assert approve.options == list(CHOICES)
    assert approve.defaults == ["reject"]
    assert approve.response_timeout == timedelta(hours=12)
    assert "report" in approve.body
    assert "null" in approve.params.get_param("without").schema["type"]  # else no button works
    assert approve.params.get_param("reason").schema["type"] == "string"  # asked for on the page
    assert dag.get_task("is_approval_needed").downstream_task_ids == {
        "approve",
        "publish",
        "close_run",
    }
    assert dag.get_task("decide").trigger_rule == "all_success"
    assert dag.get_task("publish").trigger_rule == "none_failed_min_one_success"
    assert dag.get_task("close_run").trigger_rule == "all_done"


def test_refusals_are_not_retried_and_disk_errors_are(bag):
    from airflow.sdk import RetryAction

    from transforms.errors import BuildError, FileRefused

    policy = bag.dags["nightly"].get_task("build").retry_policy

    def action(error):
        return next(rule.action for rule in policy.rules if rule.matches(error))

    assert action(BuildError("x")) is RetryAction.FAIL
    assert action(FileRefused("F01", "what", "remedy")) is RetryAction.FAIL
    assert action(ValueError("a defect")) is RetryAction.FAIL
    assert action(OSError("disk")) is RetryAction.RETRY


def test_the_dag_serializes(bag):
    from airflow.serialization.serialized_objects import DagSerialization

    dag = bag.dags["nightly"]
    dag.validate()

    assert DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag)).dag_id == "nightly"


@pytest.mark.parametrize("last", [None, 3], ids=["first start", "three nights missed"])
@pytest.mark.parametrize("is_served", [True, False])
def test_make_serve_does_not_begin_with_a_night_that_was_missed(bag, monkeypatch, last, is_served):
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.timetables.base import DataInterval, TimeRestriction
    from pendulum import datetime as at
    from pendulum import now

    from pipeline.orchestration.nights import SINCE

    dag = bag.dags["nightly"]
    timetable = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag)).timetable
    started = now("UTC")
    if is_served:
        monkeypatch.setenv(SINCE, started.isoformat())
    else:
        monkeypatch.delenv(SINCE, raising=False)

    due = timetable.next_dagrun_info(
        last_automated_data_interval=last and DataInterval.exact(started.subtract(days=last)),
        restriction=TimeRestriction(at(2026, 1, 1), None, catchup=False),
    ).run_after

    assert (due.hour, due.minute) == (2, 0)
    assert (due >= started) is is_served
    assert abs((due - started).total_seconds()) <= 24 * 3600


def test_loading_the_file_imports_nothing_heavy(airflow_home):
    """Parsing happens every few seconds in the service; work is imported inside tasks."""
    source = (DAG_FOLDER / "nightly.py").read_text()
    top = [line for line in source.splitlines() if line.startswith(("import ", "from "))]

    assert top
    light = ("__future__", "collections.abc", "datetime", "typing", "airflow.")
    light += ("pipeline.orchestration.nights",)  # imports Airflow's timetable and nothing of ours
    allowed = ("import os", *(f"from {module}" for module in light))
    assert [line for line in top if not line.startswith(allowed)] == []
