"""Correlations between two measures, with intervals that say what they assume.

Fisher's interval takes rows as independent. Clients of one therapist are not quite, so
the headline also gets an interval from resampling whole therapists. Every correlation
here is computed from sums (n, Σ, cross-products), which makes a resampled therapist one
row of weights instead of a copy of all clients.
"""

import math
from collections.abc import Sequence

import numpy as np

from transforms.statistics.arrays import Codes, Floats, Ints, sums_by
from transforms.statistics.estimate import Estimate, two_sided_z

FEWEST_CLUSTERS = 10  # below this, percentiles of resampled clusters are too narrow to print
CHUNK = 100  # resamples held in memory at a time
TIE_DECIMALS = 9  # scores this close are one score


def fisher_interval(
    r: float, n: int, *, level: float = 0.95, n_given: int = 0
) -> tuple[float, float] | None:
    """Return the interval tanh(atanh r ± z/√(n − 3 − n_given)); None where it is undefined."""
    z = two_sided_z(level)
    if n - 3 - n_given < 1 or abs(r) >= 1:
        return None
    center, half_width = math.atanh(r), z / math.sqrt(n - 3 - n_given)
    return math.tanh(center - half_width), math.tanh(center + half_width)


def pearson(x: np.ndarray, y: np.ndarray, *, level: float = 0.95, lost: int = 0) -> Estimate:
    """Return Pearson's r of complete pairs with Fisher's interval.

    ``lost`` are degrees of freedom already spent, as on the means of clinics.
    """
    return _correlation(_moments([x, y]), level, lost)


def partial_correlation(
    x: np.ndarray, y: np.ndarray, given: np.ndarray, *, level: float = 0.95, lost: int = 0
) -> Estimate:
    """Return the correlation of x and y at equal ``given`` (one variable), complete rows.

    ``lost`` are degrees of freedom already spent, as on the means of clinics.
    """
    return _correlation(_moments([x, y, given]), level, lost)


def cluster_bootstrap_interval(
    columns: list[Floats],
    clusters: Codes,
    *,
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 20181,
) -> tuple[float, float] | None:
    """Return a percentile interval from resampling whole clusters (here: therapists).

    Parameters
    ----------
    columns : list of 2 or 3 arrays
        x, y and, for a partial correlation, the variable held equal.
    clusters : array of int
        Cluster of each row, any codes.
    level, n_resamples, seed
        The same seed gives the same interval on the same rows.

    Returns
    -------
    (low, high), or None with fewer than 10 clusters or a resample without variation.
    """
    _, codes = np.unique(clusters, return_inverse=True)
    n_clusters = int(codes.max()) + 1 if len(codes) else 0
    if n_clusters < FEWEST_CLUSTERS:
        return None
    totals = _cluster_moments(columns, codes, n_clusters)
    generator = np.random.default_rng(seed)
    # einsum, not @: a threaded matrix product of these sizes only makes the cores wait.
    resampled = np.concatenate(
        [
            np.einsum(
                "rc,cm->rm",
                _draw_counts(generator, n_clusters, min(CHUNK, n_resamples - done)),
                totals,
            )
            for done in range(0, n_resamples, CHUNK)
        ]
    )
    correlations = correlation_from_moments(resampled, len(columns))
    if not np.isfinite(correlations).all():
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(correlations, [tail, 1 - tail])
    return float(low), float(high)


def correlation_from_moments(moments: Floats, n_columns: int) -> Floats:
    """Return r (2 columns) or partial r (3 columns) from rows of n, Σ and upper cross-products.

    A row without variation gives NaN.
    """
    n, sums, products = (
        moments[..., :1],
        moments[..., 1 : 1 + n_columns],
        moments[..., 1 + n_columns :],
    )
    first, second = np.triu_indices(n_columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        covariances = products - sums[..., first] * sums[..., second] / n
        pairs = zip(first.tolist(), second.tolist(), strict=True)
        at = {pair: position for position, pair in enumerate(pairs)}

        def r(one: int, other: int) -> Floats:
            scale = covariances[..., at[one, one]] * covariances[..., at[other, other]]
            return covariances[..., at[one, other]] / np.sqrt(np.where(scale > 0, scale, np.nan))

        if n_columns == 2:
            return r(0, 1)
        rest = (1 - r(0, 2) ** 2) * (1 - r(1, 2) ** 2)
        return (r(0, 1) - r(0, 2) * r(1, 2)) / np.sqrt(np.where(rest > 1e-12, rest, np.nan))


def repeated_measures_correlation(
    subjects: Ints, x: Floats, y: Floats, *, level: float = 0.95
) -> tuple[Estimate, float | None]:
    """Return the common within-subject correlation and the common slope of y on x.

    Parameters
    ----------
    subjects : array of int codes 0…k−1
        Subject of each row; subjects may have different numbers of rows.
    x, y : arrays
        Complete pairs.

    Notes
    -----
    Bland & Altman 1995 (doi:10.1136/bmj.310.6977.446): analysis of covariance with parallel
    lines, N − k − 1 degrees of freedom. The interval is Fisher's on that basis.
    """
    counts: Ints = np.bincount(subjects) if len(subjects) else np.zeros(0, dtype=int)
    x_within, y_within = (_deviations(subjects, counts, column) for column in (x, y))
    products = [float(x_within @ x_within), float(x_within @ y_within), float(y_within @ y_within)]
    noise = [1e-12 * max(1.0, float(np.square(column).sum())) for column in (x, y)]
    if products[0] <= noise[0] or products[2] <= noise[1]:
        products = [0.0, 0.0, 0.0]
    found = repeated_correlation_from_products(
        products, n_rows=len(x), n_subjects=int((counts > 0).sum()), level=level
    )
    return found, products[1] / products[0] if found.is_estimated else None


def repeated_correlation_from_products(
    products: Sequence[float],
    *,
    n_rows: int,
    n_subjects: int,
    n_given: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Return the same from pooled within-subject sums Σx², Σxy, Σy².

    ``n_given`` are the variables whose part in both has been taken out of the sums.
    """
    freedom = n_rows - n_subjects - 1 - n_given
    if freedom < 1:
        return Estimate.missing("too few repeated measures", n_rows, level)
    scale = math.sqrt(max(products[0] * products[2], 0.0))
    if scale == 0:
        return Estimate.missing("a measure does not vary within subjects", n_rows, level)
    r = min(max(products[1] / scale, -1.0), 1.0)
    low, high = fisher_interval(r, freedom + 2, level=level) or (None, None)
    return Estimate(r, low, high, level, n_rows)


def wilson_interval(n_events: int, n: int, *, level: float = 0.95) -> Estimate:
    """Return a share (0 to 1) with Wilson's score interval; None of 0 is no share."""
    if n <= 0:
        return Estimate.missing("nobody in the denominator", 0, level)
    z, share = two_sided_z(level), n_events / n
    center = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half_width = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low = 0.0 if n_events == 0 else center - half_width
    high = 1.0 if n_events == n else center + half_width
    return Estimate(share, low, high, level, n)


def mean_ranks(values: Floats) -> Floats:
    """Return ranks from 1; equal values share the mean of their ranks.

    Equal is equal to nine decimals: the same mean added up in another order differs in the last
    bit, and a tie broken by that would make two builds of the same lake differ.
    """
    rounded = np.round(values, TIE_DECIMALS)
    _, codes, counts = np.unique(rounded, return_inverse=True, return_counts=True)
    ranks: Floats = np.cumsum(counts) - (counts - 1) / 2
    return ranks[codes]


def _correlation(moments: np.ndarray, level: float, lost: int) -> Estimate:
    n_columns = 2 if len(moments) == 6 else 3
    n = round(float(moments[0]))
    if n < n_columns + 1 + lost:
        return Estimate.missing(f"fewer than {n_columns + 1 + lost} complete rows", n, level)
    r = float(correlation_from_moments(moments, n_columns))
    if not math.isfinite(r):
        return Estimate.missing("a measure does not vary", n, level)
    r = min(max(r, -1.0), 1.0)
    low, high = fisher_interval(r, n, level=level, n_given=n_columns - 2 + lost) or (None, None)
    return Estimate(r, low, high, level, n)


def _moments(columns: list[Floats]) -> Floats:
    moments: Floats = _cluster_moments(columns, np.zeros(len(columns[0]), dtype=int), 1)[0]
    return moments


def _cluster_moments(columns: list[Floats], codes: Ints, n_clusters: int) -> Floats:
    """Return n, Σ and upper-triangle Σ products per cluster, of columns centered and scaled."""
    standardized = [_standardized(np.asarray(column, dtype=float)) for column in columns]
    first, second = np.triu_indices(len(columns))
    parts = [np.ones(len(codes)), *standardized]
    parts += [standardized[i] * standardized[j] for i, j in zip(first, second, strict=True)]
    return np.stack([sums_by(codes, part, n_clusters) for part in parts], axis=1)


def _standardized(column: Floats) -> Floats:
    if len(column) == 0:
        return column
    centered: Floats = column - column.mean()
    spread = float(np.sqrt(np.mean(centered**2)))
    # A constant column leaves rounding noise behind, which must not pass for variation.
    if spread <= 1e-12 * max(1.0, float(np.abs(column).max())):
        return np.zeros_like(column)
    return centered / spread


def _draw_counts(generator: np.random.Generator, n_clusters: int, n_resamples: int) -> Floats:
    """Return how often each cluster is drawn in each resample, (n_resamples, n_clusters)."""
    drawn = generator.integers(0, n_clusters, (n_resamples, n_clusters), dtype=np.int64)
    drawn += (np.arange(n_resamples) * n_clusters)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=n_resamples * n_clusters)
    return counts.reshape(n_resamples, n_clusters).astype(float)


def _deviations(subjects: Ints, counts: Ints, column: Floats) -> Floats:
    sums = np.bincount(subjects, weights=column, minlength=len(counts))
    return column - (sums / np.where(counts > 0, counts, 1))[subjects]
