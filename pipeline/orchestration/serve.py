"""`make serve`: Airflow's scheduler and user interface on this machine, for a look around."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pipeline.home import Home, keep_private
from pipeline.orchestration.run_locally import configure_airflow, prepare_metadata


def main() -> None:
    """Replace this process by `airflow standalone`; Ctrl-C stops all of it."""
    keep_private()
    home = Home.from_environment()
    home.prepare()
    os.environ.setdefault("RAPPORT_LOG_LEVEL", "INFO")
    os.environ.setdefault("AIRFLOW__API__HOST", "127.0.0.1")
    configure_airflow(home)
    prepare_metadata()
    print("Open http://127.0.0.1:8080; user and password are printed below.", flush=True)  # noqa: T201
    airflow = Path(sys.executable).with_name("airflow")
    # Airflow starts its parts by name.
    os.environ["PATH"] = os.pathsep.join([str(airflow.parent), os.environ.get("PATH", os.defpath)])
    os.execv(airflow, [str(airflow), "standalone"])


if __name__ == "__main__":
    main()
