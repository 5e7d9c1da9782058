"""Therapist effects, of every scope: the records of two cf_ tables."""

from collections.abc import Iterable
from functools import partial

import numpy as np

from transforms.common_factors.clinics import CLINIC_EFFECTS, OWN_CLINIC_ONLY, Clinics
from transforms.common_factors.rows import (
    LEVEL,
    Columns,
    clinics_of,
    count_distinct,
    direction_of,
    fields_of,
    records_by_scope,
    unstack,
)
from transforms.common_factors.scopes import Scope
from transforms.common_factors.table import USABLE, ByStratum, CfTable, Row
from transforms.statistics.heterogeneity import SHARE
from transforms.statistics.logistic_mixed import (
    fit_logistic_intercept,
    icc_interval_of,
)
from transforms.statistics.logistic_quadrature import BinomialRows
from transforms.statistics.nested_reml import NestedFit, fit_nested, share_interval
from transforms.statistics.reml import GroupTotals
from transforms.statistics.therapist_effect import (
    TherapistEffect,
    case_mix_design,
    caterpillar,
    model_in_words,
    therapist_effect,
)
from transforms.statistics.withheld import Record

INSTRUMENT = ("outcome_instrument_id",)
NESTED = {"therapist": "group", "clinic": "cluster"}
CATEGORIES = ("problem", "step", "gender", "employment")


def therapist_effects(strata: Columns, rows: Columns) -> list[Record]:
    """Estimate the therapist share of variance: records per scope, outcome instrument and metric.

    ``icc`` always: therapists within clinics, whose levels are fixed effects, so a difference of
    clinics is none of their therapists. Where a scope has more than one clinic, also
    ``icc_nested_therapist`` and ``icc_nested_clinic``, shares of a variance that holds clinics too.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group, outcome_instrument_id, direction (1 or −1)
    rows : one entry per client
        stratum, therapist_code, pre_score and post_score in points, age_years and
        deprivation (NULL if unknown), and a code per category of ``CATEGORIES`` (NULL if unknown).
    """
    return records_by_scope(strata, rows, INSTRUMENT, _effects_of, _effects_without_estimate)


def therapist_effects_on_events(strata: Columns, rows: Columns, metric: str) -> list[Record]:
    """Estimate the latent-scale therapist share of a yes–no outcome: one record per scope.

    Parameters are those of :func:`therapist_effects`, with ``is_event`` (1 or 0) for post_score.
    ``metric`` names the records.
    """

    def describe(_: Scope, part: Columns) -> list[Record]:
        # Unlike the linear model, every client stays a row here: first score and age only.
        design, names = case_mix_design(
            part["pre_score"], {"age": part["age_years"]}, clinics=clinics_of(part)
        )
        codes = _therapists_of(part)
        found = BinomialRows.from_rows(codes, design, part["is_event"], names)
        fit = fit_logistic_intercept(found)
        return [
            {"metric": metric}
            | fields_of(icc_interval_of(fit, found, level=LEVEL))
            | {
                "var_therapist": fit.sd_group**2 if fit.is_estimated else None,
                "is_boundary": fit.sd_group == 0 if fit.is_estimated else None,
                "model": model_in_words(names).replace("post", f"logit {metric[4:]}"),
                "n_clients": len(codes),
                "n_therapists": count_distinct(codes),
                "n_events": int(part["is_event"].sum()),
            }
        ]

    return records_by_scope(strata, rows, INSTRUMENT, describe, [{"metric": metric}])


def _effects_without_estimate(part: Columns) -> list[Record]:
    nested = NESTED if count_distinct(clinics_of(part)) > 1 else {}
    return [{"metric": metric} for metric in ("icc", *(f"icc_nested_{name}" for name in nested))]


def _effects_of(scope: Scope, part: Columns) -> Iterable[Record]:
    effect, codes = _effect_of(part)
    fit = effect.fit
    counts = {"n_clients": fit.n_rows, "n_therapists": fit.n_groups}
    yield (
        {"metric": "icc"}
        | fields_of(effect.icc)
        | {
            "icc_unadjusted": effect.icc_unadjusted,
            "var_therapist": fit.var_group,
            "var_residual": fit.var_residual,
            "is_boundary": fit.is_boundary if fit.is_estimated else None,
            "model": model_in_words(fit.names),
        }
        | counts
    )
    if count_distinct(clinics_of(part)) > 1:
        yield from (record | counts for record in _nested_records(part, codes))


def _nested_records(part: Columns, codes: np.ndarray) -> Iterable[Record]:
    design, names = case_mix_design(part["pre_score"], *_case_mix_of(part))
    totals = GroupTotals.from_rows(codes, design, part["post_score"], names)
    clinics = np.zeros(totals.n_groups, dtype=int)
    clinics[codes] = clinics_of(part)
    fit = fit_nested(totals, clinics)
    for name, which in NESTED.items():
        yield {"metric": f"icc_nested_{name}"} | _nested_record(totals, clinics, fit, which)


def _nested_record(totals: GroupTotals, clinics: np.ndarray, fit: NestedFit, which: str) -> Record:
    share = share_interval(totals, clinics, which, level=LEVEL)
    variance = fit.var_group if which == "group" else fit.var_cluster
    return fields_of(share) | {
        "var_therapist": fit.var_group,
        "var_residual": fit.var_residual,
        "is_boundary": None if variance is None else variance == 0,
        "model": model_in_words(fit.names, "(1 | clinic / therapist)"),
    }


def therapist_caterpillar(strata: Columns, rows: Columns) -> list[Record]:
    """Estimate every therapist: one record per scope, outcome instrument and therapist code.

    Of several clinics each therapist is set beside the average of their own clinic.

    Parameters are those of :func:`therapist_effects`.
    """
    directions = direction_of(strata)

    def describe(scope: Scope, part: Columns) -> list[Record]:
        return _caterpillar_of(*_effect_of(part), part, directions[scope.key[0]])

    return records_by_scope(strata, rows, INSTRUMENT, describe, _therapists_without_estimate)


def _therapists_without_estimate(part: Columns) -> list[Record]:
    codes, sizes = np.unique(part["therapist_code"], return_counts=True)
    shared = {"n_clients_in_model": len(part["therapist_code"])}
    return unstack(shared, {"therapist_code": codes, "n_clients": sizes})


def _caterpillar_of(
    effect: TherapistEffect, codes: np.ndarray, part: Columns, direction: int
) -> list[Record]:
    sizes = np.bincount(codes)
    change = direction * (part["post_score"] - part["pre_score"])
    columns = {
        "therapist_code": np.unique(part["therapist_code"]),
        "n_clients": sizes,
        "mean_improvement": np.bincount(codes, weights=change) / sizes,
        "mean_pre": np.bincount(codes, weights=part["pre_score"]) / sizes,
    }
    reason = effect.fit.reason
    if effect.fit.is_boundary:
        reason = "the variance between therapists is estimated as zero"
    if reason is None:
        found = caterpillar(effect, direction=direction, level=LEVEL)
        columns |= {
            "estimate": found.estimate,
            "se": found.se,
            "ci_low": found.low,
            "ci_high": found.high,
            "pairwise_ci_low": found.pairwise_low,
            "pairwise_ci_high": found.pairwise_high,
            "reliability": found.reliability,
            "rank": found.rank,
            "rank_best": found.rank_best,
            "rank_worst": found.rank_worst,
            "standing": found.standing,
        }
    shared = {
        "ci_level": LEVEL,
        "reason": reason,
        "n_therapists": effect.fit.n_groups,
        "n_clients_in_model": effect.fit.n_rows,
    }
    return unstack(shared, columns)


def _effect_of(part: Columns) -> tuple[TherapistEffect, np.ndarray]:
    codes = _therapists_of(part)
    effect = therapist_effect(
        part["post_score"],
        part["pre_score"],
        codes,
        *_case_mix_of(part),
        clinics=clinics_of(part),
        level=LEVEL,
    )
    return effect, codes


def _case_mix_of(part: Columns) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    return (
        {"age": part["age_years"], "deprivation": part["deprivation"]},
        {name: part[f"{name}_code"] for name in CATEGORIES},
    )


def _therapists_of(part: Columns) -> np.ndarray:
    return np.unique(part["therapist_code"], return_inverse=True)[1]


class TherapistEffectRow(Row, total=False):
    """Therapist share of variance, by one metric."""

    outcome_instrument_id: str
    metric: str
    icc_unadjusted: float
    var_therapist: float
    var_residual: float
    is_boundary: bool
    model: str
    n_clients: int
    n_therapists: int
    n_events: int


CASE_MIX = (
    "therapist_code",
    "pre_score",
    "post_score",
    "age_years",
    "deprivation",
    "problem_code",
    "step_code",
    "gender_code",
    "employment_code",
)
EVENTS = ("therapist_code", "pre_score", "age_years", "is_event")
THERAPIST_EFFECT = CfTable(
    TherapistEffectRow,
    (
        ByStratum(therapist_effects, (*INSTRUMENT, "direction"), CASE_MIX),
        ByStratum(
            partial(therapist_effects_on_events, metric="icc_reliable_improvement"),
            INSTRUMENT,
            EVENTS,
            f"{USABLE} and is_event is not null",
        ),
        ByStratum(partial(therapist_effects_on_events, metric="icc_dropout"), INSTRUMENT, EVENTS),
    ),
    Clinics(CLINIC_EFFECTS, (*INSTRUMENT, "metric"), SHARE),
)


class TherapistCaterpillarRow(Row, total=False):
    """Shrunken estimate of one therapist."""

    outcome_instrument_id: str
    therapist_code: int
    se: float
    pairwise_ci_low: float
    pairwise_ci_high: float
    reliability: float
    rank: int
    rank_best: int
    rank_worst: int
    standing: str
    n_clients: int
    mean_improvement: float
    mean_pre: float
    n_therapists: int
    n_clients_in_model: int


THERAPIST_CATERPILLAR = CfTable(
    TherapistCaterpillarRow,
    (ByStratum(therapist_caterpillar, (*INSTRUMENT, "direction"), CASE_MIX),),
    Clinics(OWN_CLINIC_ONLY, (*INSTRUMENT, "therapist_code")),
)
