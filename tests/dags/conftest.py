"""One Airflow for the whole session: migrating its metadata costs more than a night."""

from __future__ import annotations

import pytest

from pipeline.airflow_run import configure_airflow, run_nightly
from pipeline.home import Home


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory) -> Home:
    """An Airflow with its own metadata; must come before anything imports airflow."""
    place = Home(tmp_path_factory.mktemp("airflow"))
    configure_airflow(place)
    return place


@pytest.fixture
def night(airflow_home, monkeypatch, capfd):
    """Run the DAG over one home through Airflow itself and return the state of the run."""

    def run(home: Home) -> str:
        monkeypatch.setenv("RAPPORT_HOME", str(home.root))
        monkeypatch.setenv("RAPPORT_CONFIG", str(home.config))
        monkeypatch.delenv("RAPPORT_KEY", raising=False)
        return run_nightly(home)

    return run
