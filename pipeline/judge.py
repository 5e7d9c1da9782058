"""Let Great Expectations judge counts, and write down what it said."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from pipeline.clinics import rules
from pipeline.form_watch import write_form_changes
from pipeline.home import Home
from pipeline.ledger import Ledger
from pipeline.parquet import write_rows
from pipeline.progress import say
from pipeline.quality import RULE_RESULTS
from pipeline.waivers import read_waivers
from transforms.errors import BuildError


def judge(home: Home, run_id: str) -> dict[str, int]:
    """Judge every rule × file of the run; write the results and the rejected files.

    Returns how many checks ended in which state.
    """
    from expectations.judge import judge as judge_counts

    counts = sorted((home.work(run_id) / "counts").glob("*.parquet"))
    judgement = judge_counts(
        counts, rules(home), run_id=run_id, run_at=Ledger(home).run(run_id)["started_at"]
    )
    results = _with_waivers(home, judgement.rule_results)
    write_rows(_results_path(home, run_id), results, RULE_RESULTS)
    started_at = Ledger(home).run(run_id)["started_at"]
    for file, messages in write_form_changes(home, run_id, started_at).items():
        if file in judgement.rejected:
            judgement.rejected[file] += messages
    rejected = [
        {"clinic_id": clinic_id, "file_id": file_id, "reasons": list(reasons)}
        for (clinic_id, file_id), reasons in sorted(judgement.rejected.items())
    ]
    path = home.work(run_id) / "rejected.json"
    path.write_text(json.dumps(rejected, indent=1), encoding="utf-8")
    return _say_states([row["state"] for row in judgement.rule_results])


def rejected_files(home: Home, run_id: str) -> dict[tuple[str, str], list[str]]:
    """Return the files that broke a fatal rule too often, with the reasons."""
    path = home.work(run_id) / "rejected.json"
    rows = json.loads(path.read_text(encoding="utf-8"))
    return {(row["clinic_id"], row["file_id"]): row["reasons"] for row in rows}


def audit(home: Home, run_id: str) -> dict[str, int]:
    """Check the marts of the new file and add the results to its `quality.dq_rule_results`.

    Raises BuildError when a fatal promise is broken or could not be checked: the file is not
    published.
    """
    from expectations.mart_suites import check_marts

    build = home.building
    results = _with_waivers(
        home, check_marts(build, run_id, Ledger(home).run(run_id)["started_at"])
    )
    path = _results_path(home, f"{run_id}-marts")
    write_rows(path, results, RULE_RESULTS)
    _append(build, path)
    broken = [
        f"{row['rule_id']} {row['title']} ({row['state']})"
        for row in results
        if row["severity"] == "fatal" and row["state"] in ("fail", "error")
    ]
    if broken:
        raise BuildError(
            f"audit: {len(broken)} promise(s) of the marts broken: {'; '.join(broken[:5])}. "
            "The published release is unchanged; report this as a defect."
        )
    return _say_states([row["state"] for row in results])


def _with_waivers(home: Home, results: list[dict]) -> list[dict]:
    from expectations.regrade import is_waived

    waivers = read_waivers(home)
    return [row | {"is_waived": is_waived(row, waivers)} for row in results]


def _append(build: Path, results: Path) -> None:
    with duckdb.connect(str(build)) as con:
        con.execute(
            "insert into quality.dq_rule_results by name "
            "select * from read_parquet(?) where (run_id, rule_id) not in "
            "(select (run_id, rule_id) from quality.dq_rule_results)",
            [str(results)],
        )


def _results_path(home: Home, name: str) -> Path:
    return home.lake / "quality" / "rule_results" / f"{name}.parquet"


def _say_states(states: list[str]) -> dict[str, int]:
    counts = {state: states.count(state) for state in sorted(set(states))}
    shown = (f"{n:,} {state.replace('_', ' ')}" for state, n in counts.items())
    say("    checks: " + (", ".join(shown) or "none, nothing was delivered"))
    return counts
