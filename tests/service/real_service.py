"""The service of docker-compose.yml without containers: its commands, over a PostgreSQL cluster.

Everything listens on free loopback ports and lives in one temporary folder; `stop` ends every
process group it started.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import yaml

from pipeline.home import REPOSITORY, Home

PARTS = ("api-server", "scheduler", "dag-processor", "triggerer")
# Airflow 3.3.2 asks again, and forgets the answer, when it comes before the scheduler has seen
# that the task's process ended: "finished with state success, but ... state attribute is queued".
SECONDS_UNTIL_PARKED = 10
PASSWORDS = {"admin": "admin's own", "qa": "qa's own"}
RUNS = "/dags/nightly/dagRuns"


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def until(what: str, ask: Callable[[], Any], seconds: float = 240) -> Any:
    """Return the first true answer of ``ask``; AssertionError when none comes in time."""
    latest = time.monotonic() + seconds
    while time.monotonic() < latest:
        try:
            if answer := ask():
                return answer
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.5)
    raise AssertionError(f"waited {seconds:.0f} seconds for {what}")


class PostgreSQL:
    """A cluster of its own, on loopback, gone afterwards. PostgreSQL refuses to run as root."""

    def __init__(self, programs: Path) -> None:
        self._programs, self.port = programs, free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="rapport-pg-"))
        self._as = []
        if os.geteuid() == 0:
            self._as = ["runuser", "-u", "postgres", "--"]
            os.chown(self._folder, pwd.getpwnam("postgres").pw_uid, -1)

    def start(self) -> str:
        """Return the address SQLAlchemy connects to."""
        data, options = str(self._folder / "data"), f"-p {self.port} -h 127.0.0.1 -k {self._folder}"
        self._run("initdb", "-D", data, "-A", "trust", "-U", "airflow", "-E", "UTF8", "--no-locale")
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", data, "-w", "-l", log, "-o", f"{options} -c fsync=off", "start")
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "airflow", "airflow")
        return f"postgresql+psycopg2://airflow@127.0.0.1:{self.port}/airflow"

    def stop(self) -> None:
        """End the server and delete the cluster."""
        if (self._folder / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*self._as, str(self._programs / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
        )


class Service:
    """Airflow's four processes with the environment and commands of docker-compose.yml."""

    def __init__(self, home: Home, folder: Path, database: str, approval_hours: float) -> None:
        compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
        self._parts, self._running, self.folder = compose["services"], [], folder
        self.url = f"http://127.0.0.1:{free_port()}"
        port = self.url.rsplit(":", 1)[1]
        health = {"AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(free_port())}
        self._environment = self._parts["api-server"]["environment"] | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONPATH": str(REPOSITORY),
            "RAPPORT_HOME": str(home.root),
            "RAPPORT_CONFIG": str(home.config),
            "RAPPORT_APPROVAL_HOURS": str(approval_hours),
            "RAPPORT_ADMIN_PASSWORD": PASSWORDS["admin"],
            "RAPPORT_QA_PASSWORD": PASSWORDS["qa"],
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "passwords.json"),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": port,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": "k" * 40,
            "AIRFLOW__API_AUTH__JWT_SECRET": "j" * 64,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            **health,
        }

    def start(self) -> None:
        """Migrate, start every part, and wait until all say they are healthy."""
        with (self.folder / "migrate.log").open("wb") as log:
            migrate = self._parts["migrate"]["command"]
            subprocess.run(migrate, env=self._environment, stdout=log, stderr=log, check=True)
        for part in PARTS:
            with (self.folder / f"{part}.log").open("wb") as log:
                process = subprocess.Popen(
                    self._parts[part]["command"],
                    env=self._environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self._running.append(process)
        until("a healthy service", self._is_healthy)

    def stop(self) -> None:
        """End every process group, kindly at first."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            for process in reversed(self._running):
                try:
                    os.killpg(process.pid, how)
                except ProcessLookupError:
                    continue
            for process in self._running:
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    continue

    def client(self, user: str) -> httpx.Client:
        """Return a client that is signed in; its paths start below /api/v2."""
        login = {"username": user, "password": PASSWORDS[user]}
        token = httpx.post(f"{self.url}/auth/token", json=login, timeout=20).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=f"{self.url}/api/v2", headers=headers, timeout=20)

    def _is_healthy(self) -> bool:
        parts = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
        names = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        return all((parts[name] or {}).get("status") == "healthy" for name in names)


def trigger(client: httpx.Client) -> str:
    """Start a night and return Airflow's id of the run."""
    started = client.post(RUNS, json={"logical_date": None})
    assert started.status_code == 200, started.text[:500]
    return started.json()["dag_run_id"]


def wait_for_question(client: httpx.Client, run: str) -> dict:
    """Return what Airflow asks a person in this run, when it can be answered."""

    def asked() -> dict | None:
        state = client.get(f"{RUNS}/{run}").json()["state"]
        assert state not in ("failed", "success"), f"run ended as {state}; nobody was asked"
        details = client.get(f"{RUNS}/{run}/hitlDetails").json()["hitl_details"]
        return details[0] if details else None

    question = until("a question", asked, 900)
    time.sleep(SECONDS_UNTIL_PARKED)
    return question


def answer(client: httpx.Client, run: str, choice: str, **params: str) -> httpx.Response:
    """Answer it, as Airflow's page does."""
    return client.patch(
        f"{RUNS}/{run}/taskInstances/approve/-1/hitlDetails",
        json={"chosen_options": [choice], "params_input": params},
    )


def wait_for_end(client: httpx.Client, run: str) -> str:
    """Return the state a run ended in."""

    def ended() -> str | None:
        state = client.get(f"{RUNS}/{run}").json()["state"]
        return state if state in ("failed", "success") else None

    return until("the end of the run", ended, 900)
