"""One writer at a time: real processes over one home, a killed one, and runs of the service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from pipeline import night
from pipeline.cli import app
from pipeline.command_line.home import BUSY
from pipeline.storage import writer_lock
from pipeline.storage.ledger import Ledger
from transforms.errors import BuildError, BusyError

AT = datetime(2026, 1, 2, 2)
HOLDER = """
import os, subprocess, sys
from pathlib import Path
from pipeline.home import Home
from pipeline.storage.writer_lock import inherited, writing
home = Home(Path(sys.argv[1]))
with writing(home, "rapport run"):
    if sys.argv[2:]:
        child = subprocess.Popen(["sleep", "60"], pass_fds=inherited(home))
        print(child.pid, flush=True)
    print("holds", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch):
    monkeypatch.setenv("RAPPORT_LOCK_WAIT", "0")


@contextmanager
def another_process(home, *arguments):
    """Run a process that holds the lock until its input ends; yield it and its first lines."""
    command = [sys.executable, "-c", HOLDER, str(home.root), *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        said = []
        while not said or said[-1] != "holds":
            said.append(process.stdout.readline().strip())
        try:
            yield process, said
        finally:
            process.kill()


@pytest.mark.parametrize(
    "command",
    [
        ["run"],
        ["demo"],
        ["rollback"],
        ["report"],
        ["retain"],
        ["backup", "not-written"],
        ["regrade", "--since", "2026-01-01"],
        ["approve", "r1", "--publish", "--by", "a", "--reason", "b"],
        ["alerts", "acknowledge", "0" * 32, "--by", "a"],
    ],
)
def test_every_command_that_writes_stays_out(home, another, command):
    """It leaves at once, names the owner, and has changed nothing."""
    before = sorted(home.root.rglob("*"))
    found = CliRunner().invoke(app, [*command, "--home", str(home.root)])

    assert found.exit_code == BUSY
    assert f"rapport run (process {another.pid} on " in found.output
    assert "Nothing was changed" in found.output
    assert sorted(home.root.rglob("*")) == before


@pytest.fixture
def another(home):
    with another_process(home) as (process, _):
        yield process


def test_reading_is_free_and_says_who_writes(home, another):
    Ledger(home).open_run("r1", AT, "f")
    found = CliRunner().invoke(app, ["status", "--home", str(home.root)])

    assert found.exit_code == 0
    assert f"Writing now: rapport run (process {another.pid}" in found.output


def test_the_lock_is_free_when_its_owner_has_ended(home):
    with another_process(home) as (process, _):
        process.communicate("")

    assert Ledger(home).writer() is None
    with writer_lock.writing(home, "rapport run"):
        assert Ledger(home).writer()["pid"] == os.getpid()


def test_a_killed_owner_is_taken_over_with_a_note(home, capsys):
    with another_process(home) as (process, _):
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert Ledger(home).writer()["pid"] == process.pid

    with writer_lock.writing(home, "rapport run"):
        assert Ledger(home).writer()["pid"] == os.getpid()
    said = capsys.readouterr().err
    assert said.startswith(f"Taken over from rapport run (process {process.pid} on ")


def test_a_child_that_outlives_its_killed_owner_keeps_the_home(home, monkeypatch):
    """The dbt of a killed run still writes."""
    with another_process(home, "with child") as (process, said):
        child = int(said[0])
        process.send_signal(signal.SIGKILL)
        process.wait()
        try:
            with pytest.raises(BusyError):
                write(home)
        finally:
            os.kill(child, signal.SIGKILL)
    monkeypatch.setenv("RAPPORT_LOCK_WAIT", "30")  # until the child is gone
    write(home)


def write(home):
    with writer_lock.writing(home, "rapport run"):
        pass


def steps(home, *run_ids):
    """Run one step of each run, each as the service does; return whether a row is left."""
    for run_id in run_ids:
        with writer_lock.step(home, run_id):
            pass
    return Ledger(home).writer() is not None


@pytest.fixture
def service(home):
    """The first step of run r1 is done; no process of it lives."""
    with writer_lock.step(home, None) as hold:
        Ledger(home).open_run("r1", AT, "f")
        hold.run_id = "r1"
    return Ledger(home)


def test_a_run_of_the_service_keeps_the_home_between_its_tasks(home, service):
    assert steps(home, "r1", "r1")
    with pytest.raises(BusyError, match=r"a night of Airflow, run r1 \("):
        write(home)
    with writer_lock.step(home, "r1") as hold:
        hold.run_id = None  # it ends, or waits for a person

    with writer_lock.writing(home, "rapport approve"):
        pass
    assert steps(home, "r1"), "the run goes on after the answer"


def test_tasks_of_one_run_work_side_by_side(home, service, monkeypatch):
    """As mapped tasks do: two processes, here two descriptors."""
    with writer_lock.step(home, "r1"), monkeypatch.context() as beside:
        beside.setattr(writer_lock, "_held", {})
        assert steps(home, "r1")
        with pytest.raises(BusyError), writer_lock.step(home, None):
            pass


@pytest.mark.parametrize(("silent_for", "is_dead"), [(10 * 60, False), (10 * 60 + 5, True)])
def test_a_silent_run_is_taken_over_and_can_go_on_no_more(home, service, silent_for, is_dead):
    beat = datetime.now(UTC).replace(tzinfo=None, microsecond=0) - timedelta(seconds=silent_for)
    if not is_dead:
        beat += timedelta(seconds=5)  # this test takes time too
    service.touch_writer(service.writer()["claim"], heartbeat=beat)
    if not is_dead:
        with pytest.raises(BusyError), writer_lock.step(home, None):
            pass
        return

    with writer_lock.step(home, None) as hold:
        service.end_unfinished()
        service.open_run("r2", AT, "f")
        hold.run_id = "r2"

    with pytest.raises(BusyError, match="run r2"):
        steps(home, "r1")
    with writer_lock.step(home, "r2") as hold:
        hold.run_id = None
    with pytest.raises(BuildError, match="run r1: another writer has taken its place"):
        steps(home, "r1")


def test_a_silent_run_can_be_taken_over_at_once_by_whoever_knows_it_dead(
    home, service, monkeypatch
):
    monkeypatch.setenv("RAPPORT_LOCK_MINUTES", "0")

    with writer_lock.writing(home, "rapport run"):
        assert service.writer()["owner"] == "rapport run"


def test_an_owner_of_another_host_is_judged_by_its_heartbeat_alone(home, service):
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    service.touch_writer(service.writer()["claim"], host="elsewhere", pid=1, heartbeat=now)
    with pytest.raises(BusyError, match="process 1 on elsewhere"):
        write(home)

    old = now - timedelta(minutes=11)
    service.touch_writer(service.writer()["claim"], heartbeat=old)
    write(home)


def test_a_command_taken_over_by_another_host_does_not_go_on(home):
    """A laptop that slept: its row has another claim when it wakes."""
    ledger = Ledger(home)
    with writer_lock.writing(home, "rapport run"):
        mine = ledger.writer()
        ledger.free_writer(mine["claim"])
        ledger.claim_writer({k: v for k, v in mine.items() if k != "slot"} | {"claim": "b"}, None)
        with pytest.raises(BuildError, match="another writer has taken its place"):
            steps(home, "r1")
    assert ledger.writer()["claim"] == "b", "it frees only its own row"


def test_the_heartbeat_is_renewed_while_a_step_works(home, service, monkeypatch):
    monkeypatch.setattr(writer_lock, "HEARTBEAT_SECONDS", 0.01)
    old = datetime(2026, 1, 1)
    with writer_lock.step(home, "r1") as hold:
        service.touch_writer(hold.claim, heartbeat=old)
        for _ in range(1000):
            if service.writer()["heartbeat"] != old:
                break
            time.sleep(0.01)
        assert service.writer()["heartbeat"] != old


def test_a_night_holds_the_home_from_its_first_step_to_its_last(home, monkeypatch):
    monkeypatch.setenv("RAPPORT_HOME", str(home.root))
    assert night.step("open_run", {})["is_new"] is False
    assert Ledger(home).writer() is None, "nothing new: the night is over"

    (home.landing / "harbor").mkdir()
    (home.landing / "harbor" / "a.csv").write_text("x")
    run = night.step("open_run", {})
    assert Ledger(home).writer()["run_id"] == run["run_id"]
    with pytest.raises(BusyError, match=run["run_id"]):
        night.step("open_run", {})

    with pytest.raises(BuildError, match="not published"):
        night.step("close_run", run)
    assert Ledger(home).writer() is None


@pytest.mark.parametrize(("is_asked", "kept"), [(True, None), (False, "r1")])
def test_a_run_that_waits_for_a_person_leaves_the_home_to_the_answer(
    home, service, monkeypatch, is_asked, kept
):
    monkeypatch.setenv("RAPPORT_HOME", str(home.root))
    monkeypatch.setitem(night.STEPS, "gate", lambda run_id: {"is_asked": is_asked})

    night.step("gate", {"run_id": "r1"})

    row = service.writer()
    assert (row["run_id"] if row else None) == kept
