"""Therapist effects, of every scope: the records of two cf_ tables."""

from collections.abc import Iterator

import numpy as np

from transforms.records import (
    LEVEL,
    Columns,
    direction_of,
    each_scope,
    fields_of,
    place_of,
    unstack,
)
from transforms.scopes import Scope
from transforms.therapist_effect import TherapistEffect, caterpillar, therapist_effect

INSTRUMENT = ("outcome_instrument_id",)


def therapist_effects(strata: Columns, rows: Columns) -> list[dict]:
    """Estimate the therapist share of variance: one record per scope and outcome instrument.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group, outcome_instrument_id, direction (1 or −1)
    rows : one entry per client
        stratum, therapist_code, pre_score and post_score in points, age_years (NULL if unknown).
    """
    return [
        place_of(scope, INSTRUMENT)
        | fields_of(effect.icc)
        | {
            "icc_unadjusted": effect.icc_unadjusted,
            "var_therapist": effect.fit.var_group,
            "var_residual": effect.fit.var_residual,
            "is_boundary": effect.fit.is_boundary if effect.fit.is_estimated else None,
            "model": "post ~ " + " + ".join([*effect.fit.names[1:], "(1 | therapist)"]),
            "n_clients": effect.fit.n_rows,
            "n_therapists": effect.fit.n_groups,
        }
        for scope, effect, _, _ in _each_effect(strata, rows)
    ]


def therapist_caterpillar(strata: Columns, rows: Columns) -> list[dict]:
    """Estimate every therapist: one record per scope, outcome instrument and therapist code.

    Parameters are those of :func:`therapist_effects`.
    """
    directions = direction_of(strata)
    return [
        record
        for scope, effect, part, codes in _each_effect(strata, rows)
        for record in _caterpillar_of(scope, effect, part, codes, directions[scope.key[0]])
    ]


def _caterpillar_of(
    scope: Scope, effect: TherapistEffect, part: Columns, codes: np.ndarray, direction: int
) -> list[dict]:
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
    shared = place_of(scope, INSTRUMENT) | {
        "ci_level": LEVEL,
        "reason": reason,
        "n_therapists": effect.fit.n_groups,
        "n_clients_in_model": effect.fit.n_rows,
    }
    return unstack(shared, columns)


def _each_effect(
    strata: Columns, rows: Columns
) -> Iterator[tuple[Scope, TherapistEffect, Columns, np.ndarray]]:
    for scope, part in each_scope(strata, rows, INSTRUMENT):
        _, codes = np.unique(part["therapist_code"], return_inverse=True)
        effect = therapist_effect(
            part["post_score"], part["pre_score"], codes, {"age": part["age_years"]}, level=LEVEL
        )
        yield scope, effect, part, codes
