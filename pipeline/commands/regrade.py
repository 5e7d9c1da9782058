"""`rapport regrade`: grade past runs under today's thresholds, severities and waivers.

Changes what counts as a failure in the quality tables and in the reports. What was loaded,
quarantined or rejected in those runs does not change: that takes a new night.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from pipeline.home import Home
from pipeline.steps.publish import releases
from pipeline.steps.quality_tables import RULE_RESULTS
from pipeline.steps.report_page import write_index, write_page
from pipeline.storage.configuration import rules
from pipeline.storage.parquet import write_rows
from pipeline.storage.waiver_tables import read_waivers
from transforms.errors import NothingToDoError
from transforms.statistics.withheld import Record


@dataclass(frozen=True)
class Regraded:
    """How many runs were looked at, and how many results changed their grade."""

    run_ids: tuple[str, ...]
    n_results: int
    n_changed: int


def regrade(home: Home, since: date) -> Regraded:
    """Judge the stored counts of every run since a day, that day included.

    Rewrites those results in the lake, in the releases of those runs that are kept (readers see
    the published one change in one step) and on their report pages. A run whose release is not
    kept keeps its page. Repeating it changes nothing.

    Raises
    ------
    NothingToDoError
        No run since that day has results.
    """
    from expectations.judging.regrade import regrade as judge_again

    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    catalogue, waivers = rules(home), read_waivers(home)
    run_ids: set[str] = set()
    n_results = n_changed = 0
    for path in sorted((home.lake / "quality" / "rule_results").glob("*.parquet")):
        rows = _rows(path)
        if not rows or rows[0]["run_at"].date() < since:
            continue
        graded = judge_again(rows, catalogue, waivers, now)
        n_changed += sum(new != old for new, old in zip(graded, rows, strict=True))
        n_results += len(rows)
        run_ids |= {row["run_id"] for row in rows}
        write_rows(path, graded, RULE_RESULTS)
    if not run_ids:
        raise NothingToDoError(f"regrade: no run since {since} has results. See `rapport status`.")
    for run_id in set(releases(home)) & run_ids:
        _refresh_release(home, run_id)
        _refresh_page(home, run_id)
    if home.reports.is_dir():
        write_index(home)
    return Regraded(tuple(sorted(run_ids)), n_results, n_changed)


def _rows(path: Path) -> list[Record]:
    """Read one file of results; columns that an older one lacks are empty."""
    blank = dict.fromkeys(RULE_RESULTS.names) | {"is_waived": False}
    return [blank | row for row in pq.read_table(path).to_pylist()]


def _refresh_release(home: Home, run_id: str) -> None:
    """Put the results of the lake into one release: a copy is changed, then takes over."""
    release = home.release(run_id)
    copy = home.releases / ".regrading" / release.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(release, copy)
    results = home.lake / "quality" / "rule_results" / "*.parquet"
    with duckdb.connect(str(copy)) as con:
        columns = [row[0] for row in con.execute("describe quality.dq_rule_results").fetchall()]
        con.execute(
            f"""
            create or replace temp table graded as
            select {", ".join(columns)} from read_parquet(?, union_by_name = true)
            where run_id in (select run_id from quality.dq_rule_results)
            """,
            [str(results)],
        )
        con.execute("begin")
        con.execute("delete from quality.dq_rule_results")
        con.execute("insert into quality.dq_rule_results by name select * from graded")
        con.execute("commit")
        con.execute("force checkpoint")
    copy.chmod(0o640)
    os.replace(copy, release)
    copy.parent.rmdir()


def _refresh_page(home: Home, run_id: str) -> None:
    """Write a run's page from its own release, whose rows are those of that night."""
    if (home.reports / run_id).is_dir():
        write_page(home, home.release(run_id), run_id)
