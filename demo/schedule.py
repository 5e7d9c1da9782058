"""When clients come, miss, leave: bookings, endings and dates of every course.

A client keeps one weekday and hour with the therapist. Somebody who leaves does so after an
attended session, with a hazard that depends on the alliance of that session.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from demo.clinics import (
    EXTRACT_DATE,
    FIRST_WEEK,
    MAX_SESSIONS,
    Clinic,
)
from transforms.statistics.arrays import Floats

ENDINGS = (
    "completed",
    "dropout",
    "moved_or_stepped",
    "provider_or_other",
    "deceased",
    "declined",
    "not_taken_on",
    "open",
)
OTHER_ENDINGS = (2, 3, 4)
OTHER_ENDING_SHARES = (0.55, 0.42, 0.03)
COMPLETED, DROPOUT, DECLINED, NOT_TAKEN_ON, OPEN = 0, 1, 5, 6, 7
DECLINED_SHARE, NOT_TAKEN_ON_SHARE = 0.05, 0.03
UNKNOWN_SHARE, BLANK_SHARE = 0.05, 0.02
HANDOVER_SHARE = 0.03
NEVER_CLOSED_SHARE = 0.05  # of those who drop out: nobody closes the file
MISSED = ("cancelled_client", "cancelled_service", "dna")
SLOTS_A_WEEK, WEEKDAYS, FIRST_HOUR, HANDOVER_HOUR = 45, 5, 8, 18
LAST_DAY = np.datetime64(EXTRACT_DATE)


@dataclass
class Calendar:
    """Dates and endings; rows are episodes. ``missed_*`` list bookings that were not attended."""

    n_attended: np.ndarray
    ending: np.ndarray
    recorded_reason: np.ndarray
    start: np.ndarray
    end: np.ndarray
    referral: np.ndarray
    hour: np.ndarray
    day: np.ndarray
    is_late: np.ndarray
    handover_at: np.ndarray
    missed_episode: np.ndarray
    missed_day: np.ndarray
    missed_attendance: np.ndarray

    def first(self, n: int) -> Calendar:
        """Return the calendar of the first ``n`` episodes."""
        within = self.missed_episode < n
        return Calendar(
            **{
                field.name: getattr(self, field.name)[
                    within if field.name.startswith("missed") else slice(n)
                ]
                for field in fields(self)
            }
        )


def dropout_hazard(clinic: Clinic, alliance: np.ndarray) -> np.ndarray:
    """Return the chance of leaving before the next session, given this session's total.

    Complementary log-log, so that the planted coefficient is a log hazard ratio.
    """
    per_10_pomp: Floats = (clinic.alliance.pomp(alliance) - 70) / 10
    log_hazard = (
        np.log(clinic.dropout_base_hazard) + clinic.dropout_log_hr_per_10_pomp * per_10_pomp
    )
    hazard: Floats = -np.expm1(-np.exp(log_hazard))
    return hazard


def draw(
    clinic: Clinic,
    therapist: np.ndarray,
    alliance: np.ndarray,
    rng: np.random.Generator,
    *,
    is_complete: bool,
) -> Calendar:
    """Draw the calendar of all episodes."""
    n = len(therapist)
    n_attended, ending = _draw_endings(clinic, alliance, rng)
    if not is_complete:
        _draw_never_started(n_attended, ending, rng)
    n_weeks = int((LAST_DAY - np.datetime64(FIRST_WEEK)).astype(int) // 7)
    week = rng.integers(0, n_weeks - 1, n)
    slot = _slot_of(therapist, week)
    start = np.datetime64(FIRST_WEEK) + (7 * week + slot % WEEKDAYS).astype("timedelta64[D]")
    gaps = _draw_gaps(n, rng, is_complete)
    day = start[:, None] + np.cumsum(gaps, axis=1).astype("timedelta64[D]")
    n_by_extract = (day <= LAST_DAY).sum(axis=1)
    if is_complete:  # the benchmark wants its sessions, whatever the date
        day = day - np.timedelta64(7 * 26, "D")
        start, n_by_extract = day[:, 0], n_attended
    ending = np.where(n_by_extract < n_attended, OPEN, ending)
    n_attended = np.minimum(n_attended, n_by_extract)

    missed = _draw_missed(day, gaps, n_attended, ending, rng, is_complete)
    end = _end_of(day, start, n_attended, ending, missed, rng)
    ending = np.where(np.isnat(end), OPEN, ending)
    return Calendar(
        n_attended=n_attended,
        ending=ending,
        recorded_reason=_recorded_reason(ending, rng),
        start=start,
        end=end,
        referral=start - rng.integers(3, 60, n).astype("timedelta64[D]"),
        hour=FIRST_HOUR + slot // WEEKDAYS,
        day=day,
        is_late=rng.random((n, MAX_SESSIONS)) < 0.06,
        handover_at=_draw_handover(n_attended, rng),
        missed_episode=missed[0],
        missed_day=missed[1],
        missed_attendance=missed[2],
    )


def _draw_endings(
    clinic: Clinic, alliance: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    n = len(alliance)
    planned = np.clip(np.round(rng.gamma(5.0, 2.5, n)), 3, MAX_SESSIONS).astype(int)
    leaves = rng.random(alliance.shape) < dropout_hazard(clinic, alliance)
    other = rng.random(alliance.shape) < clinic.other_end_hazard
    after_leaving = _first_true(leaves) + 1
    after_other = _first_true(other) + 1
    n_attended = np.minimum(planned, np.minimum(after_leaving, after_other))
    ending = np.full(n, COMPLETED)
    other_ending = rng.choice(OTHER_ENDINGS, n, p=OTHER_ENDING_SHARES)
    ending = np.where(after_other == n_attended, other_ending, ending)
    # At the planned last session there is nothing left to drop out of.
    ending = np.where((after_leaving == n_attended) & (after_leaving < planned), DROPOUT, ending)
    ending = np.where(planned == n_attended, COMPLETED, ending)
    return n_attended, ending


def _first_true(matrix: np.ndarray) -> np.ndarray:
    return np.where(matrix.any(axis=1), matrix.argmax(axis=1), MAX_SESSIONS)


def _draw_never_started(
    n_attended: np.ndarray, ending: np.ndarray, rng: np.random.Generator
) -> None:
    chance = rng.random(len(ending))
    is_declined = chance < DECLINED_SHARE
    is_not_taken_on = chance > 1 - NOT_TAKEN_ON_SHARE
    ending[is_declined], ending[is_not_taken_on] = DECLINED, NOT_TAKEN_ON
    n_attended[is_declined | is_not_taken_on] = 0


def _slot_of(therapist: np.ndarray, week: np.ndarray) -> np.ndarray:
    """Give the clients of a therapist the 45 weekly hours in turn, in order of start.

    Two clients share an hour only if 44 others started between them.
    """
    order = np.lexsort((week, therapist))
    sorted_therapist = therapist[order]
    first = np.searchsorted(sorted_therapist, sorted_therapist, side="left")
    slot = np.empty(len(order), dtype=int)
    slot[order] = (np.arange(len(order)) - first) % SLOTS_A_WEEK
    return slot


def _draw_gaps(n: int, rng: np.random.Generator, is_complete: bool) -> np.ndarray:
    shares = (1.0, 0.0, 0.0) if is_complete else (0.80, 0.17, 0.03)
    gaps = rng.choice((7, 14, 21), (n, MAX_SESSIONS), p=shares)
    gaps[:, 0] = 0
    return gaps


def _draw_missed(
    day: np.ndarray,
    gaps: np.ndarray,
    n_attended: np.ndarray,
    ending: np.ndarray,
    rng: np.random.Generator,
    is_complete: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw bookings not attended: in skipped weeks, after leaving, and of those who never start."""
    if is_complete:
        return np.zeros(0, int), np.zeros(0, "datetime64[D]"), np.zeros(0, int)
    is_real = np.arange(MAX_SESSIONS)[None, :] < n_attended[:, None]
    skipped = (gaps > 7) & is_real & (rng.random(gaps.shape) < 0.8)
    in_gap, at = np.nonzero(skipped)
    gap_day = day[in_gap, at] - np.timedelta64(7, "D")
    gap_kind = rng.choice(3, len(in_gap), p=(0.55, 0.20, 0.25))

    left = np.flatnonzero((ending == DROPOUT) & (rng.random(len(ending)) < 0.65))
    left_day = day[left, n_attended[left] - 1] + np.timedelta64(7, "D")
    left_kind = rng.choice(3, len(left), p=(0.25, 0.0, 0.75))

    declined = np.flatnonzero(ending == DECLINED)
    declined_kind = rng.choice(3, len(declined), p=(0.5, 0.0, 0.5))

    episode = np.concatenate([in_gap, left, declined])
    missed_day = np.concatenate([gap_day, left_day, day[declined, 0]])
    kind = np.concatenate([gap_kind, left_kind, declined_kind])
    known = missed_day <= LAST_DAY
    order = np.lexsort((missed_day[known], episode[known]))
    return episode[known][order], missed_day[known][order], kind[known][order]


def _end_of(
    day: np.ndarray,
    start: np.ndarray,
    n_attended: np.ndarray,
    ending: np.ndarray,
    missed: tuple[np.ndarray, np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the closing date; not-a-time where the file is still open at the extract."""
    n = len(start)
    last = np.where(n_attended > 0, day[np.arange(n), np.maximum(n_attended, 1) - 1], start)
    np.maximum.at(last, missed[0], missed[1])
    delay = np.where(ending == DROPOUT, rng.integers(7, 29, n), rng.integers(0, 7, n))
    end: NDArray[np.datetime64] = last + delay.astype("timedelta64[D]")
    never_closed = (ending == DROPOUT) & (rng.random(n) < NEVER_CLOSED_SHARE)
    end[never_closed | (ending == OPEN) | (end > LAST_DAY)] = np.datetime64("NaT")
    return end


def _recorded_reason(ending: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return what the clinic wrote down: sometimes unknown, sometimes nothing."""
    reason: NDArray[np.object_] = np.asarray(ENDINGS, dtype=object)[ending]
    chance = rng.random(len(ending))
    had_sessions = ~np.isin(ending, (DECLINED, NOT_TAKEN_ON))
    reason[had_sessions & (chance < UNKNOWN_SHARE)] = "unknown"
    reason[had_sessions & (chance > 1 - BLANK_SHARE)] = None
    reason[ending == OPEN] = None
    return reason


def _draw_handover(n_attended: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw at which session a colleague takes over: half-way, in a few courses; -1: never."""
    happens = (rng.random(len(n_attended)) < HANDOVER_SHARE) & (n_attended >= 4)
    return np.where(happens, n_attended // 2, -1)
