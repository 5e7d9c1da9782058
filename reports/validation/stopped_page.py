"""The page of a run that was stopped: which promises of the tables are broken, where, by whom."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from reports.drawing.templating import write_page, write_text
from transforms.errors import Broken

STOPPED = "stopped.json"


def write_stopped(reports: Path, run_id: str, broken: Sequence[Broken]) -> Path:
    """Write ``<reports>/<run_id>/index.html`` of a run that published nothing; return its path.

    Promises, tables, columns and clinics; never a value.
    """
    folder = reports / run_id
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / STOPPED, json.dumps({"run_id": run_id, "n_broken": len(broken)}))
    return write_page(
        folder / "index.html", "stopped.html.j2", run_id=run_id, broken=sorted(broken, key=str)
    )


def stopped_since(reports: Path, last_run: str | None) -> list[str]:
    """Return the stopped runs after the last one that has a full page, newest first."""
    found = sorted((path.parent.name for path in reports.glob(f"*/{STOPPED}")), reverse=True)
    return [run_id for run_id in found if last_run is None or run_id > last_run]
