"""Asking before a release, holding files back, and the append-only log of who decided what."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb

from pipeline.home import Home
from pipeline.progress import say
from pipeline.steps.gate import findings, judged_runs
from pipeline.steps.quality_tables import write_quality_tables
from pipeline.storage import leftovers
from pipeline.storage.duckdb_session import duck
from pipeline.storage.ledger import Ledger
from pipeline.storage.parquet import write_rows
from pipeline.storage.waiver_tables import APPROVALS
from pipeline.vault.ages import write_client_ages
from pipeline.vault.facts import keep_therapist_flags
from transforms.errors import BuildError, NothingToDoError
from transforms.statistics.withheld import Record

PUBLISH, WITHOUT, REJECT = "publish", "publish without", "reject"
CHOICES = (PUBLISH, WITHOUT, REJECT)


def ask(home: Home, ledger: Ledger, run_id: str) -> Record:
    """Judge the build; with findings write down that the run waits for a person.

    Returns ``{"is_asked", "because"}``; ``because`` has one line per finding.
    """
    found = findings(home, ledger, run_id)
    because = [str(finding) for finding in found]
    if because:
        ledger.log_approval({"run_id": run_id, "asked_at": _now(), "asked_because": _text(because)})
        ledger.close_run(run_id, _now(), "waiting", "waits for approval: " + _text(because))
        write_log(home, ledger)
        for line in because:
            say(f"  ? {line}")
    return {"is_asked": bool(because), "because": because}


def decide(
    home: Home, ledger: Ledger, run_id: str, *, choice: str, clinics: list[str], by: str, why: str
) -> bool:
    """Carry out a decision; return whether the tables must be built again before publishing.

    Files are held back before the decision is written down: a run killed between the two is
    undecided, and the next night holds back all of it. Killed later, the same answer may be given
    again and is carried out to its end. Raises BuildError for a rejection.
    """
    asked = next((row for row in ledger.approvals() if row["run_id"] == run_id), None)
    named = f"{choice} {', '.join(sorted(clinics))}" if choice == WITHOUT else choice
    is_open = asked is not None and ledger.run(run_id)["status"] in ("waiting", "running")
    if asked is None or not is_open or asked["choice"] not in (None, named):
        raise NothingToDoError(
            f"approve: run {run_id} does not wait for approval. See `rapport status`."
        )
    _check(choice, clinics, _clinics_of(ledger, run_id))
    if choice == REJECT:
        hold(home, ledger, run_id, None, f"run {run_id} was rejected by {by}")
    if choice == WITHOUT:
        hold(home, ledger, run_id, set(clinics), f"held back by {by} from run {run_id}")
    if asked["choice"] is None:
        decision = {"choice": named, "decided_by": by, "reason": why, "decided_at": _now()}
        ledger.log_approval(asked | decision)
    write_log(home, ledger)
    if choice == REJECT:
        ledger.close_run(run_id, _now(), "rejected", f"rejected by {by}")
        raise BuildError(
            f"approve: run {run_id} was rejected ({by}). Yesterday's release stays; its files are "
            "read again next time. Correct them, or waive or approve what the report shows."
        )
    ledger.close_run(run_id, _now(), "running", f"{named}, decided by {by}")
    return choice == WITHOUT


def hold(home: Home, ledger: Ledger, run_id: str, clinics: set[str] | None, reason: str) -> int:
    """Take what a run loaded out of the lake; the files are new again next time.

    Parameters
    ----------
    clinics : only these; None for all.
    """
    return hold_runs(home, ledger, judged_runs(ledger, run_id), clinics, reason)


def hold_runs(
    home: Home, ledger: Ledger, run_ids: list[str], clinics: set[str] | None, reason: str
) -> int:
    """As `hold`, of exactly these runs."""
    held = ledger.hold(run_ids, clinics, reason)
    leftovers.sweep(home, ledger)
    with duck(home) as con:
        for clinic_id in sorted({clinic for clinic, _ in held}):
            write_client_ages(con, home, clinic_id)
            keep_therapist_flags(con, home, clinic_id)
        write_quality_tables(con, home, ledger)
    return len(held)


def hold_undecided(home: Home, ledger: Ledger) -> None:
    """Hold back what earlier runs asked about and nobody answered; called when a night opens."""
    for row in ledger.approvals():
        if row["choice"] is None:
            hold(home, ledger, row["run_id"], None, f"run {row['run_id']} was never approved")
            never = {"choice": REJECT, "decided_by": "the next run", "decided_at": _now()}
            ledger.log_approval(row | never | {"reason": "no answer before the next run"})
            ledger.close_run(row["run_id"], _now(), "rejected", "no answer before the next run")


def write_log(home: Home, ledger: Ledger) -> None:
    """Export the log for dbt, and into the file being built when there is one."""
    rows = ledger.approvals()
    path = home.lake / "quality" / "approvals" / "log.parquet"
    write_rows(path, rows, APPROVALS)
    if home.building.exists():
        with duckdb.connect(str(home.building)) as con:
            con.execute("delete from quality.dq_approvals")
            con.execute(
                "insert into quality.dq_approvals by name select * from read_parquet(?)",
                [str(path)],
            )


def _check(choice: str, clinics: list[str], delivered: set[str]) -> None:
    if choice not in CHOICES:
        raise NothingToDoError(f"approve: {choice} is no choice. Choose {', '.join(CHOICES)}.")
    unknown = sorted(set(clinics) - delivered)
    if choice == WITHOUT and (unknown or not clinics):
        raise NothingToDoError(
            f"approve: {', '.join(unknown) or 'no clinic'} named to be left out. "
            f"This run loaded files of {', '.join(sorted(delivered))}."
        )


def _clinics_of(ledger: Ledger, run_id: str) -> set[str]:
    runs = judged_runs(ledger, run_id)
    return {f["clinic_id"] for f in ledger.all_files() if f["run_id"] in runs}


def _text(because: list[str]) -> str:
    return "; ".join(because)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)
