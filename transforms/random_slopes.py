"""How the alliance moves over sessions: a line per client, pulled to the typical line.

The model is ``y = (γ0 + u0) + (γ1 + u1)·t + e`` with client lines (u0, u1) from a bivariate
normal (domain brief §2.7; t is usually the log of the session number). REML from six sums per
client, so the cost is that of the clients. Checked against lme4 1.1-31,
``lmer(y ~ t + (t | client))`` (tests/reference/random_slopes.R).
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from transforms.estimates import Estimate, wald

STARTS = ([0.8, 0.0, 0.3], [0.2, 0.0, 0.1])  # roots of the relative covariance tried first


@dataclass(frozen=True)
class ClientSums:
    """Per client: number of ratings, Σt, Σt², Σy, Σty and Σy² (arrays of equal length)."""

    n: np.ndarray
    t: np.ndarray
    tt: np.ndarray
    y: np.ndarray
    ty: np.ndarray
    yy: np.ndarray

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
class SlopesFit:
    """Typical line, spread of the client lines and each client's own, or why there is none.

    ``slope`` and ``slope_sd`` are in points per unit of t; ``client_slopes`` are empirical-Bayes
    estimates of γ1 + u1, ``client_slope_sds`` their conditional SDs (typical line as known).
    """

    n_rows: int
    n_clients: int
    reason: str | None = None
    intercept: float | None = None
    slope: float | None = None
    slope_se: float | None = None
    intercept_sd: float | None = None
    slope_sd: float | None = None
    correlation: float | None = None
    residual_sd: float | None = None
    log_likelihood: float | None = None
    client_slopes: np.ndarray | None = None
    client_slope_sds: np.ndarray | None = None

    def typical_slope(self, level: float = 0.95) -> Estimate:
        """Return γ1 with its interval."""
        if self.reason:
            return Estimate.missing(self.reason, self.n_clients, level)
        return wald(self.slope, self.slope_se, self.n_clients, level)


def fit_random_slopes(sums: ClientSums) -> SlopesFit:
    """Fit the model by REML.

    Returns
    -------
    SlopesFit
        Without numbers and with a reason when there are fewer than 3 clients, nobody has 3
        ratings, or t or y does not vary.
    """
    blank = SlopesFit(sums.n_rows, sums.n_clients)
    if reason := _why_not(sums):
        return replace(blank, reason=reason)
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
        return replace(blank, reason="ratings of one client do not differ from a line")
    return _described(blank, parts, root, (t_mean, t_scale), (y_mean, y_scale))


@dataclass(frozen=True)
class _Parts:
    """Z'Z (C, 2, 2), Z'[X y] (C, 2, 3) and Σ[X y]'[X y] (3, 3); here X = Z = [1 t]."""

    zz: np.ndarray
    zx: np.ndarray
    total: np.ndarray
    n_rows: int

    @classmethod
    def of(cls, sums: ClientSums) -> "_Parts":
        zz = np.stack([np.stack([sums.n, sums.t], -1), np.stack([sums.t, sums.tt], -1)], -2)
        zz = zz.astype(float)
        zy = np.stack([sums.y, sums.ty], -1)[..., None]
        zx = np.concatenate([zz, zy], axis=-1)
        total = np.zeros((3, 3))
        total[:2] = zx.sum(axis=0)
        total[2, :2], total[2, 2] = total[:2, 2], sums.yy.sum()
        return cls(zz, zx, total, sums.n_rows)


@dataclass(frozen=True)
class _Point:
    deviance: float
    slope: np.ndarray  # with respect to the lower-triangular root of Λ
    fixed: np.ndarray
    inverse: np.ndarray
    rss: float
    projected: np.ndarray  # Z'V⁻¹[X y] per client
    information: np.ndarray  # Z'V⁻¹Z per client


def _at(parts: _Parts, root: np.ndarray) -> _Point:
    lower = np.array([[root[0], 0.0], [root[1], root[2]]])
    spread = lower @ lower.T
    mixing = np.eye(2) + parts.zz @ spread
    determinant = mixing[:, 0, 0] * mixing[:, 1, 1] - mixing[:, 0, 1] * mixing[:, 1, 0]
    inverted = np.empty_like(mixing)
    inverted[:, 0, 0], inverted[:, 1, 1] = mixing[:, 1, 1], mixing[:, 0, 0]
    inverted[:, 0, 1], inverted[:, 1, 0] = -mixing[:, 0, 1], -mixing[:, 1, 0]
    inverted /= determinant[:, None, None]
    projected = inverted @ parts.zx
    information = inverted @ parts.zz
    products = parts.total - np.tensordot(parts.zx, spread @ projected, axes=([0, 1], [0, 1]))
    inverse = np.linalg.inv(products[:2, :2])
    fixed = inverse @ products[:2, 2]
    contrast = np.append(-fixed, 1.0)
    rss = max(float(contrast @ products @ contrast), np.finfo(float).tiny)
    freedom = parts.n_rows - 2
    deviance = freedom * (1 + math.log(2 * math.pi * rss / freedom))
    deviance += float(np.log(determinant).sum()) + float(np.linalg.slogdet(products[:2, :2])[1])
    residual = projected @ contrast
    gradient = information.sum(axis=0) - freedom / rss * residual.T @ residual
    of_fixed = projected[..., :2]
    gradient -= np.tensordot(of_fixed @ inverse, of_fixed, axes=([0, 2], [0, 2]))
    of_root = (gradient + gradient.T) @ lower
    slope = np.array([of_root[0, 0], of_root[1, 0], of_root[1, 1]])
    return _Point(deviance, slope, fixed, inverse, rss, projected, information)


def _best_root(parts: _Parts) -> np.ndarray | None:
    def target(root: np.ndarray) -> tuple[float, np.ndarray]:
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
    blank: SlopesFit,
    parts: _Parts,
    root: np.ndarray,
    t_unit: tuple[float, float],
    y_unit: tuple[float, float],
) -> SlopesFit:
    """Return the fit in the units it was asked in; t and y were standardized before."""
    found = _at(parts, root)
    lower = np.array([[root[0], 0.0], [root[1], root[2]]])
    residual_variance = found.rss / (parts.n_rows - 2)
    relative = lower @ lower.T
    own = (found.projected @ np.append(-found.fixed, 1.0)) @ relative
    left = relative - relative @ found.information @ relative
    per_t = y_unit[1] / t_unit[1]
    # The intercept belongs to t = 0, not to the mean of t.
    at_origin = np.array([[1.0, -t_unit[0] / t_unit[1]], [0.0, 1 / t_unit[1]]]) * y_unit[1]
    covariance = residual_variance * at_origin @ relative @ at_origin.T
    sds = np.sqrt(np.diag(covariance))
    correlation = float(covariance[0, 1] / sds.prod()) if sds.prod() > 0 else None
    fixed = at_origin @ found.fixed
    shift = (parts.n_rows - 2) * math.log(y_unit[1]) + math.log(t_unit[1])
    return replace(
        blank,
        intercept=float(fixed[0]) + y_unit[0],
        slope=float(fixed[1]),
        slope_se=math.sqrt(residual_variance * found.inverse[1, 1]) * per_t,
        intercept_sd=float(sds[0]),
        slope_sd=float(sds[1]),
        correlation=correlation,
        residual_sd=math.sqrt(residual_variance) * y_unit[1],
        log_likelihood=-found.deviance / 2 - shift,
        client_slopes=(own[:, 1] + found.fixed[1]) * per_t,
        client_slope_sds=np.sqrt(np.maximum(residual_variance * left[:, 1, 1], 0)) * per_t,
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
