"""Good rows to the lake, broken rows to quarantine, and every row accounted for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
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
from pipeline.storage.form_profiles import forget_old_profiles, keep_profile, profile_of
from pipeline.storage.lake import Accepted, accept_whole, forget, keep_left_in, lake_file
from pipeline.storage.lake import accept as accept_rows
from pipeline.storage.landing import Delivery
from pipeline.storage.ledger import Ledger
from pipeline.storage.quarantine import (
    StagedRows,
    Verdict,
    excluded_query,
    load_rules,
    write_marks_of_kept,
    write_quarantine,
    write_redeliveries,
)
from pipeline.storage.quarantine import forget as forget_findings
from pipeline.storage.snapshots import Snapshot, absent, snapshot_of
from pipeline.storage.tonight import Tonight, look_at
from pipeline.vault.ages import write_client_ages
from pipeline.vault.facts import keep_therapist_flags
from transforms.contract import TABLES
from transforms.instruments.registry import Registry
from transforms.statistics.withheld import Record

# Parents before children; the order of TABLES is by importance to the reader.
ORDER = ("clients", "therapists", "episodes", "sessions", "responses")
# Files whose verdicts are written into the ledger in one transaction: each waits for the disk.
RECORDED_TOGETHER = 100


@dataclass(frozen=True)
class _Night:
    """What settling a file needs; ``tables`` by clinic and table."""

    con: duckdb.DuckDBPyConnection
    home: Home
    run_id: str
    tables: dict[tuple[str, str], Tonight]


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
    registry = read_registry(home)
    totals = dict.fromkeys(("received", "accepted", "duplicate", "quarantined"), 0)
    with duck(home) as con:
        load_rules(con, home)
        to_settle = _to_settle(home, run_id, unsettled)
        night = _look_at_all(con, home, run_id, [verdict.delivery for verdict, _ in to_settle])
        for start in range(0, len(to_settle), RECORDED_TOGETHER):
            batch = [
                (verdict, _settle(night, verdict, erased))
                for verdict, erased in to_settle[start : start + RECORDED_TOGETHER]
            ]
            _record(ledger, batch, run_id, registry)
            for outcome in totals:
                totals[outcome] += sum(t[f"n_{outcome}"] for _, tables in batch for t in tables)
        for clinic_id in sorted({delivery.clinic_id for delivery in deliveries}):
            forget_old_profiles(home, clinic_id)
            write_client_ages(con, home, clinic_id)
            keep_therapist_flags(con, home, clinic_id)
        rescore(con, home, ledger, registry)
        write_quality_tables(con, home, ledger)
    say("    rows: " + ", ".join(f"{count:,} {outcome}" for outcome, count in totals.items()))
    return totals


def _to_settle(
    home: Home, run_id: str, unsettled: list[Delivery]
) -> list[tuple[Verdict, dict[str, int]]]:
    """Return the verdict on each file, with the rows of it that were erased, by table."""
    rejected = rejected_files(home, run_id)
    clinics = {delivery.clinic_id for delivery in unsettled}
    results = {clinic_id: read_results(home, run_id, clinic_id) for clinic_id in clinics}
    found = []
    for delivery in unsettled:
        # Without a result the clinic's intake broke off: its files stay new.
        result = results[delivery.clinic_id].get(delivery.file_id)
        if result is not None:
            rejection = "; ".join(rejected.get((delivery.clinic_id, delivery.file_id), ()))
            found.append((Verdict(delivery, result.refusal, rejection), result.erased))
    return found


def _look_at_all(
    con: duckdb.DuckDBPyConnection, home: Home, run_id: str, deliveries: list[Delivery]
) -> _Night:
    """Begin from nothing, and look at each clinic's files together, a table at a time."""
    night = _Night(con, home, run_id, {})
    for clinic_id in sorted({delivery.clinic_id for delivery in deliveries}):
        files = {one.file_id for one in deliveries if one.clinic_id == clinic_id}
        for file_id in files:
            forget(home, clinic_id, file_id)
        forget_findings(home, run_id, clinic_id, files)
        for name in ORDER:
            folder = staged_folder(home, run_id, clinic_id) / name
            staged = [path for path in sorted(folder.glob("*.parquet")) if path.stem in files]
            looked = look_at(con, home, run_id, TABLES[name], clinic_id, staged)
            night.tables[clinic_id, name] = looked
    return night


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


def _settle(night: _Night, verdict: Verdict, erased: dict[str, int]) -> list[Record]:
    """Move one file's rows to where they belong; return its counts per table.

    Parameters
    ----------
    erased : rows of the file that were left out because the person was erased, by table
    """
    counts: list[Record] = []
    home, run_id, delivery = night.home, night.run_id, verdict.delivery
    profile = profile_of(home, run_id, delivery.clinic_id, delivery.file_id)
    if verdict.status != "accepted":
        profile = None
    for name in ORDER:
        staged = staged_folder(home, run_id, delivery.clinic_id) / name
        staged /= f"{delivery.file_id}.parquet"
        if not staged.exists():
            continue
        snapshot = snapshot_of(profile, name) if profile else None
        looked = night.tables[delivery.clinic_id, name]
        n_rows = looked.as_they_are.get(delivery.file_id)
        if n_rows and verdict.status == "accepted" and snapshot is None:
            accepted = _settle_whole(night, verdict, looked, staged, n_rows)
        else:
            accepted = _settle_rows(night, verdict, looked, staged, snapshot)
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


def _settle_whole(
    night: _Night, verdict: Verdict, looked: Tonight, staged: Path, n_rows: int
) -> Accepted:
    """Put a file into the lake of which no row is taken out, repeated, or known already."""
    home, delivery, table = night.home, verdict.delivery, looked.table
    accept_whole(staged, lake_file(home, table.name, delivery.clinic_id, staged.name))
    if delivery.file_id in looked.marked:
        write_marks_of_kept(StagedRows(night.con, home, night.run_id, verdict, table, staged))
    if table.name == "responses":
        scored, target = _scores(night, delivery)
        accept_whole(scored, target)
    return Accepted(n_rows, n_rows, 0, 0)


def _settle_rows(
    night: _Night, verdict: Verdict, looked: Tonight, staged: Path, snapshot: Snapshot | None
) -> Accepted:
    """Move the rows of a file's table to where each belongs."""
    con, home, run_id, delivery = night.con, night.home, night.run_id, verdict.delivery
    table, clinic_id = looked.table, verdict.delivery.clinic_id
    rows = StagedRows(con, home, run_id, verdict, table, staged)
    accepted = accept_rows(
        con,
        home,
        table,
        staged,
        clinic_id=clinic_id,
        excluded=excluded_query(rows),
        marked_at=delivery.received_at,
        absent=_absent(con, home, clinic_id, snapshot, table.name, staged),
        current=looked.current,
    )
    write_redeliveries(rows, snapshot)
    write_quarantine(rows)
    if table.name == "responses":
        scored, target = _scores(night, delivery)
        keep_left_in(con, scored, target, "response_key")
    looked.follow(
        con,
        lake_file(home, table.name, clinic_id, staged.name),
        lake_file(home, f"superseded/{table.name}", clinic_id, staged.name),
    )
    return accepted


def _scores(night: _Night, delivery: Delivery) -> tuple[Path, Path]:
    """Return where the scores of a file's responses are, and where they go."""
    scored = scores_path(night.home, night.run_id, delivery.clinic_id, delivery.file_id)
    return scored, lake_file(night.home, "scores", delivery.clinic_id, scored.name)


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
    ledger: Ledger,
    settled: list[tuple[Verdict, list[Record]]],
    run_id: str,
    registry: Registry,
) -> None:
    of_run = {
        "run_id": run_id,
        "fingerprint": ledger.run(run_id)["fingerprint"],
        "score_fingerprint": registry.score_fingerprint,
    }
    ledger.record_files(
        (
            verdict.delivery.as_row()
            | of_run
            | {"status": verdict.status, "reason": verdict.refusal or verdict.rejection or None},
            tables,
        )
        for verdict, tables in settled
    )
