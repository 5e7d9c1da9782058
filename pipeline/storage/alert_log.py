"""Answering an alert: one line in an append-only log that the next build reads."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import pyarrow as pa

from pipeline.home import Home
from pipeline.storage.duckdb_session import open_published
from pipeline.storage.parquet import write_rows
from transforms.errors import NothingToDoError

# A line from before alerts could be snoozed or closed has no act: it acknowledged.
ACKNOWLEDGEMENTS = pa.schema(
    [
        ("alert_key", pa.uuid()),
        ("acknowledged_at", pa.timestamp("us")),
        ("acknowledged_by", pa.string()),
        ("act", pa.string()),
        ("snoozed_until", pa.date32()),
        ("reason", pa.string()),
    ]
)
NO_LONGER_OPEN = {
    "closed": "is closed",
    "closed_unacknowledged": "was closed by its rule before anybody answered, and stays so",
}


@dataclass(frozen=True)
class Answer:
    """What a person does with an alert, when (UTC), and why; ``until`` only of a snooze."""

    act: Literal["acknowledged", "snoozed", "closed"]
    by: str
    at: datetime
    why: str = ""
    until: date | None = None

    @property
    def command(self) -> str:
        """The command that gives this answer, for messages."""
        verbs = {"acknowledged": "acknowledge", "snoozed": "snooze", "closed": "close"}
        return f"alerts {verbs[self.act]}"


def write_empty_log(home: Home) -> None:
    """Give the log a file with its schema, so that reading it never fails."""
    write_rows(home.lake / "alerts" / "empty.parquet", [], ACKNOWLEDGEMENTS)


def answer(home: Home, alert_key: str, given: Answer) -> str:
    """Write down what somebody does with an alert; return its kind.

    The published table shows it after the next build. Raises NothingToDoError when the key is no
    key, no such alert is published, it is closed, or the answer is incomplete.
    """
    try:
        key = uuid.UUID(alert_key)
    except ValueError:
        raise NothingToDoError(
            f"{given.command}: this is not an alert key. Copy alert_key from process.fct_alerts."
        ) from None
    _check(given)
    kind = _open_kind(home, key, given.command)
    row = {
        "alert_key": key.bytes,
        "acknowledged_at": given.at,
        "acknowledged_by": given.by.strip(),
        "act": given.act,
        "snoozed_until": given.until,
        "reason": given.why.strip() or None,
    }
    name = f"{given.at:%Y-%m-%dT%H-%M-%S}-{uuid.uuid4().hex[:8]}.parquet"
    write_rows(home.lake / "alerts" / name, [row], ACKNOWLEDGEMENTS)
    return kind


def _check(given: Answer) -> None:
    """Refuse an answer of nobody, without a reason, or until a day that has come."""
    if not given.by.strip():
        raise NothingToDoError(f"{given.command}: --by is empty. Say who has seen it.")
    if given.act != "acknowledged" and not given.why.strip():
        raise NothingToDoError(f"{given.command}: --why is empty. Say why; no patient data.")
    if given.act == "snoozed" and (given.until is None or given.until <= given.at.date()):
        raise NothingToDoError(f"{given.command}: --until must be a day after today.")


def _open_kind(home: Home, key: uuid.UUID, command: str) -> str:
    """Return the kind of a published alert that can still be answered."""
    with open_published(home, command) as con:
        found = con.execute(
            "select alert_kind, status from process.fct_alerts where alert_key = ?", [str(key)]
        ).fetchone()
    if found is None:
        raise NothingToDoError(
            f"{command}: no such alert in the published release. "
            "Copy alert_key from process.fct_alerts."
        )
    kind: str = found[0]
    if told := NO_LONGER_OPEN.get(found[1]):
        raise NothingToDoError(f"{command}: this {kind} alert {told}. Nothing to do.")
    return kind
