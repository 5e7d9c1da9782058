"""Made-up networks of clinics of another kind than the demo's, with knobs for what breaks a number.

The demo's clinics are what the estimators were built on; these are what they were not. Nothing of
``demo/`` is used. A network is clients x sessions in arrays, no files;
tests/worlds/coverage.py hands it to the estimators of transforms/.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BURN_IN = 15  # sessions before the first, so that a course does not begin in a special state


@dataclass(frozen=True)
class World:
    """Knobs of a network; units are SDs of one session's chance unless said otherwise.

    Attributes
    ----------
    effect : of the alliance of a session on the outcome before the next one
    feedback : of the outcome before a session on the alliance after it
    outcome_lag, alliance_lag : what is left of last session's deviation
    client_trend : SD between clients of a steady rise per session, outcome and alliance together
        (correlation .7)
    rise : of everybody, in the logarithm of the session, outcome and alliance alike
    clinic_alliance, clinic_outcome : SD between clinics' levels, both in the same order
    informative_caseload : therapists who do well see this many times the clients of the others
    missing_by_symptom : log odds that a form is missing, per SD of a worse outcome
    ceiling : share of ratings at the top of the form
    late_first_form : share of courses without an outcome form before session 3
    one_form : share of courses with one outcome form alone
    rupture_rate : share of sessions with a sudden fall of the alliance by two SDs; 0: no ruptures
    """

    clinics: int = 4
    therapists: int = 6
    clients: int = 50
    sessions: tuple[int, int] = (8, 12)
    effect: float = 0.0
    feedback: float = 0.0
    outcome_lag: float = 0.3
    alliance_lag: float = 0.3
    client_trend: float = 0.0
    rise: float = 0.3
    clinic_alliance: float = 0.0
    clinic_outcome: float = 0.0
    informative_caseload: float = 1.0
    missing_by_symptom: float = 0.0
    missing: float = 0.0
    ceiling: float = 0.0
    late_first_form: float = 0.0
    one_form: float = 0.0
    rupture_rate: float = 0.0


@dataclass(frozen=True)
class Network:
    """Clients by sessions; NaN: no form, or the course is over.

    ``outcome`` is rated before a session, ``alliance`` after it; higher is better in both.
    """

    clinic: np.ndarray
    therapist: np.ndarray
    alliance: np.ndarray
    outcome: np.ndarray

    @property
    def session(self) -> np.ndarray:
        return np.broadcast_to(np.arange(1.0, self.outcome.shape[1] + 1), self.outcome.shape)


def network(world: World, seed: int) -> Network:
    """Draw a network; the same seed gives the same one."""
    draw = np.random.default_rng([4711, seed])
    n, width = world.clinics * world.clients, world.sessions[1]
    clinic = np.repeat(np.arange(world.clinics), world.clients)
    skill, therapist = _therapists(world, draw, clinic)
    level = draw.normal(0, 1, world.clinics)[clinic]
    outcome_level = draw.normal(0, 1, n) + skill + world.clinic_outcome * level
    alliance_level = 0.3 * outcome_level + draw.normal(0, 1, n) + world.clinic_alliance * level
    outcome, alliance = _courses(world, draw, outcome_level, alliance_level)
    ends = draw.integers(world.sessions[0], width + 1, n)
    over = np.arange(width)[None, :] >= ends[:, None]
    outcome, alliance = np.where(over, np.nan, outcome), np.where(over, np.nan, alliance)
    return Network(clinic, therapist, *_forms(world, draw, alliance, outcome))


def _therapists(world: World, draw: np.random.Generator, clinic: np.ndarray):
    skill = draw.normal(0, 0.3, (world.clinics, world.therapists))
    odds = np.where(skill > 0, world.informative_caseload, 1.0)
    odds /= odds.sum(axis=1, keepdims=True)
    own = np.concatenate([draw.choice(world.therapists, world.clients, p=p) for p in odds])
    return skill[clinic, own], clinic * world.therapists + own


def _courses(world: World, draw: np.random.Generator, outcome_level, alliance_level):
    n, width = len(outcome_level), world.sessions[1]
    trend = world.client_trend * draw.normal(0, 1, n)
    alliance_trend = 0.7 * trend + world.client_trend * draw.normal(0, 0.71, n)
    outcome, alliance = np.empty((n, width)), np.empty((n, width))
    y = a = np.zeros(n)  # deviations from the client's own line
    for session in range(-BURN_IN, width):
        y = world.outcome_lag * y + world.effect * a + draw.normal(0, 1, n)
        a = world.alliance_lag * a + world.feedback * y + draw.normal(0, 1, n)
        a = a - 2 * (draw.random(n) < world.rupture_rate)
        if session >= 0:
            course = world.rise * np.log(session + 1.0)
            outcome[:, session] = outcome_level + course + trend * session + y
            alliance[:, session] = alliance_level + course + alliance_trend * session + a
    return outcome, alliance


def _forms(world: World, draw: np.random.Generator, alliance, outcome):
    """Take away what is not filled in, and what the form cannot hold."""
    if world.ceiling:
        top = np.nanquantile(alliance, 1 - world.ceiling)
        alliance = np.minimum(alliance, top)
    if world.missing or world.missing_by_symptom:
        worse = -(outcome - np.nanmean(outcome)) / np.nanstd(outcome)
        base = np.log(max(world.missing, 0.01) / (1 - max(world.missing, 0.01)))
        chance = 1 / (1 + np.exp(-(base + world.missing_by_symptom * np.nan_to_num(worse))))
        alliance = np.where(draw.random(alliance.shape) < chance, np.nan, alliance)
    outcome = outcome.copy()
    outcome[draw.random(len(outcome)) < world.late_first_form, :2] = np.nan
    outcome[draw.random(len(outcome)) < world.one_form, 1:] = np.nan
    return alliance, outcome


@dataclass(frozen=True)
class SessionPairs:
    """Complete pairs of one direction, as int_cf_symptom_lag_pairs makes them."""

    clinic: np.ndarray
    therapist: np.ndarray
    client: np.ndarray
    session: np.ndarray
    last: np.ndarray
    predictor: np.ndarray
    outcome: np.ndarray


def session_pairs(made: Network, *, is_forward: bool, fewest: int = 4) -> SessionPairs:
    """Return pairs of clients with enough of them: alliance to next outcome, or the reverse."""
    if is_forward:
        columns = (made.outcome[:, :-1], made.alliance[:, :-1], made.outcome[:, 1:])
        session = made.session[:, :-1]
    else:
        columns = (made.alliance[:, :-1], made.outcome[:, 1:], made.alliance[:, 1:])
        session = made.session[:, 1:]
    complete = ~np.isnan(np.stack(columns)).any(axis=0)
    complete &= (complete.sum(axis=1) >= fewest)[:, None]
    client = np.broadcast_to(np.arange(len(complete))[:, None], complete.shape)[complete]
    last, predictor, outcome = (column[complete] for column in columns)
    return SessionPairs(
        *(made.clinic[client], made.therapist[client], client, session[complete]),
        *(last, predictor, outcome),
    )
