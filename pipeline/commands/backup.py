"""`rapport backup`: a copy of everything that cannot be made again, with a proof that it is whole.

Under the writer's lock, so that ledger and lake are of one moment. docs/adr/0042 has the reasons.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from pipeline.home import Home
from pipeline.steps.publish import published_run
from pipeline.storage.backup_manifest import NAME, UNFINISHED, Manifest, copy, read_manifest
from pipeline.storage.ledger import Ledger
from pipeline.storage.parquet import whole
from pipeline.vault.keys import fingerprint_in_use
from transforms.errors import BackupError

# Made again by the next run, of this process only, or kept apart for good reason: the key.
LEFT_OUT = {
    "airflow",
    "dbt",
    "ledger.lock",
    "ledger.sqlite",  # copied by SQLite itself
    "releases/.building",
    "vault/key",
    "vault/key.new",  # of a rotation under way
    "vault/pages",  # not sealed
    "vault/tmp",
}
BESIDE_LEDGER = ("ledger.sqlite-journal", "ledger.sqlite-wal", "ledger.sqlite-shm")


@dataclass(frozen=True)
class BackedUp:
    """What a back-up did: files in it, bytes, files that still changed in landing/, its hash."""

    n_files: int
    n_bytes: int
    n_still_written: int
    sha256: str
    key_fingerprint: str


def back_up(home: Home, target: Path, *, is_with_landing: bool = True) -> BackedUp:
    """Bring a folder to the state of the home; only for whoever holds the writer's lock.

    Repeated, also after it broke off, it copies what is missing or differs and deletes what the
    home no longer has: who was erased goes from the back-up too.

    Raises
    ------
    BackupError
        The folder is no back-up of this home, lies in it, or could not be written.
    """
    _refuse_place(home, target)
    ledger = Ledger(home)
    entries = ledger.audit_entries()
    manifest = Manifest(
        made_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        rapport=version("rapport"),
        home_id=entries[0]["hash"] if entries else "",
        last_entry=entries[-1]["hash"] if entries else "",
        key_fingerprint=fingerprint_in_use(home),
        published=published_run(home),
    )
    try:
        _begin(target, manifest.home_id)
        n_still_written = 0
        left_out = LEFT_OUT if is_with_landing else LEFT_OUT | {"landing"}
        for path in _below(home.root, left_out):
            n_still_written += _take(home.root, path, target, "home", manifest)
        for path in _below(home.config, set()):
            _take(home.config, path, target, "config", manifest)
        _take_ledger(ledger, target, manifest)
        _forget_others(target, manifest)
        sha256 = manifest.write(target)
        (target / UNFINISHED).unlink()
    except OSError as error:
        raise BackupError(
            f"{target}: {error.strerror}. Mend that, then give the same command again; what is "
            "copied stays."
        ) from None
    ledger.note("backup", sha256=sha256, files=len(manifest.files), key=manifest.key_fingerprint)
    n_bytes = sum(one.size_bytes for one in manifest.files.values())
    return BackedUp(len(manifest.files), n_bytes, n_still_written, sha256, manifest.key_fingerprint)


def _refuse_place(home: Home, target: Path) -> None:
    """Refuse a folder that holds something else: what is not in the home would be deleted there."""
    inside = (target.is_relative_to(place) for place in (home.root, home.config))
    if any(inside) or home.root.is_relative_to(target):
        raise BackupError(f"{target}: lies in the home or around it. Take a folder elsewhere.")
    if not target.exists() or not any(target.iterdir()):
        return
    entries = Ledger(home).audit_entries()
    ours = entries[0]["hash"] if entries else ""
    unfinished = target / UNFINISHED
    if unfinished.exists():
        theirs = json.loads(unfinished.read_text("utf-8"))["home_id"]
    else:
        theirs = read_manifest(target).home_id
    if theirs not in ("", ours):
        raise BackupError(f"{target}: is a back-up of another home. Take a folder of its own.")


def _begin(target: Path, home_id: str) -> None:
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.chmod(0o700)
    with whole(target / UNFINISHED) as partial:
        partial.write_text(json.dumps({"home_id": home_id}), "utf-8")
    (target / NAME).unlink(missing_ok=True)


def _below(root: Path, left_out: set[str]) -> Iterator[Path]:
    """Yield folders, files and links below a folder, without what is left out or half written."""
    for place, folders, names in os.walk(root):
        below = Path(place).relative_to(root)
        kept = [name for name in folders if (below / name).as_posix() not in left_out]
        folders[:] = sorted(name for name in kept if not (Path(place) / name).is_symlink())
        for name in sorted([*kept, *names]):
            is_half = name.startswith(".") and name.endswith(".tmp")
            is_ours = (below / name).as_posix() not in left_out and name not in BESIDE_LEDGER
            if is_ours and not is_half:
                yield Path(place) / name


def _take(root: Path, path: Path, target: Path, part: str, manifest: Manifest) -> int:
    """Copy one entry; return 1 for an export that is still being written.

    Raises BackupError for any other file that changes: somebody writes in spite of the lock.
    """
    below = path.relative_to(root)
    name = f"{part}/{below.as_posix()}"
    if path.is_symlink():
        manifest.links[name] = os.readlink(path)
    elif path.is_dir():
        manifest.folders[name] = stat.S_IMODE(path.stat().st_mode)
    elif path.is_file():
        copied = copy(path, target / name)
        if copied is None and below.parts[0] == "landing":
            return 1
        if copied is None:
            raise BackupError(f"{name}: changed while it was copied. Give the command again.")
        manifest.files[name] = copied
    return 0


def _take_ledger(ledger: Ledger, target: Path, manifest: Manifest) -> None:
    name = "home/ledger.sqlite"
    with whole(target / name) as partial:
        partial.unlink(missing_ok=True)
        ledger.copy_to(partial)
        partial.chmod(0o600)
    copied = copy(target / name, target / name)
    assert copied is not None  # nobody else writes there
    manifest.files[name] = copied


def _forget_others(target: Path, manifest: Manifest) -> None:
    """Delete what the manifest does not name, and only below the two folders that are ours."""
    for part in ("home", "config"):
        for place, folders, names in os.walk(target / part, topdown=False):
            below = Path(place).relative_to(target)
            for name in names:
                if (below / name).as_posix() not in manifest.files:
                    (Path(place) / name).unlink()
            for name in folders:
                folder = below / name
                is_needed = folder.as_posix() in manifest.folders
                if not is_needed and not any((target / folder).iterdir()):
                    (target / folder).rmdir()
