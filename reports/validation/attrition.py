"""Who stops answering: forms that came, by session number and by how the course ended.

A client who drops out and a client who completes are compared at the same session. Sessions at
which fewer than 11 clients of a group were seen are left out, by the query, so that no page and
no test holds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from markupsafe import Markup

# Later sessions are few and differ in who is still there.
LAST_SESSION = 20

BY_SESSION = f"""
    SELECT process.clinic_id, process.session_number, episodes.course_status,
        count(*) AS n_sessions,
        count(*) FILTER (WHERE NOT process.is_outcome_missing) AS n_outcome,
        count(*) FILTER (WHERE NOT process.is_alliance_missing) AS n_alliance
    FROM process.fct_session_process AS process
    INNER JOIN core.fct_episodes AS episodes ON process.episode_key = episodes.episode_key
    WHERE process.session_number <= {LAST_SESSION}
        AND episodes.course_status IN ('completed', 'dropout')
    GROUP BY process.clinic_id, process.session_number, episodes.course_status
    HAVING count(DISTINCT process.client_key) >= 11
    ORDER BY process.clinic_id, process.session_number, episodes.course_status
"""

FORMS = {"outcome": "Symptom form", "alliance": "Alliance form"}
ENDINGS = {"completed": "completed", "dropout": "dropped out"}

WIDTH, HEIGHT = 340, 168
LEFT, RIGHT, TOP, BOTTOM = 48, 330, 12, 136


@dataclass(frozen=True)
class Cell:
    """Sessions of one number and ending, and how many of them have each form."""

    n_sessions: int
    n_outcome: int
    n_alliance: int

    def share(self, form: str) -> float:
        """Sessions that have the form, of those attended."""
        return self.n_for(form) / self.n_sessions

    def n_for(self, form: str) -> int:
        """Sessions that have the form."""
        return self.n_outcome if form == "outcome" else self.n_alliance


@dataclass(frozen=True)
class ClinicAttrition:
    """One clinic: cells by session number, then by how the course ended."""

    clinic_id: str
    sessions: Mapping[int, Mapping[str, Cell]]

    def line(self, form: str, ending: str) -> list[tuple[int, float]]:
        """Return session number and share, in order, of one group."""
        return [
            (number, cells[ending].share(form))
            for number, cells in self.sessions.items()
            if ending in cells
        ]

    @property
    def last_common(self) -> int | None:
        """Return the last session that both groups show; None where none does."""
        both = [number for number, cells in self.sessions.items() if len(cells) == len(ENDINGS)]
        return max(both, default=None)

    def plot(self, form: str, label: str) -> Markup:
        """Draw the shares of one form over the sessions; its numbers are in the table below."""
        lines = {ending: self.line(form, ending) for ending in ENDINGS}
        return _plot(lines, alt=f"{FORMS[form]} by session, {label}; the numbers are in the table")


def attrition_of(rows: Sequence[dict[str, Any]]) -> list[ClinicAttrition]:
    """Return the clinics of the answer of ``BY_SESSION``."""
    clinics = []
    for clinic_id, of_clinic in groupby(rows, key=lambda row: row["clinic_id"]):
        sessions: dict[int, dict[str, Cell]] = {}
        for row in of_clinic:
            cell = Cell(row["n_sessions"], row["n_outcome"], row["n_alliance"])
            sessions.setdefault(row["session_number"], {})[row["course_status"]] = cell
        clinics.append(ClinicAttrition(clinic_id, sessions))
    return clinics


def _plot(lines: Mapping[str, Sequence[tuple[int, float]]], *, alt: str) -> Markup:
    last = max(number for line in lines.values() for number, _ in line)
    parts = [
        Markup(
            '<line class="grid" x1="{}" x2="{}" y1="{y}" y2="{y}"/>'
            '<text class="end" x="{}" y="{}">{} %</text>'
        ).format(LEFT, RIGHT, LEFT - 6, _y(share) + 4, round(share * 100), y=_y(share))
        for share in (0.0, 0.5, 1.0)
    ]
    parts += [
        Markup('<text class="mid" x="{}" y="{}">{}</text>').format(
            _x(number, last), BOTTOM + 16, number
        )
        for number in sorted({1, *range(5, last - 1, 5), last})
    ]
    parts.append(
        Markup('<text class="mid" x="{}" y="{}">session</text>').format(
            (LEFT + RIGHT) / 2, HEIGHT - 2
        )
    )
    for ending, line in lines.items():
        if line:
            points = " ".join(f"{_x(n, last):g},{_y(share):g}" for n, share in line)
            x, y = points.split(" ")[-1].split(",")
            parts.append(
                Markup('<polyline class="{0}" points="{1}"/><circle class="{0}" cx="{2}" cy="{3}" '
                       'r="3"/>').format(ending, points, x, y)
            )  # fmt: skip
    return Markup(
        '<svg class="answering" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(WIDTH, HEIGHT, alt, Markup("").join(parts))


def _x(number: int, last: int) -> float:
    return round(LEFT + (RIGHT - LEFT) * (number - 1) / max(last - 1, 1), 1)


def _y(share: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * share, 1)
