"""The short summary a person reads at the end of a night: counts and where to look."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from pipeline.home import Home
from pipeline.progress import timings
from pipeline.steps.publish import published_run, releases
from pipeline.storage.ledger import Ledger
from pipeline.storage.remarks import Remark, read_remarks
from reports.validation.grades import (
    grade_clinics,
    lost_in_words,
    needs_attention,
    worst_first,
    worst_of,
)
from reports.validation.headline import headlines
from reports.validation.tables import Check, RunQuality, read_run_quality
from transforms.sql import only_row

OUTCOMES = ("received", "loaded", "duplicate", "superseded", "quarantined", "erased")
TEXT = {"clinic", "rule", "what", "severity", "clinics", "table"}
TEXT |= {"instrument", "method", "because of", "from", "to"}
SYMBOLS = {"fail": "✗", "error": "!"}


def write_summary(home: Home, run_id: str, ledger: Ledger) -> None:
    """Write ``work/<run>/timings.json`` and ``summary.txt``, which the command line prints."""
    work = home.work(run_id)
    work.mkdir(parents=True, exist_ok=True)
    (work / "timings.json").write_text(json.dumps(timings(home, run_id), indent=1), "utf-8")
    with (work / "summary.txt").open("w", encoding="utf-8") as file:
        console = Console(file=file, width=100, highlight=False)
        _print(console, home, run_id, ledger)


def summary_text(home: Home, run_id: str) -> str:
    """Return a run's summary."""
    path = home.work(run_id) / "summary.txt"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def print_remarks(console: Console, remarks: Sequence[Remark]) -> None:
    """Print what no file's page tells: names nobody reads, clinics that wait or fell out."""
    if remarks:
        console.print("\nNot read, or left out")
    for remark in remarks:
        console.print(f"  {remark}", markup=False, soft_wrap=True)


def print_files_left_out(console: Console, ledger: Ledger, run_id: str) -> None:
    """Print the files of a run that were refused or rejected, and why."""
    left_out = [
        row for row in ledger.all_files() if row["run_id"] == run_id and row["status"] != "accepted"
    ]
    if not left_out:
        return
    table = Table(title="Files left out", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("clinic", "file", "", "why and what to do"):
        table.add_column(column, overflow="fold")
    for row in left_out:
        table.add_row(row["clinic_id"], row["source_file"], row["status"], row["reason"] or "")
    console.print(table)


def _print(console: Console, home: Home, run_id: str, ledger: Ledger) -> None:
    run = ledger.run(run_id)
    console.print(f"\nRapport run {run_id}: {run['status']}")
    if run["message"]:
        console.print(run["message"], markup=False)
    print_files_left_out(console, ledger, run_id)
    print_remarks(console, read_remarks(home, run_id))
    if run["status"] != "published":
        published = published_run(home)
        console.print(f"Published stays: {published or 'nothing yet'}")
        if published in releases(home):
            with duckdb.connect(str(home.release(published)), read_only=True) as con:
                _print_standing(console, con, read_run_quality(home.release(published), published))
        return
    with duckdb.connect(str(home.release(run_id)), read_only=True) as con:
        quality = read_run_quality(home.release(run_id), run_id)
        _print_standing(console, con, quality)
        _print_balance(console, con)
        _print_rules(console, quality)
        _print_what_changed(console, con, run_id)
        _print_tables(console, con)
    console.print(f"\nTables   {_shown(home.published)}")
    console.print(f"Reports  {_shown(home.reports / 'index.html')}")


def _print_balance(console: Console, con: duckdb.DuckDBPyConnection) -> None:
    sums = ", ".join(f"sum(n_{outcome})" for outcome in OUTCOMES)
    rows = con.execute(
        f"select clinic_id, {sums} from quality.dq_balance group by clinic_id order by clinic_id"
    ).fetchall()
    table = _table("Rows balance per clinic, all deliveries so far", ("clinic", *OUTCOMES))
    for clinic, *counts in rows:
        table.add_row(clinic, *(f"{int(count or 0):,}" for count in counts))
    console.print(table)


def _print_standing(console: Console, con: duckdb.DuckDBPyConnection, quality: RunQuality) -> None:
    """Print what the run's page says first: headline, worst rule, our own tables."""
    text = headlines(con, quality)[None].text
    console.print(f"\n{text[0].upper()}{text[1:]}", markup=False)
    if worst := worst_of(quality.checks):
        where = f"{worst.rule_id} {worst.title}, {worst.clinic_id}"
        console.print(f"Worst: {where}: {lost_in_words(worst)}", markup=False)
    grades = (f"{one.clinic.clinic_id} {one.grade}" for one in grade_clinics(quality))
    console.print(f"Grades: {', '.join(grades) or 'none'}", markup=False)
    if short := [check for check in quality.audits if check.state in SYMBOLS]:
        console.print(f"Our own tables: {len(short)} audit(s) fell short; see the run's page")


def _print_rules(console: Console, quality: RunQuality) -> None:
    """Print the rules that need attention across clinics, the worst first."""
    rules: dict[str, list[Check]] = {}
    for check in worst_first(quality.clinic_checks):
        if needs_attention(check):
            rules.setdefault(check.rule_id, []).append(check)
    if not rules:
        console.print("\nRules    all that applied were met")
        return
    columns = ("rule", "what", "severity", "rows lost", "failed", "of", "clinics")
    table = _table("Rules that fell short", columns)
    for rule_id, checks in rules.items():
        first, clinics = checks[0], sorted({check.clinic_id for check in checks})
        counts = (
            sum(check.n_lost for check in checks),
            sum(check.n_failed for check in checks),
            sum(check.n_scope for check in checks),
        )
        symbol = SYMBOLS.get(first.state, "●")
        words = (f"{symbol} {rule_id}", first.title, first.severity)
        table.add_row(*words, *(f"{n:,}" for n in counts), ", ".join(clinics))
    console.print(table)


def _print_what_changed(
    console: Console, con: duckdb.DuckDBPyConnection, run_id: str, most: int = 12
) -> None:
    rows = con.execute(
        """
        select instrument_id, method, cause, class_before, class_after, sum(n_episodes)
        from quality.dq_what_changed
        where run_id = ?
        group by all
        order by sum(n_episodes) desc, instrument_id, method, class_before, class_after
        """,
        [run_id],
    ).fetchall()
    if not rows:
        return
    title = "Classes that moved on the same forms (quality.dq_what_changed)"
    table = _table(title, ("instrument", "method", "because of", "from", "to", "episodes"))
    for *words, count in rows[:most]:
        table.add_row(*words, f"{int(count):,}")
    console.print(table)
    if len(rows) > most:
        console.print(f"and {len(rows) - most} more")


def _print_tables(console: Console, con: duckdb.DuckDBPyConnection) -> None:
    names = con.execute(
        "select schema_name, table_name from duckdb_tables() order by all"
    ).fetchall()
    table = _table("Tables", ("table", "rows"))
    for schema, name in names:
        (count,) = only_row(con.execute(f'select count(*) from "{schema}"."{name}"'))
        table.add_row(f"{schema}.{name}", f"{count:,}")
    console.print(table)


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="left" if column in TEXT else "right")
    return table


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
