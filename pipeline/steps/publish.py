"""Switch all readers to the files of one release with one rename, keep the last, go back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb

from pipeline.home import Home
from pipeline.storage.retention_policy import load_retention
from pipeline.storage.roles import READABLE, hand_over, read_roles
from transforms.errors import BuildError, NothingToDoError

PUBLIC_SCHEMAS = ("core", "process", "common_factors", "quality")
# What readers open; each is a link into ``.current``, the one link that a release moves.
LINKS = READABLE
CURRENT = ".current"


def publish(home: Home, run_id: str, keep: int | None = None) -> Path:
    """Make the file this run built the one analysts open.

    The file and those cut from it get a folder of their own, and the one symbolic link through
    which all of ``published/`` leads is replaced in one step: a reader that has an old file open
    finishes undisturbed, a new one sees the new files, nobody sees a mix. Releases beyond ``keep``
    (default: as config/retention.yml says) are deleted, oldest first.
    """
    build = home.building
    _close_cleanly(build)
    release = home.release(run_id)
    _sync(build)
    os.replace(build.parent, release.parent)
    hand_over(release.parent, read_roles(home))
    _point_to(home, release)
    drop_releases(home, keep or load_retention(home).releases)
    return release


def drop_releases(home: Home, keep: int) -> int:
    """Delete releases beyond the newest ``keep``, never the published one; say how many."""
    published = published_run(home)
    old = [run_id for run_id in releases(home)[keep:] if run_id != published]
    for run_id in old:
        shutil.rmtree(home.release(run_id).parent)
    return len(old)


def releases(home: Home) -> list[str]:
    """Return the run ids of finished releases, newest first."""
    found = (path.parent.name for path in home.releases.glob("[!.]*/analytics.duckdb"))
    return sorted(found, reverse=True)


def published_run(home: Home) -> str | None:
    """Return the run whose release analysts see."""
    return home.published.resolve().parent.name if home.published.exists() else None


def rollback(home: Home, run_id: str | None = None) -> str:
    """Point readers back to an earlier release (default: the one before) and return its id."""
    now = published_run(home)
    kept = releases(home)
    older = [release for release in kept if now is None or release < now]
    target = run_id or (older[0] if older else None)
    if target is None:
        raise NothingToDoError("rollback: there is no earlier release. Run `rapport status`.")
    if target not in kept:
        raise NothingToDoError(
            f"rollback: release {target} is not kept. Kept: {', '.join(kept) or 'none'}."
        )
    _point_to(home, home.release(target))
    return target


def clear_build(home: Home) -> None:
    """Delete the half-built file that a killed run left."""
    shutil.rmtree(home.building.parent, ignore_errors=True)


def _point_to(home: Home, release: Path) -> None:
    folder = home.published.parent
    _replace_link(folder / CURRENT, os.path.relpath(release.parent, folder))
    for link in LINKS:
        path, target = folder / link, f"{CURRENT}/{link}"
        if not path.is_symlink() or os.readlink(path) != target:
            _replace_link(path, target)
    _sync(folder)


def _replace_link(link: Path, target: str) -> None:
    partial = link.with_name(f".{link.name}.tmp")
    partial.unlink(missing_ok=True)
    partial.symlink_to(target)
    os.replace(partial, link)


def _close_cleanly(build: Path) -> None:
    """Write everything into the one file and refuse to go on if somebody still writes to it."""
    with duckdb.connect(str(build)) as con:
        con.execute("force checkpoint")
    if any(build.parent.rglob("*.wal")):
        raise BuildError("publish: another process still writes to the new file. Run again.")
    with duckdb.connect(str(build), read_only=True) as con:
        rows = con.execute("select distinct schema_name from duckdb_tables()").fetchall()
    if missing := set(PUBLIC_SCHEMAS) - {row[0] for row in rows}:
        raise BuildError(f"publish: the new file lacks {', '.join(sorted(missing))}. Run again.")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
