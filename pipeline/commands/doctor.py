"""`rapport doctor`: what is wrong with an installation, and the command that mends each.

Changes nothing. A check is a function from the home to what it finds; CHECKS names them all. While
somebody writes, what a night leaves lying about is no finding.
"""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
from packaging.requirements import Requirement

from pipeline.home import Home
from pipeline.steps.gate import known_clinics, load_gate
from pipeline.steps.public_file import disclosure
from pipeline.steps.publish import published_run, releases
from pipeline.steps.retention import half_written
from pipeline.storage import lake
from pipeline.storage.configuration import read_registry, rules, wrong_clinics
from pipeline.storage.lake import lake_file
from pipeline.storage.ledger import GOING_ON, Ledger
from pipeline.storage.notify_settings import load_notify
from pipeline.storage.retention_policy import load_retention
from pipeline.storage.writer_lock import described, owner
from pipeline.vault.keys import check_vault, fingerprint_in_use, has_key
from transforms.errors import RapportError
from transforms.formats.source import plural

SPARE_BYTES = 1_000_000_000  # beside what one more release takes
AHEAD = timedelta(minutes=5)  # two clocks never agree to the second
PUBLISHED = ("releases", "published")
MEND_HOME = "rapport restore BACKUP --home NEW"


@dataclass(frozen=True)
class Finding:
    """What a check found. ``mend`` is empty where nothing is wrong."""

    what: str
    mend: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether somebody has to do something."""
        return bool(self.mend)


def examine(home: Home) -> dict[str, list[Finding]]:
    """Run every check; one that could not run is a finding of its own."""
    return {name: list(_found(check, home)) for name, check in CHECKS.items()}


def _found(check: Callable[[Home], Iterator[Finding]], home: Home) -> Iterator[Finding]:
    try:
        yield from check(home)
    except (RapportError, OSError, sqlite3.Error, duckdb.Error) as error:
        said = str(error) if isinstance(error, RapportError) else type(error).__name__
        yield Finding(f"could not be looked at: {said}", "see docs/runbook.md")


def _environment(home: Home) -> Iterator[Finding]:
    yield Finding(f"rapport {version('rapport')}, Python {platform.python_version()}")
    for line in requires("rapport") or ():
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            there = version(wanted.name)
        except PackageNotFoundError:
            yield Finding(f"{wanted.name} is not installed", "make setup")
            continue
        if not wanted.specifier.contains(there, prereleases=True):
            yield Finding(f"{wanted.name} is {there}, not {wanted.specifier}", "make setup")


def _configuration(home: Home) -> Iterator[Finding]:
    loaders: tuple[Callable[[Home], object], ...] = (
        rules, read_registry, load_gate, load_retention, load_notify, disclosure,
    )  # fmt: skip
    for load in loaders:
        try:
            load(home)
        except RapportError as error:
            yield Finding(str(error), "correct the file")
    clinics = known_clinics(home)
    for clinic_id, why in wrong_clinics(home, sorted(clinics)).items():
        yield Finding(f"clinic {clinic_id}: {why}", f"correct {home.config}/clinics/")
    yield Finding(f"{home.config}, {plural(len(clinics), 'clinic')}")


def _permissions(home: Home) -> Iterator[Finding]:
    if not os.access(home.root, os.W_OK):
        yield Finding("the home cannot be written to", f"chown -R {os.getuid()} {home.root}")
    open_to_others, foreign = [], []
    uid = home.root.stat().st_uid
    for path, seen in _entries(home):
        if seen.st_mode & _closed_to(home, path):
            open_to_others.append(path)
        if seen.st_uid != uid:
            foreign.append(path)
    if open_to_others:
        place = home.root / open_to_others[0].relative_to(home.root).parts[0]
        rights = "o=" if place.name in PUBLISHED else "go="
        said = _counted(home, open_to_others, "may be read by others")
        yield Finding(said, f"chmod -R {rights} {place}")
    if foreign:
        said = _counted(home, foreign, "belong to another user than the home")
        yield Finding(said, f"chown -R {uid} {home.root}")


def _entries(home: Home) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield files and folders that are ours: the rights of landing/ are its deliverers'."""
    for path in home.root.rglob("*"):
        if path.relative_to(home.root).parts[0] != home.landing.name and not path.is_symlink():
            try:
                yield path, path.stat()
            except FileNotFoundError:
                continue  # a night goes on


def _closed_to(home: Home, path: Path) -> int:
    """Return the rights nobody but the owner may have: a group may read what is published."""
    return 0o007 if path.relative_to(home.root).parts[0] in PUBLISHED else 0o077


def _counted(home: Home, paths: list[Path], said: str) -> str:
    return f"{len(paths):,} file(s) or folder(s) {said}, such as {paths[0].relative_to(home.root)}"


def _disk(home: Home) -> Iterator[Finding]:
    """A night writes one more release, and its intermediate tables beside it."""
    newest = [home.release(run_id) for run_id in releases(home)[:1]]
    needed = 3 * sum(path.stat().st_size for path in newest) + SPARE_BYTES
    free = shutil.disk_usage(home.root).free
    said = f"{free / 1e9:,.1f} GB free, a night may need {needed / 1e9:,.1f}"
    yield Finding(
        said, "" if free >= needed else "free space, or fewer `releases` in retention.yml"
    )


def _key(home: Home) -> Iterator[Finding]:
    check_vault(home)
    known = fingerprint_in_use(home)
    if home.key_fingerprint.exists() and not has_key(home):
        yield Finding(f"the key {known} is gone", "put its sealed copy into RAPPORT_KEY")
    yield Finding(f"fingerprint {known or 'none yet'}")


def _ledger(home: Home) -> Iterator[Finding]:
    if not home.ledger.exists():
        yield Finding("there is none yet: nothing was ever run")
        return
    if not _is_sound(home.ledger):
        yield Finding("ledger.sqlite is damaged", MEND_HOME)
        return
    for problem in Ledger(home).audit_problems():
        yield Finding(problem, "rapport audit verify; compare with a back-up")
    yield Finding(f"{plural(len(Ledger(home).all_runs()), 'run')}, chain whole up to here")


def _is_sound(database: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as con:
            return bool(con.execute("pragma quick_check(1)").fetchall() == [("ok",)])
    except sqlite3.DatabaseError:
        return False


def _lake(home: Home) -> Iterator[Finding]:
    """What the ledger accepted lies in the lake, as many rows of it, and nothing else does."""
    if not home.ledger.exists() or not home.lake.is_dir():
        return
    ledger = Ledger(home)
    going_on = ledger.all_loading().keys()
    files = {(row["clinic_id"], row["file_id"]): row["status"] for row in ledger.all_files()}
    n_rows = 0
    for row in ledger.all_file_tables():
        key = row["clinic_id"], row["file_id"]
        if files.get(key) not in ("accepted", "withdrawn") or key in going_on:
            continue
        path = lake_file(home, row["table_name"], key[0], f"{key[1]}.parquet")
        lying = pq.read_metadata(path).num_rows if path.exists() else 0
        n_rows += lying
        if lying != row["n_accepted"]:
            said = f"{path.relative_to(home.root)}: {lying:,} row(s), the ledger says "
            yield Finding(f"{said}{row['n_accepted']:,}", MEND_HOME)
    if unknown := lake.unknown(home, files.keys() | going_on):
        first = unknown[0].relative_to(home.root)
        said = f"{len(unknown)} file(s) the ledger never heard of, such as {first}"
        yield Finding(said, "restore the ledger that belongs to this lake, or move them away")
    yield Finding(f"{n_rows:,} row(s) of {plural(len(files), 'delivered file')}")


def _release(home: Home) -> Iterator[Finding]:
    kept = releases(home)
    now = published_run(home)
    if home.published.is_symlink() and now is None:
        mend = f"rapport rollback {kept[0]}" if kept else "rapport run"
        yield Finding("published/ leads to nothing", mend)
    if now is None:
        yield Finding("nothing is published yet")
        return
    with duckdb.connect(str(home.published.resolve()), read_only=True) as con:
        con.execute("select count(*) from core.fct_sessions")
    yield Finding(f"{now} is published, {plural(len(kept), 'release')} kept")


def _leftovers(home: Home) -> Iterator[Finding]:
    """What killed runs left; a night that goes on has the same lying about."""
    ledger = Ledger(home) if home.ledger.exists() else None
    if ledger is None or ledger.writer():
        return
    for said, paths, mend in _lying(
        home, {run["run_id"]: run["status"] for run in ledger.all_runs()}
    ):
        if paths:
            first = paths[0].relative_to(home.root)
            yield Finding(f"{len(paths)} {said}: {first}", mend or f"rm -r {home.root / first}")


def _lying(home: Home, runs: dict[str, str]) -> Iterator[tuple[str, list[Path], str]]:
    """Yield what may lie about, where it does, and what mends it; empty: by hand."""
    is_waiting = any(status in GOING_ON for status in runs.values())
    half_built = [home.building] if home.building.exists() and not is_waiting else []
    yield "half-built release", half_built, "rapport run"
    spilled = list(home.scratch.glob("*"))
    yield "folder(s) with identifiers in vault/tmp", spilled, "rapport run"
    yield "half-written file(s)", half_written(home), "rapport retain"
    folders = [path for path in home.releases.glob("[!.]*") if path.is_dir()]
    kept = releases(home)
    empty = [path for path in folders if path.name not in kept]
    yield "release(s) without tables", empty, ""
    stray = [path for path in folders if path.name in kept and path.name not in runs]
    yield "release(s) of no run", stray, ""
    work = [path for path in (home.root / "work").glob("*") if path.name not in runs]
    yield "work folder(s) of no run", work, ""


def _lock(home: Home) -> Iterator[Finding]:
    if home.half_restored.exists():
        yield Finding("a back-up is half restored here", "give the same `rapport restore` again")
    row, is_dead = owner(home)
    if row is None:
        yield Finding("nobody writes")
        return
    silent = datetime.now(UTC).replace(tzinfo=None) - row["heartbeat"]
    said = f"{described(row)}, last seen {int(silent.total_seconds() // 60)} minute(s) ago"
    yield Finding(f"{said}; dead" if is_dead else said, "rapport run" if is_dead else "")


def _clock(home: Home) -> Iterator[Finding]:
    if not home.ledger.exists():
        return
    now = datetime.now(UTC).replace(tzinfo=None)
    runs = Ledger(home).all_runs()
    if ahead := [run for run in runs if run["started_at"] > now + AHEAD]:
        said = f"{plural(len(ahead), 'run')} began in the future, the last {ahead[0]['run_id']}"
        yield Finding(said, "set this machine's clock (timedatectl set-ntp true)")
    yield Finding(f"{now:%Y-%m-%d %H:%M} UTC")


def _backup(home: Home) -> Iterator[Finding]:
    """How old the last back-up is; how often one is taken is the service's own decision."""
    entries = Ledger(home).audit_entries() if home.ledger.exists() else []
    made = [row["at"] for row in entries if row["event"] == "backup"]
    yield Finding(f"last made {made[-1]:%Y-%m-%d %H:%M} UTC" if made else "none was ever made")


CHECKS: dict[str, Callable[[Home], Iterator[Finding]]] = {
    "environment": _environment,
    "configuration": _configuration,
    "permissions": _permissions,
    "disk": _disk,
    "key": _key,
    "lock": _lock,
    "clock": _clock,
    "ledger": _ledger,
    "lake": _lake,
    "release": _release,
    "left over": _leftovers,
    "back-up": _backup,
}
