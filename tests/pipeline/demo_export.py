"""One small demo clinic without a fault, as the rows of its export, to be broken and written."""

from __future__ import annotations

import copy
import csv
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from demo.clinics import EXTRACT_DATE, HARBOR
from demo.exports import write_canonical_csv
from demo.model import simulate
from demo.tables import build_tables

MOMENT = "%Y-%m-%d %H:%M:%S"
ITEMS = [f"item_{number}" for number in range(1, 13)]


@dataclass
class Export:
    """Rows by table, as text; ``names`` gives a table another file, ``extra`` adds files."""

    rows: dict[str, list[dict[str, str]]]
    names: dict[str, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_demo(cls, folder: Path, n_sessions: int) -> Export:
        """Draw the demo clinic and read its files back.

        What the demo plants as part of real life is tidied away: courses that broke off and that
        nobody closed (rule E05) end with their last session.
        """
        rng = np.random.default_rng([1, 0])
        courses = simulate(HARBOR, n_sessions, rng)
        write_canonical_csv(build_tables(courses, rng), folder)
        rows = {}
        for path in sorted(folder.glob("*.csv")):
            with path.open(newline="", encoding="utf-8") as file:
                rows[path.stem] = list(csv.DictReader(file))
        export = cls(rows)
        export._close_forgotten()
        return export

    def _close_forgotten(self) -> None:
        last = {}
        for session in self.rows["sessions"]:
            last[session["episode_id"]] = max(
                session["session_at"], last.get(session["episode_id"], "")
            )
        for episode in self.rows["episodes"]:
            seen = last.get(episode["episode_id"], f"{episode['start_date']} 00:00:00")[:10]
            is_old = date.fromisoformat(seen) < EXTRACT_DATE - timedelta(days=80)
            if not episode["end_date"] and is_old:
                episode |= {"end_date": seen, "discharge_reason": "dropout"}

    def copy(self) -> Export:
        """Return rows that can be broken without breaking these."""
        return copy.deepcopy(self)

    def forms(self, *instruments: str) -> list[dict[str, str]]:
        """Return the rows of the instruments' forms."""
        return [row for row in self.rows["responses"] if row["instrument"] in instruments]

    def attended(self) -> list[dict[str, str]]:
        """Return the sessions that were held."""
        return [row for row in self.rows["sessions"] if row["attendance"] in ("attended", "late")]

    def missed(self) -> list[dict[str, str]]:
        """Return the sessions nobody came to; no form refers to them."""
        return [row for row in self.rows["sessions"] if row not in self.attended()]

    def add_column(self, table: str, column: str, value: str = "") -> None:
        """Give a table one more column."""
        for row in self.rows[table]:
            row.setdefault(column, value)

    def add(self, table: str, **values: str) -> dict[str, str]:
        """Add a row that is empty but for these values."""
        row = dict.fromkeys(self.rows[table][0], "") | values
        self.rows[table].append(row)
        return row

    def write(self, folder: Path) -> None:
        """Write the files into a clinic's landing folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for table, rows in self.rows.items():
            path = folder / self.names.get(table, f"{table}.csv")
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
        for name, text in self.extra.items():
            (folder / name).write_text(text, encoding="utf-8")


def moved(moment: str, **by: float) -> str:
    """Return a timestamp moved by days, hours or seconds; an empty one stays empty."""
    return moment and (datetime.strptime(moment, MOMENT) + timedelta(**by)).strftime(MOMENT)


def move_form(row: dict[str, str], **by: float) -> None:
    """Move both times of a form."""
    for column in ("started_at", "completed_at"):
        row[column] = moved(row[column], **by)
