"""The marginal likelihood of a random-intercept logistic model, its slopes and its curvature.

Each group's integral over its intercept u = σz is taken at nodes around that group's own mode,
scaled by its curvature (adaptive Gauss–Hermite quadrature; Pinheiro & Bates 1995,
doi:10.1080/10618600.1995.10474663). Slopes and curvature are those of the integral: with ℓ the
log likelihood given z, the score is E[∂ℓ] and the curvature E[∂²ℓ] + Var(∂ℓ), both over z given the
data (Louis 1982).
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from transforms.statistics.arrays import Floats, Ints, sums_by

N_NODES = 15
ROWS_AT_ONCE = 1024  # times nodes: what stays in the processor's cache
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(N_NODES)
_LOG_WEIGHTS = np.log(_WEIGHTS) + _NODES**2 / 2 - 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class BinomialRows:
    """Events of ``n_trials`` in rows of equal predictors; ``groups`` are codes 0…G−1."""

    groups: Ints
    design: Floats
    n_events: Floats
    n_trials: Floats
    names: tuple[str, ...]

    @classmethod
    def from_rows(
        cls, groups: Ints, design: Floats, outcome: Floats, names: tuple[str, ...]
    ) -> "BinomialRows":
        """Take one row per client (outcome 0 or 1), combining equal rows."""
        design = np.asarray(design, dtype=float)
        keys, codes = (
            np.unique(np.column_stack([groups, design]), axis=0, return_inverse=True)
            if len(groups)
            else (np.zeros((0, design.shape[1] + 1)), np.zeros(0, dtype=int))
        )
        codes = codes.ravel()
        events = sums_by(codes, outcome, len(keys))
        trials = np.bincount(codes, minlength=len(keys)).astype(float)
        return cls(keys[:, 0].astype(int), keys[:, 1:], events, trials, tuple(names))

    @property
    def n_clients(self) -> int:
        return int(self.n_trials.sum())

    @cached_property
    def n_groups(self) -> int:
        return int(self.groups.max()) + 1 if len(self.groups) else 0

    @cached_property
    def first_rows(self) -> Ints:
        """Where each group begins; the rows are sorted by group."""
        return np.searchsorted(self.groups, np.arange(self.n_groups))

    @cached_property
    def blocks(self) -> "list[tuple[BinomialRows, slice, slice]]":
        """Runs of whole groups that fit the processor's cache, with their rows and groups."""
        found, first = [], 0
        ends = np.append(self.first_rows[1:], len(self.groups))
        while first < self.n_groups:
            start = self.first_rows[first]
            last = max(first + 1, int(np.searchsorted(ends, start + ROWS_AT_ONCE, side="right")))
            taken = slice(int(start), int(ends[last - 1]))
            groups = self.groups[taken] - first
            part = BinomialRows(
                groups, self.design[taken], self.n_events[taken], self.n_trials[taken], self.names
            )
            found.append((part, taken, slice(first, last)))
            first = last
        return found

    def by_group(self, values: Floats) -> Floats:
        """Return the sums per group."""
        return sums_by(self.groups, values, self.n_groups)


@dataclass(frozen=True)
class Point:
    """The log likelihood at (β, σ): value, score and information (minus the curvature).

    ``information`` is (p, p) of β; ``cross`` (p,) of β with σ; ``sd_information`` of σ.
    """

    log_likelihood: float
    score: Floats
    information: Floats
    sd_score: float
    cross: Floats
    sd_information: float
    modes: Floats

    @property
    def profile_curvature(self) -> float:
        """Second derivative along σ when β follows as its best value."""
        return float(self.cross @ np.linalg.solve(self.information, self.cross)) - (
            self.sd_information
        )

    @property
    def shift_per_sd(self) -> Floats:
        """How the best β moves with σ."""
        return -np.linalg.solve(self.information, self.cross)


def likelihood_at(
    rows: BinomialRows, fixed: Floats, sd: float, start: Floats | None = None
) -> Point:
    """Evaluate the marginal likelihood; ``start`` are modes to search from."""
    linear = rows.design @ fixed
    if sd == 0:
        return _pooled(rows, linear)
    modes, curvature = _modes(rows, linear, sd, start)
    size = len(fixed) + 1  # β and σ
    log_likelihood, score, information = 0.0, np.zeros(size), np.zeros((size, size))
    for part, of_rows, of_groups in rows.blocks:
        found = _integrate(part, linear[of_rows], sd, modes[of_groups], curvature[of_groups])
        log_likelihood += found[0]
        score += found[1]
        information += found[2]
    return Point(
        log_likelihood,
        score[:-1],
        information[:-1, :-1] + 1e-12 * np.eye(len(fixed)),
        float(score[-1]),
        information[:-1, -1],
        float(information[-1, -1]),
        modes,
    )


def _integrate(
    rows: BinomialRows, linear: Floats, sd: float, modes: Floats, curvature: Floats
) -> tuple[float, Floats, Floats]:
    """Return log likelihood, score and information of (β, σ), each summed over the groups."""
    width = 1 / np.sqrt(curvature)
    z = modes[:, None] + width[:, None] * _NODES  # (G, Q)
    at_row = z[rows.groups]
    eta = linear[:, None] + sd * at_row
    # One exponential serves the chance and log(1 + exp η); neither overflows.
    small = np.exp(-np.abs(eta))
    one_plus = 1 + small
    chance = np.where(eta >= 0, 1.0, small) / one_plus
    log_one_plus = np.maximum(eta, 0) + np.log(one_plus)  # faster than log1p; 1e-16 is enough
    trials, events = rows.n_trials[:, None], rows.n_events[:, None]
    log_node = _sum_by_group(rows, events * eta - trials * log_one_plus)
    log_node += _LOG_WEIGHTS + np.log(width)[:, None] - z**2 / 2
    top = log_node.max(axis=1, keepdims=True)
    shares = np.exp(log_node - top)
    total = shares.sum(axis=1, keepdims=True)
    shares /= total

    residual = events - trials * chance
    slopes = [_sum_by_group(rows, residual * column[:, None]) for column in rows.design.T]
    slopes.append(_sum_by_group(rows, residual) * z)
    mean = np.stack([(shares * slope).sum(axis=1) for slope in slopes])  # (p + 1, G)
    weight = shares[rows.groups] * (trials * chance * (1 - chance))
    information = _expected_information(rows, weight, at_row) - _scatter(shares, slopes, mean)
    return float((top + np.log(total)).sum()), mean.sum(axis=1), information


def _scatter(shares: Floats, slopes: list[Floats], mean: Floats) -> Floats:
    """Return the variance of the slopes over z, summed over the groups."""
    width = len(slopes)
    found = np.empty((width, width))
    for i in range(width):
        weighted = shares * slopes[i]
        for j in range(i, width):
            products = float((weighted * slopes[j]).sum()) - float(mean[i] @ mean[j])
            found[i, j] = found[j, i] = products
    return found


def _expected_information(rows: BinomialRows, weight: Floats, z: Floats) -> Floats:
    """Return E[−∂²ℓ] of β and σ; ``weight`` and ``z`` per row and node."""
    first, second = weight.sum(axis=1), weight * z
    crossed = rows.design.T @ second.sum(axis=1)
    inner = rows.design.T @ (rows.design * first[:, None])
    return np.block([[inner, crossed[:, None]], [crossed[None, :], (second * z).sum()]])


def _pooled(rows: BinomialRows, linear: Floats) -> Point:
    chance = _logistic(linear)
    log_likelihood = rows.n_events @ linear - rows.n_trials @ np.logaddexp(0, linear)
    score = rows.design.T @ (rows.n_events - rows.n_trials * chance)
    weight = rows.n_trials * chance * (1 - chance)
    information = rows.design.T @ (rows.design * weight[:, None])
    information += 1e-12 * np.eye(len(information))
    # The likelihood is even in σ, so at zero nothing moves with it.
    flat, zeros = np.zeros(len(score)), np.zeros(rows.n_groups)
    return Point(float(log_likelihood), score, information, 0.0, flat, 0.0, zeros)


def _modes(
    rows: BinomialRows, linear: Floats, sd: float, start: Floats | None
) -> tuple[Floats, Floats]:
    """Return each group's most likely z and the curvature there."""
    z: Floats = np.zeros(rows.n_groups) if start is None else start
    curvature: Floats = np.ones(rows.n_groups)
    for _ in range(60):
        chance = _logistic(linear + sd * z[rows.groups])
        slope = sd * rows.by_group(rows.n_events - rows.n_trials * chance) - z
        curvature = 1 + sd**2 * rows.by_group(rows.n_trials * chance * (1 - chance))
        step = np.clip(slope / curvature, -1.0, 1.0)
        if np.abs(step).max() < 1e-10:
            break
        z = z + step
    return z, curvature


def _sum_by_group(rows: BinomialRows, matrix: Floats) -> Floats:
    # Rows are sorted by group, so a running reduction beats one bincount per node.
    return np.add.reduceat(matrix, rows.first_rows, axis=0)


def _logistic(eta: Floats) -> Floats:
    return 0.5 * (1 + np.tanh(eta / 2))
