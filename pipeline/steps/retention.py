"""Deleting what config/retention.yml no longer wants kept; never what is live.

Live is what is published or kept for a rollback, a run that goes on or waits, the newest run, and
every current row of the lake. docs/adr/0042 has the reasons.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from pipeline.home import Home
from pipeline.steps.publish import drop_releases, published_run, releases
from pipeline.steps.quality_tables import write_quality_tables
from pipeline.steps.report_page import write_index
from pipeline.storage.duckdb_session import duck, quoted
from pipeline.storage.lake import lake_file
from pipeline.storage.ledger import GOING_ON, RUN_ID, Ledger
from pipeline.storage.parquet import copy_unless_empty, whole
from pipeline.storage.retention_policy import load_retention
from transforms.contract import TABLES
from transforms.errors import BalanceError
from transforms.sql import only_row
from transforms.statistics.withheld import Record

EVENT = "retention"


def retain(home: Home, ledger: Ledger, now: datetime) -> dict[str, int]:
    """Delete what is older than the policy says; return how much of what.

    Only for whoever holds the writer's lock. Repeated, it goes on where it broke off.
    """
    policy, live = load_retention(home), _live_runs(home, ledger)
    n_rows = resume(home, ledger)
    if policy.lake_history_days is not None:
        n_rows += _begin_to_forget(home, ledger, _before(now, policy.lake_history_days))
    done = {
        "releases": drop_releases(home, policy.releases),
        "work_folders": _drop(_of_runs(home.root / "work", live), now, policy.work_days),
        "pages": _drop(_of_runs(home.reports, live), now, policy.report_days),
        "logs": _drop_logs(home.root / "airflow" / "logs", now, policy.log_days),
        "half_written": _drop_half_written(home),
        "history_rows": n_rows,
    }
    if done["pages"] or done["releases"]:
        write_index(home)
    if any(done.values()):
        ledger.note(EVENT, deleted=done)
    return done


def resume(home: Home, ledger: Ledger) -> int:
    """Finish forgetting history that broke off; return how many rows."""
    path = _journal(home)
    if not path.exists():
        return 0
    before = datetime.fromisoformat(json.loads(path.read_text("utf-8"))["before"])
    with duck(home) as con:
        counts = [row for table in TABLES for row in _forget(con, home, ledger, table, before)]
        if counts:
            ledger.set_counts(counts, event="history forgotten")
        for table in TABLES:
            _forget_markers(con, home, table, before)
        write_quality_tables(con, home, ledger)
    path.unlink()
    return sum(row["loaded"] for row in counts)


def _live_runs(home: Home, ledger: Ledger) -> set[str]:
    runs = ledger.all_runs()
    live = {run["run_id"] for run in runs if run["status"] in GOING_ON} | set(releases(home))
    return live | {run["run_id"] for run in runs[:1]} | {published_run(home) or ""}


def _of_runs(folder: Path, live: set[str]) -> Iterator[tuple[Path, datetime]]:
    """Yield folders of runs that are not live, with the time the run began, which names them."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        run_id = path.name.removeprefix("data_docs-")
        if path.is_dir() and run_id not in live and (began := _time_of(run_id)):
            yield path, began


def _time_of(run_id: str) -> datetime | None:
    """Return when a run began; None for a folder that is no run's. Two a second are numbered."""
    try:
        return datetime.strptime(run_id[: run_id.find("Z") + 1], RUN_ID)
    except ValueError:
        return None


def _drop(found: Iterator[tuple[Path, datetime]], now: datetime, days: int | None) -> int:
    if days is None:
        return 0
    old = [path for path, began in found if began < _before(now, days)]
    for path in old:
        shutil.rmtree(path)
    return len(old)


def _drop_logs(folder: Path, now: datetime, days: int | None) -> int:
    if days is None or not folder.is_dir():
        return 0
    oldest = _before(now, days)
    old = [
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and datetime.fromtimestamp(path.stat().st_mtime).astimezone().replace(tzinfo=None) < oldest
    ]
    for path in old:
        path.unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()
    return len(old)


def half_written(home: Home) -> list[Path]:
    """Return what killed writers left beside the files they were writing."""
    places = (home.lake, home.quarantine, home.vault, home.reports, home.root / "work")
    found = (path for place in places for path in place.rglob(".*.tmp"))
    return sorted(path for path in found if not path.is_relative_to(home.scratch))


def _drop_half_written(home: Home) -> int:
    found = half_written(home)
    for path in found:
        path.unlink()
    return len(found)


def _begin_to_forget(home: Home, ledger: Ledger, before: datetime) -> int:
    """Write down what is to go before any of it goes, as ledger and lake must say the same."""
    with duck(home) as con:
        n_old = sum(_count(con, _old_markers(home, table, before)) for table in TABLES)
    if not n_old:
        return 0
    with whole(_journal(home)) as partial:
        partial.write_text(json.dumps({"before": before.isoformat()}), "utf-8")
    return resume(home, ledger)


def _forget(
    con: duckdb.DuckDBPyConnection, home: Home, ledger: Ledger, table: str, before: datetime
) -> list[Record]:
    """Take a table's old rows and their scores out of the lake; return what the ledger is to say.

    The counts follow from what lies in the lake afterwards, so doing it twice says the same.
    """
    old = _old_markers(home, table, before)
    n_old = dict(con.execute(f"select file_id, count(*) from ({old}) group by all").fetchall())
    counts = []
    for row in ledger.all_file_tables():
        if row["table_name"] != table or row["file_id"] not in n_old:
            continue
        clinic_id, name = row["clinic_id"], f"{row['file_id']}.parquet"
        path = lake_file(home, table, clinic_id, name)
        _rewrite(con, path, TABLES[table].key, old)
        if table == "responses":
            _rewrite(con, lake_file(home, "scores", clinic_id, name), "response_key", old)
        n_left = _count(con, f"select * from read_parquet({quoted(path)})") if path.exists() else 0
        n_gone = row["n_accepted"] - n_left
        if n_gone not in (0, n_old[row["file_id"]]):
            raise BalanceError(
                f"retain: {clinic_id}/{table}: the lake lacks {n_gone} rows of one file, and "
                f"{n_old[row['file_id']]} were to go. Run `rapport doctor`; report this."
            )
        if n_gone:
            told = {"n_accepted": n_left, "n_erased": row["n_erased"] + n_gone}
            counts.append(row | told | {"loaded": n_gone, "quarantined": 0})
    return counts


def _rewrite(con: duckdb.DuckDBPyConnection, path: Path, key: str, old: str) -> None:
    if not path.exists():
        return
    rows = f"read_parquet({quoted(path)}, hive_partitioning = false) as held"
    same = f"held.{key} = old.row_key and held.file_id = old.file_id"
    same += " and held.source_line = old.source_line"
    if _count(con, f"select * from {rows} semi join ({old}) as old on {same}"):
        copy_unless_empty(
            con, f"select held.* from {rows} anti join ({old}) as old on {same}", path
        )


def _forget_markers(
    con: duckdb.DuckDBPyConnection, home: Home, table: str, before: datetime
) -> None:
    for path in sorted((home.lake / "superseded" / table).glob("clinic=*/*.parquet")):
        rows = f"read_parquet({quoted(path)}, hive_partitioning = false)"
        is_old = f"marked_at < {_moment(before)}"
        if _count(con, f"select * from {rows} where {is_old}"):
            copy_unless_empty(con, f"select * from {rows} where not ({is_old})", path)


def _old_markers(home: Home, table: str, before: datetime) -> str:
    markers = quoted(home.lake / "superseded" / table / "**" / "*.parquet")
    return f"""
        select distinct row_key, file_id, source_line
        from read_parquet({markers}, union_by_name = true, hive_partitioning = false)
        where marked_at < {_moment(before)}
    """


def _moment(at: datetime) -> str:
    return f"cast({quoted(at.isoformat())} as timestamp)"


def _count(con: duckdb.DuckDBPyConnection, query: str) -> int:
    n_rows: int = only_row(con.execute(f"select count(*) from ({query})"))[0]
    return n_rows


def _before(now: datetime, days: int) -> datetime:
    return now - timedelta(days=days)


def _journal(home: Home) -> Path:
    return home.lake / "forgetting.json"
