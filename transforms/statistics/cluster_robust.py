"""Covariance of least squares that allows for clients of one therapist being alike.

CR1: the plain sandwich times G/(G − 1)·(N − 1)/(N − p), equal to ``sandwich::vcovCL(type = "HC1")``
in R (tests/reference/common_factors/answers.R). With fewer than about 30 clusters it is too small;
the t quantile with G − 1 degrees of freedom makes up for part of it, and with fewer than
``association.FEWEST_CLUSTERS`` callers take the rows as independent and say so. Intervals from
resampled therapists: :func:`transforms.statistics.correlation.cluster_bootstrap_interval`.
"""

import numpy as np

from transforms.statistics.arrays import Codes, Floats


def clustered_covariance(
    design: Floats, residuals: Floats, inverse: Floats, clusters: Codes
) -> Floats:
    """Return the covariance (p, p) of the coefficients of ordinary least squares.

    Parameters
    ----------
    design, residuals : arrays (N, p) and (N,)
        Complete rows, more than p of them.
    inverse : array (p, p)
        (X'X)⁻¹.
    clusters : array (N,)
        Any codes, two or more of them; a cluster's rows are taken as dependent in any way.
    """
    _, codes = np.unique(clusters, return_inverse=True)
    n, width = design.shape
    n_clusters = int(codes.max()) + 1
    sums = np.stack([np.bincount(codes, weights=column * residuals) for column in design.T], axis=1)
    small_sample = n_clusters / (n_clusters - 1) * (n - 1) / (n - width)
    covariance: Floats = small_sample * inverse @ (sums.T @ sums) @ inverse
    return covariance
