"""How much therapists differ in their clients' outcomes, and which ones can be told apart.

Post score on pre score and case mix with a random intercept per therapist (domain brief
§4.4 and §4.5). Estimates of single therapists are shrunken: a therapist with few clients is
pulled to the average, and nobody is called better or worse whose mean is not reliable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.statistics import clinic_effects
from transforms.statistics.arrays import Floats, Ints
from transforms.statistics.estimate import Estimate, two_sided_z
from transforms.statistics.profile_likelihood import icc_interval
from transforms.statistics.reml import (
    GroupTotals,
    RandomInterceptFit,
    empirical_bayes,
    fit_random_intercept,
)

FEWEST_OF_A_LEVEL = 11  # clients a level of a category needs to get a column of its own
INDEPENDENT_FROM = 1e-8  # share of a column's variance that must not follow from the others
PAIRWISE_Z = 1.39  # Goldstein & Healy 1995: two intervals of this width that do not overlap
RELIABLE_FROM = 0.7  # reliability of a therapist's mean below which no class is given


@dataclass(frozen=True)
class TherapistEffect:
    """Variance components of one outcome; ``fit.reason`` says why there are none."""

    totals: GroupTotals
    fit: RandomInterceptFit
    icc: Estimate
    icc_unadjusted: float | None


@dataclass(frozen=True, slots=True)
class Caterpillar:
    """One entry per therapist code, in points of the outcome, positive = better than average.

    ``rank`` 1 is the best. ``rank_best`` and ``rank_worst`` are the ranks the pairwise
    intervals leave open. ``standing`` is 'above', 'below' or 'not distinguishable'.
    """

    estimate: Floats
    se: Floats
    low: Floats
    high: Floats
    pairwise_low: Floats
    pairwise_high: Floats
    reliability: Floats
    rank: Ints
    rank_best: Ints
    rank_worst: Ints
    standing: NDArray[np.object_]


def case_mix_design(
    pre: np.ndarray,
    covariates: Mapping[str, np.ndarray],
    categories: Mapping[str, np.ndarray] | None = None,
    clinics: np.ndarray | None = None,
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the predictor matrix and its names: intercept, centered pre, centered covariates.

    ``clinics`` are codes; each clinic but one gets a column before all others.

    A missing covariate (NaN) takes the mean of the others, and where any is missing an indicator
    column joins, so that no client is lost. A category (codes, NaN unknown) gets a column for
    every level of 11 clients or more but the most frequent; unknown counts as a level. Columns
    that do not vary, or that follow from those before them, are left out.
    """
    columns: dict[str, Floats] = {"intercept": np.ones(len(pre))}
    if clinics is not None:
        of_clinics, names = clinic_effects.columns(clinics)
        columns |= dict(zip(names, of_clinics.T, strict=True))
    columns["pre"] = _centered(np.asarray(pre, dtype=float))
    for name, values in covariates.items():
        values = np.asarray(values, dtype=float)
        is_missing = np.isnan(values)
        if is_missing.all():
            continue
        mean = float(values[~is_missing].mean())
        columns[name] = _centered(np.where(is_missing, mean, values))
        columns[f"{name}_missing"] = _centered(is_missing.astype(float))
    for name, codes in (categories or {}).items():
        columns |= _level_columns(name, np.asarray(codes, dtype=float))
    kept = [name for name, column in columns.items() if name == "intercept" or column.any()]
    design = np.column_stack([columns[name] for name in kept])
    independent = _independent_columns(design)
    return design[:, independent], tuple(kept[position] for position in independent)


def model_in_words(names: Sequence[str], grouping: str = "(1 | therapist)") -> str:
    """Return 'post ~ pre + age + problem + (1 | therapist)': levels of a category once."""
    terms = dict.fromkeys(name.split("=")[0] for name in names if name != "intercept")
    return "post ~ " + " + ".join([*terms, grouping])


def _level_columns(name: str, codes: Ints) -> dict[str, Floats]:
    levels, counts = np.unique(np.where(np.isnan(codes), -1.0, codes), return_counts=True)
    usual = levels[np.argmax(counts)] if len(levels) else None
    return {
        f"{name}={level:g}": _centered(
            (np.where(np.isnan(codes), -1.0, codes) == level).astype(float)
        )
        for level, count in zip(levels, counts, strict=True)
        if count >= FEWEST_OF_A_LEVEL and level != usual
    }


def _independent_columns(design: Floats) -> list[int]:
    """Return the positions of columns that do not follow from the ones before them."""
    gram = design.T @ design
    scale = np.sqrt(np.diag(gram))
    correlations = gram / np.outer(scale, scale) if (scale > 0).all() else np.eye(len(scale))
    kept: list[int] = []
    for position in range(len(scale)):
        shared = correlations[kept, position]
        explained = (
            shared @ np.linalg.solve(correlations[np.ix_(kept, kept)], shared) if kept else 0
        )
        if 1 - explained > INDEPENDENT_FROM:
            kept.append(position)
    return kept


def therapist_effect(
    post: Floats,
    pre: Floats,
    therapists: Ints,
    covariates: Mapping[str, Floats],
    categories: Mapping[str, Floats] | None = None,
    *,
    clinics: np.ndarray | None = None,
    level: float = 0.95,
) -> TherapistEffect:
    """Fit post ~ pre + case mix + (1 | therapist), with clinics as fixed effects where given.

    Parameters
    ----------
    post, pre : arrays
        Scores in points, complete, one entry per client.
    therapists : array of int codes 0…G−1
        Every code present.
    covariates : mapping of name to array
        Case mix, NaN where missing.
    categories : mapping of name to array of codes, optional
        Case mix in levels, NaN where unknown.
    """
    design, names = case_mix_design(pre, covariates, categories, clinics)
    totals = GroupTotals.from_rows(therapists, design, post, names)
    levels = [at for at, name in enumerate(names) if name.split("=")[0] in ("intercept", "clinic")]
    change = GroupTotals.from_rows(
        therapists, design[:, levels], post - pre, [names[at] for at in levels]
    )
    return TherapistEffect(
        totals,
        fit_random_intercept(totals),
        icc_interval(totals, level),
        fit_random_intercept(change).icc,
    )


def caterpillar(effect: TherapistEffect, *, direction: int, level: float = 0.95) -> Caterpillar:
    """Return shrunken therapist effects of an estimated model whose variance is not zero.

    Parameters
    ----------
    direction : {1, -1}
        1 if a higher outcome score is better; turns signs so that positive is better.
    """
    groups = empirical_bayes(effect.fit, effect.totals)
    if groups is None:
        raise ValueError("a model that was not estimated has no effects to draw")
    estimate, se = direction * groups.effect, groups.conditional_sd
    half_width = two_sided_z(level) * se
    low, high = estimate - half_width, estimate + half_width
    pairwise_low, pairwise_high = estimate - PAIRWISE_Z * se, estimate + PAIRWISE_Z * se
    is_reliable = groups.reliability >= RELIABLE_FROM
    standing = np.full(len(estimate), "not distinguishable", dtype=object)
    standing[is_reliable & (low > 0)] = "above"
    standing[is_reliable & (high < 0)] = "below"
    rank = np.empty(len(estimate), dtype=int)
    rank[np.argsort(-estimate, kind="stable")] = np.arange(1, len(estimate) + 1)
    best, worst = rank_range(pairwise_low, pairwise_high)
    return Caterpillar(
        estimate, se, low, high, pairwise_low, pairwise_high,
        groups.reliability, rank, best, worst, standing,
    )  # fmt: skip


def rank_range(low: Floats, high: Floats) -> tuple[Ints, Ints]:
    """Return the best and worst rank each interval leaves open (1 = highest).

    The best is one more than the number of intervals wholly above, the worst the number of
    all less those wholly below.
    """
    n_wholly_above = len(low) - np.searchsorted(np.sort(low), high, side="right")
    n_wholly_below = np.searchsorted(np.sort(high), low, side="left")
    return n_wholly_above + 1, len(low) - n_wholly_below


def _centered(values: Floats) -> Floats:
    centered = values - values.mean()
    scale = max(1.0, float(np.abs(values).max())) if len(values) else 1.0
    return np.zeros_like(centered) if np.abs(centered).max(initial=0) <= 1e-12 * scale else centered
