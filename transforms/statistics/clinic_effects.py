"""Clinics as strata: what an estimate over several clinics takes out before it looks.

Clinics differ in level (a strict form, a mild caseload), so pooling their clients as if they were
of one clinic mixes those differences into every association (Simpson 1951). Here: fixed effects of
clinics, by centering or by columns of the model. Rows of one clinic come back untouched, digit for
digit, so a clinic's own number does not depend on this module.
"""

from collections.abc import Iterator

import numpy as np

from transforms.statistics.arrays import Bools, Codes, Floats
from transforms.statistics.correlation import mean_ranks


def n_clinics(clinics: Codes) -> int:
    """Return how many clinics the rows come from."""
    return len(np.unique(clinics))


def extra_clinics(clinics: Codes) -> int:
    """Return the degrees of freedom that clinic effects cost: clinics less one."""
    return max(n_clinics(clinics) - 1, 0)


def centered(values: Floats, clinics: Codes) -> Floats:
    """Return values less their clinic's mean plus the mean of all; of one clinic as they are.

    NaN stays NaN and counts in no mean.
    """
    values = np.asarray(values, dtype=float)
    if extra_clinics(clinics) == 0:
        return values
    result = values + np.nanmean(values) if not np.isnan(values).all() else values.copy()
    for rows in each_clinic(clinics):
        if not np.isnan(values[rows]).all():
            result[rows] -= np.nanmean(values[rows])
    return result


def means(values: Floats, clinics: Codes) -> Floats:
    """Return for each row the mean of its clinic."""
    if extra_clinics(clinics) == 0:
        return np.full(len(values), values.mean())
    result = np.empty(len(values))
    for rows in each_clinic(clinics):
        result[rows] = values[rows].mean()
    return result


def ranks(values: Floats, clinics: Codes) -> Floats:
    """Return ranks within clinics over the clinic's size + 1 (van Elteren 1960), centered.

    Of one clinic the plain ranks. Ties share their mean rank.
    """
    if extra_clinics(clinics) == 0:
        return mean_ranks(values)
    result = np.empty(len(values))
    for rows in each_clinic(clinics):
        own = mean_ranks(values[rows]) / (int(rows.sum()) + 1)
        result[rows] = own - own.mean()
    return result


def spread(values: Floats, clinics: Codes) -> float:
    """Return the SD within clinics, with rows less clinics degrees of freedom; 0 without any."""
    freedom = len(values) - max(n_clinics(clinics), 1)
    if freedom < 1:
        return 0.0
    if extra_clinics(clinics) == 0:
        return float(np.std(values, ddof=1))
    deviations = centered(values, clinics)
    return float(np.sqrt(np.square(deviations - deviations.mean()).sum() / freedom))


def columns(clinics: Codes) -> tuple[Floats, tuple[str, ...]]:
    """Return a column per clinic but the largest, centered, and its names; of one clinic none.

    Centered, they leave the intercept where it was: at the average of all rows.
    """
    codes, sizes = np.unique(clinics, return_counts=True)
    others = np.delete(codes, np.argmax(sizes)) if len(codes) else codes
    found = [(clinics == code).astype(float) for code in others]
    names = tuple(f"clinic={int(code)}" for code in others)
    if not found:
        return np.zeros((len(clinics), 0)), ()
    return np.column_stack([column - column.mean() for column in found]), names


def each_clinic(clinics: Codes) -> Iterator[Bools]:
    """Yield which rows are of each clinic, in the order of its codes."""
    for code in np.unique(clinics):
        yield clinics == code


def mean_difference(values: Floats, is_first: Bools, clinics: Codes) -> float | None:
    """Return the mean of the first side less that of the other, averaged over clinics.

    Weights are n₁n₀/(n₁ + n₀), those of least squares with clinic effects; a clinic with one side
    only has nothing to say. None where no clinic has both.
    """
    weights, differences = [], []
    for rows in each_clinic(clinics):
        first, other = values[rows & is_first], values[rows & ~is_first]
        if len(first) and len(other):
            weights.append(len(first) * len(other) / (len(first) + len(other)))
            differences.append(float(first.mean() - other.mean()))
    if len(differences) < 2:
        return differences[0] if differences else None
    return sum(w * d for w, d in zip(weights, differences, strict=True)) / sum(weights)
