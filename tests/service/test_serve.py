"""`make serve`: what it says, how many workers it starts, and that it listens on loopback only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pytest

from pipeline.home import REPOSITORY, Home
from pipeline.orchestration import serve
from tests.service.real_service import free_port

SECONDS = 240


def test_its_settings(home, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("AIRFLOW_", "RAPPORT_"))]:
        monkeypatch.delenv(name)
    for name in ("AIRFLOW__API__HOST", "RAPPORT_NIGHTS_FROM", "PATH"):
        monkeypatch.setenv(name, "0.0.0.0" if name.endswith("HOST") else os.environ.get(name, ""))
    with monkeypatch.context() as patch:
        patch.setattr(os, "environ", dict(os.environ))
        serve.prepare_environment(home)
        settings = os.environ

    assert settings["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert settings["AIRFLOW__CORE__PARALLELISM"] == str(os.cpu_count())
    assert settings["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "True"
    since = datetime.fromisoformat(settings["RAPPORT_NIGHTS_FROM"])
    assert abs((datetime.now(UTC) - since).total_seconds()) < 60


@pytest.mark.slow
def test_it_listens_on_loopback_only_and_begins_paused(tmp_path):
    home, port = Home(tmp_path / "home"), free_port()
    environment = {key: value for key, value in os.environ.items() if "AIRFLOW" not in key}
    environment |= {"RAPPORT_HOME": str(home.root), "AIRFLOW__API__PORT": str(port)}
    environment |= {
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/"
    }
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.orchestration.serve"],
            cwd=REPOSITORY, env=environment, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{port}/api/v2/version", process)
        time.sleep(20)  # the triggerer's log server came last, when there was one
        children = psutil.Process(process.pid).children(recursive=True)
        listening = {
            (address.laddr.ip, address.laddr.port)
            for child in children
            if child.is_running()
            for address in child.net_connections("inet")
            if address.status == psutil.CONN_LISTEN
        }
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)

    assert ("127.0.0.1", port) in listening
    assert {ip for ip, _ in listening} == {"127.0.0.1"}
    assert "The DAG nightly is paused" in log.read_text("utf-8")


def _wait(url: str, process: subprocess.Popen) -> None:
    latest = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < latest:
        try:
            with urlopen(url, timeout=5):
                return
        except URLError:
            time.sleep(1)
    raise AssertionError("the web interface did not come up")
