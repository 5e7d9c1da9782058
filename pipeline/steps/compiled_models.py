"""A few models without starting dbt: its own compiled SQL, kept from the last time.

`rapport check` needs two dozen small models; starting dbt for them costs ten times what they do.
What dbt compiled is kept beside other caches of the user, under a hash of the project: SQL and
names of columns, nothing of a clinic. Where it is not there, dbt builds, and it is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from pipeline.home import REPOSITORY, Home
from pipeline.steps.build import build_tables
from transforms.sql import name

LAKE = "{lake}"
SUFFIXES = {".sql", ".yml", ".yaml", ".csv"}


def build_tables_again(home: Home, run_id: str, models: Sequence[str]) -> Path:
    """Build these models and what they need; return the DuckDB file, as `build_tables` does.

    Raises BuildError when they are not kept and dbt could not build them.
    """
    kept = _cache(models)
    if kept.exists():
        return _build(home, json.loads(kept.read_text(encoding="utf-8")))
    database = build_tables(home, run_id, models)
    _keep(home, kept)
    return database


def _cache(models: Sequence[str]) -> Path:
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "rapport" / f"models-{_hash(models)}.json"


def _hash(models: Sequence[str]) -> str:
    """Return a hash over all that dbt compiles from, and over who compiles it."""
    digest = hashlib.sha256(" ".join(sorted(models)).encode())
    for package in ("dbt-core", "dbt-duckdb", "duckdb"):
        digest.update(version(package).encode())
    paths = [REPOSITORY / "dbt_project.yml", REPOSITORY / "profiles.yml"]
    for room in ("models", "macros"):
        paths += sorted(p for p in (REPOSITORY / room).rglob("*") if p.suffix in SUFFIXES)
    for path in paths:
        digest.update(path.relative_to(REPOSITORY).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:24]


def _keep(home: Home, target: Path) -> None:
    """Write down what dbt compiled; not where it names a place of this home beside its lake."""
    artifacts = home.root / "dbt"
    nodes = json.loads((artifacts / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    results = json.loads((artifacts / "run_results.json").read_text(encoding="utf-8"))["results"]
    built = [_model(nodes[row["unique_id"]], home) for row in results]
    text = json.dumps(built)
    if str(home.root) in text:
        return
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, target)
    except OSError:
        return  # no place to keep it: dbt is started next time as well


def _model(node: dict[str, Any], home: Home) -> dict[str, Any]:
    is_promised = node["config"].get("contract", {}).get("enforced", False)
    types = {column["name"]: column["data_type"] for column in node["columns"].values()}
    return {
        "place": [node["database"], node["schema"], node["name"]],
        "kind": node["config"]["materialized"],
        "types": types if is_promised else {},
        "sql": node["compiled_code"].replace(str(home.lake), LAKE),
    }


def _build(home: Home, models: list[dict[str, Any]]) -> Path:
    home.building.parent.mkdir(parents=True, exist_ok=True)
    home.building.unlink(missing_ok=True)
    with duckdb.connect(str(home.building)) as con:
        con.execute("attach ':memory:' as scratch")
        for model in models:
            database, schema, table = model["place"]
            con.execute(f"create schema if not exists {name(database)}.{name(schema)}")
            con.execute(f"use {name(database)}.{name(schema)}")
            columns = [
                f"cast({name(column)} as {kind}) as {name(column)}"
                for column, kind in model["types"].items()
            ]
            query = model["sql"].replace(LAKE, str(home.lake))
            query = f"select {', '.join(columns) or '*'} from ({query}\n)"
            con.execute(f"create {model['kind']} {name(table)} as {query}")
    return home.building
