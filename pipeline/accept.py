"""Good rows to the lake, broken rows to quarantine, and every row accounted for."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from pipeline.ages import write_client_ages
from pipeline.clinics import read_registry, rules
from pipeline.duck import duck, quoted, write_atomically
from pipeline.home import Home
from pipeline.intake import read_results, scores_path, staged_folder
from pipeline.judge import rejected_files
from pipeline.lake import accept as accept_rows
from pipeline.lake import keep_left_in, lake_file
from pipeline.landing import Delivery
from pipeline.ledger import Ledger
from pipeline.progress import say
from pipeline.quality import write_quality_tables
from pipeline.scores import write_scores
from transforms.contract import TABLES, Table
from transforms.registry import Registry

# Parents before children; the order of TABLES is by importance to the reader.
ORDER = ("clients", "therapists", "episodes", "sessions", "responses")


@dataclass(frozen=True)
class Verdict:
    """What becomes of one delivered file. ``rejection`` is empty for an accepted one."""

    delivery: Delivery
    refusal: str
    rejection: str

    @property
    def status(self) -> str:
        """Return accepted, rejected or refused."""
        if self.refusal:
            return "refused"
        return "rejected" if self.rejection else "accepted"


def accept(home: Home, run_id: str, ledger: Ledger, deliveries: list[Delivery]) -> dict[str, int]:
    """Settle every file of the run, in the order received; return rows per outcome.

    The ledger's entry is written last, when a file's rows are in place: a run killed before that
    repeats the file, and what it left in the lake is swept.
    """
    rejected = rejected_files(home, run_id)
    registry = read_registry(home)
    totals = dict.fromkeys(("received", "accepted", "duplicate", "quarantined"), 0)
    with duck(home) as con:
        _load_rules(con, home)
        for delivery in deliveries:
            # Without a result the clinic's intake broke off: its files stay new.
            result = read_results(home, run_id, delivery.clinic_id).get(delivery.file_id)
            if result is None:
                continue
            rejection = "; ".join(rejected.get((delivery.clinic_id, delivery.file_id), ()))
            verdict = Verdict(delivery, result.refusal, rejection)
            tables = _settle(con, home, run_id, verdict)
            _record(ledger, verdict, tables, run_id, registry)
            for table in tables:
                for outcome in totals:
                    totals[outcome] += table[f"n_{outcome}"]
        for clinic_id in sorted({delivery.clinic_id for delivery in deliveries}):
            write_client_ages(con, home, clinic_id)
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


def _load_rules(con: duckdb.DuckDBPyConnection, home: Home) -> None:
    con.execute(
        "create temp table rules (rule_id varchar, severity varchar, takes_row_out boolean)"
    )
    con.executemany(
        "insert into rules values (?, ?, ?)",
        [[rule.id, rule.severity, rule.keeps_out] for rule in rules(home).rules],
    )


def _settle(
    con: duckdb.DuckDBPyConnection, home: Home, run_id: str, verdict: Verdict
) -> list[dict]:
    """Move one file's rows to where they belong; return its counts per table."""
    counts: list[dict] = []
    delivery = verdict.delivery
    for name in ORDER:
        staged = staged_folder(home, run_id, delivery.clinic_id) / name
        staged /= f"{delivery.file_id}.parquet"
        if not staged.exists():
            continue
        accepted = accept_rows(
            con,
            home,
            TABLES[name],
            staged,
            clinic_id=delivery.clinic_id,
            excluded=_excluded_query(home, run_id, verdict, TABLES[name], staged),
            marked_at=delivery.received_at,
        )
        _quarantine(con, home, run_id, verdict, TABLES[name], staged)
        if name == "responses":
            scored = scores_path(home, run_id, delivery.clinic_id, delivery.file_id)
            target = lake_file(home, "scores", delivery.clinic_id, staged.name)
            keep_left_in(con, scored, target, "response_key")
        counts.append(
            {
                "clinic_id": delivery.clinic_id,
                "file_id": delivery.file_id,
                "table_name": name,
                "n_erased": 0,
            }
            | asdict(accepted)
        )
    return counts


def _excluded_query(home: Home, run_id: str, verdict: Verdict, table: Table, staged: Path) -> str:
    """Return SQL for the rows to quarantine: all of a rejected file, else the marked ones."""
    if verdict.rejection:
        return f"select {table.key} as row_key, source_line from read_parquet({quoted(staged)})"
    return f"""
        select row_key, source_line
        from ({_marks(home, run_id, verdict)})
        where table_name = '{table.name}' and takes_row_out
    """


def _marks(home: Home, run_id: str, verdict: Verdict) -> str:
    """Return SQL for one file's marks with the severity of their rule."""
    work, delivery = home.work(run_id), verdict.delivery
    return f"""
        select marks.*, rules.severity, rules.takes_row_out
        from read_parquet({quoted(work / "marks" / f"{delivery.clinic_id}.parquet")}) as marks
        inner join rules using (rule_id)
        where marks.file_id = {quoted(delivery.file_id)}
    """


def _quarantine(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    run_id: str,
    verdict: Verdict,
    table: Table,
    staged: Path,
) -> None:
    """Keep the whole rows taken out, and for every marked row what is wrong with it."""
    delivery = verdict.delivery
    rows = home.quarantine / table.name / f"clinic={delivery.clinic_id}" / staged.name
    _write(
        con,
        f"""
        select staged.*
        from read_parquet({quoted(staged)}) as staged
        semi join unwanted
            on staged.{table.key} = unwanted.row_key and staged.source_line = unwanted.source_line
        """,
        rows,
    )
    reasons = home.lake / "quality" / "quarantine" / delivery.clinic_id
    whole_file = verdict.rejection.replace("'", "''")
    _write(
        con,
        f"""
        with
        rows_of_file as (
            select {table.key} as row_key, source_line, source_file, source_sheet
            from read_parquet({quoted(staged)})
        ),
        reasons as (
            select row_key, source_line, rule_id, column_name, reason, severity, takes_row_out
            from ({_marks(home, run_id, verdict)})
            where table_name = '{table.name}'
            union all
            select unwanted.row_key, unwanted.source_line, 'FILE', null,
                'the whole file was rejected: {whole_file}', 'fatal', true
            from unwanted
            where {bool(verdict.rejection)}
                and (unwanted.row_key, unwanted.source_line) not in (
                    select (row_key, source_line)
                    from ({_marks(home, run_id, verdict)})
                    where table_name = '{table.name}' and takes_row_out
                )
        )
        select
            '{table.name}' as table_name,
            {quoted(delivery.clinic_id)} as clinic_id,
            {quoted(delivery.file_id)} as file_id,
            rows_of_file.source_file,
            rows_of_file.source_sheet,
            reasons.source_line,
            reasons.row_key,
            reasons.rule_id,
            reasons.column_name,
            reasons.reason,
            reasons.severity,
            cast({quoted(delivery.received_at.isoformat())} as timestamp) as first_seen,
            cast({quoted(delivery.received_at.isoformat())} as timestamp) as last_seen,
            case when reasons.takes_row_out then 'open' else 'flagged' end as status
        from reasons
        inner join rows_of_file using (row_key, source_line)
        order by reasons.source_line, reasons.rule_id, reasons.column_name, reasons.row_key
        """,
        reasons / f"{staged.stem}-{table.name}.parquet",
    )


def _write(con: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    """Write the query's rows; no rows, no file."""
    target.unlink(missing_ok=True)
    partial = write_atomically(target)
    con.execute(f"copy ({query}) to {quoted(partial)} (format parquet)")
    if con.execute(f"select count(*) from read_parquet({quoted(partial)})").fetchone()[0]:
        os.replace(partial, target)
    else:
        partial.unlink()


def _record(
    ledger: Ledger, verdict: Verdict, tables: list[dict], run_id: str, registry: Registry
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
