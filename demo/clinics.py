"""The three demo clinics and every planted parameter, as data.

Scores are in the points of their instrument. Where a parameter is called an effect, it acts on
the *observed* total of the form, so that an analysis of delivered totals meets it undiluted.
docs/demo.md gives the formulas these numbers enter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import TypeVar

from transforms.statistics.arrays import Floats

Total = TypeVar("Total", float, Floats)

EXTRACT_DATE = date(2026, 10, 31)
FIRST_WEEK = date(2024, 1, 8)  # a Monday; clients start from here on
MAX_SESSIONS = 24

MODALITIES = ("cbt", "psychodynamic", "person_centred", "integrative")
HOMEWORK_SET_SHARE = (0.85, 0.15, 0.20, 0.45)  # by modality


@dataclass(frozen=True)
class Alliance:
    """Client-rated alliance: level per client and therapist, autoregressive within, ruptures."""

    instrument: str
    version: str
    low: float
    high: float
    mean: float
    client_sd: float
    therapist_sd: float
    within_sd: float
    rupture_drop: float
    rupture_drop_sd: float
    within_autocorrelation: float = 0.25
    rupture_hazard: float = 0.045
    repair_share: float = 0.6

    def pomp(self, total: Total) -> Total:
        """Return a total as percent of the maximum possible, 0 to 100."""
        return (total - self.low) / (self.high - self.low) * 100


@dataclass(frozen=True)
class Outcome:
    """Symptoms or wellbeing: each score is pulled from the last towards the client's own target.

    ``between_effect`` and ``therapist_sd`` act on the target; ``within_effect`` and
    ``homework_effect`` act on the next score. ``pull`` is the share of the distance to the
    target covered between two sessions.
    """

    instrument: str
    version: str
    low: float
    high: float
    higher_is_better: bool
    pre_mean: float
    pre_sd: float
    target_mean: float
    target_sd: float
    therapist_sd: float
    noise_sd: float
    within_effect: float
    between_effect: float
    homework_effect: float
    pull: float = 0.2
    carry: float = 0.45
    nonresponse_share: float = 0.15


@dataclass(frozen=True)
class TherapistForm:
    """Therapist-rated alliance: lower than the client's, following it with a slope below one.

    In percent of the maximum possible: ``offset + between_slope x (level - mean level)
    + within_slope x (rating - level) + noise``.
    """

    instrument: str
    version: str
    low: float
    high: float
    offset_pomp: float = -8.0
    between_slope: float = 0.5
    within_slope: float = 0.45
    noise_sd_pomp: float = 6.0
    completion: float = 0.65


@dataclass(frozen=True)
class Clinic:
    """One demo clinic: who it is, what it measures, how its clients leave."""

    clinic_id: str
    name: str
    export: str
    letter: str
    alliance: Alliance
    outcomes: tuple[Outcome, ...]
    therapist_form: TherapistForm | None = None
    dropout_log_hr_per_10_pomp: float = -0.30
    dropout_base_hazard: float = 0.032  # at 70 percent of the maximum possible
    other_end_hazard: float = 0.007
    missing_alliance: float = 0.10
    missing_outcome: float = 0.07
    missing_extra_at_bad_session: float = 0.15
    problems: tuple[str, ...] = field(
        default=("depression", "generalised_anxiety", "mixed", "trauma", "relationship")
    )


_wai_sr = partial(Alliance, instrument="wai_sr", version="standard", low=12, high=60)

HARBOR = Clinic(
    "harbor",
    "Harbor Talking Clinic (made up)",
    "canonical CSV",
    "H",
    _wai_sr(
        mean=46.5,
        client_sd=6.5,
        therapist_sd=2.5,
        within_sd=3.8,
        rupture_drop=12.0,
        rupture_drop_sd=2.5,
    ),
    (
        Outcome("phq9", "standard", 0, 27, False, 15.5, 4.6, 8.2, 3.4, 2.0, 2.5,
                within_effect=-0.13, between_effect=-0.24, homework_effect=-0.008),
        Outcome("gad7", "standard", 0, 21, False, 12.6, 3.9, 6.8, 2.8, 1.6, 2.1,
                within_effect=-0.10, between_effect=-0.18, homework_effect=-0.006),
    ),
    TherapistForm("wai_s", "standard", 12, 84),
)  # fmt: skip

LAKESIDE = Clinic(
    "lakeside",
    "Lakeside Counselling (made up)",
    "REDCap flat export",
    "L",
    Alliance(
        "srs",
        "v3",
        low=0,
        high=40,
        mean=36.0,
        client_sd=3.6,
        therapist_sd=1.3,
        within_sd=2.2,
        rupture_drop=8.0,
        rupture_drop_sd=1.8,
    ),
    (
        Outcome("ors", "adult", 0, 40, True, 18.2, 6.2, 27.5, 4.6, 2.6, 3.3,
                within_effect=0.32, between_effect=0.58, homework_effect=0.010),
    ),
    dropout_base_hazard=0.055,
)  # fmt: skip

SUMMIT = Clinic(
    "summit",
    "Summit Psychotherapy Practice (made up)",
    "canonical Excel workbook",
    "S",
    _wai_sr(
        mean=47.5,
        client_sd=6.2,
        therapist_sd=2.4,
        within_sd=3.8,
        rupture_drop=12.0,
        rupture_drop_sd=2.5,
    ),
    (
        Outcome("core10", "standard", 0, 40, False, 20.0, 6.4, 11.5, 4.6, 2.6, 3.4,
                within_effect=-0.18, between_effect=-0.34, homework_effect=-0.011),
    ),
)  # fmt: skip

CLINICS = (HARBOR, LAKESIDE, SUMMIT)
SHARES = {"harbor": 0.60, "lakeside": 0.25, "summit": 0.15}
WORKBOOK_SESSIONS = 5_500  # about 20,000 rows over the sheets; what is over goes to harbor
