"""Approval by people, through the REST API of the real service on PostgreSQL."""

from __future__ import annotations

import re
import shutil

import duckdb
import httpx
import pytest

from demo import generate
from pipeline.home import REPOSITORY, Home
from pipeline.storage.ledger import Ledger
from tests.needs import POSTGRESQL, require
from tests.service.real_service import (
    RUNS,
    PostgreSQL,
    Service,
    answer,
    trigger,
    until,
    wait_for_end,
    wait_for_question,
)

pytestmark = pytest.mark.slow

ASKS_FOR_HARBOR = """\
default: {mart_rules: [P03, P04, P05, P06]}
clinics:
  harbor: {quarantined_share: 0.0, smallest_scope: 1}
"""
HOURS = 0.02  # 72 seconds: long enough to answer, short enough to wait for


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Home:
    """Small demo clinics, one of which is always asked about."""
    root = tmp_path_factory.mktemp("asking")
    shutil.copytree(REPOSITORY / "config", root / "config")
    (root / "config" / "gate.yml").write_text(ASKS_FOR_HARBOR, encoding="utf-8")
    home = Home(root / "home", root / "config")
    home.root.mkdir()
    home.prepare()
    generate(home.landing, home.root / "demo", n_sessions=600, seed=1)
    return home


@pytest.fixture(scope="module")
def service(place, tmp_path_factory):
    database = PostgreSQL(require(POSTGRESQL))
    running = None
    try:
        running = Service(place, tmp_path_factory.mktemp("service"), database.start(), HOURS)
        running.start()
        yield running
    finally:
        if running:
            running.stop()
        database.stop()


@pytest.fixture(scope="module")
def qa(service):
    with service.client("qa") as client:
        until("the DAG", lambda: client.get("/dags/nightly").status_code == 200)
        yield client


def _tables(place: Home, sql: str) -> list[tuple]:
    with duckdb.connect(str(place.published), read_only=True) as con:
        return con.execute(sql).fetchall()


def _states(qa: httpx.Client, run: str) -> dict[str, str]:
    tasks = qa.get(f"{RUNS}/{run}/taskInstances").json()["task_instances"]
    return {task["task_id"]: task["state"] for task in tasks}


def _log(qa: httpx.Client, run: str, task: str) -> list[str]:
    """Return the lines of a task's log, as Airflow's page shows them."""
    for attempt in (2, 1):  # a busy machine may need a second one
        log = qa.get(f"{RUNS}/{run}/taskInstances/{task}/logs/{attempt}")
        if log.status_code == 200:
            return [line["event"] for line in log.json()["content"]]
    raise AssertionError(f"no log of {task}")


def test_every_answer_does_what_it_says(service, place, qa):
    # The first night comes by itself; nobody answers it, and time runs out.
    first = until("the first night", lambda: qa.get(RUNS).json()["dag_runs"])[0]["dag_run_id"]
    question = wait_for_question(qa, first)
    assert question["options"] == ["publish", "publish without", "reject"]
    assert "harbor: " in question["body"]
    link = re.search(r"\]\((/rapport/[^)]+)\)", question["body"]).group(1)
    assert wait_for_end(qa, first) == "failed"
    assert _states(qa, first)["decide"] == "failed"
    assert not place.published.exists()
    assert {file["status"] for file in Ledger(place).all_files()} == {"held"}

    # Every task's log leads to the same page; that of `judge` names the rules that fell short.
    judged = _log(qa, first, "judge")
    assert [line for line in judged if line.endswith(service.url + link)]
    assert [line for line in judged if "✗ S02 (quarantine)" in line and "harbor" in line]
    assert [line for line in _log(qa, first, "decide") if "rejected (time-out)" in line]

    # Nobody sees the linked report without signing in.
    report = httpx.get(service.url + link, headers=dict(qa.headers), timeout=20)
    assert report.status_code == 200
    assert "harbor" in report.text
    assert httpx.get(service.url + link, timeout=20).status_code in (401, 403)

    rejected = trigger(qa)
    wait_for_question(qa, rejected)
    given = answer(qa, rejected, "reject", without="", reason="wrong export")
    assert given.status_code == 200, given.text[:500]
    assert answer(qa, rejected, "publish", without="", reason="too late").status_code == 409
    assert wait_for_end(qa, rejected) == "failed"
    assert not place.published.exists()

    without = trigger(qa)
    wait_for_question(qa, without)
    assert answer(qa, without, "publish without", without="harbor", reason="asked").is_success
    assert wait_for_end(qa, without) == "success"
    clinics = "select distinct clinic_id from core.fct_sessions order by 1"
    assert _tables(place, clinics) == [("lakeside",), ("summit",)]

    all_of_it = trigger(qa)
    wait_for_question(qa, all_of_it)
    assert answer(qa, all_of_it, "publish", without="", reason="checked").is_success
    assert wait_for_end(qa, all_of_it) == "success"
    assert _tables(place, clinics) == [("harbor",), ("lakeside",), ("summit",)]

    log = "select choice, decided_by, reason from quality.dq_approvals order by asked_at, run_id"
    assert _tables(place, log) == [
        ("reject", "time-out", "none given"),
        ("reject", "qa", "wrong export"),
        ("publish without harbor", "qa", "asked"),
        ("publish", "qa", "checked"),
    ]

    # With nothing new nobody is asked.
    assert wait_for_end(qa, trigger(qa)) == "success"


def test_the_report_is_in_airflows_navigation(qa):
    plugins = qa.get("/plugins").json()["plugins"]
    ours = next(plugin for plugin in plugins if plugin["name"] == "rapport_reports")

    assert ours["external_views"][0]["href"] == "/rapport/reports/index.html"
    assert qa.get("/importErrors").json()["total_entries"] == 0
