"""Run the DAG `nightly` through Airflow itself, in this process, on its own SQLite metadata."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from pipeline.home import CODE, REPOSITORY, Home, keep_private
from transforms.errors import BuildError

POOL = "duckdb_writer"


def configure_airflow(home: Home) -> None:
    """Set Airflow's environment; must happen before anything imports airflow."""
    keep_private()
    folder = home.root / "airflow"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "RAPPORT_HOME": str(home.root),
        "RAPPORT_CONFIG": str(home.config),
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # Airflow's own way looks this machine's name up, which may ask another machine.
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": os.environ.get("RAPPORT_LOG_LEVEL", "ERROR"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
        "DO_NOT_TRACK": "1",
    }
    if str(CODE) not in sys.path:
        sys.path.insert(0, str(CODE))


@contextmanager
def only_progress_shown(home: Home) -> Iterator[Path]:
    """Send what Airflow prints to a file while the night's own progress stays on the terminal."""
    log = home.root / "airflow" / "nightly.log"
    sys.stdout.flush()
    sys.stderr.flush()
    terminal = os.dup(1), os.dup(2)
    os.environ["RAPPORT_PROGRESS_FD"] = str(terminal[1])
    try:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            yield log
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, original in enumerate(terminal, start=1):
            os.dup2(original, descriptor)
            os.close(original)
        del os.environ["RAPPORT_PROGRESS_FD"]


def run_nightly(home: Home) -> str:
    """Run one night and return the state of the DAG run: success or failed.

    Migrates Airflow's metadata when needed. Needs `configure_airflow` first.
    """
    prepare_metadata()
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(REPOSITORY / "dags"), bundle_name="dags-folder")
    if bag.import_errors:
        raise BuildError(f"dags/: {len(bag.import_errors)} file(s) cannot be loaded. Reinstall.")
    os.environ["RAPPORT_UNATTENDED"] = "1"  # nobody could answer inside this process
    try:
        return str(bag.dags["nightly"].test().state)
    finally:
        del os.environ["RAPPORT_UNATTENDED"]
        for name in [name for name in os.environ if name.startswith("AIRFLOW_CTX_")]:
            del os.environ[name]  # the last task's, left behind in this process


def prepare_metadata() -> None:
    """Migrate Airflow's metadata when needed and make the pool that tasks wait for."""
    warnings.filterwarnings("ignore")
    from airflow.models.pool import Pool
    from airflow.utils import db

    logging.getLogger("alembic").setLevel(logging.ERROR)
    if not _is_current(db):
        db.initdb()
    Pool.create_or_update_pool(name=POOL, slots=1, description="", include_deferred=False)


def _is_current(db: ModuleType) -> bool:
    """Say whether Airflow's metadata exists at this version."""
    try:
        db.check_migrations(0)
    except (TimeoutError, SystemExit):
        return False
    return True
