"""What lies in landing/: files, their hashes, and which of them are new."""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from pipeline.home import Home
from pipeline.ledger import Ledger

CLINIC_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
HALF_WRITTEN = (".tmp", ".part", ".partial", ".crdownload", ".filepart")


@dataclass(frozen=True)
class Delivery:
    """One file in one clinic's landing folder."""

    clinic_id: str
    source_file: str  # path below the clinic's folder
    file_id: str
    sha256: str
    size_bytes: int
    received_at: datetime

    def as_row(self) -> dict:
        """Return the columns the ledger keeps."""
        return asdict(self)

    def path(self, home: Home) -> Path:
        """Return where the file lies."""
        return home.landing / self.clinic_id / self.source_file


def new_deliveries(home: Home, ledger: Ledger, now: datetime, fingerprint: str) -> list[Delivery]:
    """Return files whose content was not dealt with yet, in the order they are to be read.

    A file that was refused or rejected is tried again once the configuration has changed, or
    when its clinic sends anything new: what it lacked, a data dictionary or the client a row
    refers to, may have come.
    Order: clinic, then file name, so that `responses_2026-10.csv` comes before
    `responses_2026-11.csv` and the later one wins.
    """
    known = {(row["clinic_id"], row["file_id"]): row for row in ledger.all_files()}
    accepted = {key for key, row in known.items() if row["status"] == "accepted"}
    waiting = {key for key, row in known.items() if row["fingerprint"] == fingerprint} - accepted
    new: list[Delivery] = []
    for clinic in sorted(path for path in home.landing.iterdir() if _is_clinic(path)):
        found: dict[tuple[str, str], Delivery] = {}
        for path in sorted(clinic.rglob("*")):
            if path.is_file() and not _is_ignored(path):
                delivery = _delivery(clinic, path, now)
                found.setdefault((delivery.clinic_id, delivery.file_id), delivery)
        if found.keys() - accepted - waiting:
            new += [found[key] for key in found if key not in accepted]
    return new


def odd_folders(home: Home) -> list[str]:
    """Return landing folders whose name cannot be a clinic id."""
    return sorted(
        path.name for path in home.landing.iterdir() if path.is_dir() and not _is_clinic(path)
    )


def _is_clinic(path: Path) -> bool:
    return path.is_dir() and CLINIC_ID.fullmatch(path.name) is not None


def _is_ignored(path: Path) -> bool:
    return path.name.startswith((".", "~$")) or path.suffix.lower() in HALF_WRITTEN


def _delivery(clinic: Path, path: Path, now: datetime) -> Delivery:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Delivery(
        clinic_id=clinic.name,
        source_file=path.relative_to(clinic).as_posix(),
        file_id=sha256[:16],
        sha256=sha256,
        size_bytes=path.stat().st_size,
        received_at=now,
    )
