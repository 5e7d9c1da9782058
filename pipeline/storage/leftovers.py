"""What killed runs and withdrawn files left in the lake: deleted by what the ledger proves."""

from __future__ import annotations

from pipeline.home import Home
from pipeline.progress import say
from pipeline.storage import lake, quarantine
from pipeline.storage.ledger import GOING_ON, File, Ledger, restored_id
from transforms.statistics.withheld import Record


def sweep(home: Home, ledger: Ledger) -> int:
    """Delete what belongs to no accepted file, where the ledger says so; return how many files.

    Dead is what a run that has ended began and never settled, and what a file left that is not
    accepted. What was withdrawn stays as history with the markers that say so, without findings.
    What the ledger never heard of is left alone: it may be newer than the ledger.
    """
    files = ledger.all_files()
    ended = {run["run_id"] for run in ledger.all_runs() if run["status"] not in GOING_ON}
    loading = ledger.all_loading()
    begun = {file for file, run_id in loading.items() if run_id in ended}
    going_on = loading.keys() - begun
    held = {_key(row) for row in files if row["status"] in ("held", "withdrawn")} - going_on
    left_out = {_key(row) for row in files if row["status"] != "accepted"} - going_on
    accepted = {_key(row) for row in files if row["status"] == "accepted"}
    accepted |= {
        _key(row)
        for row in files
        if row["status"] == "withdrawn"
        and (row["clinic_id"], restored_id(row["file_id"])) in accepted
    }
    settled_in = {_key(row): row["run_id"] for row in files if row["status"] != "held"}
    return lake.sweep(home, (begun | left_out) - accepted) + quarantine.sweep(
        home, settled_in, held, ended
    )


def name_unknown(home: Home, ledger: Ledger, expected: set[File]) -> list[str]:
    """Name lake files the ledger never heard of, with what to do; return their paths.

    Parameters
    ----------
    expected : files this run reads: what lies there of them is written anew
    """
    known = {_key(row) for row in ledger.all_files()} | ledger.all_loading().keys() | expected
    unknown = [str(path.relative_to(home.root)) for path in lake.unknown(home, known)]
    if unknown:
        say(
            f"{len(unknown)} file(s) the ledger never heard of, such as {unknown[0]}: left alone, "
            "and no release is made with them. Restore the ledger that belongs to this lake, or "
            "move them out of lake/."
        )
    return unknown


def _key(row: Record) -> File:
    return row["clinic_id"], row["file_id"]
