"""The canary: in every run one broken row is planted, and the engine has to find it.

A night without findings looks the same whether the data are sound or the checks are dead. So the
run first marks and judges a file with one broken row and a file with one sound row, through the
same functions as every delivery. The broken file must be rejected and the sound one must pass;
anything else is an error of the engine, and nothing is published.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from expectations.catalogue import Catalogue, Rule
from expectations.checks.where import Break, Where
from expectations.judging.judge import judge
from expectations.marking.marking import mark
from transforms.contract import TABLES, lake_columns
from transforms.sql import name, text

CANARY = "X01"
_BROKEN, _SOUND = "broken", "sound"
# A row without its key breaks the planted rule.
_IS_BROKEN = Where(kind="where", breaks=(Break(where="client_key is null", reason="no key"),))


def sing(
    rules: Catalogue,
    registry: Path,
    scratch: Path,
    run_id: str,
    run_at: datetime,
    with_suites: bool = True,
) -> dict[str, Any]:
    """Return the canary's result: a row like every other of `quality.dq_rule_results`.

    Parameters
    ----------
    registry : folder with the registry's Parquet files, as the marking pass reads it
    scratch : empty folder; the planted rows stay there
    with_suites : as `expectations.judging.judge.judge` takes it

    Returns
    -------
    dict
        State ``pass`` if the engine told the two rows apart, else ``error``. Never ``fail``: the
        canary says nothing about anybody's data.
    """
    rule = rules.needed(CANARY)
    try:
        heard = _hear(rule, registry, scratch, run_id, run_at, with_suites)
    except Exception as error:  # noqa: BLE001 - an engine that cannot run is broken, whatever it is
        heard = f"it could not run ({type(error).__name__})"
    return {
        "run_id": run_id,
        "run_at": run_at,
        "clinic_id": None,
        "file_id": None,
        "source_file": None,
        "table_name": None,
        "rule_id": rule.id,
        "title": rule.title,
        "category": rule.category,
        "severity": rule.severity,
        "n_scope": 2,
        "n_failed": 0,
        "share_failed": 0.0,
        "threshold": rule.threshold,
        "state": "error" if heard else "pass",
        "message": f"the engine is broken: {heard}" if heard else "the planted row was found",
    }


def _hear(
    rule: Rule,
    registry: Path,
    scratch: Path,
    run_id: str,
    run_at: datetime,
    with_suites: bool,
) -> str:
    """Return what is wrong with the engine, nothing if it can tell broken from sound."""
    planted = rule.model_copy(update={"table": "clients", "checks": (_IS_BROKEN,)})
    catalogue = Catalogue(rules=(planted,))
    counts = scratch / "counts.parquet"
    with duckdb.connect() as con:
        mark(
            con,
            {"clients": [_plant(con, scratch, file) for file in (_BROKEN, _SOUND)]},
            scratch / "lake",
            registry,
            catalogue,
            clinic_id="canary",
            run_id=run_id,
            received_at=run_at,
            marks_path=scratch / "marks.parquet",
            counts_path=counts,
        )
        marks = con.execute("select distinct file_id from marks").fetchall()
    if marks != [(_BROKEN,)]:
        return "the marking pass did not mark the planted row, or marked the sound one"
    judgement = judge([counts], catalogue, run_id, run_at, with_suites=with_suites)
    states = {row["file_id"]: row["state"] for row in judgement.rule_results}
    if states != {_BROKEN: "fail", _SOUND: "pass"}:
        return "Great Expectations did not fail the planted row, or failed the sound one"
    if list(judgement.rejected) != [("canary", _BROKEN)]:
        return "the file with the planted row was not rejected"
    return ""


def _plant(con: duckdb.DuckDBPyConnection, scratch: Path, file: str) -> Path:
    """Write one row of clients; the broken one has no key."""
    path = scratch / f"{file}-0.parquet"
    values = {"file_id": text(file), "source_file": text(file), "source_line": "2"}
    if file == _SOUND:
        values["client_key"] = "uuid()"
    cells = ", ".join(
        f"cast({values.get(column, 'null')} as {kind}) as {name(column)}"
        for column, kind in lake_columns(TABLES["clients"]).items()
    )
    con.execute(
        f"copy (select {cells}, null::varchar[] as bad_cells) to {text(str(path))} (format parquet)"
    )
    return path
