"""Forms about the relationship beside alliance and outcome: who would say what, planted.

Empathy, core conditions, real relationship, attachment, countertransference, homework quality and
reported ruptures of one clinic. Everything is drawn after the courses, from a stream of its own,
so that courses are the same with and without these forms.

Each measure is drawn given what the course already holds: how high the client's usual alliance
lies, and how much better the client became than the first score foretold (``gain``). Direction
does not matter to a correlation; the size of each part does, and is planted here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.clinics import MAX_SESSIONS
from demo.model import Simulation
from transforms.statistics.arrays import Floats

EMPATHY_SESSION = 3
RUPTURE_SESSIONS = (4, 8)
REPORTS_TRUE_RUPTURE, REPORTS_NONE = 0.85, 0.04


@dataclass(frozen=True)
class Trait:
    """How a measure comes about, in standard deviations of its own latent.

    level : share from the client's usual alliance; gain : from the client's unexpected gain;
    therapist : from the therapist; other : from another measure. The rest is chance.
    """

    mean: float
    sd: float
    low: float
    high: float
    level: float = 0.0
    gain: float = 0.0
    therapist: float = 0.0
    other: float = 0.0


CARE = Trait(38, 6.5, 10, 50, level=0.45, gain=0.30)
THERAPIST_EMPATHY = Trait(22, 11, -48, 48, level=0.20, gain=0.08, other=0.25)
REGARD = Trait(16, 7, -30, 30, level=0.40, gain=0.18)
UNCONDITIONALITY = Trait(9, 8, -30, 30, level=0.25, gain=0.05)
CONGRUENCE = Trait(14, 7, -30, 30, level=0.40, gain=0.16)
REAL_RELATIONSHIP = Trait(3.9, 0.55, 1, 5, level=0.45, gain=0.32)
ANXIETY = Trait(22, 7.0, 6, 42, level=-0.20, gain=-0.12)
AVOIDANCE = Trait(18, 6.5, 6, 42, level=-0.28, gain=-0.08)
COUNTERTRANSFERENCE = Trait(38, 9, 21, 105, gain=-0.20, therapist=0.40)
MANAGEMENT = Trait(78, 11, 22, 110, gain=0.28, therapist=0.30, other=-0.30)
HOMEWORK_QUALITY = Trait(27, 7.5, 0, 48)


@dataclass(frozen=True)
class Relationship:
    """Scores of every course; ``*_given`` say where a form exists. Rows are episodes."""

    care: np.ndarray
    therapist_empathy: np.ndarray
    regard: np.ndarray
    unconditionality: np.ndarray
    congruence: np.ndarray
    real_relationship: np.ndarray
    anxiety: np.ndarray
    avoidance: np.ndarray
    countertransference: np.ndarray
    management: np.ndarray
    homework_quality: np.ndarray  # episode x session, NaN where nothing was reported
    rupture_reported: np.ndarray  # episode x RUPTURE_SESSIONS
    rupture_intensity: np.ndarray
    rupture_resolution: np.ndarray
    given: dict[str, np.ndarray]


def draw_relationship(courses: Simulation, rng: np.random.Generator) -> Relationship:
    """Draw every measure of every course; forms exist where the session took place."""
    n, therapist = len(courses.level), courses.therapist
    level = (courses.level - courses.clinic.alliance.mean) / courses.level.std()
    gain = unexpected_gain(courses)
    n_therapists = len(courses.therapist_outcome)

    def measure(trait: Trait, other: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        usual = rng.normal(0, 1, n_therapists)[therapist]
        rest = 1 - trait.level**2 - trait.gain**2 - trait.therapist**2 - trait.other**2
        latent = trait.level * level + trait.gain * gain + trait.therapist * usual
        latent += np.sqrt(rest) * rng.normal(0, 1, n)
        if other is not None:
            latent += trait.other * other
        return latent, np.clip(trait.mean + trait.sd * latent, trait.low, trait.high)

    care_latent, care = measure(CARE)
    reaction_latent, reaction = measure(COUNTERTRANSFERENCE)
    quality = HOMEWORK_QUALITY.mean + 0.12 * (courses.homework_percent - 59)
    quality += rng.normal(0, 4, n)[:, None] + rng.normal(
        0, HOMEWORK_QUALITY.sd * 0.7, quality.shape
    )
    reported, intensity, resolution = _rupture_reports(courses, rng)
    return Relationship(
        care=np.rint(care),
        therapist_empathy=np.rint(measure(THERAPIST_EMPATHY, care_latent)[1]),
        regard=np.rint(measure(REGARD)[1]),
        unconditionality=np.rint(measure(UNCONDITIONALITY)[1]),
        congruence=np.rint(measure(CONGRUENCE)[1]),
        real_relationship=np.round(measure(REAL_RELATIONSHIP)[1] * 8) / 8,
        anxiety=np.rint(measure(ANXIETY)[1]),
        avoidance=np.rint(measure(AVOIDANCE)[1]),
        countertransference=np.rint(reaction),
        management=np.rint(measure(MANAGEMENT, reaction_latent)[1]),
        homework_quality=np.rint(np.clip(quality, HOMEWORK_QUALITY.low, HOMEWORK_QUALITY.high)),
        rupture_reported=reported,
        rupture_intensity=intensity,
        rupture_resolution=resolution,
        given=_draw_given(courses, rng),
    )


def unexpected_gain(courses: Simulation) -> np.ndarray:
    """Return how much better a client does later than the first score foretells, in SDs.

    Higher is better: minus the residual of the mean of all scores after the fifth session, on the
    first score, for the clinic's first outcome.
    """
    outcome, scores = courses.clinic.outcomes[0], courses.outcomes[0]
    sign = 1.0 if outcome.higher_is_better else -1.0
    first, later = sign * scores[:, 0], sign * scores[:, 5:].mean(axis=1)
    slope = np.cov(first, later)[0, 1] / first.var(ddof=1)
    residual = later - later.mean() - slope * (first - first.mean())
    gain: Floats = residual / residual.std()
    return gain


def _rupture_reports(
    courses: Simulation, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw whether clients report a rupture, how bad, how far resolved."""
    at = np.asarray(RUPTURE_SESSIONS) - 1
    since = at[None, :] - courses.rupture_at[:, None]
    strained = (courses.rupture_at[:, None] >= 0) & (since >= 0)
    strained &= (since <= 1) | ~courses.is_repaired[:, None]
    chance = np.where(strained, REPORTS_TRUE_RUPTURE, REPORTS_NONE)
    reported = rng.random(strained.shape) < chance
    usual = np.where(strained, 3.6, 2.2)
    intensity = np.clip(np.rint(usual + rng.normal(0, 0.9, strained.shape)), 1, 5)
    mended = np.where(courses.is_repaired[:, None], 4.0, 2.2)
    resolution = np.clip(np.rint(mended + rng.normal(0, 0.8, strained.shape)), 1, 5)
    return reported, intensity, resolution


def _draw_given(courses: Simulation, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw which forms exist; every one belongs to an attended session."""
    n = len(courses.level)
    attended = courses.n_attended

    def handed_in(session: int, share: float) -> np.ndarray:
        return (attended >= session) & (rng.random(n) < share)

    at = np.asarray(RUPTURE_SESSIONS)
    is_cbt = courses.modality == 0
    followed = is_cbt & (rng.random(n) < 0.4)
    return {
        "ecr_s": handed_in(1, 0.9),
        "care": handed_in(EMPATHY_SESSION, 0.85),
        "blri_client": handed_in(EMPATHY_SESSION, 0.55),
        "blri_therapist": handed_in(EMPATHY_SESSION, 0.75),
        "rri_c": handed_in(EMPATHY_SESSION, 0.8),
        "icb": handed_in(EMPATHY_SESSION, 0.7),
        "cms": handed_in(EMPATHY_SESSION, 0.7),
        "psq": (attended[:, None] >= at) & (rng.random((n, len(at))) < 0.6),
        "hrs2": followed[:, None]
        & ~np.isnan(courses.homework_percent)
        & (np.arange(MAX_SESSIONS) < attended[:, None])
        & (rng.random((n, MAX_SESSIONS)) < 0.85),
    }
