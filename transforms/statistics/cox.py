"""Cox regression on one covariate, for times with many ties.

Session numbers are whole numbers up to a few dozen, so thousands of episodes end at the
same time. Ties follow Efron 1977. The cluster-robust standard error uses Efron's score
residuals too; the survival library we compared with leaves ties out there and needs
time quadratic in the number of rows (docs/adr/0004-reml-on-group-totals.md).
"""

import math
from dataclasses import dataclass

import numpy as np

from transforms.statistics.arrays import Bools, Codes, Floats, Ints, sums_by

MAX_STEPS = 50
SLOPE_TOLERANCE = 1e-10  # per event
LARGEST_LOG_HAZARD = 15.0  # per SD; beyond this the covariate separates events completely


@dataclass(frozen=True, slots=True)
class CoxFit:
    """Log hazard ratio per unit of the covariate, or the reason why there is none."""

    n: int
    n_events: int
    reason: str | None = None
    log_hazard_ratio: float | None = None
    se: float | None = None
    robust_se: float | None = None
    log_likelihood: float | None = None


@dataclass(frozen=True, slots=True)
class _Risk:
    """Rows sorted by time, and for every event its place among the events of its time."""

    covariate: Floats
    is_event: Bools
    time_index: Ints  # per row
    first_row: Ints  # per time
    event_time: Ints  # per event
    event_share: Floats  # per event: 0, 1/d, …, (d − 1)/d


def fit_cox(
    duration: Floats,
    is_event: Bools,
    covariate: Floats,
    clusters: Codes | None = None,
) -> CoxFit:
    """Fit one covariate.

    Parameters
    ----------
    duration : array
        Time to the event or to the last time the row was known to be at risk.
    is_event : array of bool
        True where the event ended the time.
    covariate : array
        Complete values; the result is per unit of it.
    clusters : array of int codes 0…G−1, optional
        Rows that belong together; gives ``robust_se``.
    """
    covariate = np.asarray(covariate, dtype=float)
    is_event = np.asarray(is_event, dtype=bool)
    n, n_events = len(covariate), int(is_event.sum())
    spread = float(covariate.std()) if n else 0.0
    if n_events < 2:
        return CoxFit(n, n_events, "fewer than 2 events")
    if spread <= 1e-12 * max(1.0, float(np.abs(covariate).max())):
        return CoxFit(n, n_events, "the covariate does not vary")

    order = np.argsort(duration, kind="stable")
    scaled = (covariate[order] - covariate.mean()) / spread
    risk = _risk_sets(np.asarray(duration)[order], is_event[order], scaled)
    beta = _newton(risk)
    if beta is None:
        return CoxFit(n, n_events, "the covariate separates the events completely")
    log_likelihood, _, information = _derivatives(risk, beta)
    robust_se = None
    if clusters is not None:
        sums = np.bincount(np.asarray(clusters)[order], weights=_score_residuals(risk, beta))
        robust_se = math.sqrt(float(sums @ sums)) / information / spread
    return CoxFit(
        n,
        n_events,
        None,
        beta / spread,
        1 / math.sqrt(information) / spread,
        robust_se,
        log_likelihood,
    )


def _risk_sets(duration: Floats, is_event: Bools, covariate: Floats) -> _Risk:
    _, first_row, time_index = np.unique(duration, return_index=True, return_inverse=True)
    event_time = time_index[is_event]
    counts = np.bincount(event_time, minlength=len(first_row))
    starts = np.cumsum(counts) - counts
    place = np.arange(len(event_time)) - starts[event_time]
    return _Risk(covariate, is_event, time_index, first_row, event_time, place / counts[event_time])


def _risk_sums(risk: _Risk, weights: Floats) -> Floats:
    """Return, per event, the sum over the risk set less Efron's share of the tied events."""
    at_risk = np.cumsum(weights[::-1])[::-1][risk.first_row]
    tied = np.bincount(
        risk.event_time, weights=weights[risk.is_event], minlength=len(risk.first_row)
    )
    return at_risk[risk.event_time] - risk.event_share * tied[risk.event_time]


def _derivatives(risk: _Risk, beta: float) -> tuple[float, float, float]:
    """Return log partial likelihood, score and information at ``beta``."""
    hazard = np.exp(risk.covariate * beta)
    zero = _risk_sums(risk, hazard)
    mean = _risk_sums(risk, hazard * risk.covariate) / zero
    square = _risk_sums(risk, hazard * risk.covariate**2) / zero
    events = risk.covariate[risk.is_event]
    log_likelihood = float(events.sum() * beta - np.log(zero).sum())
    return log_likelihood, float(events.sum() - mean.sum()), float((square - mean**2).sum())


def _newton(risk: _Risk) -> float | None:
    """Return the best coefficient; None when the likelihood rises without end."""
    beta, n_events = 0.0, len(risk.event_time)
    current, slope, information = _derivatives(risk, beta)
    for _ in range(MAX_STEPS):
        if abs(slope) <= SLOPE_TOLERANCE * n_events:
            return beta
        if information <= 1e-9 * n_events:
            return None
        step = slope / information
        for _ in range(30):
            candidate = _derivatives(risk, beta + step)
            if candidate[0] >= current - 1e-9 * abs(current):
                break
            step /= 2
        beta, (current, slope, information) = beta + step, candidate
        if abs(beta) > LARGEST_LOG_HAZARD:
            return None
    return None


def _score_residuals(risk: _Risk, beta: float) -> Floats:
    """Return each row's contribution to the score (Efron ties), in the order of the rows."""
    hazard = np.exp(risk.covariate * beta)
    zero = _risk_sums(risk, hazard)
    mean = _risk_sums(risk, hazard * risk.covariate) / zero
    n_times = len(risk.first_row)

    def per_time(weights: Floats) -> Floats:
        return sums_by(risk.event_time, weights, n_times)

    increment, weighted = per_time(1 / zero), per_time(mean / zero)
    own, own_weighted = per_time(risk.event_share / zero), per_time(risk.event_share * mean / zero)
    hazard_sum = np.cumsum(increment)[risk.time_index]
    mean_sum = np.cumsum(weighted)[risk.time_index]
    residuals: Floats = -hazard * (risk.covariate * hazard_sum - mean_sum)

    counts = np.bincount(risk.event_time, minlength=n_times)
    mean_at_time = per_time(mean) / np.where(counts > 0, counts, 1)
    at = risk.time_index[risk.is_event]
    events = risk.covariate[risk.is_event]
    residuals[risk.is_event] += events - mean_at_time[at]
    residuals[risk.is_event] += hazard[risk.is_event] * (events * own[at] - own_weighted[at])
    return residuals
