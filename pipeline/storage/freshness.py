"""When each clinic last delivered, and whether what it is expected to send is late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.home import Home
from pipeline.storage.configuration import read_clinic
from pipeline.storage.landing_names import Looked, look, on_disk, one_name
from pipeline.storage.ledger import RESTORED, Ledger
from transforms.errors import ConfigError
from transforms.statistics.withheld import Record


@dataclass(frozen=True)
class Freshness:
    """One clinic at one time, in UTC.

    last : when its newest file arrived; None if none ever did.
    due : when a delivery was last expected; None where the clinic's YAML expects none.
    late_by : how long ago that was, if nothing has come for it; else None.
    """

    clinic_id: str
    last: datetime | None
    due: datetime | None = None
    late_by: timedelta | None = None

    @property
    def shown(self) -> bool:
        """Whether there is anything to say: a clinic that only has a YAML says nothing."""
        return self.last is not None or self.due is not None

    @property
    def hours_late(self) -> int | None:
        """Whole hours, for people."""
        return None if self.late_by is None else int(self.late_by.total_seconds() // 3600)


def freshness(home: Home, ledger: Ledger, now: datetime) -> list[Freshness]:
    """Return every clinic that has a YAML, a folder in landing/ or a file in the ledger."""
    files: dict[str, list[Record]] = {}
    for row in ledger.all_files():
        if not row["source_file"].endswith(RESTORED):
            files.setdefault(row["clinic_id"], []).append(row)
    looked = look(home) if home.landing.is_dir() else Looked()
    began = sorted(run["started_at"] for run in ledger.all_runs())
    configured = {path.stem for path in (home.config / "clinics").glob("*.yml")}
    return [
        _of_clinic(home, clinic_id, files.get(clinic_id, []), looked, began, now)
        for clinic_id in sorted(configured | files.keys() | looked.files.keys())
    ]


def _of_clinic(
    home: Home,
    clinic_id: str,
    files: list[Record],
    looked: Looked,
    began: list[datetime],
    now: datetime,
) -> Freshness:
    known = {(row["source_file"], row["size_bytes"]) for row in files}
    arrived = [
        _arrival(path, now, began)
        for path in looked.files.get(clinic_id, [])
        if (one_name(path.relative_to(home.landing / clinic_id).as_posix()), _size(path))
        not in known
    ]
    latest = max((row["received_at"] for row in files), default=None)
    arrived += [
        _arrival(on_disk(home.landing / clinic_id, row["source_file"]), latest, began)
        for row in files
        if row["received_at"] == latest
    ]
    last = max(arrived, default=None)
    try:
        clinic = read_clinic(home, clinic_id)
    except ConfigError:
        return Freshness(clinic_id, last)  # said elsewhere
    if clinic.expects is None:
        return Freshness(clinic_id, last)
    before, due = clinic.expects.due(clinic.zone, now)
    is_late = last is None or last <= before
    return Freshness(clinic_id, last, due, now - due if is_late else None)


def _arrival(path: Path, received_at: datetime, began: list[datetime]) -> datetime:
    """Return when a file came that a night took in at ``received_at``.

    The file's own time, where it lies between that night and the one before, which did not see
    it; a copied file may keep an older one. The first night knows no better than its own time.
    """
    try:
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)
    except OSError:
        return received_at  # no longer there
    earlier = max((one for one in began if one < received_at), default=received_at)
    return changed if earlier < changed < received_at else received_at


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
