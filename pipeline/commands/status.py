"""`rapport status`: what is published, how the last nights went, what was left out."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from pipeline.home import Home
from pipeline.steps.publish import published_run, releases
from pipeline.steps.summary import print_files_left_out
from pipeline.storage.ledger import Ledger
from pipeline.storage.writer_lock import described
from pipeline.vault.erased import under_way

LAST_RUNS = 10


def print_status(home: Home) -> None:
    """Print the state of one home."""
    console = Console(highlight=False, markup=False)
    ledger = Ledger(home) if home.ledger.exists() else None
    if ledger and (row := ledger.writer()):
        console.print(f"Writing now: {described(row)}")
    if ledger is None or not ledger.all_runs():
        console.print(f"No run yet in {home.root}. Put exports into landing/ and `rapport run`.")
        return
    if waiting := under_way(home):
        console.print(
            f"{len(waiting)} erasure(s) without a certificate: give `rapport erase` again"
        )
    now, kept = published_run(home), releases(home)
    console.print(f"Published: {now or 'nothing yet'}")
    runs = ledger.all_runs()[:LAST_RUNS]
    table = Table(title=f"\nLast {len(runs)} run(s)", title_justify="left", box=None)
    for column in ("run", "status", "release", "message"):
        table.add_column(column, overflow="fold")
    for run in runs:
        release = "published" if run["run_id"] == now else "kept" if run["run_id"] in kept else ""
        table.add_row(run["run_id"], run["status"], release, run["message"] or "")
    console.print(table)
    files = ledger.all_files()
    accepted = sum(row["status"] == "accepted" for row in files)
    console.print(f"\n{accepted} of {len(files)} delivered file(s) accepted")
    for run in runs:
        print_files_left_out(console, ledger, run["run_id"])
