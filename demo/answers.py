"""Split totals into the answers of single items, exactly.

Graded thresholds: every item crosses its steps as one common trait rises; the trait of a form is
set where the sum of the items is the total. Items differ in difficulty, and each form adds noise
per subscale and per item, which brings Cronbach's alpha to what is published.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transforms.statistics.arrays import Floats, Ints

ROWS_AT_ONCE = 100_000


@dataclass(frozen=True)
class ItemModel:
    """How one instrument's total falls into items.

    step_count : steps of one item above its lowest answer (0: a 10 cm line in tenths).
    """

    n_items: int
    item_low: int
    step_count: int
    item_noise: float
    subscales: tuple[tuple[int, ...], ...] = ()
    subscale_noise: float = 0.0
    reverse_items: tuple[int, ...] = ()
    hard_items: tuple[int, ...] = ()


ITEM_MODELS = {
    "wai_sr": ItemModel(
        12, 1, 4, 0.62, ((4, 6, 8, 11), (1, 2, 10, 12), (3, 5, 7, 9)), subscale_noise=0.4
    ),
    "wai_s": ItemModel(
        12, 1, 6, 0.60, ((4, 6, 10, 11), (1, 2, 8, 12), (3, 5, 7, 9)),
        subscale_noise=0.4, reverse_items=(4, 10),
    ),
    "phq9": ItemModel(9, 0, 3, 0.80, hard_items=(9,)),
    "gad7": ItemModel(7, 0, 3, 0.58),
    "core10": ItemModel(10, 0, 4, 1.05, reverse_items=(2, 3), hard_items=(6,)),
    "srs": ItemModel(4, 0, 0, 9.0),
    "ors": ItemModel(4, 0, 0, 16.0),
}  # fmt: skip


def split_into_items(instrument: str, totals: Floats, rng: np.random.Generator) -> Floats:
    """Return item answers as given on the form, one row per total.

    Reversed items come as ticked, so summing them needs the scoring key. Likert answers are
    whole numbers; visual analogue lines have one decimal.
    """
    return split_by_model(ITEM_MODELS[instrument], totals, rng)


def split_by_model(items: ItemModel, totals: Floats, rng: np.random.Generator) -> Floats:
    """Return the same for a scale that is no whole instrument."""
    answers = np.empty((len(totals), items.n_items))
    for start in range(0, len(totals), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        split = _split_lines if items.step_count == 0 else _split_steps
        answers[rows] = split(items, totals[rows], rng)
    for item in items.reverse_items:
        answers[:, item - 1] = 2 * items.item_low + items.step_count - answers[:, item - 1]
    return answers


def score(instrument: str, answers: Floats) -> Floats:
    """Return totals from answers as given; the generator's own key, for its own tests."""
    items = ITEM_MODELS[instrument]
    keyed = answers.copy()
    for item in items.reverse_items:
        keyed[:, item - 1] = 2 * items.item_low + items.step_count - keyed[:, item - 1]
    totals: Floats = keyed.sum(axis=1)
    return totals


def _split_steps(items: ItemModel, totals: Floats, rng: np.random.Generator) -> Ints:
    n = len(totals)
    readiness = rng.normal(0, items.item_noise, (n, items.n_items))
    for subscale in items.subscales:
        readiness[:, np.asarray(subscale) - 1] += rng.normal(0, items.subscale_noise, (n, 1))
    difficulty = np.linspace(-0.5, 0.5, items.n_items)
    difficulty[np.asarray(items.hard_items, dtype=int) - 1] += 1.8
    steps = np.arange(items.step_count) - (items.step_count - 1) / 2
    # costs[row, item, step]: the trait needed to take that step.
    costs = (difficulty - readiness)[:, :, None] + steps
    taken = np.rint(totals).astype(int) - items.n_items * items.item_low
    ordered = np.sort(costs.reshape(n, -1), axis=1)
    trait = ordered[np.arange(n), np.maximum(taken, 1) - 1]
    answers: Ints = (costs <= trait[:, None, None]).sum(axis=2)
    answers[taken == 0] = 0
    return answers + items.item_low


def _split_lines(items: ItemModel, totals: Floats, rng: np.random.Generator) -> Floats:
    tenths = np.rint(totals * 10)
    mean = tenths / items.n_items
    deviation = rng.normal(0, items.item_noise, (len(totals), items.n_items))
    deviation -= deviation.mean(axis=1, keepdims=True)
    room = np.minimum(mean, 100 - mean)[:, None]
    reach = np.abs(deviation).max(axis=1, keepdims=True)
    deviation *= np.minimum(1, room / np.maximum(reach, 1e-9))
    # Differences of rounded running sums are whole tenths and add up to the total.
    running = np.rint(np.cumsum(mean[:, None] + deviation, axis=1))
    running[:, -1] = tenths
    return np.diff(running, axis=1, prepend=0) / 10
