"""One clinic never stops the others: whose rows break a promise of the tables, and leaving it out.

dbt's tests and the audit's rules give what is broken; where every broken row has a clinic, the
clinic's files are held back (as `approve --without` does) and the tables are built again. First
what it delivered since the last release; if that is not it, all it ever delivered. What has no
clinic, or is broken by every clinic, is a defect of ours and stops the night.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import duckdb

from pipeline.home import Home
from pipeline.progress import say
from pipeline.steps.approval import hold_runs, write_log
from pipeline.steps.gate import judged_runs
from pipeline.steps.quality_tables import RULE_RESULTS
from pipeline.storage.ledger import Ledger
from pipeline.storage.parquet import write_rows
from transforms.errors import Broken, PromiseError
from transforms.sql import name, only_row
from transforms.statistics.withheld import Record

RULE = "P11"


def broken_tests(artifacts: Path, build: Path) -> list[Broken]:
    """Return the tests of the latest `dbt build` that failed, each with its clinics if it has some.

    A test's own query is asked again, for clinics only. A model that could not be built, and a
    test that could not run, have none.
    """
    nodes = json.loads((artifacts / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    results = json.loads((artifacts / "run_results.json").read_text(encoding="utf-8"))["results"]
    failed = [row for row in results if row["status"] in ("error", "fail", "runtime error")]
    if not failed:
        return []
    with duckdb.connect(str(build), read_only=True) as con:
        scratch = build.with_name(f"{build.name}.scratch")
        if scratch.exists():
            con.execute(f"attach '{scratch}' as scratch (read_only)")
        (database,) = only_row(con.execute("select current_database()"))
        con.execute(f"use {name(database)}")
        return [_broken(con, nodes, row) for row in failed]


def leave_out(home: Home, run_id: str, broken: Iterable[Broken]) -> bool:
    """Hold back the clinics behind these promises; return whether building again may help.

    It may not when a promise has no clinic, when no clinic would be left, or when everything of
    these clinics is held back already.
    """
    broken, ledger = list(broken), Ledger(home)
    clinics = {clinic for each in broken for clinic in each.clinics}
    files = [row for row in ledger.all_files() if row["status"] == "accepted"]
    others = {row["clinic_id"] for row in files} - clinics
    if not all(each.clinics for each in broken) or not others:
        return False
    reason = f"left out of run {run_id}: {'; '.join(map(str, broken))}"
    latest = set(judged_runs(ledger, run_id))
    n_held = 0
    for clinic in sorted(clinics):
        own = {row["run_id"] for row in files if row["clinic_id"] == clinic}
        runs = sorted(own & latest) or sorted(own)
        n_held += hold_runs(home, ledger, runs, {clinic}, reason)
    if not n_held:
        return False
    _write_down(home, run_id, broken)
    write_log(home, ledger)
    for each in broken:
        say(f"  – left out: {', '.join(each.clinics)}: {each}")
    return True


def left_out(home: Home, run_id: str) -> dict[str, list[str]]:
    """Return the clinics this run left out, each with the promises its rows break."""
    path = _path(home, run_id)
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["clinic_id"], []).append(row["promise"])
    return dict(sorted(found.items()))


def _write_down(home: Home, run_id: str, broken: Iterable[Broken]) -> None:
    """Keep who was left out, for the summary, and as results of rule P11, for the run's page."""
    from pipeline.storage.configuration import rules

    path, ledger = _path(home, run_id), Ledger(home)
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    for each in broken:
        rows += [{"clinic_id": c, "promise": str(each), "table": each.table} for c in each.clinics]
    path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    rule, run_at = rules(home).rule(RULE), ledger.run(run_id)["started_at"]
    if rule is None:
        return
    promises: dict[tuple[str, str | None], list[str]] = {}
    for row in rows:
        promises.setdefault((row["clinic_id"], row["table"]), []).append(row["promise"])
    results = [
        {
            "run_id": run_id,
            "run_at": run_at,
            "clinic_id": clinic_id,
            "file_id": None,
            "source_file": None,
            "table_name": table,
            "rule_id": rule.id,
            "title": rule.title,
            "category": rule.category,
            "severity": rule.severity,
            "n_scope": 1,
            "n_failed": 1,
            "share_failed": 1.0,
            "threshold": 0.0,
            "state": "fail",
            "message": "; ".join(dict.fromkeys(broken_promises)),
            "is_waived": False,
        }
        for (clinic_id, table), broken_promises in promises.items()
    ]
    results_path = home.lake / "quality" / "rule_results" / f"{run_id}-left-out.parquet"
    write_rows(results_path, results, RULE_RESULTS)


def _broken(con: duckdb.DuckDBPyConnection, nodes: Record, result: Record) -> Broken:
    node = nodes.get(result["unique_id"], {})
    test = node.get("name", result["unique_id"].split(".", 2)[2])
    model = nodes.get(node.get("attached_node") or "")
    table = f"{model['schema']}.{model['name']}" if model else None
    if result["status"] != "fail" or not result.get("compiled_code"):
        return Broken(test, table, None)
    found = f"({result['compiled_code'].strip().rstrip(';')})"
    try:
        columns = {row[0] for row in con.execute(f"describe select * from {found}").fetchall()}
        return Broken(test, table, _what(con, found, columns), _clinics(con, found, columns))
    except duckdb.Error:
        return Broken(test, table, None)  # without a clinic, it stops the night


def _what(con: duckdb.DuckDBPyConnection, found: str, columns: set[str]) -> str | None:
    """Return which columns a test found broken, and how."""
    if not {"column_name", "problem"} <= columns:
        return None
    rows = con.execute(f"select distinct column_name, problem from {found} order by all").fetchall()
    return ", ".join(f"{column} {problem}" for column, problem in rows)


def _clinics(con: duckdb.DuckDBPyConnection, found: str, columns: set[str]) -> tuple[str, ...]:
    """Return the clinics of the rows a test found; none when one of them has no clinic."""
    if "clinic_id" not in columns:
        return ()
    rows = con.execute(f"select distinct clinic_id from {found} order by 1").fetchall()
    clinics = tuple(row[0] for row in rows)
    return () if None in clinics else clinics


def _path(home: Home, run_id: str) -> Path:
    return home.work(run_id) / "left_out.json"


def stopped_by(broken: Iterable[Broken], where: str, then: str) -> PromiseError:
    """Return the error that stops a step, naming every promise with table, column and clinic."""
    broken = tuple(broken)
    words = "; ".join(each.in_full() for each in broken[:10])
    return PromiseError(f"{where}: {words}. {then}", broken)
