"""Draw the alliance: client-rated with ruptures and a ceiling, and the therapist's view of it."""

from __future__ import annotations

import numpy as np

from demo.clinics import (
    MAX_SESSIONS,
    Alliance,
    Clinic,
    Outcome,
    TherapistForm,
)


def draw_ruptures(
    alliance: Alliance, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw at most one rupture per course, from session 3 on: 0-based session (-1: none), shape.

    A repaired rupture is a V: the whole drop, half of it at the next session, then none. An
    unrepaired one keeps 85 percent of the drop to the end.
    """
    wait = rng.geometric(alliance.rupture_hazard, n)
    start = np.where(2 + wait - 1 < MAX_SESSIONS, 2 + wait - 1, -1)
    is_repaired = rng.random(n) < alliance.repair_share
    drop = np.maximum(rng.normal(alliance.rupture_drop, alliance.rupture_drop_sd, n), 0)
    since = np.arange(MAX_SESSIONS)[None, :] - start[:, None]
    shape = np.where(
        is_repaired[:, None],
        np.select([since == 0, since == 1], [1.0, 0.5], 0.0),
        np.select([since == 0, since > 0], [1.0, 0.85], 0.0),
    )
    shape[start < 0] = 0.0
    return start, is_repaired, shape * drop[:, None]


def draw_ratings(
    alliance: Alliance, level: np.ndarray, dip: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    phi = alliance.within_autocorrelation
    shocks = rng.normal(0, alliance.within_sd, (len(level), MAX_SESSIONS))
    deviation = np.empty_like(shocks)
    deviation[:, 0] = shocks[:, 0]
    for session in range(1, MAX_SESSIONS):
        deviation[:, session] = (
            phi * deviation[:, session - 1] + np.sqrt(1 - phi**2) * shocks[:, session]
        )
    # The ceiling: a total above the top of the form is the top.
    total = np.clip(level[:, None] + deviation - dip, alliance.low, alliance.high)
    return round_at_random(total, step_of(alliance), rng)


def draw_therapist_rating(
    clinic: Clinic, alliance: np.ndarray, level: np.ndarray, rng: np.random.Generator
) -> np.ndarray | None:
    form = clinic.therapist_form
    if form is None:
        return None
    usual = clinic.alliance.pomp(level)[:, None]
    mean = clinic.alliance.pomp(clinic.alliance.mean)
    rating = (
        mean
        + form.offset_pomp
        + form.between_slope * (usual - mean)
        + form.within_slope * (clinic.alliance.pomp(alliance) - usual)
        + rng.normal(0, form.noise_sd_pomp, alliance.shape)
    )
    total = form.low + np.clip(rating, 0, 100) / 100 * (form.high - form.low)
    rounded = round_at_random(total, 1.0, rng)
    rounded[rng.random(alliance.shape) >= form.completion] = np.nan
    return rounded


def round_at_random(values: np.ndarray, step: float, rng: np.random.Generator) -> np.ndarray:
    """Round to a grid up or down by chance, so that the expected value stays what it was."""
    units = values / step
    floor = np.floor(units)
    return np.round((floor + (rng.random(values.shape) < units - floor)) * step, 1)


def step_of(instrument: Alliance | Outcome | TherapistForm) -> float:
    """Return the grid of a total: tenths for the four-line visual analogue forms, else one."""
    return 0.1 if instrument.instrument in ("srs", "ors") else 1.0
