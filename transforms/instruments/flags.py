"""Signs on a single form, as the definitions describe them: risk answers, feedback triggers,
provisional criteria. A sign asks somebody to look; it is not a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.instruments.definition import Instrument
from transforms.instruments.parts import Condition
from transforms.instruments.scoring import ScaleScores
from transforms.statistics.arrays import Bools

_COMPARE = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


@dataclass(frozen=True)
class FlagResult:
    """One flag, one element per form.

    is_raised : the answers given suffice to raise it.
    is_assessable : no missing answer could change that.
    """

    is_raised: Bools
    is_assessable: Bools


def raise_flags(
    items: NDArray[Any], scores: dict[str, ScaleScores], instrument: Instrument
) -> dict[str, FlagResult]:
    """Evaluate every flag of ``instrument`` on answers as given and on their scores."""
    results = {}
    for name, flag in instrument.flags.items():
        combine = np.logical_or if flag.match == "any" else np.logical_and
        certain, possible = (
            combine.reduce(
                [
                    _holds(condition, items, scores, instrument, missing_as=missing_as)
                    for condition in flag.conditions
                ]
            )
            for missing_as in (False, True)
        )
        results[name] = FlagResult(is_raised=certain, is_assessable=certain | ~possible)
    return results


def _holds(
    condition: Condition,
    items: NDArray[Any],
    scores: dict[str, ScaleScores],
    instrument: Instrument,
    *,
    missing_as: bool,
) -> Bools:
    compare = _COMPARE[condition.operator]
    if condition.scale is not None:
        score = scores[condition.scale].score
        return np.where(np.isnan(score), missing_as, compare(score, condition.value))
    columns = np.asarray(items, dtype=np.float64)[:, np.array(instrument.items_of(condition)) - 1]
    fulfilled = np.where(np.isnan(columns), missing_as, compare(columns, condition.value))
    holds: Bools = fulfilled.sum(axis=1) >= condition.at_least
    return holds
