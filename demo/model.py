"""Simulate one clinic: who comes, how alliance and outcome move, who leaves.

Everything is a matrix of episodes x session numbers, drawn at once. Scores are generated on the
scale of the observed total: the alliance total is drawn first, and the next outcome depends on
that very total, so no rounding or ceiling stands between what is planted and what is delivered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo import schedule
from demo.alliance import (
    draw_ratings,
    draw_ruptures,
    draw_therapist_rating,
    round_at_random,
    step_of,
)
from demo.clinics import (
    HOMEWORK_SET_SHARE,
    MAX_SESSIONS,
    MODALITIES,
    Clinic,
    Outcome,
)

SPARE_EPISODES = 60
CLIENTS_PER_THERAPIST = 25
MIN_THERAPISTS = 10
NEUTRAL_HOMEWORK_PERCENT = 59.2  # the mean of what is drawn: modalities stay equal


@dataclass
class Simulation:
    """One clinic's courses: rows are episodes, columns are attended sessions 1 to 24.

    Totals exist for every attended session; ``alliance_given`` and ``outcome_given`` say which
    forms were handed in. ``n_attended`` is how many columns of a row are real.
    """

    clinic: Clinic
    therapist: np.ndarray
    therapist_outcome: np.ndarray
    therapist_alliance: np.ndarray
    therapist_modality: np.ndarray
    modality: np.ndarray
    level: np.ndarray
    alliance: np.ndarray
    rupture_at: np.ndarray
    is_repaired: np.ndarray
    homework_set: np.ndarray
    homework_percent: np.ndarray
    calendar: schedule.Calendar
    alliance_given: np.ndarray
    outcome_given: np.ndarray
    outcomes: list[np.ndarray]
    is_nonresponder: np.ndarray
    therapist_rating: np.ndarray | None = None

    @property
    def n_attended(self) -> np.ndarray:
        """Attended sessions per episode."""
        return self.calendar.n_attended

    @property
    def is_real(self) -> np.ndarray:
        """Matrix of cells that are attended sessions."""
        return np.arange(MAX_SESSIONS)[None, :] < self.n_attended[:, None]


def simulate(
    clinic: Clinic, n_sessions: int, rng: np.random.Generator, *, is_complete: bool = False
) -> Simulation:
    """Draw one clinic with up to ``n_sessions`` attended sessions, short by less than 24.

    ``is_complete`` leaves out missing forms, cancellations and people who never start: the even
    load that the benchmark needs.
    """
    n_drawn = n_sessions // 6 + SPARE_EPISODES
    n_therapists = max(MIN_THERAPISTS, round(n_sessions / 9 / CLIENTS_PER_THERAPIST))
    therapist = rng.choice(n_therapists, n_drawn, p=_caseload_shares(n_therapists, rng))
    therapist_alliance = rng.normal(0, clinic.alliance.therapist_sd, n_therapists)
    level = (
        clinic.alliance.mean
        + rng.normal(0, clinic.alliance.client_sd, n_drawn)
        + therapist_alliance[therapist]
    )
    # Nobody's usual level lies above the top of the form: the excess would be a constant shift.
    level = np.minimum(level, clinic.alliance.high)
    rupture_at, is_repaired, dip = draw_ruptures(clinic.alliance, n_drawn, rng)
    alliance = draw_ratings(clinic.alliance, level, dip, rng)
    calendar = schedule.draw(clinic, therapist, alliance, rng, is_complete=is_complete)

    kept = _episodes_within(n_sessions, calendar.n_attended)
    calendar = calendar.first(kept)
    therapist, level, alliance = therapist[:kept], level[:kept], alliance[:kept]
    therapist_modality = rng.choice(len(MODALITIES), n_therapists, p=(0.4, 0.2, 0.2, 0.2))
    modality = _draw_modality(therapist_modality[therapist], rng)
    homework_set, homework_percent = _draw_homework(modality, rng)
    therapist_outcome = rng.normal(0, 1, n_therapists)
    outcomes, is_nonresponder = _draw_outcomes(
        clinic, alliance, level, therapist_outcome[therapist], homework_percent, rng
    )
    alliance_given, outcome_given = _draw_given(clinic, alliance, level, rng, is_complete)
    return Simulation(
        clinic=clinic,
        therapist=therapist,
        therapist_outcome=therapist_outcome,
        therapist_alliance=therapist_alliance,
        therapist_modality=therapist_modality,
        modality=modality,
        level=level,
        alliance=alliance,
        rupture_at=rupture_at[:kept],
        is_repaired=is_repaired[:kept],
        homework_set=homework_set,
        homework_percent=homework_percent,
        calendar=calendar,
        alliance_given=alliance_given,
        outcome_given=outcome_given,
        outcomes=outcomes,
        is_nonresponder=is_nonresponder,
        therapist_rating=draw_therapist_rating(clinic, alliance, level, rng),
    )


def _caseload_shares(n_therapists: int, rng: np.random.Generator) -> np.ndarray:
    weights = 0.3 + rng.gamma(3.0, 1.0, n_therapists)
    return weights / float(weights.sum())


def _episodes_within(n_sessions: int, n_attended: np.ndarray) -> int:
    return int(np.searchsorted(np.cumsum(n_attended), n_sessions, side="right"))


def _draw_modality(usual: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    other = rng.integers(0, len(MODALITIES), len(usual))
    return np.where(rng.random(len(usual)) < 0.85, usual, other)


def _draw_homework(modality: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw whether homework was set, and the percent done of what the session before had set."""
    shape = (len(modality), MAX_SESSIONS)
    is_set = rng.random(shape) < np.asarray(HOMEWORK_SET_SHARE)[modality][:, None]
    usual = rng.beta(3.0, 2.0, len(modality))[:, None]
    percent = np.round(np.clip(usual + rng.normal(0, 0.22, shape), 0, 1) * 10) * 10
    percent[:, 1:][~is_set[:, :-1]] = np.nan
    percent[:, 0] = np.nan
    return is_set, percent


def _draw_outcomes(
    clinic: Clinic,
    alliance: np.ndarray,
    level: np.ndarray,
    therapist_effect: np.ndarray,
    homework_percent: np.ndarray,
    rng: np.random.Generator,
) -> tuple[list[np.ndarray], np.ndarray]:
    n = len(level)
    is_nonresponder = rng.random(n) < clinic.outcomes[0].nonresponse_share
    shared_severity, shared_gain = rng.normal(size=n), rng.normal(size=n)
    homework = np.nan_to_num(homework_percent - NEUTRAL_HOMEWORK_PERCENT)
    surprise = np.zeros((n, MAX_SESSIONS))
    outcomes = []
    for outcome in clinic.outcomes:
        severity = 0.8 * shared_severity + 0.6 * rng.normal(size=n)
        gain = 0.7 * shared_gain + np.sqrt(1 - 0.49) * rng.normal(size=n)
        pre = outcome.pre_mean + outcome.pre_sd * severity
        pre = np.clip(pre, *_inside(outcome))
        target = _target_of(outcome, pre, gain, is_nonresponder)
        target += outcome.therapist_sd * therapist_effect
        target += outcome.between_effect * (level - clinic.alliance.mean)
        target = np.clip(target, *_inside(outcome))
        push = outcome.within_effect * (alliance - level[:, None])
        push += outcome.homework_effect * homework
        scores, surprise = _walk(outcome, pre, target, push, surprise, rng)
        outcomes.append(scores)
    return outcomes, is_nonresponder


def _target_of(
    outcome: Outcome, pre: np.ndarray, gain: np.ndarray, is_nonresponder: np.ndarray
) -> np.ndarray:
    usual = outcome.target_mean + outcome.carry * (pre - outcome.pre_mean)
    return np.where(is_nonresponder, pre, usual) + outcome.target_sd * gain


def _inside(outcome: Outcome) -> tuple[float, float]:
    """Return the range an expected score stays in, a little inside the ends of the form."""
    margin = 0.04 * (outcome.high - outcome.low)
    return outcome.low + margin, outcome.high - margin


def _walk(
    outcome: Outcome,
    pre: np.ndarray,
    target: np.ndarray,
    push: np.ndarray,
    surprise: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Walk from the first score to the last; also return what chance added, in noise SDs.

    A second outcome shares a third of the first one's surprises.
    """
    scores = np.empty(push.shape)
    added = np.zeros(push.shape)
    scores[:, 0] = round_at_random(pre, step_of(outcome), rng)
    for session in range(1, push.shape[1]):
        last = scores[:, session - 1]
        expected = last + outcome.pull * (target - last) + push[:, session - 1]
        expected += 0.35 * outcome.noise_sd * surprise[:, session]
        expected = np.clip(expected, *_inside(outcome))
        drawn = _scatter(outcome, expected, rng)
        scores[:, session] = round_at_random(drawn, step_of(outcome), rng)
        added[:, session] = (drawn - expected) / outcome.noise_sd
    return scores, added


def _scatter(outcome: Outcome, expected: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw around the expected score without leaving the form: a beta with exactly that mean.

    The standard deviation is ``noise_sd``, less near the ends where there is no room for it.
    """
    width = outcome.high - outcome.low
    mean = (expected - outcome.low) / width
    precision = np.maximum(mean * (1 - mean) / (outcome.noise_sd / width) ** 2 - 1, 3.0)
    return outcome.low + width * rng.beta(mean * precision, (1 - mean) * precision)


def _draw_given(
    clinic: Clinic,
    alliance: np.ndarray,
    level: np.ndarray,
    rng: np.random.Generator,
    is_complete: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw which forms were handed in: some clients answer less, bad sessions are rated less.

    Whether a form is missing depends on alliance and chance, never on the missing outcome.
    """
    shape = alliance.shape
    if is_complete:
        return np.ones(shape, dtype=bool), np.ones(shape, dtype=bool)
    reluctance = rng.gamma(1.5, 1 / 1.5, len(alliance))[:, None]
    is_bad = alliance < level[:, None] - 1.5 * clinic.alliance.within_sd
    missing_alliance = (
        clinic.missing_alliance * reluctance + clinic.missing_extra_at_bad_session * is_bad
    )
    was_bad = np.zeros_like(is_bad)
    was_bad[:, 1:] = is_bad[:, :-1]
    missing_outcome = (
        clinic.missing_outcome * reluctance + clinic.missing_extra_at_bad_session / 2 * was_bad
    )
    return rng.random(shape) >= missing_alliance, rng.random(shape) >= missing_outcome
