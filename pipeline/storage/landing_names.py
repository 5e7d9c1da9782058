"""Which names below landing/ are exports: noise is counted, what leads elsewhere is refused."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.home import Home
from pipeline.storage.manifests import is_manifest
from pipeline.storage.remarks import Remark

CLINIC_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
HALF_WRITTEN = (".tmp", ".part", ".partial", ".crdownload", ".filepart")
# What file managers and spreadsheet programs leave behind; .DS_Store begins with a dot.
NOISE = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
NOISE_FOLDERS = {"__macosx", "$recycle.bin", "system volume information"}
# An empty file of another kind marks that a transfer is done (.done, _SUCCESS) and is no export.
EXPORTS = {
    *(".csv", ".tsv", ".txt", ".tab", ".dat", ".xlsx", ".xlsm", ".xls", ".ods", ".sav", ".zsav"),
    *(".json", ".ndjson", ".jsonl", ".xml", ".parquet", ".zip", ".gz"),
}
LEADS_OUT = "a link that leads out of landing/; not read. Put the file itself there."
SENDING = (
    "still being sent (its name ends in {}); it waits. Rename it when it is whole; a transfer that "
    "broke off leaves such a file behind."
)
TWICE = "the same name as another file, in other Unicode characters; not read. Rename one of them."


@dataclass(frozen=True)
class Looked:
    """What lies in landing/: files to read per clinic, remarks on others, how many are noise."""

    files: dict[str, list[Path]] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    n_noise: int = 0


def one_name(name: str) -> str:
    """Return a name as it is kept: macOS writes é as two characters (NFD), others as one (NFC)."""
    return unicodedata.normalize("NFC", name)


def look(home: Home) -> Looked:
    """List landing/ once; no file is opened."""
    links = _links_below(home.landing)
    files: dict[str, list[Path]] = {}
    remarks: list[Remark] = []
    n_noise = 0
    for path in sorted(home.landing.iterdir()):
        where = f"landing/{path.name}"
        if path.is_dir() and is_noise_folder(path):
            n_noise += 1
        elif path.is_dir() and path.is_symlink() and _leads_out(home, path):
            remarks.append(Remark(where, LEADS_OUT))
        elif path.is_dir() and CLINIC_ID.fullmatch(path.name):
            of_clinic = _of_clinic(home, path, links)
            files[path.name] = of_clinic.files[path.name]
            remarks += of_clinic.remarks
            n_noise += of_clinic.n_noise
        elif path.is_dir():
            what = "not a clinic id (a-z, 0-9, _ and -); left alone. Rename it."
            remarks.append(Remark(where, what))
        elif is_noise(path):
            n_noise += 1
        elif not is_ignored(path):
            what = "in no clinic's folder; left alone. Move it into landing/<clinic>/."
            remarks.append(Remark(where, what))
    return Looked(files, remarks, n_noise)


def is_ignored(path: Path) -> bool:
    """Whether a file is no export: half written, hidden, a manifest or noise."""
    is_half = path.suffix.lower() in HALF_WRITTEN
    return is_half or is_manifest(path.name) or is_noise(path)


def is_noise(path: Path) -> bool:
    """Whether nobody sent a file on purpose, or only to mark that a transfer is done."""
    name = path.name.lower()
    if name.startswith((".", "~$")) or name in NOISE:
        return True
    return path.suffix.lower() not in EXPORTS | set(HALF_WRITTEN) and _is_empty(path)


def is_noise_folder(path: Path) -> bool:
    """Whether a folder was made by a file manager or an archiver."""
    return path.name.startswith(".") or path.name.lower() in NOISE_FOLDERS


def on_disk(folder: Path, name: str) -> Path:
    """Return the path below ``folder`` whose name is ``name`` in one Unicode form or the other."""
    path = folder
    for part in name.split("/"):
        child = path / part
        if not child.exists() and path.is_dir():
            same = (one for one in sorted(path.iterdir()) if one_name(one.name) == part)
            child = next(same, child)
        path = child
    return path


def _of_clinic(home: Home, clinic: Path, links: Counter[tuple[int, int]]) -> Looked:
    found: dict[str, Path] = {}
    remarks: list[Remark] = []
    n_noise = 0
    for path in _below(clinic):
        name = path.relative_to(clinic).as_posix()
        where = f"landing/{clinic.name}/{name}"
        if is_noise(path):
            n_noise += 1
        elif _leads_out(home, path) or _is_linked_elsewhere(path, links):
            remarks.append(Remark(where, LEADS_OUT))
        elif path.is_file() and path.suffix.lower() in HALF_WRITTEN:
            remarks.append(Remark(where, SENDING.format(path.suffix), waits=True, is_unread=False))
        elif path.is_file() and not is_ignored(path):
            # The composed form sorts last, and wins.
            if (earlier := found.get(one_name(name))) is not None:
                place = earlier.relative_to(clinic).as_posix()
                remarks.append(Remark(f"landing/{clinic.name}/{place}", TWICE))
            found[one_name(name)] = path
    files = [found[name] for name in sorted(found)]
    return Looked({clinic.name: files}, remarks, n_noise)


def _below(folder: Path) -> Iterator[Path]:
    """Yield files and links below a folder, by name; links to folders are not followed."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            if not is_noise_folder(path):
                yield from _below(path)
        else:
            yield path


def _leads_out(home: Home, path: Path) -> bool:
    return path.is_symlink() and not path.resolve().is_relative_to(home.landing.resolve())


def _links_below(folder: Path) -> Counter[tuple[int, int]]:
    """Count the names below a folder that share one file."""
    counts: Counter[tuple[int, int]] = Counter()
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                seen = os.lstat(os.path.join(place, name))
            except OSError:
                continue  # gone since it was listed: another look will miss it too
            if seen.st_nlink > 1:
                counts[seen.st_dev, seen.st_ino] += 1
    return counts


def _is_linked_elsewhere(path: Path, links: Counter[tuple[int, int]]) -> bool:
    """Whether the file has another name outside of landing/, by which it could be changed."""
    try:
        seen = path.lstat()
    except OSError:
        return False  # opening it will say why
    is_file = not path.is_symlink() and not path.is_dir()
    return is_file and seen.st_nlink > max(links[seen.st_dev, seen.st_ino], 1)


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except OSError:
        return False  # a broken link, or no right: named when it is opened
