"""Rates of change and pre–post effect sizes per scope, from counts and sums per clinic.

Rates are of ended courses of all clinics: each client counts once. Effect sizes of several clinics
take the spread within clinics, so a difference of caseloads is no spread of clients. Who is in the
denominator is part of the metric's name (domain brief 2.1, 2.3). Effect sizes are uncontrolled:
they mix treatment with regression to the mean, natural recovery and who answered twice (2.6).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from transforms.common_factors.clinics import BY_CLIENTS, CLINIC_EFFECTS, Clinics
from transforms.common_factors.rows import LEVEL, Columns, fields_of, place_of
from transforms.common_factors.table import CfTable, PerClinic, Row, sums_per_clinic
from transforms.instruments.change import EffectSizes, effect_sizes_from_moments
from transforms.statistics.correlation import wilson_interval
from transforms.statistics.estimate import Estimate, two_sided_z
from transforms.statistics.heterogeneity import SHARE
from transforms.statistics.withheld import Record, withheld

RATE_KEYS = ("instrument_id", "version", "method", "metric", "denominator")
EFFECT_KEYS = ("instrument_id", "version")
SUMS = ("n_pairs", "sum_pre", "sum_post", "sum_pre_pre", "sum_post_post", "sum_pre_post")
FEWEST_PAIRS = 3
# Formula of each effect size, as printed beside it; positive is better.
FORMULAS = {
    "d_pre": "mean improvement / SD of first scores",
    "g_pre": "J(n - 1) x d_pre (Becker 1988), J = 1 - 3 / (4 df - 1)",
    "d_av": "mean improvement / root of the mean of both variances",
    "d_z": "mean improvement / SD of the change",
    "d_rm": "d_z x root of 2 (1 - r)",
}


def outcome_rates(rows: Columns) -> list[Record]:
    """Return one share per scope, instrument, method and metric.

    Parameters
    ----------
    rows : clinic_id, clinic_group, RATE_KEYS, n_events, n_denominator; one entry per clinic
    """
    records = []
    for scope, clinics in sums_per_clinic(rows, RATE_KEYS, ("n_events", "n_denominator")):
        events, total = (int(count) for count in clinics.sum(axis=0))
        label = place_of(scope, RATE_KEYS) | {"n_events": events}
        found = (
            label | fields_of(wilson_interval(n_events, n, level=LEVEL))
            for n_events, n in [(int(events), int(total))]
        )
        records += withheld(found, [label], {"ci_level": LEVEL, "n_used": total})
    return records


def effect_size_records(rows: Columns) -> list[Record]:
    """Return five effect sizes per scope and instrument, each with its formula.

    Parameters
    ----------
    rows : clinic_id, clinic_group, EFFECT_KEYS, direction, SUMS; one entry per clinic

    Notes
    -----
    The interval of d_pre and g_pre is normal with Becker's variance 2(1 − r)/n + d²/(2n); the
    others have none.
    """
    directions = dict(zip(rows["instrument_id"], rows["direction"], strict=True))
    records = []
    for scope, sums in sums_per_clinic(rows, EFFECT_KEYS, SUMS):
        place = place_of(scope, EFFECT_KEYS)
        n_pairs = int(sums[:, 0].sum())
        labels = [place | {"metric": m, "formula": formula} for m, formula in FORMULAS.items()]
        sizes = _each_effect_size(labels, sums, int(directions[scope.key[0]]))
        records += withheld(sizes, labels, {"ci_level": LEVEL, "n_used": n_pairs})
    return records


def _each_effect_size(labels: list[Record], sums: np.ndarray, direction: int) -> Iterator[Record]:
    found = _effect_sizes(sums, direction)
    for label in labels:
        yield (
            label
            | {"mean_improvement": found.mean_improvement, "correlation": found.correlation}
            | fields_of(_estimate(found, label["metric"]))
        )


def _effect_sizes(clinics: np.ndarray, direction: int) -> EffectSizes:
    of_clinics = clinics[clinics[:, 0] > 0].T
    n, pre, post, pre_pre, post_post, _ = clinics.sum(axis=0).tolist()
    n, lost = int(n), max(of_clinics.shape[1] - 1, 0)
    if n - lost < FEWEST_PAIRS:
        return EffectSizes(n, reason="fewer than 3 complete pairs")
    var_pre, var_post, shared = _within_clinics(of_clinics, n - 1 - lost)
    var_change = var_pre + var_post - 2 * shared
    # Sums of equal numbers leave dust where the variance is zero.
    dust = 1e-9 * max(pre_pre, post_post, 1.0) / n
    spreads = [math.sqrt(v) if v > dust else 0.0 for v in (var_pre, var_post, var_change)]
    return effect_sizes_from_moments(
        n=n,
        mean_improvement=direction * (post - pre) / n,
        sd_pre=spreads[0],
        sd_post=spreads[1],
        sd_change=spreads[2],
        lost=lost,
    )


def _within_clinics(of_clinics: np.ndarray, freedom: int) -> tuple[float, float, float]:
    """Return variance of first and last scores and their covariance, within clinics."""
    n, pre, post, pre_pre, post_post, pre_post = of_clinics
    var_pre = max(float((pre_pre - pre**2 / n).sum()) / freedom, 0.0)
    var_post = max(float((post_post - post**2 / n).sum()) / freedom, 0.0)
    return var_pre, var_post, float((pre_post - pre * post / n).sum()) / freedom


def _estimate(found: EffectSizes, metric: str) -> Estimate:
    value: float | None = getattr(found, metric)
    if value is None:
        return Estimate.missing(found.reason or "it cannot be estimated", found.n, LEVEL)
    if metric not in ("d_pre", "g_pre") or found.correlation is None:
        return Estimate(value, None, None, LEVEL, found.n)
    variance = 2 * (1 - found.correlation) / found.n + value**2 / (2 * found.n)
    half_width = two_sided_z(LEVEL) * math.sqrt(variance)
    return Estimate(value, value - half_width, value + half_width, LEVEL, found.n)


class OutcomeChangeRow(Row, total=False):
    """Share of ended courses with one kind of change."""

    instrument_id: str
    version: str
    method: str
    metric: str
    denominator: str
    n_events: int


OUTCOME_CHANGE = CfTable(
    OutcomeChangeRow,
    (PerClinic(outcome_rates, RATE_KEYS, ("n_events", "n_denominator")),),
    Clinics(BY_CLIENTS, RATE_KEYS, SHARE),
)


class EffectSizeRow(Row, total=False):
    """Effect size by one formula."""

    instrument_id: str
    version: str
    metric: str
    formula: str
    mean_improvement: float
    correlation: float


EFFECT_SIZE = CfTable(
    EffectSizeRow,
    (PerClinic(effect_size_records, EFFECT_KEYS, ("direction", *SUMS)),),
    Clinics(CLINIC_EFFECTS, (*EFFECT_KEYS, "metric")),
)
