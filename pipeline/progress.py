"""What a person watching the night sees, and how long each step took."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.home import Home


def say(text: str) -> None:
    """Print one line of progress where the person is, also from inside an Airflow task.

    Airflow takes over a task's stdout and stderr; the command line passes a descriptor of the
    terminal in RAPPORT_PROGRESS_FD. In the service there is none and the line goes to the log,
    by stdout, because Airflow marks what comes by stderr as an error.
    """
    descriptor = os.environ.get("RAPPORT_PROGRESS_FD")
    if descriptor:
        os.write(int(descriptor), f"{text}\n".encode())
    else:
        stream = sys.stdout if "AIRFLOW_CTX_TASK_ID" in os.environ else sys.stderr
        print(text, file=stream, flush=True)


def log(text: str) -> None:
    """Print one line for readers of a task's log; a terminal gets the summary instead."""
    if not os.environ.get("RAPPORT_PROGRESS_FD"):
        say(text)


@contextmanager
def timed(home: Home, run_id: str, step: str, part: str = "") -> Iterator[None]:
    """Say that a step begins and how long it took; keep the seconds for the bench."""
    name = f"{step} {part}".strip()
    started = time.perf_counter()
    yield
    seconds = round(time.perf_counter() - started, 3)
    say(f"  {name:<24} {seconds:6.1f} s")
    folder = home.work(run_id) / "timings"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name.replace(' ', '-')}.json"
    file.write_text(json.dumps({"step": step, "seconds": seconds}), encoding="utf-8")


def timings(home: Home, run_id: str) -> dict[str, float]:
    """Return seconds per step, clinics added up."""
    total: dict[str, float] = {}
    for file in sorted((home.work(run_id) / "timings").glob("*.json")):
        entry = json.loads(file.read_text(encoding="utf-8"))
        total[entry["step"]] = round(total.get(entry["step"], 0.0) + entry["seconds"], 3)
    return total
