"""What an edit of the configuration would change, before it is merged.

The tables of today's lake are built under another configuration folder, in a scratch home of
links that is deleted afterwards, and held against the published release. Forms are scored again
where a definition changed. What an edit does to the rows of an export (a clinic's mapping, a rule
that takes rows out) is not part of it: that takes the export, see `rapport check`.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from pipeline.audit.fingerprint import fingerprint
from pipeline.home import Home
from pipeline.steps.accept import rescore
from pipeline.steps.build import build
from pipeline.steps.public_file import disclosure
from pipeline.steps.publish import published_run
from pipeline.steps.quality_tables import write_quality_tables
from pipeline.storage.configuration import read_registry, write_registry, wrong_clinics
from pipeline.storage.duckdb_session import duck, quoted
from pipeline.storage.ledger import Ledger
from pipeline.storage.waiver_tables import write_waivers_and_rules
from transforms.errors import ConfigError, NothingToDoError
from transforms.sql import name

RUN = "diff"
SAME = 1e-9  # of two numbers, relative: sums in another order differ in the last bits


@dataclass(frozen=True)
class Moved:
    """Episodes that would have another class on the same forms."""

    instrument: str
    method: str
    cause: str
    before: str
    after: str
    n_episodes: int


@dataclass(frozen=True)
class AlertChange:
    """Alerts of one kind: how many there are and would be, which would go and come."""

    kind: str
    n_before: int
    n_after: int
    n_gone: int
    n_new: int


@dataclass(frozen=True)
class NumberChange:
    """A number over all clinics that would differ; None where there is no row or no estimate."""

    table: str
    row: str
    column: str
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Difference:
    """What the other configuration would change, without an identifier."""

    release: str
    is_already_stale: bool
    wrong_clinics: dict[str, str]
    n_compared: int
    moved: list[Moved]
    alerts: list[AlertChange]
    numbers: list[NumberChange]


def diff(home: Home, config: Path) -> Difference:
    """Build under another configuration and compare with the published release.

    For whoever holds the writer's lock of the home. Raises ConfigError where the folder is no
    whole configuration, BuildError or PromiseError where a night under it would be stopped.
    """
    release = published_run(home)
    if release is None:
        raise NothingToDoError("diff: nothing is published yet. Run `rapport run` first.")
    if not (config / "rules.yml").is_file():
        raise ConfigError(
            str(config), "holds no rules.yml", "Give a copy of the whole configuration, edited."
        )
    with _scratch(home, config.resolve()) as place:
        _write_configuration(place)
        build(place, RUN)
        with duck(home) as con:
            con.execute(f"attach {quoted(home.published.resolve())} as old (read_only)")
            con.execute(f"attach {quoted(place.building)} as new (read_only)")
            moved, n_compared = _moved(con)
            return Difference(
                release,
                fingerprint(home) != Ledger(home).run(release)["fingerprint"],
                wrong_clinics(place, sorted(_clinics(home))),
                n_compared,
                moved,
                _alerts(con),
                _numbers(con, place),
            )


@contextmanager
def _scratch(home: Home, config: Path) -> Iterator[Home]:
    """Yield a home whose lake is links to the real one; what is written replaces the link."""
    place = Home(home.scratch / RUN, config)
    shutil.rmtree(place.root, ignore_errors=True)
    try:
        place.root.mkdir(parents=True)
        place.prepare()
        place.work(RUN).mkdir(parents=True)
        for path in home.lake.rglob("*.parquet"):
            link = place.lake / path.relative_to(home.lake)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
        place.published.symlink_to(home.published.resolve())
        with (
            closing(sqlite3.connect(home.ledger)) as own,
            closing(sqlite3.connect(place.ledger)) as copy,
        ):
            own.backup(copy)
        yield place
    finally:
        shutil.rmtree(place.root, ignore_errors=True)


def _write_configuration(place: Home) -> None:
    """Put into the scratch lake what a night writes from the configuration."""
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    ledger = Ledger(place)
    ledger.open_run(RUN, now, fingerprint(place))
    write_registry(place)
    write_waivers_and_rules(place, now.date())
    with duck(place) as con:
        rescore(con, place, ledger, read_registry(place))
        write_quality_tables(con, place, ledger)


def _clinics(home: Home) -> set[str]:
    return {row["clinic_id"] for row in Ledger(home).all_files()}


def _moved(con: duckdb.DuckDBPyConnection) -> tuple[list[Moved], int]:
    """Return which classes would move (the build compared them), and of how many judgements."""
    found = con.execute(
        "select concat_ws(' ', instrument_id, nullif(version, 'standard')), method, cause, "
        "class_before, class_after, cast(sum(n_episodes) as bigint) "
        "from new.quality.dq_what_changed where run_id = ? group by all order by all",
        [RUN],
    ).fetchall()
    compared = con.execute("select count(*) from new.core.fct_episode_change").fetchall()
    return [Moved(*row) for row in found], compared[0][0]


def _alerts(con: duckdb.DuckDBPyConnection) -> list[AlertChange]:
    found = con.execute(
        """
        select
            coalesce(after.alert_kind, before.alert_kind) as kind,
            count(before.alert_key), count(after.alert_key),
            count(before.alert_key) filter (where after.alert_key is null) as n_gone,
            count(after.alert_key) filter (where before.alert_key is null) as n_new
        from old.process.fct_alerts as before
        full join new.process.fct_alerts as after
            on before.alert_key = after.alert_key and before.alert_kind = after.alert_kind
        group by kind
        having n_gone + n_new > 0
        order by kind
        """
    ).fetchall()
    return [AlertChange(*row) for row in found]


def _numbers(con: duckdb.DuckDBPyConnection, place: Home) -> list[NumberChange]:
    """Return the estimates over all clinics that differ; of a table of counts, the counts."""
    known = con.execute(
        "select schema_name || '.' || table_name, list(column_name) from duckdb_columns() "
        "where database_name = 'old' and not internal group by all"
    ).fetchall()
    columns = dict(known)
    found = []
    for table, declared in disclosure(place).tables.items():
        if table in columns:
            value = "estimate" if "estimate" in columns[table] else declared.counts[0]
            found += [
                NumberChange(table, row, value, before, after)
                for row, before, after in _differing(con, table, declared.keys, value)
            ]
    return found


def _differing(
    con: duckdb.DuckDBPyConnection, table: str, keys: Sequence[str], value: str
) -> list[Any]:
    named = [name(key) for key in keys]
    same = " and ".join(f"before.{key} is not distinct from after.{key}" for key in named)
    label = ", ".join(f"coalesce(after.{key}, before.{key})::varchar" for key in named)
    rows = f"(select * from {{}}.{table} where scope_level = 'overall')"
    column = name(value)
    return con.execute(
        f"select concat_ws(', ', {label}) as label, before.{column}::double as earlier, "
        f"after.{column}::double as later "
        f"from {rows.format('old')} as before full join {rows.format('new')} as after on {same} "
        f"where (earlier is null) <> (later is null) "
        f"or abs(earlier - later) > {SAME} * greatest(1, abs(earlier)) order by label"
    ).fetchall()


def diff_text(found: Difference) -> str:
    """Return the difference as people read it, counts and numbers only."""
    lines = [f"Against release {found.release}; nothing was published or kept."]
    if found.is_already_stale:
        lines.append(
            "Code or configuration in use already differ from that release's: what they change "
            "is among the differences. `rapport run` first tells them apart."
        )
    lines += [f"  ✗ clinic {clinic}: {why}" for clinic, why in found.wrong_clinics.items()]
    n_moved = sum(one.n_episodes for one in found.moved)
    lines.append(
        f"Classes: {n_moved:,} of {found.n_compared:,} (of an episode by a method each) "
        "would change on the same forms"
    )
    lines += [
        f"  {one.n_episodes:>7,}  {one.instrument}, {one.method}: {one.before} → {one.after} "
        f"({one.cause})"
        for one in found.moved
    ]
    lines.append(f"Alerts: {len(found.alerts)} kind(s) would change")
    lines += [
        f"  {one.kind}: {one.n_before:,} → {one.n_after:,} ({one.n_gone:,} gone, {one.n_new:,} new)"
        for one in found.alerts
    ]
    lines.append(f"Numbers over all clinics: {len(found.numbers)} would change")
    lines += [
        f"  {one.table} [{one.row}] {one.column}: {_read(one.before)} → {_read(one.after)}"
        for one in found.numbers
    ]
    return "\n".join(lines)


def _read(value: float | None) -> str:
    return "none" if value is None else f"{value:,.4g}"
