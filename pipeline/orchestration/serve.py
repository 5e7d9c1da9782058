"""`make serve`: Airflow's scheduler and user interface on this machine, for a look around.

Everything listens on loopback; Airflow's log servers, which cannot, are not started: the interface
reads the logs of this machine from its disk.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.home import Home, keep_private
from pipeline.orchestration.run_locally import configure_airflow, prepare_metadata

LISTENS_EVERYWHERE = ("scheduler", "triggerer")  # what starts a log server of its own
SAID = """Open http://127.0.0.1:8080; user and password are printed below.
The DAG nightly is {state}: {then}
A night that was missed is not made up for: start one with `rapport run`, or there."""
PAUSED = "nothing runs by itself. Its switch on the page has it run every night at 02:00 UTC."
RUNS = "it runs every night at 02:00 UTC while this program runs. Its switch pauses it."


def main() -> None:
    """Run Airflow's four parts until Ctrl-C."""
    keep_private()
    home = Home.from_environment()
    home.prepare()
    prepare_environment(home)
    prepare_metadata()
    state = "paused" if is_paused() else "on"
    print(SAID.format(state=state, then=PAUSED if state == "paused" else RUNS), flush=True)  # noqa: T201
    serve()


def prepare_environment(home: Home) -> None:
    """Set what `airflow standalone` and its parts read."""
    os.environ.setdefault("RAPPORT_LOG_LEVEL", "INFO")
    os.environ["RAPPORT_NIGHTS_FROM"] = datetime.now(UTC).isoformat()
    os.environ["AIRFLOW__API__HOST"] = "127.0.0.1"
    os.environ.setdefault("AIRFLOW__API__WORKERS", "1")
    os.environ.setdefault("AIRFLOW__CORE__PARALLELISM", str(os.cpu_count() or 1))
    os.environ.setdefault("AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION", "True")
    configure_airflow(home)
    # Airflow starts its parts by name.
    folder = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([folder, os.environ.get("PATH", os.defpath)])


def is_paused() -> bool:
    """Say whether nights come by themselves; a DAG Airflow has not seen yet begins paused."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        known = session.query(DagModel.is_paused).filter(DagModel.dag_id == "nightly").scalar()
    return known is None or bool(known)


def serve() -> None:
    """Run `airflow standalone`, without its log servers."""
    from airflow.cli.commands import standalone_command

    class Part(standalone_command.SubCommand):
        """One of Airflow's programs."""

        def __init__(self, parent: Any, name: str, command: list[str], env: dict[str, str]) -> None:
            quiet = ["--skip-serve-logs"] if name in LISTENS_EVERYWHERE else []
            super().__init__(parent, name, [*command, *quiet], env)

    standalone_command.SubCommand = Part  # type: ignore[misc]  # it takes no arguments for its parts
    standalone_command.StandaloneCommand().run()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
