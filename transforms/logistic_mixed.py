"""Random-intercept logistic regression by adaptive Gauss–Hermite quadrature.

The model is ``logit P(y = 1) = Xβ + u[group]``, ``u ~ N(0, σ²)``. Each group's integral over u
is taken at nodes around that group's own mode, scaled by its curvature (Pinheiro & Bates 1995,
doi:10.1080/10618600.1995.10474663), as lme4's ``glmer(nAGQ = 15)`` does.

Without client-level predictors the data are one binomial count per group; rows with equal
group and predictors may be combined, ``n_trials`` says how many clients a row stands for.

The intraclass correlation is on the latent scale: σ² / (σ² + π²/3), 0 to 1 (Nakagawa &
Schielzeth 2010, doi:10.1111/j.1469-185X.2010.00141.x).

Checked against glmer (tests/reference/logistic.R); where ``glmer`` stops, its own optimizer
leaves σ uncertain in the fourth digit, which is the tolerance of the test.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.optimize import brentq

from transforms.estimates import Estimate
from transforms.profile_likelihood import deviance_drop

N_NODES = 15
LARGEST_SD = 12.0  # on the logit scale; beyond it groups are all-or-nothing
LARGEST_EFFECT = 15.0  # logits; a coefficient per SD beyond it separates the events
PROFILE_STEP = 1e-6  # logits per SD; the profile is flat in them, so its error is that squared
LATENT_RESIDUAL = math.pi**2 / 3
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(N_NODES)
_LOG_WEIGHTS = np.log(_WEIGHTS) + _NODES**2 / 2 - 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class BinomialRows:
    """Events of ``n_trials`` in rows of equal predictors; ``groups`` are codes 0…G−1."""

    groups: np.ndarray
    design: np.ndarray
    n_events: np.ndarray
    n_trials: np.ndarray
    names: tuple[str, ...]

    @classmethod
    def from_rows(
        cls, groups: np.ndarray, design: np.ndarray, outcome: np.ndarray, names: tuple[str, ...]
    ) -> "BinomialRows":
        """Take one row per client (outcome 0 or 1), combining equal rows."""
        design = np.asarray(design, dtype=float)
        keys, codes = (
            np.unique(np.column_stack([groups, design]), axis=0, return_inverse=True)
            if len(groups)
            else (np.zeros((0, design.shape[1] + 1)), np.zeros(0, dtype=int))
        )
        codes = codes.ravel()
        events = np.bincount(codes, weights=outcome, minlength=len(keys))
        trials = np.bincount(codes, minlength=len(keys)).astype(float)
        return cls(keys[:, 0].astype(int), keys[:, 1:], events, trials, tuple(names))

    @property
    def n_clients(self) -> int:
        return int(self.n_trials.sum())

    @cached_property
    def n_groups(self) -> int:
        return int(self.groups.max()) + 1 if len(self.groups) else 0

    def by_group(self, values: np.ndarray) -> np.ndarray:
        """Return the sums per group."""
        return np.bincount(self.groups, weights=values, minlength=self.n_groups)


@dataclass(frozen=True)
class LogisticFit:
    """Coefficients in logits, the SD between groups, or the reason why there are none."""

    names: tuple[str, ...]
    n_clients: int
    n_groups: int
    reason: str | None = None
    fixed: np.ndarray | None = None
    sd_group: float | None = None
    log_likelihood: float | None = None

    @property
    def is_estimated(self) -> bool:
        return self.reason is None

    @property
    def icc(self) -> float | None:
        """Latent-scale share of the variance that lies between groups (0 to 1)."""
        return None if self.sd_group is None else latent_icc(self.sd_group)


@dataclass(frozen=True)
class _Point:
    """Likelihood at (β, σ): its value, β's score and information, σ's score."""

    log_likelihood: float
    score: np.ndarray
    information: np.ndarray
    sd_score: float
    modes: np.ndarray


def latent_icc(sd_group: float) -> float:
    """Return σ²/(σ² + π²/3)."""
    return sd_group**2 / (sd_group**2 + LATENT_RESIDUAL)


def fit_logistic_intercept(rows: BinomialRows) -> LogisticFit:
    """Fit by maximum likelihood (as ``glmer``, there is no REML here).

    Returns
    -------
    LogisticFit
        Without numbers and with a reason where the data cannot carry the model: nobody or
        everybody has the event, fewer than two groups, a predictor separates the events.
    """
    blank = LogisticFit(rows.names, rows.n_clients, rows.n_groups)
    if reason := why_not_estimable(rows):
        return replace(blank, reason=reason)
    at_zero = _best_fixed(rows, 0.0, np.zeros(rows.design.shape[1]))
    if at_zero is None:
        return replace(blank, reason="a predictor separates the events completely")
    sd = _best_sd(rows, at_zero[0])
    if sd is None:
        return replace(blank, reason="the groups separate the events completely")
    found = _best_fixed(rows, sd, at_zero[0])
    if found is None:
        return replace(blank, reason="a predictor separates the events completely")
    fixed, log_likelihood = found
    return replace(blank, fixed=fixed, sd_group=sd, log_likelihood=log_likelihood)


def logistic_icc_interval(rows: BinomialRows, *, level: float = 0.95) -> Estimate:
    """Return the latent intraclass correlation with its profile-likelihood interval.

    The lower end is 0 where a model without group differences is not rejected.
    """
    return icc_interval_of(fit_logistic_intercept(rows), rows, level=level)


def icc_interval_of(fit: LogisticFit, rows: BinomialRows, *, level: float = 0.95) -> Estimate:
    """Return the interval of a fit that is already there."""
    n = rows.n_clients
    if not fit.is_estimated:
        return Estimate.missing(fit.reason, n, level)
    limit = fit.log_likelihood - deviance_drop(level) / 2
    fixed = fit.fixed

    def excess(sd: float) -> float:
        nonlocal fixed
        found = _best_fixed(rows, sd, fixed, PROFILE_STEP)
        if found is None:
            return math.inf
        fixed = found[0]  # a good start for the next one
        return limit - found[1]

    low = 0.0
    if fit.sd_group > 0 and excess(0.0) > 0:
        low = float(brentq(excess, 0.0, fit.sd_group, xtol=1e-6))
    high = max(2 * fit.sd_group, 0.25)
    while excess(high) <= 0:
        high *= 2
        if high > LARGEST_SD:
            return Estimate.missing("the interval has no upper end", n, level)
    high = float(brentq(excess, fit.sd_group, high, xtol=1e-6))
    return Estimate(fit.icc, latent_icc(low), latent_icc(high), level, n)


def why_not_estimable(rows: BinomialRows) -> str | None:
    """Return why the rows cannot carry the model, or None when they can."""
    n, n_events = rows.n_clients, float(rows.n_events.sum())
    if n == 0:
        return "no complete rows"
    if not (np.isfinite(rows.design).all() and np.isfinite(rows.n_events).all()):
        return "a value is not a finite number"
    if (rows.by_group(rows.n_trials) > 0).sum() < 2:
        return "fewer than 2 groups"
    if n_events in (0, n):
        return "everybody has the same outcome"
    if rows.by_group(rows.n_trials).max() < 2:
        return "no group has 2 clients"
    if min(n_events, n - n_events) <= rows.design.shape[1]:
        return "fewer events than the model needs"
    gram = rows.design.T @ (rows.design * rows.n_trials[:, None])
    scale = np.sqrt(np.diag(gram))
    if (scale == 0).any() or np.linalg.eigvalsh(gram / np.outer(scale, scale))[0] < 1e-10:
        return "the predictors determine each other"
    return None


def _best_sd(rows: BinomialRows, fixed: np.ndarray) -> float | None:
    """Return the σ with the highest likelihood; None if it has no upper end."""

    def slope(sd: float) -> float:
        nonlocal fixed
        found = _best_fixed(rows, sd, fixed, PROFILE_STEP)
        if found is None:
            return -1.0
        fixed = found[0]  # a good start for the next one
        return _at(rows, fixed, sd).sd_score

    # The likelihood is even in σ: a minimum or a maximum at zero, told apart just above it.
    smallest, high = 1e-3, 0.1
    if slope(smallest) <= 0:
        return 0.0
    while slope(high) > 0:
        high *= 2
        if high > LARGEST_SD:
            return None
    return float(brentq(slope, smallest, high, xtol=1e-8))


def _best_fixed(
    rows: BinomialRows, sd: float, start: np.ndarray, smallest_step: float = 1e-9
) -> tuple[np.ndarray, float] | None:
    """Return β and the log likelihood at one σ; None where β has no finite best value."""
    scale = np.sqrt((rows.design**2 * rows.n_trials[:, None]).sum(axis=0) / rows.n_clients)
    fixed, found = start, _at(rows, start, sd)
    for _ in range(60):
        step = np.linalg.solve(found.information, found.score)
        if np.abs(step * scale).max() < smallest_step:
            return fixed, found.log_likelihood
        for _ in range(25):
            candidate = _at(rows, fixed + step, sd, found.modes)
            if candidate.log_likelihood >= found.log_likelihood - 1e-10:
                break
            step = step / 2
        fixed, found = fixed + step, candidate
        if np.abs(fixed * scale).max() > LARGEST_EFFECT:
            return None
    return fixed, found.log_likelihood


def _at(
    rows: BinomialRows, fixed: np.ndarray, sd: float, start: np.ndarray | None = None
) -> _Point:
    """Evaluate the marginal likelihood with u = σ·z, z standard normal."""
    linear = rows.design @ fixed
    if sd == 0:
        return _pooled(rows, linear)
    modes, curvature = _modes(rows, linear, sd, start)
    width = 1 / np.sqrt(curvature)
    z = modes[:, None] + width[:, None] * _NODES  # (G, Q)
    eta = linear[:, None] + sd * z[rows.groups]
    chance = _logistic(eta)
    log_row = rows.n_events[:, None] * eta - rows.n_trials[:, None] * np.logaddexp(0, eta)
    log_group = _sum_by_group(rows, log_row)
    log_node = log_group - z**2 / 2 + _LOG_WEIGHTS + np.log(width)[:, None]
    top = log_node.max(axis=1, keepdims=True)
    shares = np.exp(log_node - top)
    total = shares.sum(axis=1, keepdims=True)
    shares /= total
    log_likelihood = float((top + np.log(total)).sum())

    at_row = shares[rows.groups]
    residual = rows.n_events[:, None] - rows.n_trials[:, None] * chance
    score = rows.design.T @ (at_row * residual).sum(axis=1)
    sd_score = float((at_row * residual * z[rows.groups]).sum())
    weight = rows.n_trials * (at_row * chance * (1 - chance)).sum(axis=1)
    return _Point(log_likelihood, score, _information(rows, weight, sd), sd_score, modes)


def _pooled(rows: BinomialRows, linear: np.ndarray) -> _Point:
    chance = _logistic(linear)
    log_likelihood = rows.n_events @ linear - rows.n_trials @ np.logaddexp(0, linear)
    score = rows.design.T @ (rows.n_events - rows.n_trials * chance)
    weight = rows.n_trials * chance * (1 - chance)
    zeros = np.zeros(rows.n_groups)
    return _Point(float(log_likelihood), score, _information(rows, weight, 0.0), 0.0, zeros)


def _information(rows: BinomialRows, weight: np.ndarray, sd: float) -> np.ndarray:
    """Return X'(W⁻¹ + σ²ZZ')⁻¹X, the information with the groups' effects integrated out."""
    weighted = rows.design * weight[:, None]
    sums = np.stack([rows.by_group(column) for column in weighted.T], axis=1)
    shrink = sd**2 / (1 + sd**2 * rows.by_group(weight))
    information = rows.design.T @ weighted - (sums * shrink[:, None]).T @ sums
    return information + 1e-12 * np.eye(len(information))


def _modes(
    rows: BinomialRows, linear: np.ndarray, sd: float, start: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return each group's most likely z and the curvature there."""
    z = np.zeros(rows.n_groups) if start is None else start
    curvature = np.ones(rows.n_groups)
    for _ in range(60):
        chance = _logistic(linear + sd * z[rows.groups])
        slope = sd * rows.by_group(rows.n_events - rows.n_trials * chance) - z
        curvature = 1 + sd**2 * rows.by_group(rows.n_trials * chance * (1 - chance))
        step = np.clip(slope / curvature, -1.0, 1.0)
        if np.abs(step).max() < 1e-10:
            break
        z = z + step
    return z, curvature


def _sum_by_group(rows: BinomialRows, matrix: np.ndarray) -> np.ndarray:
    # Rows are sorted by group, so a running reduction beats one bincount per node.
    starts = np.searchsorted(rows.groups, np.arange(rows.n_groups))
    return np.add.reduceat(matrix, starts, axis=0)


def _logistic(eta: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(eta / 2))
