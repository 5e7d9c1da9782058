"""The commands of docker-compose.yml, run by the real Airflow, on SQLite instead of PostgreSQL."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PASSWORD = "two \"quotes\" and 'two'"  # a password is data, not shell


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


@pytest.fixture(scope="module")
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def environment(services, tmp_path_factory, port):
    home = tmp_path_factory.mktemp("service")
    return services["api-server"]["environment"] | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__FERNET_KEY": "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=",
        "AIRFLOW__API__SECRET_KEY": "k" * 40,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": "j" * 64,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "RAPPORT_ADMIN_PASSWORD": PASSWORD,
        "RAPPORT_QA_PASSWORD": "other",
    }


def sign_in(port, user, password):
    body = json.dumps({"username": user, "password": password}).encode()
    request = Request(
        f"http://127.0.0.1:{port}/auth/token", body, {"Content-Type": "application/json"}
    )
    try:
        with urlopen(request, timeout=10) as answer:
            return answer.status
    except HTTPError as refused:
        return refused.code


@pytest.mark.slow
def test_migration_then_web_interface_with_the_passwords_given(services, environment, port):
    migrated = subprocess.run(
        services["migrate"]["command"], env=environment, capture_output=True, text=True, check=False
    )
    assert migrated.returncode == 0, migrated.stderr[-800:]
    assert "Pool duckdb_writer created" in migrated.stdout

    server = subprocess.Popen(
        services["api-server"]["command"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        path = services["api-server"]["healthcheck"]["test"][3].split(":8080")[1].split('"')[0]
        _wait_until_healthy(f"http://127.0.0.1:{port}{path}")

        assert sign_in(port, "admin", PASSWORD) == 201
        assert sign_in(port, "qa", "other") == 201
        assert sign_in(port, "admin", "other") == 401
        file = Path(environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
        assert file.stat().st_mode & 0o777 == 0o600
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _wait_until_healthy(url):
    until = time.monotonic() + 90
    while True:
        try:
            with urlopen(url, timeout=5):
                return
        except URLError:
            assert time.monotonic() < until, "the web interface did not come up"
            time.sleep(0.5)
