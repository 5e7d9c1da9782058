"""How a client is expected to answer session by session, learned from the site's own courses.

Per instrument and band of intake scores: ``score = b0 + b1·pre + b2·log(t + 1)``, t sessions after
the first score, by least squares, and around it the quantiles of what is left over, by how long
ago the first score was (domain brief 2.4; docs/adr/0012). A score worse than the lower quantile
is *not on track*. A finished course is judged by a model that has not seen its client
(cross-fitting by client), an open one by the model of all finished courses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transforms.statistics.arrays import Bools, Floats, Ints

FEWEST_EPISODES = 60  # finished courses with two scores, below which nothing is expected
EPISODES_PER_BAND = 40
MOST_BANDS = 5
FEWEST_ROWS = 50  # scores a cell of leftovers needs; else the whole band stands in
LATEST_OF_BIN = (2, 5, 9)  # t up to 2, 5, 9, and later
ALL = -1  # the fold of the model that has seen every finished course


@dataclass(frozen=True, slots=True)
class Forms:
    """Scores after the first one of each course, one element per score.

    pre, score : points, oriented so that higher is better
    t : sessions since the first score, from 1
    fold : 0…K−1, equal for all forms of a client
    episode : code of the course
    is_training : from a finished course of the reference set
    """

    pre: Floats
    score: Floats
    t: Ints
    fold: Ints
    episode: Ints
    is_training: Bools

    def __len__(self) -> int:
        return len(self.pre)


@dataclass(frozen=True, slots=True)
class Prediction:
    """One element per form, oriented as the forms; NaN and a reason where nothing is expected."""

    expected: Floats
    lower: Floats
    upper: Floats
    band: Ints
    edges: Floats
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """Coefficients (bands × 3) and leftovers' quantiles (bands × bins × lower and upper)."""

    coefficients: Floats
    quantiles: Floats

    def predict(self, pre: Floats, t: Ints, band: Ints) -> tuple[Floats, ...]:
        """Return expected, lower and upper."""
        expected = (_design(pre, t) * self.coefficients[band]).sum(axis=1)
        around = self.quantiles[band, _bin(t)]
        return expected, expected + around[:, 0], expected + around[:, 1]


def intake_edges(pre_of_episode: Floats) -> Floats:
    """Return the upper ends of all bands but the last: quantiles of the intake scores.

    A band has EPISODES_PER_BAND courses or more; equal scores share a band.
    """
    n_bands = min(MOST_BANDS, len(pre_of_episode) // EPISODES_PER_BAND)
    if n_bands < 2:
        return np.empty(0)
    shares = np.arange(1, n_bands) / n_bands
    edges: Floats = np.unique(np.quantile(pre_of_episode, shares, method="inverted_cdf"))
    return edges[edges < float(pre_of_episode.max())]


def predict_forms(forms: Forms, rate: float) -> Prediction:
    """Say for every form what was expected and the band that leaves ``rate`` on either side.

    Parameters
    ----------
    rate : float
        Share of scores that fall below the band in a course like any other, 0 to 0.5.
    """
    training = np.flatnonzero(forms.is_training)
    _, first = np.unique(forms.episode[training], return_index=True)
    nothing = np.full(len(forms), np.nan)
    if len(first) < FEWEST_EPISODES:
        reason = f"fewer than {FEWEST_EPISODES} finished courses with two scores"
        no_band = np.zeros(len(forms), dtype=int)
        return Prediction(nothing, nothing, nothing, no_band, np.empty(0), reason)
    edges = intake_edges(forms.pre[training][first])
    band = np.searchsorted(edges, forms.pre, side="left")
    expected, lower, upper = nothing.copy(), nothing.copy(), nothing.copy()
    used = np.where(forms.is_training, forms.fold, ALL)
    for fold in np.unique(used):
        seen = training if fold == ALL else training[forms.fold[training] != fold]
        model = fit(forms, band, seen, len(edges) + 1, rate)
        rows = np.flatnonzero(used == fold)
        found = model.predict(forms.pre[rows], forms.t[rows], band[rows])
        expected[rows], lower[rows], upper[rows] = found
    return Prediction(expected, lower, upper, band, edges)


def fit(forms: Forms, band: Ints, rows: Ints, n_bands: int, rate: float) -> Model:
    """Fit every band on ``rows``; a band too thin for itself takes the model of all bands."""
    whole = _fit_one(forms, rows, rate)
    fitted = [
        _fit_one(forms, part, rate) if _is_enough(forms, part) else whole
        for part in (rows[band[rows] == number] for number in range(n_bands))
    ]
    return Model(np.stack([c for c, _ in fitted]), np.stack([q for _, q in fitted]))


def _is_enough(forms: Forms, rows: Ints) -> bool:
    if len(rows) < FEWEST_ROWS:
        return False
    return int(np.count_nonzero(np.bincount(forms.episode[rows]))) >= EPISODES_PER_BAND / 2


def _fit_one(forms: Forms, rows: Ints, rate: float) -> tuple[Floats, Floats]:
    design = _design(forms.pre[rows], forms.t[rows])
    # lstsq by the pseudo-inverse: a band with one intake score still has an answer.
    coefficients = np.linalg.lstsq(design, forms.score[rows], rcond=None)[0]
    left_over = forms.score[rows] - design @ coefficients
    bins = _bin(forms.t[rows])
    ends = (rate, 1 - rate)
    of_all = np.quantile(left_over, ends)
    quantiles = []
    for number in range(len(LATEST_OF_BIN) + 1):
        part = left_over[bins == number]
        quantiles.append(np.quantile(part, ends) if len(part) >= FEWEST_ROWS else of_all)
    return coefficients, np.array(quantiles)


def _design(pre: Floats, t: Ints) -> Floats:
    logs = np.log1p(np.arange(t.max(initial=0) + 1))  # t repeats: each logarithm once
    return np.column_stack([np.ones(len(pre)), pre, logs[t]])


def _bin(t: Ints) -> Ints:
    return np.searchsorted(LATEST_OF_BIN, t, side="left")
