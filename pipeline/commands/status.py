"""`rapport status`: what is published, how the last nights went, what was left out."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from pipeline.home import Home
from pipeline.steps.publish import published_run, releases
from pipeline.steps.summary import print_files_left_out, print_remarks
from pipeline.storage.configuration import wrong_clinics
from pipeline.storage.landing_names import look
from pipeline.storage.ledger import Ledger
from pipeline.storage.remarks import Remark, read_remarks
from pipeline.storage.writer_lock import described
from pipeline.vault.erased import n_under_way

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
    if n_waiting := n_under_way(home):
        console.print(f"{n_waiting} erasure(s) without a certificate: give `rapport erase` again")
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
    _print_landing(console, home, runs[0]["run_id"])
    files = ledger.all_files()
    accepted = sum(row["status"] == "accepted" for row in files)
    console.print(f"\n{accepted} of {len(files)} delivered file(s) accepted")
    for run in runs:
        print_files_left_out(console, ledger, run["run_id"])


def _print_landing(console: Console, home: Home, last_run: str) -> None:
    """Print what the last run told, what lies out of place now, and how much is noise."""
    looked = look(home)
    wrong = wrong_clinics(home, looked.files)
    now = [Remark(f"clinic {clinic}", f"its YAML is wrong. {why}") for clinic, why in wrong.items()]
    told = {remark.where for remark in now}
    earlier = [
        remark
        for remark in read_remarks(home, last_run)
        if remark.clinic and remark.where not in told
    ]
    print_remarks(console, [*looked.remarks, *now, *earlier])
    if looked.n_noise:
        console.print(f"\n{looked.n_noise} name(s) in landing/ are noise (Thumbs.db, .DS_Store, …)")
