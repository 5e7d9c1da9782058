"""A build with findings waits for a person; nothing reaches analysts before the answer."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from demo import generate
from pipeline.cli import app
from pipeline.home import REPOSITORY, Home
from pipeline.storage.ledger import Ledger

ASKS_FOR_HARBOR = """\
default: {mart_rules: [P03, P04, P05, P06]}
clinics:
  harbor: {quarantined_share: 0.0, smallest_scope: 1}
"""


@pytest.fixture(scope="module")
def asking(tmp_path_factory) -> Home:
    """Demo clinics under a gate that no quarantined row of harbor passes unasked."""
    root = tmp_path_factory.mktemp("asking")
    shutil.copytree(REPOSITORY / "config", root / "config")
    (root / "config" / "gate.yml").write_text(ASKS_FOR_HARBOR, encoding="utf-8")
    place = Home(root / "home", root / "config")
    place.root.mkdir()
    place.prepare()
    generate(place.landing, place.root / "demo", n_sessions=600, seed=1)
    return place


def _command(place: Home, *arguments: str) -> tuple[list[str], dict[str, str]]:
    run_id = Ledger(place).all_runs()[0]["run_id"]
    who = ("--by", "qa lead", "--reason", "seen the report", "--home", str(place.root))
    env = {"RAPPORT_HOME": str(place.root), "RAPPORT_CONFIG": str(place.config)}
    return ["approve", run_id, *arguments, *who], env


def _answer(place: Home, *arguments: str):
    command, env = _command(place, *arguments)
    return CliRunner().invoke(app, command, env=env)


def _answer_and_be_killed(place: Home, *arguments: str) -> None:
    """Give an answer, and kill the process group as soon as it builds again."""
    command, env = _command(place, *arguments)
    program = [sys.executable, "-m", "pipeline.cli", *command]
    process = subprocess.Popen(
        program, env=os.environ | env, start_new_session=True, stderr=subprocess.DEVNULL
    )
    try:
        while place.building.exists():  # the build that was asked about goes first
            assert process.poll() is None, "ended before it built again"
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_the_night_waits_and_each_answer_does_what_it_says(asking, night, ask):
    assert night(asking) == "failed"
    assert Ledger(asking).all_runs()[0]["status"] == "waiting"
    assert not asking.published.exists()

    rejected = _answer(asking, "--reject")
    assert rejected.exit_code == 0, rejected.output
    assert not asking.published.exists()
    assert {file["status"] for file in Ledger(asking).all_files()} == {"held"}
    assert list(asking.lake.glob("responses/clinic=*/*.parquet")) == []

    # Nobody answers this one; the next night must not publish its rows unasked.
    assert night(asking) == "failed"
    assert night(asking) == "failed"
    assert not asking.published.exists()

    unknown = _answer(asking, "--without", "nowhere")
    assert unknown.exit_code == 1
    assert "nowhere" in unknown.output
    assert not asking.published.exists()
    _answer_and_be_killed(asking, "--without", "harbor")
    assert not asking.published.exists()
    other = _answer(asking, "--publish")
    assert other.exit_code == 1
    assert "does not wait" in other.output
    without = _answer(asking, "--without", "harbor")
    assert without.exit_code == 0, without.output
    clinics = {row[0] for row in ask(asking, "select distinct clinic_id from core.fct_sessions")}
    assert clinics == {"lakeside", "summit"}

    assert night(asking) == "failed"
    _answer_and_be_killed(asking, "--without", "harbor")
    assert night(asking) == "failed"  # harbor's files are new again, and asked about
    clinics = {row[0] for row in ask(asking, "select distinct clinic_id from core.fct_sessions")}
    assert clinics == {"lakeside", "summit"}
    all_of_it = _answer(asking, "--publish")
    assert all_of_it.exit_code == 0, all_of_it.output
    clinics = {row[0] for row in ask(asking, "select distinct clinic_id from core.fct_sessions")}
    assert clinics == {"harbor", "lakeside", "summit"}

    log = ask(
        asking,
        "select choice, decided_by, reason, asked_because like 'harbor: %' "
        "from quality.dq_approvals order by asked_at, run_id",
    )
    assert log == [
        ("reject", "qa lead", "seen the report", True),
        ("reject", "the next run", "no answer before the next run", True),
        ("publish without harbor", "qa lead", "seen the report", True),
        ("publish without harbor", "qa lead", "seen the report", True),
        ("publish", "qa lead", "seen the report", True),
    ]
    assert night(asking) == "success"  # nothing new: nobody is asked
