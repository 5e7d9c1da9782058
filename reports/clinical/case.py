"""One client's course as a page; returns its text and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from reports.clinical.rendering import form_word, rendered, rule_words
from reports.drawing.figures import Curve, Mark, Points, course
from reports.drawing.wording import DETECTORS

PARTS = {"alliance_pomp": "Total", "bond_pomp": "Bond", "task_pomp": "Task", "goal_pomp": "Goal"}
KINDS = {
    "risk_item": "risk item",
    "unrepaired_rupture": "rupture not repaired",
    "not_on_track": "not on track",
    "alliance_drop": "alliance drop",
    "alliance_trigger": "alliance trigger",
    "dropout_risk": "leaving soon",
    "no_form": "no form",
}
ATTENDANCE = {
    "attended": "attended",
    "late": "came late",
    "cancelled_client": "cancelled by client",
    "cancelled_service": "cancelled by service",
    "dna": "did not come",
}


@dataclass(frozen=True)
class Episode:
    """What one section of the page shows; ``record`` None: rows that belong to no episode."""

    record: dict[str, Any] | None
    sessions: list[dict[str, Any]]
    ruptures: list[dict[str, Any]]
    gains: list[dict[str, Any]]
    alerts: list[dict[str, Any]]

    @property
    def numbered(self) -> list[dict[str, Any]]:
        """Attended treatment sessions, which have a place on the axis."""
        return [row for row in self.sessions if row["session_number"] is not None]

    @property
    def n_missed(self) -> int:
        """Booked sessions the client did not have."""
        return sum(row["is_attended"] is False for row in self.sessions)

    def instrument(self, kind: str) -> str:
        """Return the form of a kind in words; of several, each."""
        used = {row[f"{kind}_instrument_id"] for row in self.sessions} - {None}
        return ", ".join(map(form_word, sorted(used)))

    def alliance_plot(self) -> Markup | None:
        """Draw the client's alliance ratings, total and parts, with ruptures and repairs."""
        rows = self.numbered
        numbers = [row["session_number"] for row in rows]
        return course(
            [
                Points(label, numbers, [row[part] for row in rows], part == "alliance_pomp")
                for part, label in PARTS.items()
            ],
            x_axis="Session",
            y_axis="Percent of maximum",
            alt=f"Course of the alliance, {self.instrument('alliance')}, session by session",
            marks=_rupture_marks(self.ruptures),
        )

    def outcome_plot(self) -> Markup | None:
        """Draw the outcome scores over the band of expected scores, with sudden gains."""
        rows = [row for row in self.numbered if row["outcome_score"] is not None]
        expected = [row for row in rows if None not in (row["lower"], row["upper"])]
        band = Curve(
            "expected",
            *(
                [row[name] for row in expected]
                for name in ("session_number", "expected", "lower", "upper")
            ),
        )
        return course(
            [
                Points(
                    "score",
                    [row["session_number"] for row in rows],
                    [row["outcome_score"] for row in rows],
                    True,
                )
            ],
            x_axis="Session",
            y_axis="Points",
            alt=f"Course of the outcome, {self.instrument('outcome')}, with the expected band",
            band=band,
            marks=[Mark(f"sudden {row['kind']}", row["session_number"]) for row in self.gains],
        )


def case_page(case: Any) -> str:
    """Return the page of a `Case`: one section per episode, then what stands in none."""
    keys = [row["episode_key"] for row in case.episodes]
    episodes = [_episode(case, row["episode_key"], row) for row in case.episodes]
    others = {
        row["episode_key"]
        for rows in (case.sessions, case.ruptures, case.gains, case.alerts)
        for row in rows
    }.difference(keys)
    episodes += [_episode(case, key, None) for key in sorted(others, key=str)]
    return rendered(
        "case.html.j2",
        case=case,
        episodes=episodes,
        form_word=form_word,
        rule_words=rule_words,
        detectors=DETECTORS,
        kinds=KINDS,
        attendance=ATTENDANCE,
    )


def _episode(case: Any, key: object, record: dict[str, Any] | None) -> Episode:
    def of(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row for row in rows if row["episode_key"] == key]

    return Episode(record, of(case.sessions), of(case.ruptures), of(case.gains), of(case.alerts))


def _rupture_marks(ruptures: Sequence[dict[str, Any]]) -> list[Mark]:
    """One mark per session with a rupture, and one where a rupture was repaired.

    Detectors that find here what noise gives would mark nearly every session: not drawn.
    """
    drawn = [row for row in ruptures if not row["is_like_noise"]]
    numbers = {row["session_number"] for row in drawn} - {None}
    repaired = {row["repaired_session_number"] for row in drawn} - {None}
    return [
        *(Mark("rupture", number) for number in sorted(numbers)),
        *(Mark("repaired", number) for number in sorted(repaired)),
    ]
