"""Turn a simulated clinic into the five canonical tables, item answers included."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from demo.clinics import FIRST_WEEK, MODALITIES
from demo.columns import (
    Visits,
    days,
    identifiers,
    whole,
    words,
)
from demo.model import Simulation
from demo.questionnaires import responses_of
from demo.schedule import HANDOVER_HOUR, MISSED
from transforms.statistics.arrays import Floats

Tables = dict[str, pa.Table]

SECOND_EPISODE_SHARE = 0.02
SECOND_EPISODE_GAP_DAYS = 120  # beyond the 90 days after which an episode is a new one
PROFESSIONS = ("psychologist", "counsellor", "psychotherapist", "nurse_therapist")
GENDERS = ("female", "male", "nonbinary")
LANGUAGES = ("en", "es", "pl", "ur", "ar")
EMPLOYMENT = ("employed", "unemployed", "student", "retired", "homemaker", "long_term_sick")
STEPS = ("low_intensity", "high_intensity")


def build_tables(
    courses: Simulation, rng: np.random.Generator, *, is_complete: bool = False
) -> Tables:
    """Return the canonical tables of one clinic, sorted by episode and time."""
    client = _client_of_episode(courses, rng)
    visits = _visits(courses)
    sessions, session_of_visit = _sessions(courses, client, visits, rng)
    return {
        "responses": responses_of(courses, client, visits, session_of_visit, rng, is_complete),
        "sessions": sessions,
        "episodes": _episodes(courses, client, rng),
        "clients": _clients(courses, client, rng),
        "therapists": _therapists(courses, rng),
    }


def _client_of_episode(courses: Simulation, rng: np.random.Generator) -> np.ndarray:
    """Return each episode's client; a few clients of a therapist come back after a long gap."""
    calendar, n = courses.calendar, len(courses.level)
    client = np.arange(n)
    if n < 2:
        return client
    day = calendar.start.astype(int)
    span = int(day.max()) + 1_000
    order = np.lexsort((day, courses.therapist))
    keys = courses.therapist[order].astype(np.int64) * span + day[order]
    is_first = (rng.random(n) < 2 * SECOND_EPISODE_SHARE) & ~np.isnat(calendar.end)
    first = np.flatnonzero(is_first)
    wanted = courses.therapist[first].astype(np.int64) * span + (
        calendar.end[first].astype(int) + SECOND_EPISODE_GAP_DAYS
    )
    second = order[np.minimum(np.searchsorted(keys, wanted), n - 1)]
    # Nobody is a second episode twice, nor first and second at once.
    _, unique = np.unique(second, return_index=True)
    first, second = first[unique], second[unique]
    fits = (courses.therapist[first] == courses.therapist[second]) & ~np.isin(second, first)
    fits &= day[second] > calendar.end[first].astype(int) + 90
    client[second[fits]] = first[fits]
    return client


def _visits(courses: Simulation) -> Visits:
    episode, number = np.nonzero(courses.is_real)
    calendar = courses.calendar
    handed_over = (calendar.handover_at[episode] >= 0) & (number >= calendar.handover_at[episode])
    colleague = (courses.therapist[episode] + 1) % len(courses.therapist_outcome)
    hour = np.where(handed_over, HANDOVER_HOUR, calendar.hour[episode])
    return Visits(
        episode=episode,
        number=number,
        start=_at_hour(calendar.day[episode, number], hour),
        therapist=np.where(handed_over, colleague, courses.therapist[episode]),
    )


def _at_hour(day: NDArray[np.datetime64], hour: Floats) -> NDArray[np.datetime64]:
    times: NDArray[np.datetime64] = day.astype("datetime64[s]") + (hour * 3600).astype(
        "timedelta64[s]"
    )
    return times


def _sessions(
    courses: Simulation, client: np.ndarray, visits: Visits, rng: np.random.Generator
) -> tuple[pa.Table, np.ndarray]:
    """Return the sessions table and, for every visit, its session number in the clinic."""
    calendar, letter = courses.calendar, courses.clinic.letter
    n_visits, n_missed = len(visits.episode), len(calendar.missed_episode)
    missed = calendar.missed_episode
    start = np.concatenate([visits.start, _at_hour(calendar.missed_day, calendar.hour[missed])])
    episode = np.concatenate([visits.episode, missed])
    order = np.lexsort((start, episode))
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))

    is_late = calendar.is_late[visits.episode, visits.number]
    attendance = np.concatenate([is_late.astype(int), calendar.missed_attendance + 2])
    minutes = np.where(
        is_late, rng.choice((30, 35, 40), n_visits), rng.choice((45, 50, 60), n_visits)
    )
    homework_set = courses.homework_set[visits.episode, visits.number]
    percent = courses.homework_percent[visits.episode, visits.number]
    reviewed = rng.random(n_visits) < 0.6
    gap = np.full(n_missed, np.nan)
    nothing = np.concatenate([np.zeros(n_visits, bool), np.ones(n_missed, bool)])

    def flags(values: np.ndarray) -> pa.Array:
        padded = np.concatenate([values, np.zeros(n_missed, bool)])
        return pa.array(padded[order], mask=nothing[order])

    therapist = np.concatenate([visits.therapist, courses.therapist[missed]])
    sessions = pa.table(
        {
            "session_id": identifiers(f"{letter}S", np.arange(len(order)), 7),
            "episode_id": identifiers(f"{letter}E", episode[order]),
            "client_id": identifiers(f"{letter}C", client[episode[order]]),
            "therapist_id": identifiers(f"{letter}T", therapist[order], 4),
            "session_at": pa.array(start[order]),
            "attendance": words(("attended", "late", *MISSED), attendance[order]),
            "session_type": pa.repeat(pa.scalar("treatment"), len(order)),
            "duration_min": whole(np.concatenate([minutes.astype(float), gap])[order]),
            "modality": words(MODALITIES, courses.modality[episode[order]]),
            "homework_set": flags(homework_set),
            "homework_percent": whole(np.concatenate([percent, gap])[order]),
            "feedback_reviewed": flags(reviewed),
        }
    )
    return sessions, number[:n_visits]


def _episodes(courses: Simulation, client: np.ndarray, rng: np.random.Generator) -> pa.Table:
    calendar, letter, n = courses.calendar, courses.clinic.letter, len(courses.level)
    problems = courses.clinic.problems
    return pa.table(
        {
            "episode_id": identifiers(f"{letter}E", np.arange(n)),
            "client_id": identifiers(f"{letter}C", client),
            "therapist_id": identifiers(f"{letter}T", courses.therapist, 4),
            "referral_date": days(calendar.referral),
            "start_date": days(calendar.start),
            "end_date": days(calendar.end),
            "discharge_reason": pa.array(list(calendar.recorded_reason), pa.string()),
            "modality": words(MODALITIES, courses.modality),
            "problem": words(problems, rng.integers(0, len(problems), n)),
            "step": words(STEPS, (rng.random(n) < 0.6).astype(int)),
        }
    )


def _clients(courses: Simulation, client: np.ndarray, rng: np.random.Generator) -> pa.Table:
    known = np.unique(client)
    n = len(known)
    age_days = np.round((18.1 + np.minimum(rng.gamma(3.0, 6.5, n), 55)) * 365.25)
    birth = courses.calendar.start[known] - age_days.astype("timedelta64[D]")
    decile = np.where(rng.random(n) < 0.05, -1, rng.integers(0, 10, n))
    return pa.table(
        {
            "client_id": identifiers(f"{courses.clinic.letter}C", known),
            "birth_date": days(birth),
            "gender": words(GENDERS, rng.choice(3, n, p=(0.62, 0.35, 0.03))),
            "first_language": words(LANGUAGES, rng.choice(5, n, p=(0.84, 0.05, 0.05, 0.03, 0.03))),
            "employment": words(
                EMPLOYMENT, rng.choice(6, n, p=(0.52, 0.16, 0.12, 0.06, 0.06, 0.08))
            ),
            "deprivation": words(tuple(str(number) for number in range(1, 11)), decile),
        }
    )


def _therapists(courses: Simulation, rng: np.random.Generator) -> pa.Table:
    """Return the therapists; the last one is on the list and sees nobody."""
    n = len(courses.therapist_outcome) + 1
    orientation = np.append(courses.therapist_modality, 0)
    since = np.datetime64(FIRST_WEEK) - rng.integers(30, 4_000, n).astype("timedelta64[D]")
    return pa.table(
        {
            "therapist_id": identifiers(f"{courses.clinic.letter}T", np.arange(n), 4),
            "profession": words(PROFESSIONS, rng.integers(0, len(PROFESSIONS), n)),
            "orientation": words(MODALITIES, orientation),
            "years_practising": whole(np.round(1 + rng.gamma(2.0, 4.5, n)).clip(1, 45)),
            "valid_from": days(since),
            "valid_to": pa.nulls(n, pa.date32()),
        }
    )
