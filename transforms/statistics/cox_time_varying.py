"""Cox regression on counting-process rows (start, stop], several covariates, ties after Efron.

For covariates that change from session to session: one row per client and stretch of time,
the covariate known at its start. A client enters the risk set of time t with the row for which
start < t ≤ stop. :mod:`transforms.statistics.cox` does the same for one covariate that does not
change.

Checked against R survival 3.5-3, ``coxph(Surv(start, stop, event) ~ …, cluster = …)`` with
``ties = "efron"`` (tests/reference/cox_sessions.R).
"""

import math
from dataclasses import dataclass

import numpy as np

from transforms.statistics.arrays import Bools, Codes, Floats, Ints, sums_by
from transforms.statistics.estimate import Estimate, two_sided_t, two_sided_z

MAX_STEPS = 50
SCORE_TOLERANCE = 1e-10  # per event
LARGEST_LOG_HAZARD = 15.0  # per SD; beyond this a covariate separates the events
LARGEST_EXPONENT = 700.0  # a ratio beyond exp of it is no number


@dataclass(frozen=True, slots=True)
class SessionCoxFit:
    """Log hazard ratios per unit of each covariate, or the reason why there are none."""

    n_rows: int
    n_events: int
    reason: str | None = None
    log_hazard_ratios: Floats | None = None
    covariance: Floats | None = None
    robust_covariance: Floats | None = None
    n_clusters: int = 0
    log_likelihood: float | None = None

    def hazard_ratio(self, position: int, *, times: float = 1.0, level: float = 0.95) -> Estimate:
        """Return exp(times·β) with the cluster-robust interval: G/(G − 1), t with G − 1 freedom.

        Without clusters the model's own standard error is used.
        """
        if self.reason:
            return Estimate.missing(self.reason, self.n_rows, level)
        covariance, factor, quantile = self.covariance, 1.0, two_sided_z(level)
        if self.robust_covariance is not None:
            if self.n_clusters < 2:
                return Estimate.missing("fewer than 2 therapists", self.n_rows, level)
            covariance = self.robust_covariance
            factor = self.n_clusters / (self.n_clusters - 1)
            quantile = two_sided_t(self.n_clusters - 1, level)
        if self.log_hazard_ratios is None or covariance is None:
            raise ValueError("a fit without a reason has ratios and their covariance")
        value = float(self.log_hazard_ratios[position])
        half_width = quantile * math.sqrt(factor * float(covariance[position, position]))
        if abs(times) * (abs(value) + half_width) > LARGEST_EXPONENT:
            return Estimate.missing("the standard error cannot be estimated", self.n_rows, level)
        ends = sorted(math.exp(times * (value + side * half_width)) for side in (-1, 1))
        return Estimate(math.exp(times * value), ends[0], ends[1], level, self.n_rows)


@dataclass(frozen=True, slots=True)
class _Risk:
    covariates: Floats  # (N, p), standardized
    is_event: Bools
    event_times: Floats  # distinct, ascending
    first_event: Ints  # per row: first event time after start
    last_event: Ints  # per row: one past the last event time up to stop
    at: Ints  # per event: position of its time
    share: Floats  # per event: 0, 1/d, …, (d − 1)/d

    def at_risk(self, values: Floats) -> Floats:
        """Return the sums over the risk set of every event time."""
        n_places = len(self.event_times) + 1
        entered = _sums_by(self.first_event, values, n_places)
        left = _sums_by(self.last_event, values, n_places)
        return np.cumsum(entered - left, axis=0)[:-1]

    def tied(self, values: Floats) -> Floats:
        """Return the sums over the events of every event time."""
        return _sums_by(self.at, values[self.is_event], len(self.event_times))


def _sums_by(codes: Ints, values: Floats, n_codes: int) -> Floats:
    """Return the sums of the rows of ``values`` per code; bincount is far faster than add.at."""
    columns = values.reshape(len(values), math.prod(values.shape[1:])).T
    sums = [sums_by(codes, column, n_codes) for column in columns]
    return np.stack(sums, axis=-1).reshape(n_codes, *values.shape[1:])


def fit_session_cox(
    start: Floats,
    stop: Floats,
    is_event: Bools,
    covariates: Floats,
    clusters: Codes | None = None,
) -> SessionCoxFit:
    """Fit all covariates together.

    Parameters
    ----------
    start, stop : arrays (N,)
        The row is at risk after ``start`` up to and including ``stop``.
    is_event : bool array (N,)
        True where the client left at ``stop``.
    covariates : array (N, p)
        Complete values, known at ``start``.
    clusters : array (N,), optional
        Rows that belong together (therapist); gives ``robust_covariance``.
    """
    covariates = np.atleast_2d(np.asarray(covariates, dtype=float))
    is_event = np.asarray(is_event, dtype=bool)
    n, n_events = len(is_event), int(is_event.sum())
    if n_events < 2:
        return SessionCoxFit(n, n_events, "fewer than 2 events")
    spread = covariates.std(axis=0)
    if (spread <= 1e-12 * np.maximum(1.0, np.abs(covariates).max(axis=0))).any():
        return SessionCoxFit(n, n_events, "a covariate does not vary")
    scaled = (covariates - covariates.mean(axis=0)) / spread
    if np.linalg.eigvalsh(scaled.T @ scaled / n)[0] < 1e-10:
        return SessionCoxFit(n, n_events, "the covariates determine each other")
    risk = _risk_sets(np.asarray(start, float), np.asarray(stop, float), is_event, scaled)
    beta = _newton(risk)
    if beta is None:
        return SessionCoxFit(n, n_events, "a covariate separates the events completely")
    log_likelihood, _, information = _derivatives(risk, beta)
    inverse = np.linalg.inv(information) / np.outer(spread, spread)
    robust, n_clusters = None, 0
    if clusters is not None:
        _, codes = np.unique(clusters, return_inverse=True)
        n_clusters = int(codes.max()) + 1
        sums = _sums_by(codes, _score_residuals(risk, beta) * spread, n_clusters)
        robust = inverse @ (sums.T @ sums) @ inverse
    return SessionCoxFit(
        n, n_events, None, beta / spread, inverse, robust, n_clusters, log_likelihood
    )


def strata_apart(
    start: np.ndarray, stop: np.ndarray, strata: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the times of each stratum moved past those of the one before.

    No row is then at risk at an event of another stratum: the fit is the stratified one, each
    stratum with a baseline hazard of its own. Rows of one stratum stay where they are.
    """
    _, codes = np.unique(strata, return_inverse=True)
    length = float(stop.max() - start.min()) + 1 if len(stop) else 0.0
    return start + length * codes, stop + length * codes


def _risk_sets(
    start: np.ndarray, stop: np.ndarray, is_event: np.ndarray, covariates: np.ndarray
) -> _Risk:
    times = np.unique(stop[is_event])
    at = np.searchsorted(times, stop[is_event])
    counts = np.bincount(at, minlength=len(times))
    order = np.argsort(at, kind="stable")
    place = np.empty(len(at))
    place[order] = np.arange(len(at)) - np.repeat(np.cumsum(counts) - counts, counts)
    return _Risk(
        covariates,
        is_event,
        times,
        np.searchsorted(times, start, side="right"),
        np.searchsorted(times, stop, side="right"),
        at,
        place / counts[at],
    )


def _moments(risk: _Risk, beta: Floats) -> tuple[Floats, Floats, Floats]:
    """Return, per event, Σh, mean x, and the weights h of all rows."""
    hazard = np.exp(np.clip(risk.covariates @ beta, -500, 500))
    weighted = hazard[:, None] * np.column_stack([np.ones(len(hazard)), risk.covariates])
    sums = risk.at_risk(weighted)[risk.at] - risk.share[:, None] * risk.tied(weighted)[risk.at]
    return sums[:, 0], sums[:, 1:] / sums[:, :1], hazard


def _derivatives(risk: _Risk, beta: Floats) -> tuple[float, Floats, Floats]:
    """Return log partial likelihood, score and information at ``beta``."""
    zero, mean, hazard = _moments(risk, beta)
    x = risk.covariates
    squares = hazard[:, None, None] * x[:, :, None] * x[:, None, :]
    second = (
        risk.at_risk(squares)[risk.at] - risk.share[:, None, None] * risk.tied(squares)[risk.at]
    )
    information = (second / zero[:, None, None] - mean[:, :, None] * mean[:, None, :]).sum(axis=0)
    events = x[risk.is_event]
    log_likelihood = float((events @ beta).sum() - np.log(zero).sum())
    return log_likelihood, events.sum(axis=0) - mean.sum(axis=0), information


def _newton(risk: _Risk) -> Floats | None:
    """Return the best coefficients; None when the likelihood rises without end."""
    beta, n_events = np.zeros(risk.covariates.shape[1]), len(risk.at)
    current, score, information = _derivatives(risk, beta)
    for _ in range(MAX_STEPS):
        if np.abs(score).max() <= SCORE_TOLERANCE * n_events:
            return beta
        if np.linalg.eigvalsh(information)[0] <= 1e-9 * n_events:
            return None
        step = np.linalg.solve(information, score)
        for _ in range(30):
            candidate = _derivatives(risk, beta + step)
            if candidate[0] >= current - 1e-9 * abs(current):
                break
            step = step / 2
        beta, (current, score, information) = beta + step, candidate
        if np.abs(beta).max() > LARGEST_LOG_HAZARD:
            return None
    return None


def _score_residuals(risk: _Risk, beta: Floats) -> Floats:
    """Return each row's contribution to the score, ties shared out after Efron."""
    zero, mean, hazard = _moments(risk, beta)
    n_times, x = len(risk.event_times), risk.covariates

    def per_time(values: Floats) -> Floats:
        return _sums_by(risk.at, values, n_times)

    steps, weighted = per_time(1 / zero), per_time(mean / zero[:, None])
    own = per_time(risk.share / zero)
    own_weighted = per_time(risk.share[:, None] * mean / zero[:, None])
    steps_up_to = np.concatenate([[0.0], np.cumsum(steps)])
    means_up_to = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(weighted, axis=0)])
    hazard_sum = steps_up_to[risk.last_event] - steps_up_to[risk.first_event]
    mean_sum = means_up_to[risk.last_event] - means_up_to[risk.first_event]
    residuals: Floats = -hazard[:, None] * (x * hazard_sum[:, None] - mean_sum)

    mean_at_time = per_time(mean) / np.bincount(risk.at, minlength=n_times)[:, None]
    events, at = x[risk.is_event], risk.at
    residuals[risk.is_event] += events - mean_at_time[at]
    residuals[risk.is_event] += hazard[risk.is_event, None] * (
        events * own[at][:, None] - own_weighted[at]
    )
    return residuals
