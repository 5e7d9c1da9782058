"""Do modalities differ, at equal case mix, by more than a margin that was set beforehand?

Domain brief §4.12: adjusted difference in improvement between two modalities in pooled SD
units, 90 % interval, two one-sided tests. "Not significant" is never read as "equivalent".
Clients are not allocated to modalities at random, so what could explain a difference is
counted beside it: therapists who practise only one of them, and severity at the start.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations

import numpy as np

from transforms.common_factors.clinics import CLINIC_EFFECTS, Clinics
from transforms.common_factors.rows import (
    LEVEL,
    Columns,
    clinics_of,
    count_distinct,
    fields_of,
    records_by_scope,
)
from transforms.common_factors.scopes import Scope
from transforms.common_factors.table import ByStratum, CfTable, Row
from transforms.statistics import clinic_effects
from transforms.statistics.equivalence import (
    EQUIVALENCE_LEVEL,
    PRIMARY_MARGIN,
    SENSITIVITY_MARGINS,
    t_interval,
    tost_p,
    verdict,
)
from transforms.statistics.estimate import Estimate
from transforms.statistics.reml import GroupTotals, RandomInterceptFit, fit_random_intercept
from transforms.statistics.therapist_effect import case_mix_design, model_in_words
from transforms.statistics.withheld import Record, withheld

INSTRUMENT = ("outcome_instrument_id",)
CATEGORIES = ("problem", "step")


def modality_equivalence(strata: Columns, rows: Columns) -> list[Record]:
    """Compare every pair of modalities: one record per scope, outcome instrument and pair.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group, outcome_instrument_id, modality,
        modality_code (1…M)
    rows : one entry per client
        stratum, modality_code, therapist_code, pre_score and post_score in points turned so
        that higher is better, age_years (NULL if unknown), problem_code, step_code.

    Returns
    -------
    ``estimate`` is modality less compared_modality in pooled SDs of the last score, positive
    when ``modality`` has the better last score at equal case mix; ci_* is the 90 % interval.
    """
    pairs = zip(strata["modality_code"], strata["modality"], strict=True)
    names = {int(code): str(name) for code, name in pairs}

    def pairs_of(part: Columns) -> Iterator[tuple[Record, np.ndarray, np.ndarray]]:
        codes = part["modality_code"].astype(int)
        for one, other in combinations(
            sorted(np.unique(codes).tolist(), key=lambda code: names[code]), 2
        ):
            label = {"modality": names[one], "compared_modality": names[other]}
            yield label, codes == one, codes == other

    def describe(_: Scope, part: Columns) -> Iterator[Record]:
        for label, is_one, is_other in pairs_of(part):
            # Each pair has a model of its own: one that breaks off leaves the others.
            facts = label | _counts_of_pair(part, is_one, is_other)
            yield from withheld(
                _each(partial(_comparison, part, is_one, is_other), facts),
                [facts],
                {"ci_level": EQUIVALENCE_LEVEL, "n_used": facts["n_clients"]},
            )

    return records_by_scope(strata, rows, INSTRUMENT, describe)


def _each(compare: Callable[[], Record], facts: Record) -> Iterator[Record]:
    yield compare() | facts


def _counts_of_pair(part: Columns, is_one: np.ndarray, is_other: np.ndarray) -> Record:
    therapists = [set(part["therapist_code"][side].tolist()) for side in (is_one, is_other)]
    return {
        "margin": PRIMARY_MARGIN,
        "n_clients": int(is_one.sum() + is_other.sum()),
        "n_clients_modality": int(is_one.sum()),
        "n_clients_compared": int(is_other.sum()),
        "n_therapists": len(therapists[0] | therapists[1]),
        "n_therapists_modality": len(therapists[0]),
        "n_therapists_compared": len(therapists[1]),
        "n_therapists_both": len(therapists[0] & therapists[1]),
    }


def _comparison(part: Columns, is_one: np.ndarray, is_other: np.ndarray) -> Record:
    both = is_one | is_other
    of_pair = {name: column[both] for name, column in part.items()}
    first = is_one[both]
    clinics = clinics_of(of_pair)
    pooled_sd = _pooled_sd(of_pair["post_score"], first, clinics)
    fit = _fit(of_pair, first)
    n_therapists = count_distinct(of_pair["therapist_code"])
    freedom = n_therapists - 2 - clinic_effects.extra_clinics(clinics)
    narrow, wide, p = _estimates(fit, pooled_sd, float(freedom))
    margins = (PRIMARY_MARGIN, *SENSITIVITY_MARGINS)
    verdicts = [verdict(narrow, wide, margin) for margin in margins]
    severity = _standardized_difference(of_pair["pre_score"], first, clinics)
    return fields_of(narrow) | {
        "wide_ci_low": wide.ci_low,
        "wide_ci_high": wide.ci_high,
        "difference_points": None if pooled_sd is None else narrow.times(pooled_sd).value,
        "pooled_sd": pooled_sd,
        "tost_p": p,
        "verdict": verdicts[0],
        "verdict_at_24": verdicts[1],
        "verdict_at_30": verdicts[2],
        "model": model_in_words(fit.names),
        "pre_difference_sd": severity,
    }


def _fit(part: Columns, first: np.ndarray) -> RandomInterceptFit:
    design, names = case_mix_design(
        part["pre_score"],
        {"modality": first.astype(float), "age": part["age_years"]},
        {name: part[f"{name}_code"] for name in CATEGORIES},
        clinics_of(part),
    )
    _, codes = np.unique(part["therapist_code"], return_inverse=True)
    return fit_random_intercept(GroupTotals.from_rows(codes, design, part["post_score"], names))


def _estimates(
    fit: RandomInterceptFit, pooled_sd: float | None, freedom: float
) -> tuple[Estimate, Estimate, float | None]:
    """Return the 90 % and the 95 % estimate and the TOST p.

    ``freedom`` is therapists − 2, less one for each clinic after the first.
    """
    if not fit.is_estimated or pooled_sd is None or "modality" not in fit.names:
        reason = fit.reason or "the modality cannot be told from the case mix"
        none = [Estimate.missing(reason, fit.n_rows, level) for level in (EQUIVALENCE_LEVEL, LEVEL)]
        return none[0], none[1], None
    at = fit.names.index("modality")
    difference = float(fit.fixed[at]) / pooled_sd
    se = math.sqrt(float(fit.fixed_covariance[at, at])) / pooled_sd
    narrow, wide = (
        t_interval(difference, se, freedom, fit.n_rows, level)
        for level in (EQUIVALENCE_LEVEL, LEVEL)
    )
    p = tost_p(difference, se, freedom, PRIMARY_MARGIN) if narrow.is_estimated else None
    return narrow, wide, p


def _pooled_sd(values: np.ndarray, first: np.ndarray, clinics: np.ndarray) -> float | None:
    """Return the SD within modalities of a clinic; None when it cannot be had or is zero."""
    if min(first.sum(), (~first).sum()) < 2:
        return None
    cells = [
        part
        for of_clinic in clinic_effects.each_clinic(clinics)
        for part in (values[of_clinic & first], values[of_clinic & ~first])
        if len(part)
    ]
    squares = sum(float(np.square(part - part.mean()).sum()) for part in cells)
    if len(values) <= len(cells):
        return None
    variance = squares / (len(values) - len(cells))
    return (
        math.sqrt(variance)
        if variance > 1e-12 * max(1.0, float(np.square(values).mean()))
        else None
    )


def _standardized_difference(
    values: np.ndarray, first: np.ndarray, clinics: np.ndarray
) -> float | None:
    """Return the difference of both modalities within clinics over their SD."""
    sd = _pooled_sd(values, first, clinics)
    difference = clinic_effects.mean_difference(values, first, clinics)
    return None if sd is None or difference is None else difference / sd


class ModalityEquivalenceRow(Row, total=False):
    """Two modalities compared."""

    outcome_instrument_id: str
    modality: str
    compared_modality: str
    wide_ci_low: float
    wide_ci_high: float
    difference_points: float
    pooled_sd: float
    tost_p: float
    margin: float
    verdict: str
    verdict_at_24: str
    verdict_at_30: str
    model: str
    n_clients: int
    n_clients_modality: int
    n_clients_compared: int
    n_therapists: int
    n_therapists_modality: int
    n_therapists_compared: int
    n_therapists_both: int
    pre_difference_sd: float


CLIENTS = (
    "modality_code",
    "therapist_code",
    "pre_score",
    "post_score",
    "age_years",
    "problem_code",
    "step_code",
)
MODALITY_EQUIVALENCE = CfTable(
    ModalityEquivalenceRow,
    (ByStratum(modality_equivalence, (*INSTRUMENT, "modality", "modality_code"), CLIENTS),),
    Clinics(CLINIC_EFFECTS, (*INSTRUMENT, "modality", "compared_modality")),
)
