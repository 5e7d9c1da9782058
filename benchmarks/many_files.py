"""What a file costs: the same forms as one file and as many, up to the lake.

    python benchmarks/many_files.py [--files 1 150] [--forms 1500]

CPU seconds (user and system) of landing, intake, judge and accept, in a child process for each
number of files. Great Expectations' import and the rules' plans are in every row alike: a file's
own cost is the difference of two rows by the difference of their files.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

STEPS = ("intake", "judge", "accept")
HEADER = "response_id,client_id,instrument,version,rater,completed_at," + ",".join(
    f"item_{n}" for n in range(1, 10)
)


def measure(n_files: int, n_forms: int) -> dict[str, float]:
    """Return CPU seconds by step, measured in a process of its own."""
    command = [sys.executable, __file__, "--child", str(n_files), "--forms", str(n_forms)]
    # The rules' findings go to the terminal; the last line is ours.
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT)
    seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def write_files(folder: Path, n_files: int, n_forms: int) -> None:
    """Write daily exports of one made-up clinic, ten forms a client."""
    folder.mkdir(parents=True)
    for number in range(n_files):
        day = datetime(2020, 1, 1) + timedelta(days=number)
        forms = range(number * n_forms // n_files, (number + 1) * n_forms // n_files)
        rows = [
            f"r{form},c{form % max(n_forms // 10, 1)},phq9,standard,client,"
            f"{day + timedelta(minutes=form % 1000):%Y-%m-%d %H:%M:%S},"
            + ",".join(str(form * item % 4) for item in range(1, 10))
            for form in forms
        ]
        path = folder / f"responses_{day:%Y-%m-%d}.csv"
        path.write_text("\n".join([HEADER, *rows]) + "\n", "utf-8")


def run_night(n_files: int, n_forms: int, folder: Path) -> dict[str, float]:
    """Take the files in, up to the lake; return CPU seconds by step."""
    from pipeline.home import Home
    from pipeline.steps import accept, intake, judge
    from pipeline.storage import lake
    from pipeline.storage.configuration import write_registry
    from pipeline.storage.landing import new_deliveries
    from pipeline.storage.ledger import Ledger
    from pipeline.vault.keys import open_vault

    shutil.copytree(ROOT / "config", folder / "config")
    home, now = Home(folder / "home", folder / "config"), datetime(2026, 2, 1)
    home.root.mkdir()
    home.prepare()
    ledger = Ledger(home)
    open_vault(home)
    lake.write_empty_tables(home)
    write_registry(home)
    write_files(home.landing / "clinic", n_files, n_forms)
    deliveries = new_deliveries(home, ledger, now, "bench")
    ledger.open_run("run", now, "bench")
    steps = (
        lambda: intake.intake(home, "run", "clinic", deliveries),
        lambda: judge.judge(home, "run"),
        lambda: accept.accept(home, "run", ledger, deliveries),
    )
    seconds = {}
    for name, step in zip(STEPS, steps, strict=True):
        before = _cpu_seconds()
        told = step()
        seconds[name] = _cpu_seconds() - before
    if told["received"] != n_forms:
        raise SystemExit(f"{told['received']} of {n_forms} forms came in")
    return seconds


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, nargs="+", default=[1, 150])
    parser.add_argument("--forms", type=int, default=1500)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(run_night(arguments.child, arguments.forms, Path(folder))))
        return
    table = Table(title=f"{arguments.forms:,} forms, CPU seconds")
    for column in ("files", *STEPS, "all"):
        table.add_column(column, justify="right")
    for n_files in arguments.files:
        seconds = measure(n_files, arguments.forms)
        cells = [f"{seconds[name]:.1f}" for name in STEPS]
        table.add_row(f"{n_files:,}", *cells, f"{sum(seconds.values()):.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
