"""Whose alliance matters: the therapist's usual one, or the client's within the caseload?

Baldwin, Wampold & Imel 2007: split the early alliance into the therapist's mean and the
client's deviation from it, and let both predict the last score at equal first score (domain
brief §4.3). Others found the opposite, so both are shown and neither is a headline.
"""

import math

import numpy as np

from transforms.common_factors.clinics import CLINIC_EFFECTS, Clinics
from transforms.common_factors.rows import LEVEL, Columns, clinics_of, fields_of, records_by_scope
from transforms.common_factors.table import ByStratum, CfTable, Row
from transforms.statistics import clinic_effects
from transforms.statistics.estimate import Estimate, wald
from transforms.statistics.reml import GroupTotals, RandomInterceptFit, fit_random_intercept
from transforms.statistics.withheld import Record

INSTRUMENTS = ("alliance_instrument_id", "outcome_instrument_id")
ALLIANCE_POINTS = 10  # slopes are printed per 10 points of the 0-100 alliance scale
FULL_CASELOAD = 5  # clients a therapist needs to count towards the least number of therapists
PREDICTORS = ("intercept", "pre", "alliance_between", "alliance_within")
PARAMETERS = {
    "between": {"alliance_between": 1.0},
    "within": {"alliance_within": 1.0},
    "between_minus_within": {"alliance_between": 1.0, "alliance_within": -1.0},
}


def within_between_therapist(strata: Columns, rows: Columns) -> list[Record]:
    """Fit post ~ pre + therapist mean + client deviation + clinic + (1 | therapist).

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group and both instruments
    rows : one entry per client
        stratum, therapist_code, alliance_pomp (0–100), and pre_score and post_score in points,
        turned so that higher is better.

    Returns
    -------
    One record per scope, pair of instruments and parameter; positive: better alliance, better
    last score. ``between_minus_within`` tests their equality.
    """
    return records_by_scope(
        strata, rows, INSTRUMENTS, lambda _, part: _records_of(part), _without_estimate
    )


def _without_estimate(part: Columns) -> list[Record]:
    _, caseloads = np.unique(part["therapist_code"], return_counts=True)
    full = {"n_therapists_with_caseload": int((caseloads >= FULL_CASELOAD).sum())}
    return [full | {"parameter": name} for name in PARAMETERS]


def split_alliance(alliance: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each client's therapist mean less the grand mean, and the deviation from it."""
    sizes = np.bincount(codes)
    means = (np.bincount(codes, weights=alliance) / np.maximum(sizes, 1))[codes]
    return means - alliance.mean(), alliance - means


def _records_of(part: Columns) -> list[Record]:
    _, codes = np.unique(part["therapist_code"], return_inverse=True)
    between, within = split_alliance(part["alliance_pomp"], codes)
    pre = part["pre_score"] - part["pre_score"].mean()
    clinics, names = clinic_effects.columns(clinics_of(part))
    design = np.column_stack([np.ones(len(pre)), pre, between, within, clinics])
    totals = GroupTotals.from_rows(codes, design, part["post_score"], (*PREDICTORS, *names))
    fit = fit_random_intercept(totals)
    caseloads = np.bincount(codes)
    shared = {
        "therapist_variance_share": fit.icc,
        "alliance_icc": alliance_icc(part["alliance_pomp"], codes, clinics_of(part)),
        "n_clients": len(codes),
        "n_therapists": len(caseloads),
        "n_therapists_with_caseload": int((caseloads >= FULL_CASELOAD).sum()),
    }
    return [
        {"parameter": name} | fields_of(_combination(fit, weights).times(ALLIANCE_POINTS)) | shared
        for name, weights in PARAMETERS.items()
    ]


def alliance_icc(
    alliance: np.ndarray, codes: np.ndarray, clinics: np.ndarray | None = None
) -> float | None:
    """Return the therapists' share of the variance of the alliance within clinics (0 to 1)."""
    clinics = np.zeros(len(codes)) if clinics is None else clinics
    columns, names = clinic_effects.columns(clinics)
    design = np.column_stack([np.ones(len(codes)), columns])
    totals = GroupTotals.from_rows(codes, design, alliance, ("intercept", *names))
    return fit_random_intercept(totals).icc


def _combination(fit: RandomInterceptFit, weights: dict[str, float]) -> Estimate:
    if not fit.is_estimated:
        return Estimate.missing(fit.reason, fit.n_rows, LEVEL)
    vector = np.array([weights.get(name, 0.0) for name in fit.names])
    variance = float(vector @ fit.fixed_covariance @ vector)
    return wald(float(vector @ fit.fixed), math.sqrt(max(variance, 0.0)), fit.n_rows, LEVEL)


class WithinBetweenTherapistRow(Row, total=False):
    """One slope between or within therapists."""

    alliance_instrument_id: str
    outcome_instrument_id: str
    parameter: str
    therapist_variance_share: float
    alliance_icc: float
    n_clients: int
    n_therapists: int
    n_therapists_with_caseload: int


CLIENTS = ("therapist_code", "alliance_pomp", "pre_score", "post_score")
WITHIN_BETWEEN_THERAPIST = CfTable(
    WithinBetweenTherapistRow,
    (ByStratum(within_between_therapist, INSTRUMENTS, CLIENTS),),
    Clinics(CLINIC_EFFECTS, (*INSTRUMENTS, "parameter")),
)
