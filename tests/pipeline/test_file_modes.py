"""Files are their owner's only, whatever the umask; what is published a group may read."""

from __future__ import annotations

import os
import stat
from datetime import datetime

import duckdb
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.home import Home
from pipeline.steps.publish import PUBLIC_SCHEMAS, publish
from pipeline.storage.ledger import Ledger


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def careless(request):
    """Give the process a umask for the time of a test."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_a_command_creates_is_private(tmp_path, careless):
    place = Home(tmp_path / "home")

    ended = CliRunner().invoke(app, ["demo", "--home", str(place.root), "--sessions", "300"])

    assert ended.exit_code == 0, ended.output
    left_open = ("landing", "releases", "published")
    private = [
        p for p in place.root.rglob("*") if p.relative_to(place.root).parts[0] not in left_open
    ]
    assert place.ledger in private
    assert {mode(path) for path in private if path.is_dir()} == {0o700}
    assert {mode(path) for path in private if path.is_file()} == {0o600}


def test_a_home_from_before_is_closed_but_landing_is_left_as_it_is(tmp_path, careless):
    place = Home(tmp_path / "home")
    lying = [
        place.lake / "scores" / "a.parquet",
        place.root / "ledger.sqlite",
        place.landing / "c" / "a",
    ]
    for path in lying:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        path.chmod(0o664)
        path.parent.chmod(0o775)
    place.lake.chmod(0o755)

    place.prepare()

    assert [mode(path) for path in lying] == [0o600, 0o600, 0o664]
    assert [mode(path.parent) for path in lying[::2]] == [0o700, 0o775]


def test_a_group_can_reach_what_is_published_and_nothing_else(tmp_path, careless):
    place = Home(tmp_path / "home")
    place.prepare()
    place.building.parent.mkdir(parents=True)
    with duckdb.connect(str(place.building)) as con:
        for schema in PUBLIC_SCHEMAS:
            con.execute(f"create schema {schema}; create table {schema}.t as select 1 as v")
    Ledger(place).open_run("r1", datetime(2026, 1, 1), "f")

    release = publish(place, "r1")

    assert mode(release) == 0o640
    assert mode(place.root) & 0o070 >= 0o010
    for folder in (release.parent, place.releases, place.published.parent):
        assert mode(folder) == 0o750
    for folder in (place.lake, place.vault, place.quarantine, place.reports):
        assert mode(folder) == 0o700
