"""Fixtures every room shares. Airflow's environment is set before anything imports it."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import duckdb
import pytest

from pipeline.home import Home
from pipeline.orchestration.run_locally import configure_airflow, run_nightly
from transforms.contract import TABLES, lake_columns

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of files other people wrote; they live outside the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip("../shared/data is not beside this repository")
    return SHARED_DATA


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
