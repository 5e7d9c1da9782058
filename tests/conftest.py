"""Fixtures every room shares. Airflow's environment is set before anything imports it."""

from __future__ import annotations

import os
import uuid
from collections import Counter
from pathlib import Path

import duckdb
import hypothesis
import pytest

from pipeline.home import Home
from pipeline.orchestration.run_locally import configure_airflow, run_nightly
from tests.needs import REAL_FILES, is_ci, refuse_ci_without, require, unproved
from tests.workers import WholeGroups, slowest_first
from transforms.contract import TABLES, lake_columns

ROOT = Path(__file__).resolve().parents[1]

# The same examples on every run of CI, new ones on every run elsewhere; nowhere against a clock.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.load_profile("ci" if is_ci() else "here")

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")


def pytest_configure(config):
    """End before the first test where CI would skip a proof."""
    refuse_ci_without()


def pytest_collection_modifyitems(items):
    """Begin with what takes longest."""
    slowest_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keep tests that share a dear fixture in one worker."""
    return WholeGroups(config, log)


def pytest_terminal_summary(terminalreporter):
    """Say what was not proved on this machine, and how to prove it."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if lines := unproved(reasons):
        terminalreporter.section("not proved on this machine")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of files other people wrote; they live outside the repository."""
    return require(REAL_FILES)


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory) -> Home:
    """One Airflow for the session; configured before anything imports it."""
    place = Home(tmp_path_factory.mktemp("airflow"))
    configure_airflow(place)
    return place


@pytest.fixture(scope="session")
def night(airflow_home):
    """Run the DAG over one home through Airflow itself and return the state of the run."""

    def run(place: Home) -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RAPPORT_HOME", str(place.root))
            patch.setenv("RAPPORT_CONFIG", str(place.config))
            patch.delenv("RAPPORT_KEY", raising=False)
            return run_nightly(place)

    return run


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty installation."""
    place = Home(tmp_path / "home")
    place.root.mkdir()
    place.prepare()
    return place


@pytest.fixture
def con():
    """A DuckDB connection in memory."""
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture
def stage(tmp_path: Path, con):
    """Write rows of one canonical table as a staged Parquet file; absent columns are NULL."""

    def write(table: str, rows: list[dict], file_id: str = "f1", clinic: str = "harbor") -> Path:
        columns = lake_columns(TABLES[table]) | {"bad_cells": "VARCHAR[]"}
        for row in rows:
            columns |= {name: "DOUBLE" for name in row if name.startswith(("item_", "submitted_"))}
        con.execute(f"create or replace temp table staged_rows ({_definitions(columns)})")
        for line, row in enumerate(rows, start=2):
            filled = {
                "clinic_id": clinic,
                "source_file": f"{table}.csv",
                "source_line": line,
                "file_id": file_id,
                "received_at": "2026-01-01",
            } | row
            names = ", ".join(filled)
            marks = ", ".join("?" for _ in filled)
            con.execute(f"insert into staged_rows ({names}) values ({marks})", [*filled.values()])
        path = tmp_path / "staged" / table / f"{file_id}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        con.execute(f"copy staged_rows to '{path}'")
        return path

    return write


def key(name: str) -> str:
    """Return a stable made-up pseudonym."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def _definitions(columns: dict[str, str]) -> str:
    return ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
