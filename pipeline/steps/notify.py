"""Telling somebody: what there is to tell, and that it was told, once, by every channel.

A notice holds counts and the names of clinics and runs; no identifier, no score, no name of a file.
A channel that fails stops nothing: it is a remark on the run's page.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipeline.home import Home
from pipeline.progress import say
from pipeline.steps.channels import ways
from pipeline.steps.report_page import address
from pipeline.storage.configuration import read_clinic
from pipeline.storage.freshness import freshness
from pipeline.storage.ledger import Ledger
from pipeline.storage.notify_settings import Kind, load_notify
from pipeline.storage.remarks import Remark
from transforms.errors import ConfigError
from transforms.formats.source import plural
from transforms.statistics.withheld import Record

WHERE = "config/notify.yml"


@dataclass(frozen=True)
class Notice:
    """One thing to tell. ``key`` names it: what was told under a key is not told again."""

    kind: Kind
    key: str
    text: str
    run_id: str | None = None
    clinic_id: str | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def as_row(self) -> Record:
        """Return what is sent and kept."""
        return {
            "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "kind": self.kind,
            "key": self.key,
            "run": self.run_id,
            "clinic": self.clinic_id,
            "text": self.text,
            "counts": self.counts,
        }


def tell(home: Home, notices: Iterable[Notice]) -> list[Remark]:
    """Send what was not told before; return a remark for each channel that failed."""
    told = _told(home)
    rows = [notice.as_row() for notice in notices if notice.key not in told]
    if not rows:
        return []
    with home.notifications.open("a", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    try:
        channels = ways(load_notify(home))
    except ConfigError as error:
        said = f"{plural(len(rows), 'notice')} reached nobody. {error}"
        return [Remark(WHERE, said, is_unread=False)]
    failed = []
    for name, (kinds, send) in channels.items():
        if wanted := [row for row in rows if row["kind"] in kinds]:
            try:
                send(wanted)
            except Exception as error:  # noqa: BLE001 - whatever it is, the night goes on
                # Its message may hold an address that is a secret.
                what = f"{plural(len(wanted), 'notice')} not sent by {name} "
                what += f"({type(error).__name__}). Mend the channel; notifications.jsonl has them."
                failed.append(Remark(WHERE, what, is_unread=False))
    for remark in failed:
        say(f"  ! {remark}")
    return failed


def of_run(home: Home, ledger: Ledger, run_id: str, n_fallen_out: int = 0) -> list[Notice]:
    """Return what there is to tell of a run that has ended or waits for a person."""
    run = ledger.run(run_id)
    kinds: dict[str, Kind] = {"published": "success", "waiting": "approval"}
    kind = "failure" if n_fallen_out else kinds.get(run["status"], "failure")
    words = {
        "success": "is published",
        "approval": "waits for approval; the earlier release stays",
        "failure": f"was not published ({run['status']}); the earlier release stays",
    }
    said = words[kind]
    if n_fallen_out and run["status"] == "published":
        said = f"is published without {plural(n_fallen_out, 'clinic')} that broke off or fell out"
    text = f"Run {run_id} {said}. {address(home, run_id)}"
    counts = _counts(ledger, run_id)
    return [
        Notice(kind, f"{kind} {run_id}", text, run_id, counts=counts),
        *few_rows(home, ledger, run_id),
    ]


def few_rows(home: Home, ledger: Ledger, run_id: str) -> list[Notice]:
    """Return a notice for each clinic whose files of this run have fewer rows than it expects."""
    received: Counter[str] = Counter()
    for row in _of_run(ledger, run_id):
        received[row["clinic_id"]] += row["n_received"]
    found = []
    for clinic_id, n_rows in sorted(received.items()):
        expects = read_clinic(home, clinic_id).expects
        if expects and expects.rows and n_rows < expects.rows:
            text = f"{clinic_id}: {n_rows:,} row(s) came, {expects.rows:,} or more are expected."
            key, counts = f"few_rows {run_id} {clinic_id}", {"received": n_rows}
            found.append(Notice("few_rows", key, text, run_id, clinic_id, counts))
    return found


def late(home: Home, ledger: Ledger, now: datetime) -> list[Notice]:
    """Return a notice for each clinic whose expected delivery has not come."""
    found = []
    for one in freshness(home, ledger, now):
        if one.due is None or one.hours_late is None:
            continue
        last = f"the last came {one.last:%Y-%m-%d %H:%M} UTC" if one.last else "none ever came"
        text = (
            f"{one.clinic_id}: the delivery due {one.due:%Y-%m-%d %H:%M} UTC is late by "
            f"{plural(one.hours_late, 'hour')}; {last}."
        )
        key, counts = f"late {one.clinic_id} {one.due:%Y-%m-%dT%H:%MZ}", {"hours": one.hours_late}
        found.append(Notice("late", key, text, clinic_id=one.clinic_id, counts=counts))
    return found


def unopened(now: datetime) -> Notice:
    """Return the notice of a night that could not even begin."""
    text = "A night could not begin; the earlier release stays. See the task `open_run`."
    return Notice("failure", f"failure {now:%Y-%m-%dT%H:%MZ}", text)


def _counts(ledger: Ledger, run_id: str) -> dict[str, int]:
    statuses = Counter(row["status"] for row in ledger.all_files() if row["run_id"] == run_id)
    counts = {f"files_{status}": n for status, n in sorted(statuses.items())}
    for outcome in ("received", "accepted", "duplicate", "quarantined", "erased"):
        n_rows = sum(row[f"n_{outcome}"] for row in _of_run(ledger, run_id))
        counts[f"rows_{outcome}"] = n_rows
    return counts


def _of_run(ledger: Ledger, run_id: str) -> list[Record]:
    files = {
        (row["clinic_id"], row["file_id"]) for row in ledger.all_files() if row["run_id"] == run_id
    }
    return [row for row in ledger.all_file_tables() if (row["clinic_id"], row["file_id"]) in files]


def _told(home: Home) -> set[str]:
    if not home.notifications.exists():
        return set()
    lines = home.notifications.read_text("utf-8").splitlines()
    return {json.loads(line)["key"] for line in lines if line.endswith("}")}
