"""Descriptions of the contracts become comments of the file, and of what is cut from it."""

from __future__ import annotations

import json

import duckdb
import pytest

from pipeline.storage.comments import Meaning, comment, meanings, write_comments


@pytest.fixture
def manifest(tmp_path):
    """A table and a view that are published, and a table that is not."""

    def node(name, materialized, database="analytics", **columns):
        return {
            "resource_type": "model",
            "database": database,
            "schema": "core",
            "name": name,
            "description": f"What {name}\n  holds; it's whole.",
            "config": {"materialized": materialized},
            "columns": {c: {"name": c, "description": text} for c, text in columns.items()},
        }

    nodes = [
        node("visits", "table", n="Count of\n visits.", order="The clinic's order; 'first' is 1."),
        node("seen", "view", n="Count of visits."),
        node("staged", "table", database="scratch", n="Not published."),
    ]
    path = tmp_path / "manifest.json"
    content = {"nodes": {n["name"]: n for n in nodes} | {"test": {"resource_type": "test"}}}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def build(tmp_path):
    path = tmp_path / "analytics.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("create schema core")
        con.execute('create table core.visits as select 1 as n, 2 as "order"')
        con.execute("create view core.seen as select n from core.visits")
    return path


def test_every_published_table_and_view_says_what_it_means(build, manifest):
    assert write_comments(build, manifest) == 2

    with duckdb.connect() as con:
        con.execute(f"attach '{build}' as tables (read_only)")
        assert meanings(con, "tables") == {
            "core.visits": Meaning(
                "What visits holds; it's whole.",
                {"n": "Count of visits.", "order": "The clinic's order; 'first' is 1."},
            ),
            "core.seen": Meaning("What seen holds; it's whole.", {"n": "Count of visits."}),
        }


def test_a_cut_table_says_the_same_of_the_columns_it_kept(build, manifest):
    write_comments(build, manifest)

    with duckdb.connect() as con:
        con.execute(f"attach '{build}' as tables (read_only)")
        said = meanings(con, "tables")
        con.execute("create table cut as select n from tables.core.visits")
        comment(con, "cut", said["core.visits"], left_out=("order",))
        (kept,) = [m for place, m in meanings(con, "memory").items() if place == "main.cut"]

    assert kept == Meaning("What visits holds; it's whole.", {"n": "Count of visits."})


def test_a_column_that_the_table_lacks_is_no_silent_miss(build, manifest):
    with duckdb.connect(str(build)) as con:
        con.execute('alter table core.visits drop column "order"')

    with pytest.raises(duckdb.Error):
        write_comments(build, manifest)
