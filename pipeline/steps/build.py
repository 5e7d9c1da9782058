"""Run dbt once, in a child process, into a new DuckDB file of this run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.audit.class_changes import compare_with_published, keep_history
from pipeline.home import CODE, REPOSITORY, Home
from pipeline.steps.leaving_out import broken_tests, stopped_by
from pipeline.storage.alert_history import keep_alerts
from pipeline.storage.alert_log import write_empty_log
from pipeline.storage.comments import write_comments
from pipeline.storage.configuration import read_registry
from pipeline.storage.duckdb_session import MEMORY, duck
from pipeline.storage.risk_flags import write_flags
from pipeline.storage.writer_lock import inherited
from pipeline.vault.keys import without_keys
from transforms.errors import BuildError


def build(home: Home, run_id: str) -> dict[str, int]:
    """Build and test every model; return how many nodes ended in which state.

    A child process, so that the lock on the DuckDB file goes with it. Raises BuildError with
    the names of the nodes that failed; what dbt said in full is in ``work/<run>/dbt.log``.
    """
    target = home.building
    shutil.rmtree(target.parent, ignore_errors=True)
    target.parent.mkdir(parents=True)
    log = home.work(run_id) / "dbt.log"
    artifacts = home.root / "dbt"  # kept between runs: dbt parses only what changed
    write_empty_log(home)
    keep_history(home)
    keep_alerts(home)
    with duck(home) as con:
        write_flags(con, home, read_registry(home))
    # Unit tests prove the code, not the night.
    returned = _run_dbt(home, run_id, "build", "--exclude-resource-type", "unit_test")
    results = _results(artifacts / "run_results.json") if returned in (0, 1) else []
    if returned != 0:
        then = f"The published release is unchanged; see {log.relative_to(home.root)}."
        if broken := broken_tests(artifacts, target) if results else []:
            raise stopped_by(broken, f"build: dbt ended with code {returned}; failed", then)
        raise BuildError(f"build: dbt ended with code {returned}. {then}")
    target.with_name(f"{target.name}.scratch").unlink(missing_ok=True)  # intermediate tables
    shutil.copy(artifacts / "run_results.json", home.work(run_id) / "run_results.json")
    write_comments(target, artifacts / "manifest.json")
    compare_with_published(home, run_id, target)
    states = [status for _, status in results]
    return {state: states.count(state) for state in sorted(set(states))}


def build_tables(home: Home, run_id: str, models: Sequence[str]) -> Path:
    """Build only these models and what they need, without tests; return the DuckDB file.

    Raises BuildError when dbt could not.
    """
    home.building.parent.mkdir(parents=True, exist_ok=True)
    returned = _run_dbt(home, run_id, "run", "--select", *(f"+{model}" for model in models))
    if returned != 0:
        raise BuildError(f"build: dbt ended with code {returned}. Report this as a defect.")
    return home.building


def _run_dbt(home: Home, run_id: str, command: str, *arguments: str) -> int:
    """Run dbt in a child process and return its code; what it said is in ``work/<run>/dbt.log``."""
    log = home.work(run_id) / "dbt.log"
    with log.open("w", encoding="utf-8") as output:
        return subprocess.run(
            [
                *(_dbt(), "--no-use-colors", "--log-level-file", "none", command),
                *arguments,
                *_folders(home.root / "dbt", home.work(run_id)),
            ],
            env=without_keys(os.environ) | environment(home, home.building),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            pass_fds=inherited(home),
            check=False,
        ).returncode


def environment(home: Home, target: Path) -> dict[str, str]:
    """Return what the dbt project reads from the environment."""
    return {
        "RAPPORT_LAKE": str(home.lake),
        "RAPPORT_BUILD": str(target),
        "RAPPORT_CONFIG": str(home.config),
        "RAPPORT_MEMORY": os.environ.get("RAPPORT_MEMORY", MEMORY),
        "RAPPORT_TEMP": str(home.scratch / "spill-dbt"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(CODE), os.environ.get("PYTHONPATH", "")])),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "PYTHONWARNINGS": "ignore",
        "OPENBLAS_NUM_THREADS": "1",  # models already share the cores; more only spin
        "TZ": "UTC",
    }


def _dbt() -> str:
    beside_python = Path(sys.executable).with_name("dbt")
    return str(beside_python) if beside_python.exists() else "dbt"


def _folders(artifacts: Path, work: Path) -> list[str]:
    return [
        *("--project-dir", str(REPOSITORY)),
        *("--profiles-dir", str(REPOSITORY)),
        *("--target-path", str(artifacts)),
        *("--log-path", str(work)),
    ]


def _results(path: Path) -> list[tuple[str, str]]:
    found = json.loads(path.read_text(encoding="utf-8"))["results"]
    return [(node["unique_id"].split(".", 2)[2], node["status"]) for node in found]
