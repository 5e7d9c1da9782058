"""`rapport restore`: put a back-up into an empty home, or mend the home it was put into.

Every hash is verified before the ledger comes, and the ledger comes last: a home without one is
plainly not whole, and no command writes into it before `restore` has been given again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.home import Home
from pipeline.storage import writer_lock
from pipeline.storage.backup_manifest import NAME, Manifest, copy, read_manifest, sha256_of
from pipeline.storage.ledger import Ledger
from pipeline.vault.keys import fingerprint_in_use, has_key
from transforms.errors import BackupError

LEDGER = "home/ledger.sqlite"
EVENT = "restore"
MAY_LIE_THERE = {"ledger.lock", "vault/key"}


@dataclass(frozen=True)
class Restored:
    """What a restore did, and what a person has to see to."""

    n_files: int
    n_copied: int
    key_fingerprint: str
    is_key_there: bool
    n_other_config: int


def restore(source: Path, home: Home) -> Restored:
    """Bring a home to the state of a back-up.

    Raises
    ------
    BackupError
        The back-up is not whole, or the home holds something else. Nothing in it was changed.
    BusyError
        Somebody writes to the home.
    """
    manifest, backup_id = read_manifest(source), sha256_of(source / NAME)
    _refuse_damaged(source, manifest)
    with writer_lock.restoring(home):
        is_mended = _refuse_home(home, backup_id)
        _refuse_key(home, manifest)
        home.half_restored.write_text(backup_id, "ascii")
        try:
            n_copied = _put(source, home, manifest, leaving_out={LEDGER} if is_mended else set())
        except OSError as error:
            raise BackupError(
                f"{home.root}: {error.strerror}. Mend that, then give the same command again; "
                "what is copied stays."
            ) from None
        if not is_mended:
            Ledger(home).note(EVENT, sha256=backup_id, made_at=manifest.made_at)
        home.half_restored.unlink()
    return Restored(
        n_files=sum(name.startswith("home/") for name in manifest.files),
        n_copied=n_copied,
        key_fingerprint=manifest.key_fingerprint,
        is_key_there=has_key(home),
        n_other_config=_n_other_config(home, manifest),
    )


def _refuse_damaged(source: Path, manifest: Manifest) -> None:
    wrong = [
        name
        for name, one in manifest.files.items()
        if not (source / name).is_file() or sha256_of(source / name) != one.sha256
    ]
    if wrong:
        raise BackupError(
            f"{source}: {len(wrong)} of {len(manifest.files)} file(s) are gone or not what the "
            f"manifest says, such as {wrong[0]}. Nothing was restored; take another back-up."
        )


def _refuse_home(home: Home, backup_id: str) -> bool:
    """Return whether the back-up was restored here before, and nothing has happened since."""
    if home.half_restored.exists():
        if home.half_restored.read_text("ascii") in ("", backup_id):
            return False
        raise BackupError(f"{home.root}: another back-up is half restored here. Finish that one.")
    if home.ledger.exists():
        last = Ledger(home).audit_entries()[-1:]
        if last and last[0]["event"] == EVENT and backup_id in last[0]["detail"]:
            return True
    if lying := next(_lying(home), None):
        raise BackupError(
            f"{home.root}: is not empty ({lying}). Restore into a new folder, or move this one "
            "away. Nothing was changed."
        )
    return False


def _lying(home: Home) -> Iterator[str]:
    for path in sorted(home.root.rglob("*")):
        below = path.relative_to(home.root).as_posix()
        if not (path.is_dir() and not path.is_symlink()) and below not in MAY_LIE_THERE:
            yield below


def _refuse_key(home: Home, manifest: Manifest) -> None:
    there = fingerprint_in_use(home)
    if there and manifest.key_fingerprint and there != manifest.key_fingerprint:
        raise BackupError(
            "RAPPORT_KEY or vault/key: is not the key this back-up needs, which has the "
            f"fingerprint {manifest.key_fingerprint}. Nothing was restored; take its sealed copy."
        )


def _put(source: Path, home: Home, manifest: Manifest, leaving_out: set[str]) -> int:
    """Copy what is missing or differs, the ledger last; return how many files."""
    folders = {home.root / _below(n): mode for n, mode in manifest.folders.items() if _is_home(n)}
    for folder in sorted(folders):
        folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in manifest.files if _is_home(name) and name not in leaving_out]
    n_copied = 0
    for name in sorted(names, key=lambda name: (name == LEDGER, name)):
        n_copied += _put_file(source / name, home.root / _below(name), manifest, name)
    for name, leads_to in manifest.links.items():
        if _is_home(name):
            link = home.root / _below(name)
            link.unlink(missing_ok=True)
            link.symlink_to(leads_to)
    for folder, mode in folders.items():
        folder.chmod(mode)
    return n_copied


def _put_file(source: Path, target: Path, manifest: Manifest, name: str) -> bool:
    """Copy one file unless it lies there, with mode and time; return whether it was copied."""
    wanted = manifest.files[name]
    before = target.stat() if target.is_file() else None
    if copy(source, target, known=wanted.sha256) is None:
        raise BackupError(f"{source}: changed meanwhile. Give the command again.")
    after = target.stat()
    if stat.S_IMODE(after.st_mode) != wanted.mode:
        target.chmod(wanted.mode)
    os.utime(target, ns=(wanted.mtime_ns, wanted.mtime_ns))
    return before is None or before.st_ino != after.st_ino


def _n_other_config(home: Home, manifest: Manifest) -> int:
    """Return how many files of the configuration in use are not those of the back-up."""
    theirs = {
        name.removeprefix("config/"): one.sha256
        for name, one in manifest.files.items()
        if not _is_home(name)
    }
    ours = {
        path.relative_to(home.config).as_posix(): sha256_of(path)
        for path in home.config.rglob("*")
        if path.is_file()
    }
    return sum(ours.get(name) != theirs.get(name) for name in ours.keys() | theirs.keys())


def _is_home(name: str) -> bool:
    return name.startswith("home/")


def _below(name: str) -> str:
    return name.removeprefix("home/")
