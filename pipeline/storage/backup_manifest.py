"""What a back-up consists of: each file with its SHA-256 and mode, written when all of it is there.

A folder without a manifest is no back-up, or one that broke off. The manifest never holds the key;
it says by fingerprint which one the people in it are known by.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

from pipeline.storage.parquet import whole
from transforms.errors import BackupError

NAME = "manifest.json"
UNFINISHED = "unfinished.json"  # whose back-up it is, while there is no manifest
VERSION = 1


@dataclass(frozen=True)
class Copied:
    """One file: what it holds, and the rights it had."""

    sha256: str
    size_bytes: int
    mode: int
    mtime_ns: int


@dataclass
class Manifest:
    """One back-up. Paths are below its folder: ``home/…`` and ``config/…``.

    home_id : hash of the first entry of the home's audit chain; empty for a home without one.
    last_entry : hash of the last entry, up to which the ledger goes.
    """

    made_at: str
    rapport: str
    home_id: str
    last_entry: str
    key_fingerprint: str
    published: str | None
    files: dict[str, Copied] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    version: int = VERSION

    def write(self, folder: Path) -> str:
        """Write the manifest, after everything else is on the disk, and return its SHA-256."""
        os.sync()
        with whole(folder / NAME) as partial:
            partial.write_text(json.dumps(asdict(self), indent=1, sort_keys=True), "utf-8")
            partial.chmod(0o600)
        return sha256_of(folder / NAME)


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a back-up.

    Raises
    ------
    BackupError
        There is none, it cannot be read, or it names a place outside of the back-up.
    """
    path = folder / NAME
    if not path.exists():
        raise BackupError(
            f"{folder}: holds no {NAME}, so it is no back-up, or one that broke off. Give the same "
            "`rapport backup` again, or take another folder."
        )
    try:
        content = json.loads(path.read_text("utf-8"))
        files = {name: Copied(**row) for name, row in content.pop("files").items()}
        manifest = Manifest(files=files, **content)
    except (ValueError, TypeError, KeyError, AttributeError, OSError):
        raise BackupError(f"{path}: cannot be read. Take another back-up.") from None
    names = [*manifest.files, *manifest.folders, *manifest.links]
    if manifest.version != VERSION or not all(map(_is_inside, names)):
        raise BackupError(f"{path}: is none that this version of Rapport wrote. Take another one.")
    return manifest


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy(source: Path, target: Path, known: str | None = None) -> Copied | None:
    """Copy a file unless the same lies there; None where it changed or went meanwhile.

    What is written is read back: a hash in the manifest is that of the copy.

    Parameters
    ----------
    known : SHA-256 the source must have; by default it is what it is
    """
    try:
        before = source.stat()
        wanted = sha256_of(source)
        if known is not None and wanted != known:
            return None
        if not (target.is_file() and not target.is_symlink() and sha256_of(target) == wanted):
            with whole(target) as partial:
                shutil.copyfile(source, partial)
                partial.chmod(0o600)
                if sha256_of(partial) != wanted:
                    partial.unlink()
                    return None
        after = source.stat()
    except FileNotFoundError:
        return None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return None
    return Copied(wanted, after.st_size, stat.S_IMODE(after.st_mode), after.st_mtime_ns)


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and path.parts[0] in ("home", "config")
