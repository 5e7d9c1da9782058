"""Which arithmetic a clinic's own total follows where it differs from ours.

Nothing here makes a score: it says in which known way a stored total came about.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.instruments.definition import Instrument
from transforms.statistics.arrays import Floats

BLANKS_AS_0, PRORATED, OTHER = "blanks as 0", "prorated", "other"
# Ways to a wrong total, with the words a finding uses after "it fits the answers".
FITS = {
    "unreversed": "unreversed",
    "one higher": "counted from 1 higher",
    "one lower": "counted from 1 lower",
}
# Named in `bad_cells` of a row whose feed maps items, none of which is answered.
WITHOUT_ANSWERS = "items"
_WHOLE, _ROUNDED, _TO_THE_NEXT = 1e-6, 0.05 + 1e-9, 0.5 + 1e-9


def fits(
    answers: Floats, instrument: Instrument, scale: str, score: Floats, submitted: Floats
) -> NDArray[np.object_]:
    """Say for each form with answers which arithmetic its submitted total fits.

    Parameters
    ----------
    answers : forms x items, NaN where not answered
    score : ours, NaN where there is none

    Returns
    -------
    array of str or None
        None where nothing can be compared or the total is ours; else a key of `FITS`,
        `BLANKS_AS_0`, `PRORATED` or `OTHER`, the first that fits.
    """
    found = np.full(len(submitted), None, dtype=object)
    compared = ~np.isnan(submitted) & ~np.isnan(answers).all(axis=1)
    differs = compared & ~_near(score, submitted)
    rows = np.flatnonzero(differs)
    if not rows.size:
        return found
    own, sent = answers[rows], submitted[rows]
    found[rows] = OTHER
    # The likeliest last, so that it stands where several fit.
    for name, total in reversed(_candidates(own, instrument, scale).items()):
        close = np.abs(total - sent) <= _TO_THE_NEXT if name == PRORATED else _near(total, sent)
        found[rows[close]] = name
    return found


def totals_of_blanks(instrument: Instrument, scale: str) -> tuple[float, ...]:
    """Return what formulas make of a form without an answer: 0, and the reversed items' sum."""
    blank = np.full((1, instrument.grid.n), np.nan)
    reversed_too = _sums(blank, instrument, scale, blank_flips=True)[0]
    return tuple(sorted({0.0, float(reversed_too[0])}))


def _near(one: Floats, other: Floats) -> NDArray[np.bool_]:
    tolerance = np.where(one == np.round(one), _WHOLE, _ROUNDED)
    return np.abs(one - other) <= tolerance


def _candidates(answers: Floats, instrument: Instrument, scale: str) -> dict[str, Floats]:
    total, answered, count = _sums(answers, instrument, scale)
    as_they_are, *_ = _sums(answers, instrument, scale, reverse=False)
    shift = _per_item(answered, instrument, scale, count)
    has_gaps = answered < count
    prorated = np.where(answered > 0, total * count / np.maximum(answered, 1), np.nan)
    return {
        BLANKS_AS_0: np.where(has_gaps, total, np.nan),
        PRORATED: np.where(has_gaps, prorated, np.nan),
        "unreversed": as_they_are,
        "one higher": total + shift,
        "one lower": total - shift,
    }


def _sums(
    answers: Floats,
    instrument: Instrument,
    scale: str,
    *,
    reverse: bool = True,
    blank_flips: bool = False,
) -> tuple[Floats, Floats, float]:
    """Return the score with blanks as 0, the answered items, and the items of a scale."""
    part = instrument.scales[scale]
    if part.method == "sum_of_scales":
        parts = [
            _sums(answers, instrument, one, reverse=reverse, blank_flips=blank_flips)
            for one in part.of_scales
        ]
        totals, answered, counts = zip(*parts, strict=True)
        return np.sum(totals, axis=0) * part.factor, np.sum(answered, axis=0), sum(counts)
    grid = instrument.grid
    members = np.array(instrument.items_of(part)) - 1
    own = answers[:, members]
    is_reversed = np.isin(members + 1, grid.reverse) if reverse else np.zeros(len(members), bool)
    turned = np.where(is_reversed, grid.min + grid.max - np.nan_to_num(own), np.nan_to_num(own))
    counted = ~np.isnan(own) | (blank_flips & is_reversed)
    total = np.where(counted, turned, 0.0).sum(axis=1) * part.factor
    if part.method == "mean":
        total = total / len(members)
    return total, (~np.isnan(own)).sum(axis=1).astype(float), float(len(members))


def _per_item(answered: Floats, instrument: Instrument, scale: str, count: float) -> Floats:
    """Return by how much a score moves when every answer is one higher."""
    part = instrument.scales[scale]
    return answered * part.factor / (count if part.method == "mean" else 1.0)
