"""What tables and columns mean, kept inside the DuckDB files: comments, which BI tools show.

dbt's own `persist_docs` asks the database for every table's columns again and sends its statements
between the models; here all comments of a file are one transaction after the build, and the files
that are cut from it take theirs from it.
"""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

import duckdb

from transforms.sql import name
from transforms.sql import text as literal

UNPUBLISHED = "scratch"  # the database of staging views and intermediate tables


@dataclass(frozen=True)
class Meaning:
    """What a table or view, and each of its columns, is said to mean."""

    text: str
    columns: dict[str, str]


def write_comments(build: Path, manifest: Path) -> int:
    """Give every published table of a build the descriptions of its contract; return how many.

    Parameters
    ----------
    manifest : what dbt wrote of the project it built, references to shared texts resolved
    """
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
    published = [
        node
        for node in nodes
        if node["resource_type"] == "model" and node["database"] != UNPUBLISHED
    ]
    with duckdb.connect(str(build)) as con:
        con.execute("begin")
        for node in published:
            texts = {column["name"]: column["description"] for column in node["columns"].values()}
            kind = "view" if node["config"]["materialized"] == "view" else "table"
            place = f"{name(node['schema'])}.{name(node['name'])}"
            comment(con, place, Meaning(node["description"], texts), kind=kind)
        con.execute("commit")
    return len(published)


def meanings(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, Meaning]:
    """Return what an attached file says of its tables and views, by ``schema.table``."""
    columns: dict[str, dict[str, str]] = {}
    for place, column, text in con.execute(
        "select schema_name || '.' || table_name, column_name, comment from duckdb_columns() "
        "where database_name = ? and not internal and comment is not null",
        [database],
    ).fetchall():
        columns.setdefault(place, {})[column] = text
    found = con.execute(
        "select schema_name || '.' || table_name, comment from duckdb_tables() "
        "where database_name = $1 union all "
        "select schema_name || '.' || view_name, comment from duckdb_views() "
        "where database_name = $1 and not internal",
        [database],
    ).fetchall()
    return {place: Meaning(text or "", columns.get(place, {})) for place, text in found}


def comment(
    con: duckdb.DuckDBPyConnection,
    place: str,
    meaning: Meaning,
    left_out: Container[str] = frozenset(),
    kind: str = "table",
) -> None:
    """Write what a table and its columns mean, but of those that were left out of it."""
    said = [f"comment on {kind} {place} is {_one_line(meaning.text)}"]
    said += [
        f"comment on column {place}.{name(column)} is {_one_line(text)}"
        for column, text in meaning.columns.items()
        if column not in left_out
    ]
    con.execute(";".join(said))


def _one_line(text: str) -> str:
    return literal(" ".join(text.split()))
