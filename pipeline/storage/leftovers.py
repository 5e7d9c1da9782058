"""What is in the lake and should not be: deleted where the ledger proves it, else set aside."""

from __future__ import annotations

from pathlib import Path

from pipeline.home import Home
from pipeline.storage import lake, quarantine
from pipeline.storage.ledger import GOING_ON, File, Ledger, restored_id
from pipeline.storage.remarks import Remark
from transforms.errors import LedgerError
from transforms.formats.source import plural
from transforms.statistics.withheld import Record


def sweep(home: Home, ledger: Ledger) -> int:
    """Delete what belongs to no accepted file, where the ledger says so; return how many files.

    Dead is what a run that has ended began and never settled, and what a file left that is not
    accepted. What was withdrawn stays as history with the markers that say so, without findings.
    What the ledger never heard of is not dead: it may be newer than the ledger.
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


def set_aside_unknown(home: Home, ledger: Ledger, run_id: str, expected: set[File]) -> list[Remark]:
    """Move lake files the ledger never heard of out of the lake; say which and where they lie.

    A delivery goes with its markers, so what it had replaced is current again. Nothing is deleted.

    Parameters
    ----------
    expected : files this run reads: what lies there of them is written anew

    Raises
    ------
    LedgerError
        The ledger knows no delivery at all: it is not these files that are strange.
    """
    delivered = {_key(row) for row in ledger.all_files()} | ledger.all_loading().keys()
    unknown = lake.unknown(home, delivered | expected)
    if unknown and not delivered:
        raise LedgerError(
            f"lake/ holds {plural(len(unknown), 'file')} of deliveries and the ledger knows none: "
            "ledger.sqlite was lost, or is another home's. Restore it from the back-up; if there "
            "is none, `mv lake lake.before` and `rapport run`: all that lies in landing/ is read "
            "anew. The published release is unchanged."
        )
    return [_set_aside(home, run_id, path) for path in unknown]


def _set_aside(home: Home, run_id: str, path: Path) -> Remark:
    where = path.relative_to(home.root)
    target = home.quarantine / "unknown" / run_id / where
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)
    return Remark(
        str(where),
        "the ledger never heard of it, so it was moved, unread, to "
        f"{target.relative_to(home.root)}. "
        "Restore the ledger that belongs to it and move it back, deliver its export again, or "
        "delete it",
    )


def _key(row: Record) -> File:
    return row["clinic_id"], row["file_id"]
