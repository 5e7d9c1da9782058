"""Item answers to scores, exactly and for many forms at once.

Answers come in after validation, as an array with NaN where nothing was answered. Every rule
(reversal, factor, missing answers) is read from the instrument's definition; nothing about one
questionnaire is written here. Nothing answered gives NaN, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.errors import RapportError
from transforms.instruments.definition import Instrument
from transforms.statistics.arrays import Bools, Floats, Ints


class AnswersOutsideScale(RapportError):  # noqa: N818 - a refusal, as in transforms.errors
    """Answers reached scoring that the instrument does not have."""

    def __init__(self, instrument_id: str, what: str) -> None:
        super().__init__(
            f"{instrument_id}: {what}. Validate the answers against the registry before scoring."
        )


@dataclass(frozen=True)
class ScaleScores:
    """Scores of one scale, one element per form, in the order of the forms.

    score : NaN where it cannot be computed.
    n_answered : answered items of the scale.
    n_items : items the score stands for; fewer where an item does not apply to the person.
    is_prorated : whether answered items stood in for missing ones.
    """

    score: Floats
    n_answered: NDArray[np.int32]
    n_items: NDArray[np.int32]
    is_prorated: Bools


def score_items(items: NDArray[Any], instrument: Instrument) -> dict[str, ScaleScores]:
    """Score every scale of ``instrument``.

    Parameters
    ----------
    items : array, one row per form and one column per item in the order of the form; NaN is
        unanswered. Columns after the last item (optional items) are not scored. Not modified.

    Returns
    -------
    One ScaleScores per scale, in the order of the definition. Empty where scores are supplied.

    Raises
    ------
    AnswersOutsideScale
        Columns do not fit, or answers lie outside the range. Carries counts only.

    Notes
    -----
    A reversed answer counts as min + max - answer. A mean is factor x sum / items, and a prorated
    sum is sum x items / answered, in that order: multiplying first keeps whole scores whole.
    Sums of visual analog items are rounded to the step, so 9.0 + 9.1 + 8.9 + 9.4 is 36.4.
    """
    if instrument.scores_supplied:
        return {}
    answers = _scored_columns(items, instrument)
    plan = _Plan(instrument)
    sums = np.matmul(plan.weights, answers.T)  # the last row is NaN wherever an answer is missing
    incomplete = np.flatnonzero(np.isnan(sums[-1]))
    gaps = _Gaps(plan, answers[incomplete]) if incomplete.size else None
    scored: dict[str, ScaleScores] = {}
    for row, name in enumerate(plan.names):
        scores = _complete_scores(plan, row, sums[row])
        if gaps is not None:
            _fill_incomplete(scores, incomplete, gaps, row)
        scored[name] = scores
    for name, scale in instrument.scales.items():
        if scale.method == "sum_of_scales":
            scored[name] = _sum_of_scales([scored[part] for part in scale.of_scales], scale.factor)
    return {name: scored[name] for name in instrument.scales}


class _Plan:
    """An instrument's scales as matrices: one row per scale, one column per item."""

    def __init__(self, instrument: Instrument) -> None:
        self.scales = [s for s in instrument.scales.values() if s.method != "sum_of_scales"]
        self.names = [n for n, s in instrument.scales.items() if s.method != "sum_of_scales"]
        grid = instrument.grid
        self.members = np.zeros((len(self.scales), grid.n))
        for row, scale in enumerate(self.scales):
            self.members[row, np.array(instrument.items_of(scale)) - 1] = 1
        sign = np.ones(grid.n)
        sign[np.array(grid.reverse, dtype=int) - 1] = -1
        self.signs = self.members * sign
        self.flips = self.members * np.where(sign < 0, grid.min + grid.max, 0.0)
        self.weights = np.vstack([self.signs, np.ones(grid.n)])
        self.not_applicable = np.array(grid.not_applicable, dtype=int) - 1
        self.decimals = len(f"{grid.step:.10f}".rstrip("0").partition(".")[2])

    def on_grid(self, sums: Floats) -> Floats:
        """Undo what binary fractions add to sums of tenths; whole answers need nothing."""
        return np.round(sums, self.decimals) if self.decimals else sums


class _Gaps:
    """The forms with missing answers: sums and counts, one row per scale."""

    def __init__(self, plan: _Plan, answers: Floats) -> None:
        is_answered = ~np.isnan(answers).T
        present = is_answered.astype(float)
        filled = np.where(is_answered, answers.T, 0.0)
        self.plan = plan
        self.sums = plan.on_grid(plan.signs @ filled + plan.flips @ present)
        self.n_answered: Floats = plan.members @ present
        skipped = plan.not_applicable
        not_applicable = plan.members[:, skipped] @ (1 - present[skipped])
        self.n_items: Floats = plan.members.sum(axis=1, keepdims=True) - not_applicable

    @cached_property
    def n_missing(self) -> Floats:
        return self.n_items - self.n_answered

    def scores(self, row: int) -> Floats:
        """Score one scale by its rule for missing answers; NaN where too many are missing."""
        scale = self.plan.scales[row]
        total, answered, count = self.sums[row], self.n_answered[row], self.n_items[row]
        missing = self.n_missing[row]
        is_scored = (answered > 0) & (missing <= scale.missing.max_missing)
        divisor = np.where(answered > 0, answered, 1.0)
        score: Floats
        if scale.method == "mean":
            score = total * scale.factor / divisor
        elif scale.missing.method == "person_mean_rounded_subscale":
            score = (total + missing * np.floor(total / divisor + 0.5)) * scale.factor
        else:
            score = np.where(missing > 0, total * count / divisor, total) * scale.factor
        if scale.missing.method == "proportional_rounded":
            score = np.where(missing > 0, np.floor(score + 0.5), score)
        return np.where(is_scored, score, np.nan)


def _scored_columns(items: NDArray[Any], instrument: Instrument) -> Floats:
    """Return the scored columns after checking shape and range, without copying floats."""
    answers = np.asarray(items, dtype=np.float64)
    grid, name = instrument.grid, instrument.instrument_id
    if answers.ndim != 2 or not grid.n <= answers.shape[1] <= grid.n_columns:
        columns = answers.shape[1] if answers.ndim == 2 else 0
        raise AnswersOutsideScale(name, f"{columns} item columns where {grid.n} are scored")
    answers = answers[:, : grid.n]
    outside = np.count_nonzero(answers < grid.min) + np.count_nonzero(answers > grid.max)
    if grid.allowed:
        outside += np.count_nonzero(~np.isin(answers, grid.allowed) & ~np.isnan(answers))
    if outside:
        raise AnswersOutsideScale(
            name, f"{outside} answers lie outside {grid.min:g} to {grid.max:g}"
        )
    return answers


def _complete_scores(plan: _Plan, row: int, sums: Floats) -> ScaleScores:
    """Score all forms as if complete; incomplete ones are NaN here and filled in afterwards."""
    scale, n_items = plan.scales[row], int(plan.members[row].sum())
    score = plan.on_grid(sums + plan.flips[row].sum()) * scale.factor
    if scale.method == "mean":
        score /= n_items
    return ScaleScores(
        score=score,
        n_answered=np.full(len(sums), n_items, dtype=np.int32),
        n_items=np.full(len(sums), n_items, dtype=np.int32),
        is_prorated=np.zeros(len(sums), dtype=bool),
    )


def _fill_incomplete(scores: ScaleScores, rows: Ints, gaps: _Gaps, row: int) -> None:
    filled = gaps.scores(row)
    scores.score[rows] = filled
    scores.n_answered[rows] = gaps.n_answered[row]
    scores.n_items[rows] = gaps.n_items[row]
    scores.is_prorated[rows] = ~np.isnan(filled) & (gaps.n_missing[row] > 0)


def _sum_of_scales(parts: list[ScaleScores], factor: float) -> ScaleScores:
    return ScaleScores(
        score=np.sum([part.score for part in parts], axis=0) * factor,
        n_answered=np.stack([part.n_answered for part in parts]).sum(axis=0, dtype=np.int32),
        n_items=np.stack([part.n_items for part in parts]).sum(axis=0, dtype=np.int32),
        is_prorated=np.any([part.is_prorated for part in parts], axis=0),
    )
