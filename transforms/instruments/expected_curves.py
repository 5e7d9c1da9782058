"""Tables of expected scores a site holds a licence for, read from its configuration.

One CSV with the columns of CURVE_COLUMNS: for an instrument and version, from an intake score to
another (both included), the score expected ``session`` sessions after the first one, and the
limit beyond which a score is not on track. Raw points in the direction of the form. No such
curves come with this software.
"""

from __future__ import annotations

import csv
import io
from typing import Any

from transforms.errors import ConfigError

NUMBERS = ("intake_low", "intake_high", "session", "expected", "signal_limit")
CURVE_COLUMNS = ("instrument_id", "version", *NUMBERS, "source")


def read_curves(text: str, file_name: str) -> list[dict[str, Any]]:
    """Return the rows of one table.

    Raises ConfigError with file, line and remedy for a missing column, an unreadable
    number, an upside-down band or two rows for one band and session.
    """
    reader = csv.DictReader(io.StringIO(text))
    if missing := sorted(set(CURVE_COLUMNS) - set(reader.fieldnames or ())):
        raise ConfigError(
            f"{file_name}:1",
            f"column(s) missing: {', '.join(missing)}",
            "The columns are in docs/expected-response.md",
        )
    rows: list[dict[str, Any]] = []
    seen: dict[tuple[str, str, float], list[tuple[float, float]]] = {}
    for number, raw in enumerate(reader, start=2):
        row = _row(raw, f"{file_name}:{number}")
        place = (row["instrument_id"], row["version"], row["session"])
        for low, high in seen.setdefault(place, []):
            if row["intake_low"] <= high and low <= row["intake_high"]:
                raise ConfigError(
                    f"{file_name}:{number}",
                    "an earlier line holds an overlapping intake band of the same session",
                    "Let every intake score fall into one band",
                )
        seen[place].append((row["intake_low"], row["intake_high"]))
        rows.append(row)
    return rows


def _row(raw: dict[str, str | None], place: str) -> dict[str, Any]:
    row: dict[str, Any] = {name: (raw[name] or "").strip() for name in CURVE_COLUMNS}
    for name in ("instrument_id", "version", "source"):
        if not row[name]:
            raise ConfigError(place, f"{name} is empty", "Fill it in")
    for name in NUMBERS:
        try:
            row[name] = float(row[name])
        except ValueError:
            raise ConfigError(
                place, f"{name} is not a number", "Write points with a decimal point"
            ) from None
    if row["intake_low"] > row["intake_high"] or row["session"] < 1:
        raise ConfigError(
            place, "the band ends before it begins, or session is below 1", "Correct the line"
        )
    return row
