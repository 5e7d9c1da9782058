"""Publishing: one rename, old readers undisturbed, a way back."""

from __future__ import annotations

import duckdb
import pytest

from pipeline.steps import publish
from transforms.errors import BuildError, NothingToDoError


def build(home, run_id, value):
    path = home.building
    path.parent.mkdir(parents=True)
    with duckdb.connect(str(path)) as con:
        for schema in publish.PUBLIC_SCHEMAS:
            con.execute(f"create schema {schema}")
            con.execute(f"create table {schema}.t as select {value} as v")
    return path


def read(home):
    with duckdb.connect(str(home.published), read_only=True) as con:
        return con.execute("select v from core.t").fetchone()[0]


def test_publish_switches_the_link(home):
    build(home, "r1", 1)
    publish.publish(home, "r1")

    assert home.published.is_symlink()
    assert read(home) == 1
    assert not home.building.exists()


def test_a_reader_keeps_the_file_it_opened(home):
    build(home, "r1", 1)
    publish.publish(home, "r1")
    with duckdb.connect(str(home.published.resolve()), read_only=True) as old:
        build(home, "r2", 2)
        publish.publish(home, "r2")

        assert old.execute("select v from core.t").fetchone()[0] == 1
        assert read(home) == 2


def test_old_releases_go_but_never_the_new_one(home):
    for number in range(1, 5):
        build(home, f"r{number}", number)
        publish.publish(home, f"r{number}", keep=2)

    assert publish.releases(home) == ["r4", "r3"]


def test_a_file_without_a_public_schema_is_refused_and_the_release_stays(home):
    build(home, "r1", 1)
    publish.publish(home, "r1")
    path = build(home, "r2", 2)
    with duckdb.connect(str(path)) as con:
        con.execute("drop schema quality cascade")

    with pytest.raises(BuildError, match="quality"):
        publish.publish(home, "r2")
    assert read(home) == 1


def test_rollback_goes_one_back_and_then_forward_by_name(home):
    for number in (1, 2, 3):
        build(home, f"r{number}", number)
        publish.publish(home, f"r{number}")

    assert publish.rollback(home) == "r2"
    assert read(home) == 2
    assert publish.rollback(home, "r3") == "r3"
    assert publish.published_run(home) == "r3"


def test_rollback_without_an_earlier_release_says_so(home):
    build(home, "r1", 1)
    publish.publish(home, "r1")

    with pytest.raises(NothingToDoError, match="no earlier release"):
        publish.rollback(home)


def test_rollback_to_a_release_that_is_gone_names_those_kept(home):
    build(home, "r1", 1)
    publish.publish(home, "r1")

    with pytest.raises(NothingToDoError, match="Kept: r1"):
        publish.rollback(home, "r0")
