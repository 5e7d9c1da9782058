"""Random-intercept logistic regression by adaptive Gauss–Hermite quadrature.

The model is ``logit P(y = 1) = Xβ + u[group]``, ``u ~ N(0, σ²)``, fitted by maximum likelihood as
lme4's ``glmer(nAGQ = 15)`` does; :mod:`transforms.statistics.logistic_quadrature` has the integral.
β is found by Newton's method at each σ (the likelihood is log-concave in β), σ by Newton's method
on the profile, kept inside a bracket.

Without client-level predictors the data are one binomial count per group; rows with equal
group and predictors may be combined, ``n_trials`` says how many clients a row stands for.

The intraclass correlation is on the latent scale: σ² / (σ² + π²/3), 0 to 1 (Nakagawa &
Schielzeth 2010, doi:10.1111/j.1469-185X.2010.00141.x).

Checked against glmer (tests/reference/common_factors/answers.R); where ``glmer`` stops, its own
optimizer leaves σ uncertain in the fourth digit, which is the tolerance of the test.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from transforms.statistics.arrays import Floats
from transforms.statistics.estimate import Estimate
from transforms.statistics.logistic_quadrature import BinomialRows, Point, likelihood_at
from transforms.statistics.profile_likelihood import deviance_drop

LARGEST_SD = 12.0  # on the logit scale; beyond it groups are all-or-nothing
LARGEST_EFFECT = 15.0  # logits; a coefficient per SD beyond it separates the events
FIXED_STEP = 1e-7  # logits per SD; the likelihood is flat there, so its error is that squared
SMALLEST_SD = 1e-3
SD_TOLERANCE = 1e-8
LATENT_RESIDUAL = math.pi**2 / 3


@dataclass(frozen=True)
class LogisticFitted:
    """Coefficients in logits and the SD between groups."""

    names: tuple[str, ...]
    n_clients: int
    n_groups: int
    fixed: Floats
    sd_group: float
    log_likelihood: float
    is_estimated: ClassVar[Literal[True]] = True
    reason: ClassVar[None] = None

    @property
    def icc(self) -> float:
        """Latent-scale share of the variance that lies between groups (0 to 1)."""
        return latent_icc(self.sd_group)


@dataclass(frozen=True)
class LogisticNotFitted:
    """The reason why there are no coefficients; every number is None."""

    names: tuple[str, ...]
    n_clients: int
    n_groups: int
    reason: str
    is_estimated: ClassVar[Literal[False]] = False
    fixed: ClassVar[None] = None
    sd_group: ClassVar[None] = None
    icc: ClassVar[None] = None
    log_likelihood: ClassVar[None] = None


LogisticFit = LogisticFitted | LogisticNotFitted


def latent_icc(sd_group: float) -> float:
    """Return σ²/(σ² + π²/3)."""
    return sd_group**2 / (sd_group**2 + LATENT_RESIDUAL)


class _Profile:
    """The likelihood along σ, β at its best; each point starts from the one before."""

    def __init__(self, rows: BinomialRows, fixed: Floats) -> None:
        self._rows, self._fixed, self._sd = rows, fixed, 0.0
        self._last: Point | None = None

    def at(self, sd: float) -> tuple[Floats, Point] | None:
        """Return β and the likelihood at one σ; None where β has no finite best value."""
        start = self._fixed
        if self._last is not None:
            start = start + (sd - self._sd) * self._last.shift_per_sd
        found = _best_fixed(self._rows, sd, start, self._last)
        if found is not None:
            self._fixed, self._last, self._sd = *found, sd
        return found


def fit_logistic_intercept(rows: BinomialRows) -> LogisticFit:
    """Fit by maximum likelihood (as ``glmer``, there is no REML here).

    Returns
    -------
    LogisticFit
        :class:`LogisticNotFitted`, with a reason, where the data cannot carry the model: nobody or
        everybody has the event, fewer than two groups, a predictor separates the events.
    """
    described = (rows.names, rows.n_clients, rows.n_groups)
    if reason := why_not_estimable(rows):
        return LogisticNotFitted(*described, reason)
    profile = _Profile(rows, np.zeros(rows.design.shape[1]))
    if profile.at(0.0) is None:
        return LogisticNotFitted(*described, "a predictor separates the events completely")
    sd = _best_sd(profile)
    if sd is None:
        return LogisticNotFitted(*described, "the groups separate the events completely")
    found = profile.at(sd)
    if found is None:
        return LogisticNotFitted(*described, "a predictor separates the events completely")
    fixed, point = found
    return LogisticFitted(*described, fixed, sd, point.log_likelihood)


def icc_interval_of(fit: LogisticFit, rows: BinomialRows, *, level: float = 0.95) -> Estimate:
    """Return the interval of a fit that is already there."""
    n = rows.n_clients
    if not fit.is_estimated:
        return Estimate.missing(fit.reason, n, level)
    limit = fit.log_likelihood - deviance_drop(level) / 2
    profile = _Profile(rows, fit.fixed)
    best = profile.at(fit.sd_group)
    reach = _reach(best[1] if best else None, level)

    def excess(sd: float) -> tuple[float, float]:
        found = profile.at(sd)
        if found is None:
            return math.inf, math.nan
        return limit - found[1].log_likelihood, -found[1].sd_score

    low = 0.0
    if fit.sd_group > 0 and excess(0.0)[0] > 0:
        low = _root(excess, fit.sd_group, 0.0, max(fit.sd_group - reach, fit.sd_group / 4))
    inside, high = fit.sd_group, fit.sd_group + 1.5 * max(reach, 0.1)
    while excess(high)[0] <= 0:
        inside, high = high, 2 * high
        if high > LARGEST_SD:
            return Estimate.missing("the interval has no upper end", n, level)
    high = _root(excess, inside, high, min(max(fit.sd_group + reach, inside), high))
    return Estimate(fit.icc, latent_icc(low), latent_icc(high), level, n)


def _reach(best: Point | None, level: float) -> float:
    """Return how far a quadratic likelihood would put the ends from σ; a place to begin."""
    if best is None or not best.profile_curvature < 0:
        return 0.1
    return min(math.sqrt(deviance_drop(level) / -best.profile_curvature), 2.0)


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


def _best_sd(profile: _Profile) -> float | None:
    """Return the σ with the highest likelihood; None if it has no upper end."""

    def slope(sd: float) -> tuple[float, float]:
        found = profile.at(sd)
        if found is None:
            return -1.0, math.nan
        return found[1].sd_score, found[1].profile_curvature

    # The likelihood is even in σ: a minimum or a maximum at zero, told apart just above it.
    if slope(SMALLEST_SD)[0] <= 0:
        return 0.0
    low, high = SMALLEST_SD, 0.2
    while slope(high)[0] > 0:
        low, high = high, 2 * high
        if high > LARGEST_SD:
            return None

    def falling(sd: float) -> tuple[float, float]:
        value, curvature = slope(sd)
        return -value, -curvature

    return _root(falling, low, high, (low + high) / 2)


def _root(
    function: Callable[[float], tuple[float, float]], below: float, above: float, start: float
) -> float:
    """Return where ``function`` (value, slope) is 0: below 0 at ``below``, above 0 at ``above``.

    Newton's steps; the middle of what is left where a step leaves it.
    """
    x = start
    for _ in range(100):
        value, slope = function(x)
        if value > 0:
            above = x
        else:
            below = x
        step = x - value / slope if slope and math.isfinite(value + slope) else math.nan
        if not min(below, above) < step < max(below, above):
            step = (below + above) / 2
        if abs(step - x) < SD_TOLERANCE or abs(above - below) < SD_TOLERANCE:
            return step
        x = step
    return x


def _best_fixed(
    rows: BinomialRows, sd: float, start: Floats, known: Point | None
) -> tuple[Floats, Point] | None:
    """Return β and the likelihood at one σ; None where β has no finite best value."""
    scale = np.sqrt((rows.design**2 * rows.n_trials[:, None]).sum(axis=0) / rows.n_clients)
    fixed, found = start, likelihood_at(rows, start, sd, None if known is None else known.modes)
    for _ in range(60):
        step = np.linalg.solve(found.information, found.score)
        if np.abs(step * scale).max() < FIXED_STEP:
            return fixed, found
        for _ in range(25):
            candidate = likelihood_at(rows, fixed + step, sd, found.modes)
            if candidate.log_likelihood >= found.log_likelihood - 1e-10:
                break
            step = step / 2
        fixed, found = fixed + step, candidate
        if np.abs(fixed * scale).max() > LARGEST_EFFECT:
            return None
    return fixed, found
