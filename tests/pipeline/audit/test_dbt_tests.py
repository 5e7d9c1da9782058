"""What dbt writes about its tests, as rule results."""

from __future__ import annotations

import json
from datetime import datetime

from pipeline.audit.dbt_tests import results_of_tests

MODEL = "model.rapport.fct_scores"


def test_pass_fail_error_and_skipped_tests(tmp_path):
    """A warning is a failure of severity warn; models are no tests; no clinic is named."""
    states = {"a": ("pass", 0), "b": ("fail", 3), "c": ("error", None), "d": ("skipped", None)}
    states |= {"e": ("warn", 1)}
    tests = {
        f"test.rapport.{name}": {
            "name": f"unique_{name}",
            "attached_node": MODEL if name != "b" else None,
            "depends_on": {"nodes": ["macro.x", MODEL]},
            "config": {"severity": "warn" if name == "e" else "ERROR"},
        }
        for name in states
    }
    nodes = tests | {MODEL: {"name": "fct_scores", "schema": "core"}}
    results = [
        {"unique_id": f"test.rapport.{name}", "status": status, "failures": failures}
        for name, (status, failures) in states.items()
    ]
    results.append({"unique_id": MODEL, "status": "success", "failures": None})
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": nodes}))
    (tmp_path / "run_results.json").write_text(json.dumps({"results": results}))

    rows = results_of_tests(tmp_path, "run-1", datetime(2026, 1, 1))

    assert [(row["state"], row["n_failed"], row["severity"]) for row in rows] == [
        ("pass", 0, "fatal"),
        ("fail", 3, "fatal"),
        ("error", 0, "fatal"),
        ("not_applicable", 0, "fatal"),
        ("fail", 1, "warn"),
    ]
    assert {(row["clinic_id"], row["table_name"]) for row in rows} == {(None, "core.fct_scores")}
    assert rows[1]["rule_id"] == "unique_b"
    assert "3 row(s)" in rows[1]["message"]
