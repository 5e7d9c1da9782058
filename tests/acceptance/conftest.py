"""Whole nights over whole homes, through Airflow. Each home is run once and read many times."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from demo import generate
from pipeline.home import REPOSITORY, Home
from pipeline.steps.publish import published_run
from tests.acceptance.bad_exports import CONFIGS
from tests.acceptance.two_nights import TwoNights, deliver_night


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory, night) -> Home:
    """The demo clinics with everything planted, after one night."""
    place = Home(tmp_path_factory.mktemp("demo"))
    place.prepare()
    generate(place.landing, place.root / "demo", n_sessions=6_000, seed=1)
    assert night(place) == "success"
    return place


@pytest.fixture(scope="session")
def two_nights(home_with, night) -> TwoNights:
    """Bad files, a corrected export, and rows that were fixed and sent again; see two_nights.py."""
    place = home_with("two_nights", clinics=CONFIGS)
    runs = []
    for number in (0, 1):
        deliver_night(place, number)
        assert night(place) == "success", number
        runs.append(published_run(place))
    pages = place.root.with_name("reports of the second night")
    shutil.copytree(place.reports, pages)  # a regrade writes them again
    return TwoNights(place, runs[0], pages)


@pytest.fixture(scope="session")
def home_with(tmp_path_factory):
    """Make a home whose config also holds what lies in a folder of fixtures."""

    def make(name: str, *, clinics: dict[str, str] | None = None, instruments=None) -> Home:
        root = tmp_path_factory.mktemp(name)
        shutil.copytree(REPOSITORY / "config", root / "config")
        for kind, texts in (("clinics", clinics or {}), ("instruments", instruments or {})):
            for file, text in texts.items():
                (root / "config" / kind / f"{file}.yml").write_text(text, encoding="utf-8")
        place = Home(root / "home", root / "config")
        place.root.mkdir()
        place.prepare()
        return place

    return make


@pytest.fixture(scope="session")
def ask():
    """Ask the published tables of a home; returns rows."""

    def query(place: Home, sql: str) -> list[tuple]:
        with duckdb.connect(str(place.published.resolve()), read_only=True) as con:
            return con.execute(sql).fetchall()

    return query


@pytest.fixture(scope="session")
def deliver():
    """Copy files into a clinic's landing folder."""

    def copy(place: Home, clinic: str, *files: Path) -> None:
        folder = place.landing / clinic
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, folder / file.name)

    return copy
