"""Good rows to the lake, broken rows to quarantine, and every row accounted for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import duckdb

from pipeline.home import Home
from pipeline.progress import say
from pipeline.steps.held_rows import freed_deliveries
from pipeline.steps.intake import read_results, scores_path, staged_folder
from pipeline.steps.judge import rejected_files
from pipeline.steps.quality_tables import write_quality_tables
from pipeline.steps.scores import write_scores
from pipeline.storage.configuration import read_registry
from pipeline.storage.duckdb_session import duck
from pipeline.storage.form_profiles import keep_profile, profile_of
from pipeline.storage.lake import accept as accept_rows
from pipeline.storage.lake import forget, keep_left_in, lake_file
from pipeline.storage.landing import Delivery
from pipeline.storage.ledger import Ledger
from pipeline.storage.quarantine import (
    Verdict,
    excluded_query,
    load_rules,
    write_quarantine,
    write_redeliveries,
)
from pipeline.storage.snapshots import Snapshot, absent, snapshot_of
from pipeline.vault.ages import write_client_ages
from pipeline.vault.facts import keep_therapist_flags
from transforms.contract import TABLES
from transforms.instruments.registry import Registry
from transforms.statistics.withheld import Record

# Parents before children; the order of TABLES is by importance to the reader.
ORDER = ("clients", "therapists", "episodes", "sessions", "responses")


def accept(home: Home, run_id: str, ledger: Ledger, deliveries: list[Delivery]) -> dict[str, int]:
    """Settle every file of the run, in the order received; return rows per outcome.

    The ledger's entry is written last, when a file's rows are in place: a run killed before that
    repeats the file, and what it left in the lake is swept. Repeated for the same run, it goes on
    where it broke off.
    """
    # First, so that a run killed in between finds the parent's file still new.
    clinics = {delivery.clinic_id for delivery in deliveries}
    deliveries = [*freed_deliveries(home, run_id, clinics), *deliveries]
    settled = {
        (row["clinic_id"], row["file_id"]) for row in ledger.all_files() if row["run_id"] == run_id
    }
    unsettled = [one for one in deliveries if (one.clinic_id, one.file_id) not in settled]
    ledger.begin_files(run_id, [(one.clinic_id, one.file_id) for one in unsettled])
    rejected = rejected_files(home, run_id)
    registry = read_registry(home)
    totals = dict.fromkeys(("received", "accepted", "duplicate", "quarantined"), 0)
    with duck(home) as con:
        load_rules(con, home)
        for delivery in unsettled:
            # Without a result the clinic's intake broke off: its files stay new.
            result = read_results(home, run_id, delivery.clinic_id).get(delivery.file_id)
            if result is None:
                continue
            rejection = "; ".join(rejected.get((delivery.clinic_id, delivery.file_id), ()))
            verdict = Verdict(delivery, result.refusal, rejection)
            tables = _settle(con, home, run_id, verdict, result.erased)
            _record(ledger, verdict, tables, run_id, registry)
            for table in tables:
                for outcome in totals:
                    totals[outcome] += table[f"n_{outcome}"]
        for clinic_id in sorted({delivery.clinic_id for delivery in deliveries}):
            write_client_ages(con, home, clinic_id)
            keep_therapist_flags(con, home, clinic_id)
        rescore(con, home, ledger, registry)
        write_quality_tables(con, home, ledger)
    say("    rows: " + ", ".join(f"{count:,} {outcome}" for outcome, count in totals.items()))
    return totals


def rescore(con: duckdb.DuckDBPyConnection, home: Home, ledger: Ledger, registry: Registry) -> int:
    """Score again the accepted files that were scored under another registry."""
    stale = [
        row
        for row in ledger.all_files()
        if row["status"] == "accepted" and row["score_fingerprint"] != registry.score_fingerprint
    ]
    for row in stale:
        folder = home.lake / "responses" / f"clinic={row['clinic_id']}"
        for responses in sorted(folder.glob(f"{row['file_id']}.parquet")):
            target = lake_file(home, "scores", row["clinic_id"], responses.name)
            write_scores(con, responses, target, registry)
        ledger.mark_scored(row["clinic_id"], row["file_id"], registry.score_fingerprint)
    if stale:
        say(f"    the instrument definitions changed: {len(stale)} file(s) scored again")
    return len(stale)


def _settle(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    run_id: str,
    verdict: Verdict,
    erased: dict[str, int],
) -> list[Record]:
    """Move one file's rows to where they belong; return its counts per table.

    Parameters
    ----------
    erased : rows of the file that were left out because the person was erased, by table
    """
    counts: list[Record] = []
    delivery = verdict.delivery
    profile = profile_of(home, run_id, delivery.clinic_id, delivery.file_id)
    if verdict.status != "accepted":
        profile = None
    forget(home, delivery.clinic_id, delivery.file_id)
    for name in ORDER:
        staged = staged_folder(home, run_id, delivery.clinic_id) / name
        staged /= f"{delivery.file_id}.parquet"
        if not staged.exists():
            continue
        snapshot = snapshot_of(profile, name) if profile else None
        accepted = accept_rows(
            con,
            home,
            TABLES[name],
            staged,
            clinic_id=delivery.clinic_id,
            excluded=excluded_query(home, run_id, verdict, TABLES[name], staged),
            marked_at=delivery.received_at,
            absent=_absent(con, home, delivery.clinic_id, snapshot, name, staged),
        )
        write_redeliveries(con, home, run_id, verdict, TABLES[name], staged, snapshot)
        write_quarantine(con, home, run_id, verdict, TABLES[name], staged)
        if name == "responses":
            scored = scores_path(home, run_id, delivery.clinic_id, delivery.file_id)
            target = lake_file(home, "scores", delivery.clinic_id, staged.name)
            keep_left_in(con, scored, target, "response_key")
        counts.append(
            {
                "clinic_id": delivery.clinic_id,
                "file_id": delivery.file_id,
                "table_name": name,
            }
            | asdict(accepted)
            | {
                "n_received": accepted.n_received + erased.get(name, 0),
                "n_erased": erased.get(name, 0),
            }
        )
    if profile is not None:
        keep_profile(home, profile)
    return counts


def _absent(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    clinic_id: str,
    snapshot: Snapshot | None,
    name: str,
    staged: Path,
) -> Callable[[], str] | None:
    """Return what finds the rows a snapshot deletes; None where the file is an increment."""
    if snapshot is None:
        return None
    return partial(absent, con, home, TABLES[name], clinic_id, snapshot, staged)


def _record(
    ledger: Ledger, verdict: Verdict, tables: list[Record], run_id: str, registry: Registry
) -> None:
    run = ledger.run(run_id)
    ledger.record_file(
        verdict.delivery.as_row()
        | {
            "run_id": run_id,
            "status": verdict.status,
            "reason": verdict.refusal or verdict.rejection or None,
            "fingerprint": run["fingerprint"],
            "score_fingerprint": registry.score_fingerprint,
        },
        tables,
    )
