"""What lies in landing/: files, their hashes, and which of them are new."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Set
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import duckdb

from pipeline.home import Home
from pipeline.progress import say
from pipeline.storage.configuration import read_clinic
from pipeline.storage.landing_names import CLINIC_ID, Looked, look, on_disk, one_name
from pipeline.storage.ledger import Ledger
from pipeline.storage.open_rows import files_with_open_rows, replaced_files
from pipeline.storage.remarks import Remark
from transforms.clinics.clinic import Clinic
from transforms.errors import ConfigError
from transforms.statistics.withheld import Record

MOST_NAMED = 5
WITHDRAWN = "withdrawn"
STILL_WRITTEN = (
    "changed while it was read; left for the next night. Export under a name that ends in .part "
    "and rename it when it is whole."
)
FIRST_LOOK = ("", "", "")  # noted with the first names


@dataclass(frozen=True)
class Delivery:
    """One file in one clinic's landing folder."""

    clinic_id: str
    source_file: str  # path below the clinic's folder, in composed characters (NFC)
    file_id: str
    sha256: str
    size_bytes: int
    received_at: datetime

    def as_row(self) -> Record:
        """Return the columns the ledger keeps."""
        return asdict(self)

    def path(self, home: Home) -> Path:
        """Return where the file lies."""
        return on_disk(home.landing / self.clinic_id, self.source_file)


def new_deliveries(
    home: Home,
    ledger: Ledger,
    now: datetime,
    fingerprint: str,
    looked: Looked | None = None,
    waiting: Set[str] = frozenset(),
    remarks: list[Remark] | None = None,
) -> list[Delivery]:
    """Return files whose content was not dealt with yet, in the order they are to be read.

    A file that was refused or rejected is tried again once the configuration has changed, or
    when its clinic sends anything new: what it lacked, a data dictionary or the client a row
    refers to, may have come.
    Content known already is new again, with a `file_id` of its own, where it then says something
    else than before: the file stood there with other content in between; or the content comes
    under a new name and is a full snapshot, or rows of it are open in quarantine or were replaced
    since. Under a new name a refused or rejected content is tried again at once. A copy that
    lay there all the time is none of these. What was withdrawn is never read again from where it
    lay; it may be sent again under a new name, or under its own once it was gone for a night.
    Order: clinic, then file name, so that `responses_2026-10.csv` comes before
    `responses_2026-11.csv` and the later one wins.

    Parameters
    ----------
    looked : what lies in landing/; looked at now by default
    waiting : clinics that nothing is read of tonight; their files stay new
    remarks : files that cannot be read now are added, each with what to do
    """
    files = ledger.all_files()
    known = {(row["clinic_id"], row["file_id"]): row for row in files}
    accepted = {key for key, row in known.items() if row["status"] == "accepted"}
    withdrawn = {key for key, row in known.items() if row["status"] == WITHDRAWN}
    tried = {key for key, row in known.items() if row["fingerprint"] == fingerprint} - accepted
    noted = ledger.seen_names()
    seen = noted | {_name(row) for row in files if row["status"] != WITHDRAWN}
    # A home from before names were noted: what lies there is not sent again.
    is_first_look = FIRST_LOOK not in noted and bool(files)
    lying = {FIRST_LOOK}
    new: list[Delivery] = []
    repeated: list[str] = []
    for clinic_id, paths in sorted((looked or look(home)).files.items()):
        if clinic_id in waiting:
            continue
        clinic = home.landing / clinic_id
        found: dict[tuple[str, str], Delivery] = {}
        files_here = [row for row in files if row["clinic_id"] == clinic.name]
        for path in paths:
            read = _delivery(clinic, path, now)
            if isinstance(read, Remark):
                say(str(read))
                (remarks if remarks is not None else []).append(read)
            else:
                name = (clinic.name, read.source_file, read.sha256)
                is_sent_again = not is_first_look and name not in seen
                delivery = _told_apart(home, read, files_here, is_sent_again)
                key = (delivery.clinic_id, delivery.file_id)
                lying.add(name)
                if is_sent_again:
                    tried.discard(key)
                first = found.setdefault(key, delivery).source_file
                first = known[key]["source_file"] if key in accepted else first
                if first != delivery.source_file:
                    repeated.append(f"{clinic.name}/{delivery.source_file} is {first}")
        if found.keys() - accepted - tried - withdrawn:
            new += [found[key] for key in found if key not in accepted | withdrawn]
    # Not yet those this night takes up: a killed night must find them again.
    taken_up = {(one.clinic_id, one.source_file, one.sha256) for one in new}
    ledger.note_names(name for name in lying if name not in noted | taken_up)
    gone = {_name(known[key]) for key in withdrawn} - lying
    ledger.forget_names(gone & noted)
    if repeated:
        shown = ", ".join(repeated[:MOST_NAMED]) + (" …" if len(repeated) > MOST_NAMED else "")
        say(f"{len(repeated)} file(s) with the same content as another, read once: {shown}")
    return new


def require_export(file: Path, clinic_id: str) -> None:
    """Raise ConfigError unless there is one readable file, and the id is one a clinic can have."""
    if not file.exists():
        raise ConfigError(str(file), "there is no such file", "Give the path of one export")
    if not file.is_file():
        raise ConfigError(str(file), "this is a folder", "Give the path of one export in it")
    if not os.access(file, os.R_OK):
        raise ConfigError(str(file), "you may not read this file", "Ask for the right to read it")
    if not CLINIC_ID.fullmatch(clinic_id):
        raise ConfigError("--clinic", "this is not a clinic id", "Use a-z, 0-9, _ and -")


def _told_apart(
    home: Home, delivery: Delivery, files: list[Record], is_sent_again: bool
) -> Delivery:
    """Give content that is delivered once more, and means it, an identity of its own.

    Parameters
    ----------
    files : the clinic's files, oldest first
    is_sent_again : whether the content lies under this name for the first time
    """
    accepted = [row for row in files if row["status"] == "accepted"]
    if not any(row["sha256"] == delivery.sha256 for row in accepted):
        return _after_withdrawal(delivery, files, is_sent_again)
    of_name = [row for row in accepted if row["source_file"] == delivery.source_file]
    if of_name and of_name[-1]["sha256"] == delivery.sha256:
        return replace(delivery, file_id=of_name[-1]["file_id"])
    if not of_name and not (
        _holds_everything(read_clinic(home, delivery.clinic_id))
        or (is_sent_again and _is_unfinished(home, delivery, accepted))
    ):
        return delivery
    told = f"{delivery.sha256} {delivery.source_file} {len(of_name)}"
    return replace(delivery, file_id=hashlib.sha256(told.encode()).hexdigest()[:16])


def _after_withdrawal(delivery: Delivery, files: list[Record], is_sent_again: bool) -> Delivery:
    """Tell content that was withdrawn and is sent again from what was withdrawn, for good."""
    same = [row for row in files if row["sha256"] == delivery.sha256]
    n_withdrawn = sum(row["status"] == WITHDRAWN for row in same)
    if not n_withdrawn:
        return delivery
    if not is_sent_again:
        of_name = [row for row in same if row["source_file"] == delivery.source_file] or same
        return replace(delivery, file_id=of_name[-1]["file_id"])
    told = f"{delivery.sha256} sent again after {n_withdrawn} withdrawal(s)"
    return replace(delivery, file_id=hashlib.sha256(told.encode()).hexdigest()[:16])


def _name(row: Record) -> tuple[str, str, str]:
    return row["clinic_id"], row["source_file"], row["sha256"]


def _is_unfinished(home: Home, delivery: Delivery, accepted: list[Record]) -> bool:
    """Whether rows of a content are open in quarantine, or were replaced since."""
    files = {row["file_id"] for row in accepted if row["sha256"] == delivery.sha256}
    with duckdb.connect() as con:
        open_files = files_with_open_rows(con, home, delivery.clinic_id)
        return bool(files & (open_files | replaced_files(con, home, delivery.clinic_id)))


def _holds_everything(clinic: Clinic) -> bool:
    kinds = {feed.delivery or clinic.delivery for feed in clinic.feeds} or {clinic.delivery}
    return "snapshot" in kinds


def is_as_hashed(home: Home, delivery: Delivery) -> bool:
    """Say whether a file is still what was hashed, by hashing it again.

    Asked when it was read: what was read then is what the ledger names. A second pass over the
    new files costs less than a copy of each, and identifiers stay in one place.
    """
    path = delivery.path(home)
    try:
        if path.stat().st_size != delivery.size_bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == delivery.sha256
    except OSError:
        return False  # gone, or no longer to be read


def still_written(name: str) -> str:
    """Say that a file changed under our hands."""
    return f"{name}: {STILL_WRITTEN}"


def _delivery(clinic: Path, path: Path, now: datetime) -> Delivery | Remark:
    """Return the file with its hash; a remark if it cannot be read at this moment."""
    name = f"landing/{clinic.name}/{path.relative_to(clinic)}"
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            after = os.fstat(file.fileno())
    except OSError as error:
        remedy = "Close it where it is open, or give the right to read it"
        what = f"cannot be read now ({error.strerror}); left for the next night. {remedy}."
        return Remark(name, what)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return Remark(name, STILL_WRITTEN)
    return Delivery(
        clinic_id=clinic.name,
        source_file=one_name(path.relative_to(clinic).as_posix()),
        file_id=sha256[:16],
        sha256=sha256,
        size_bytes=after.st_size,
        received_at=now,
    )


def write_deliveries(home: Home, run_id: str, deliveries: list[Delivery]) -> None:
    """Write down the files a run is about."""
    path: Path = home.work(run_id) / "deliveries.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [delivery.as_row() for delivery in deliveries]
    path.write_text(json.dumps(rows, default=datetime.isoformat, indent=1), encoding="utf-8")


def read_deliveries(home: Home, run_id: str) -> list[Delivery]:
    """Return the files this run is about."""
    rows = json.loads((home.work(run_id) / "deliveries.json").read_text(encoding="utf-8"))
    return [
        Delivery(**row | {"received_at": datetime.fromisoformat(row["received_at"])})
        for row in rows
    ]
