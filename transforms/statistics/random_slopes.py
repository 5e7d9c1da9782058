"""How the alliance moves over sessions: a line per client, pulled to the typical line.

The model is ``y = (γ0 + u0) + (γ1 + u1)·t + e`` with client lines (u0, u1) from a bivariate
normal (domain brief §2.7; t is usually the log of the session number). REML from six sums per
client, so the cost is that of the clients. Checked against lme4 1.1-31,
``lmer(y ~ t + (t | client))`` (tests/reference/random_slopes.R).
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import minimize

from transforms.statistics.arrays import Floats
from transforms.statistics.estimate import Estimate, wald

STARTS = ([0.8, 0.0, 0.3], [0.2, 0.0, 0.1])  # roots of the relative covariance tried first


@dataclass(frozen=True)
class ClientSums:
    """Per client: number of ratings, Σt, Σt², Σy, Σty and Σy² (arrays of equal length)."""

    n: Floats
    t: Floats
    tt: Floats
    y: Floats
    ty: Floats
    yy: Floats

    @property
    def n_rows(self) -> int:
        return int(self.n.sum())

    @property
    def n_clients(self) -> int:
        return len(self.n)

    def shifted(self, t_by: float, y_by: float) -> "ClientSums":
        """Return the sums of t − t_by and y − y_by."""
        return ClientSums(
            self.n,
            self.t - self.n * t_by,
            self.tt - 2 * t_by * self.t + self.n * t_by**2,
            self.y - self.n * y_by,
            self.ty - t_by * self.y - y_by * self.t + self.n * t_by * y_by,
            self.yy - 2 * y_by * self.y + self.n * y_by**2,
        )


@dataclass(frozen=True)
class SlopesFitted:
    """Typical line, spread of the client lines and each client's own.

    ``slope`` and ``slope_sd`` are in points per unit of t; ``client_slopes`` are empirical-Bayes
    estimates of γ1 + u1, ``client_slope_sds`` their conditional SDs (typical line as known).
    """

    n_rows: int
    n_clients: int
    intercept: float
    slope: float
    slope_se: float
    intercept_sd: float
    slope_sd: float
    correlation: float | None
    residual_sd: float
    log_likelihood: float
    client_slopes: Floats
    client_slope_sds: Floats
    reason: ClassVar[None] = None

    def typical_slope(self, level: float = 0.95) -> Estimate:
        """Return γ1 with its interval."""
        return wald(self.slope, self.slope_se, self.n_clients, level)


@dataclass(frozen=True)
class SlopesNotFitted:
    """The reason why there is no line; every number is None."""

    n_rows: int
    n_clients: int
    reason: str
    intercept: ClassVar[None] = None
    slope: ClassVar[None] = None
    slope_se: ClassVar[None] = None
    intercept_sd: ClassVar[None] = None
    slope_sd: ClassVar[None] = None
    correlation: ClassVar[None] = None
    residual_sd: ClassVar[None] = None
    log_likelihood: ClassVar[None] = None
    client_slopes: ClassVar[None] = None
    client_slope_sds: ClassVar[None] = None

    def typical_slope(self, level: float = 0.95) -> Estimate:
        """Return why there is no γ1."""
        return Estimate.missing(self.reason, self.n_clients, level)


SlopesFit = SlopesFitted | SlopesNotFitted


def fit_random_slopes(sums: ClientSums) -> SlopesFit:
    """Fit the model by REML.

    Returns
    -------
    SlopesFit
        Without numbers and with a reason when there are fewer than 3 clients, nobody has 3
        ratings, or t or y does not vary.
    """
    if reason := _why_not(sums):
        return SlopesNotFitted(sums.n_rows, sums.n_clients, reason)
    t_mean, y_mean = sums.t.sum() / sums.n_rows, sums.y.sum() / sums.n_rows
    centered = sums.shifted(t_mean, y_mean)
    t_scale = math.sqrt(centered.tt.sum() / sums.n_rows)
    y_scale = math.sqrt(centered.yy.sum() / sums.n_rows)
    scaled = ClientSums(
        centered.n, centered.t / t_scale, centered.tt / t_scale**2, centered.y / y_scale,
        centered.ty / (t_scale * y_scale), centered.yy / y_scale**2,
    )  # fmt: skip
    parts = _Parts.of(scaled)
    root = _best_root(parts)
    if root is None:
        reason = "ratings of one client do not differ from a line"
        return SlopesNotFitted(sums.n_rows, sums.n_clients, reason)
    return _described(sums, parts, root, (t_mean, t_scale), (y_mean, y_scale))


@dataclass(frozen=True)
class _Parts:
    """Per client Z'Z = [[n t] [t tt]], its determinant, and Z'y; here X = Z = [1 t]."""

    n: Floats
    t: Floats
    tt: Floats
    determinant: Floats
    y: Floats
    ty: Floats
    yy_total: float
    n_rows: int

    @classmethod
    def of(cls, sums: ClientSums) -> "_Parts":
        determinant = sums.n * sums.tt - sums.t**2
        yy_total = float(sums.yy.sum())
        return cls(sums.n, sums.t, sums.tt, determinant, sums.y, sums.ty, yy_total, sums.n_rows)


@dataclass(frozen=True)
class _Point:
    deviance: float
    slope: Floats  # with respect to the lower-triangular root of Λ
    fixed: Floats
    inverse: Floats
    rss: float
    residual: Floats  # Z'V⁻¹(y − Xγ), (2, clients)
    information: Floats  # Z'V⁻¹Z per client: its three different elements, (3, clients)


def _at(parts: _Parts, root: Floats) -> _Point:
    """Profile the deviance at Λ = root root'; every 2 × 2 matrix is written out by element.

    By Woodbury's identity Z'V⁻¹Z = (I + Z'ZΛ)⁻¹Z'Z and, as X = Z, the sums over the clients are
    X'V⁻¹X and X'V⁻¹y.
    """
    lower = np.array([[root[0], 0.0], [root[1], root[2]]])
    spread = lower @ lower.T
    (p, q), r = spread[0], spread[1, 1]
    n, t, tt = parts.n, parts.t, parts.tt
    determinant = 1 + p * n + 2 * q * t + r * tt + (root[0] * root[2]) ** 2 * parts.determinant
    information = np.stack(
        [n + r * parts.determinant, t - q * parts.determinant, tt + p * parts.determinant]
    )
    information /= determinant
    projected = np.stack(
        [
            (1 + q * t + r * tt) * parts.y - (q * n + r * t) * parts.ty,
            (1 + p * n + q * t) * parts.ty - (p * t + q * tt) * parts.y,
        ]
    )
    projected /= determinant
    products = information.sum(axis=1)[[[0, 1], [1, 2]]]
    inverse = np.linalg.inv(products)
    of_y = projected.sum(axis=1)
    fixed = inverse @ of_y
    explained = float((spread @ projected * [parts.y, parts.ty]).sum())
    rss = max(parts.yy_total - explained - float(fixed @ of_y), np.finfo(float).tiny)
    freedom = parts.n_rows - 2
    deviance = freedom * (1 + math.log(2 * math.pi * rss / freedom))
    deviance += float(np.log(determinant).sum()) + float(np.linalg.slogdet(products)[1])
    residual = projected - [
        fixed[0] * information[0] + fixed[1] * information[1],
        fixed[0] * information[1] + fixed[1] * information[2],
    ]
    gradient = products - freedom / rss * residual @ residual.T - _squares(information, inverse)
    of_root = 2 * gradient @ lower
    slope = np.array([of_root[0, 0], of_root[1, 0], of_root[1, 1]])
    return _Point(deviance, slope, fixed, inverse, rss, residual, information)


def _squares(information: Floats, inverse: Floats) -> Floats:
    """Return the sum over the clients of information · inverse · information, (2, 2)."""
    moments = information @ information.T
    a, b, c = inverse[0, 0], inverse[0, 1], inverse[1, 1]
    across = a * moments[0, 1] + b * (moments[0, 2] + moments[1, 1]) + c * moments[1, 2]
    first = a * moments[0, 0] + 2 * b * moments[0, 1] + c * moments[1, 1]
    last = a * moments[1, 1] + 2 * b * moments[1, 2] + c * moments[2, 2]
    return np.array([[first, across], [across, last]])


def _best_root(parts: _Parts) -> Floats | None:
    def target(root: Floats) -> tuple[float, Floats]:
        found = _at(parts, root)
        return found.deviance, found.slope

    found = min(
        (
            minimize(target, np.array(start), jac=True, method="BFGS", options={"gtol": 1e-6})
            for start in STARTS
        ),
        key=lambda result: result.fun,
    )
    return None if np.abs(found.x).max() > 1e3 else found.x


def _described(
    sums: ClientSums,
    parts: _Parts,
    root: Floats,
    t_unit: tuple[float, float],
    y_unit: tuple[float, float],
) -> SlopesFitted:
    """Return the fit in the units it was asked in; t and y were standardized before."""
    found = _at(parts, root)
    lower = np.array([[root[0], 0.0], [root[1], root[2]]])
    residual_variance = found.rss / (parts.n_rows - 2)
    relative = lower @ lower.T
    own_slope = relative[1] @ found.residual
    (a, b), (n, t, tt) = relative[1], found.information
    left = b - (a**2 * n + 2 * a * b * t + b**2 * tt)  # variance of a slope that stays unknown
    per_t = y_unit[1] / t_unit[1]
    # The intercept belongs to t = 0, not to the mean of t.
    at_origin = np.array([[1.0, -t_unit[0] / t_unit[1]], [0.0, 1 / t_unit[1]]]) * y_unit[1]
    covariance = residual_variance * at_origin @ relative @ at_origin.T
    sds = np.sqrt(np.diag(covariance))
    correlation = float(covariance[0, 1] / sds.prod()) if sds.prod() > 0 else None
    fixed = at_origin @ found.fixed
    shift = (parts.n_rows - 2) * math.log(y_unit[1]) + math.log(t_unit[1])
    return SlopesFitted(
        sums.n_rows,
        sums.n_clients,
        intercept=float(fixed[0]) + y_unit[0],
        slope=float(fixed[1]),
        slope_se=math.sqrt(residual_variance * found.inverse[1, 1]) * per_t,
        intercept_sd=float(sds[0]),
        slope_sd=float(sds[1]),
        correlation=correlation,
        residual_sd=math.sqrt(residual_variance) * y_unit[1],
        log_likelihood=-found.deviance / 2 - shift,
        client_slopes=(own_slope + found.fixed[1]) * per_t,
        client_slope_sds=np.sqrt(np.maximum(residual_variance * left, 0)) * per_t,
    )


def _why_not(sums: ClientSums) -> str | None:
    if sums.n_clients < 3:
        return "fewer than 3 clients"
    if sums.n.max() < 3:
        return "no client has 3 ratings"
    n = sums.n_rows
    for total, square, name in ((sums.t, sums.tt, "time"), (sums.y, sums.yy, "the rating")):
        spread = square.sum() / n - (total.sum() / n) ** 2
        if spread <= 1e-12 * max(1.0, square.sum() / n):
            return f"{name} does not vary"
    return None
