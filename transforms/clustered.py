"""Least squares whose standard errors allow for clients of one therapist being alike.

CR0 is the plain sandwich, CR1 multiplies it by G/(G − 1)·(N − 1)/(N − p): both equal
``sandwich::vcovCL(type = "HC0")`` (without and with ``cadjust``) and ``"HC1"`` in R
(tests/reference/clustered.R). With fewer than about 30 clusters both are too small; the t
quantile with G − 1 degrees of freedom makes up for part of it.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from transforms.association import FEWEST_CLUSTERS
from transforms.estimates import Estimate


@dataclass(frozen=True)
class ClusteredFit:
    """Coefficients and their covariances, or the reason why there are none."""

    n: int
    n_clusters: int
    reason: str | None = None
    coefficients: np.ndarray | None = None
    cr0: np.ndarray | None = None
    cr1: np.ndarray | None = None

    def combination(self, weights: np.ndarray, level: float = 0.95) -> Estimate:
        """Return weights'β with a CR1 interval on t with G − 1 degrees of freedom."""
        if self.reason:
            return Estimate.missing(self.reason, self.n, level)
        weights = np.asarray(weights, dtype=float)
        value, variance = float(weights @ self.coefficients), float(weights @ self.cr1 @ weights)
        if variance <= 0:
            return Estimate.missing("the standard error cannot be estimated", self.n, level)
        half_width = float(stdtrit(self.n_clusters - 1, 0.5 + level / 2)) * math.sqrt(variance)
        return Estimate(value, value - half_width, value + half_width, level, self.n)


def fit_clustered(design: np.ndarray, outcome: np.ndarray, clusters: np.ndarray) -> ClusteredFit:
    """Fit ordinary least squares to complete rows.

    Parameters
    ----------
    design : array (N, p)
        Predictors, the intercept among them.
    clusters : array (N,)
        Any codes; a cluster's rows are taken as dependent in any way.
    """
    design, outcome = np.asarray(design, dtype=float), np.asarray(outcome, dtype=float)
    _, codes = np.unique(clusters, return_inverse=True)
    n, width = design.shape
    n_clusters = int(codes.max()) + 1 if n else 0
    if reason := _why_not(design, n_clusters):
        return ClusteredFit(n, n_clusters, reason)
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ (design.T @ outcome)
    scores = design * (outcome - design @ coefficients)[:, None]
    sums = _sums(scores, codes, n_clusters)
    cr0 = inverse @ (sums.T @ sums) @ inverse
    factor = n_clusters / (n_clusters - 1) * (n - 1) / (n - width)
    return ClusteredFit(n, n_clusters, None, coefficients, cr0, cr0 * factor)


def cluster_bootstrap_coefficients(
    design: np.ndarray,
    outcome: np.ndarray,
    clusters: np.ndarray,
    *,
    n_resamples: int = 1000,
    seed: int = 20181,
) -> np.ndarray | None:
    """Return the coefficients in resamples of whole clusters, (n_resamples, p).

    The same seed gives the same resamples. None with fewer than 10 clusters or when a resample
    cannot carry the model.
    """
    design, outcome = np.asarray(design, dtype=float), np.asarray(outcome, dtype=float)
    _, codes = np.unique(clusters, return_inverse=True)
    n_clusters = int(codes.max()) + 1 if len(codes) else 0
    if n_clusters < FEWEST_CLUSTERS or _why_not(design, n_clusters):
        return None
    width = design.shape[1]
    squares = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    totals = _sums(np.column_stack([squares, design * outcome[:, None]]), codes, n_clusters)
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), n_resamples)
    sums = np.einsum("rc,cm->rm", drawn.astype(float), totals)
    grams = sums[:, : width * width].reshape(-1, width, width)
    if np.linalg.cond(grams).max() > 1e12:
        return None
    return np.linalg.solve(grams, sums[:, width * width :, None])[..., 0]


def _sums(values: np.ndarray, codes: np.ndarray, n_clusters: int) -> np.ndarray:
    return np.stack(
        [np.bincount(codes, weights=column, minlength=n_clusters) for column in values.T], axis=1
    )


def _why_not(design: np.ndarray, n_clusters: int) -> str | None:
    n, width = design.shape
    if n <= width:
        return "fewer rows than the model needs"
    if n_clusters < 2:
        return "fewer than 2 clusters"
    gram = design.T @ design
    scale = np.sqrt(np.diag(gram))
    if (scale == 0).any() or np.linalg.eigvalsh(gram / np.outer(scale, scale))[0] < 1e-10:
        return "the predictors determine each other"
    return None
