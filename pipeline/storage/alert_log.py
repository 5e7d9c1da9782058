"""Acknowledging an alert: one line in an append-only log that the next build reads."""

from __future__ import annotations

import uuid
from datetime import datetime

import duckdb
import pyarrow as pa

from pipeline.home import Home
from pipeline.storage.parquet import write_rows
from transforms.errors import NothingToDoError

ACKNOWLEDGEMENTS = pa.schema(
    [
        ("alert_key", pa.uuid()),
        ("acknowledged_at", pa.timestamp("us")),
        ("acknowledged_by", pa.string()),
    ]
)


def write_empty_log(home: Home) -> None:
    """Give the log a file with its schema, so that reading it never fails."""
    write_rows(home.lake / "alerts" / "empty.parquet", [], ACKNOWLEDGEMENTS)


def acknowledge(home: Home, alert_key: str, who: str, at: datetime) -> str:
    """Write down that somebody has seen an alert; return its kind.

    The published table shows it after the next build. Raises NothingToDoError when the key is no
    key, no such alert is published, it is closed, or nobody is named.
    """
    try:
        key = uuid.UUID(alert_key)
    except ValueError:
        raise NothingToDoError(
            "alerts acknowledge: this is not an alert key. Copy alert_key from process.fct_alerts."
        ) from None
    if not who.strip():
        raise NothingToDoError("alerts acknowledge: --by is empty. Say who has seen it.")
    if not home.published.exists():
        raise NothingToDoError("alerts acknowledge: nothing is published. Run `rapport run` first.")
    with duckdb.connect(str(home.published.resolve()), read_only=True) as con:
        found = con.execute(
            "select alert_kind, status from process.fct_alerts where alert_key = ?", [str(key)]
        ).fetchone()
    if found is None:
        raise NothingToDoError(
            "alerts acknowledge: no such alert in the published release. "
            "Copy alert_key from process.fct_alerts."
        )
    kind: str = found[0]
    status: str = found[1]
    if status == "closed":
        raise NothingToDoError(f"alerts acknowledge: this {kind} alert is closed. Nothing to do.")
    row = {"alert_key": key.bytes, "acknowledged_at": at, "acknowledged_by": who.strip()}
    name = f"{at:%Y-%m-%dT%H-%M-%S}-{uuid.uuid4().hex[:8]}.parquet"
    write_rows(home.lake / "alerts" / name, [row], ACKNOWLEDGEMENTS)
    return kind
