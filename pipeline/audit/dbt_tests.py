"""dbt's tests as rule results: about the published tables, never about a clinic."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

# A test that dbt could not run is an error; skipped ones never ran.
STATES = {"pass": "pass", "fail": "fail", "warn": "fail", "error": "error"}
SEVERITIES = {"error": "fatal", "warn": "warn"}
Node = dict[str, Any]  # an entry of dbt's own artifacts


def results_of_tests(artifacts: Path, run_id: str, run_at: datetime) -> list[dict[str, Any]]:
    """Return one row per data test of the latest `dbt build`, in the columns of rule_results.

    ``rule_id`` is the test's name, ``table_name`` the model it is attached to, ``n_failed`` the
    rows it returned. How many rows it looked at, dbt does not say: ``n_scope`` is NULL.
    """
    nodes = json.loads((artifacts / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    results = json.loads((artifacts / "run_results.json").read_text(encoding="utf-8"))["results"]
    return [
        {"run_id": run_id, "run_at": run_at} | _row(nodes[result["unique_id"]], nodes, result)
        for result in results
        if result["unique_id"].startswith("test.") and result["unique_id"] in nodes
    ]


def _row(node: Node, nodes: dict[str, Node], result: Node) -> dict[str, Any]:
    state = STATES.get(result["status"], "not_applicable")
    n_failed = int(result.get("failures") or 0)
    return {
        "clinic_id": None,
        "file_id": None,
        "source_file": None,
        "table_name": _table_of(node, nodes),
        "rule_id": node["name"],
        "title": f"dbt test {node['name'].replace('_', ' ')}"[:120],
        "category": "conformance/relational",
        "severity": SEVERITIES.get(str(node["config"].get("severity", "error")).lower(), "fatal"),
        "n_scope": None,
        "n_failed": n_failed,
        "share_failed": None,
        "threshold": 0.0,
        "state": state,
        "message": _message(state, n_failed),
        "is_waived": False,
    }


def _table_of(node: Node, nodes: dict[str, Node]) -> str | None:
    """Return ``schema.table`` of the model that a test is about."""
    tested = node.get("attached_node") or next(
        (each for each in node["depends_on"]["nodes"] if each.startswith("model.")), None
    )
    model = nodes.get(tested or "")
    return f"{model['schema']}.{model['name']}" if model else None


def _message(state: str, n_failed: int) -> str:
    if state == "error":
        return "the test could not run; work/<run>/dbt.log says why"
    if state == "not_applicable":
        return "the test did not run, because a table before it failed"
    return f"{n_failed:,} row(s) contradict it" if n_failed else "nothing contradicts it"
