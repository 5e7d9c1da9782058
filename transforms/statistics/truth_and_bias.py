"""How the therapist's view of the alliance relates to the client's: bias and tracking.

The client's rating is taken as the truth to be tracked, not because clients are right but because
theirs is the rating that goes with outcome. Both ratings are on one scale of 0 to 100.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from transforms.statistics import clinic_effects
from transforms.statistics.arrays import Codes, Floats, Ints
from transforms.statistics.cluster_robust import clustered_covariance
from transforms.statistics.correlation import pearson, repeated_measures_correlation
from transforms.statistics.estimate import Estimate, wald
from transforms.statistics.reml import GroupTotals, RandomInterceptFit, fit_random_intercept

PREDICTORS = ("intercept", "truth_within", "truth_between")
FEWEST_DYADS = 3
FEWEST_CLUSTERS = 10  # below this, intervals from therapists are too narrow to print


@dataclass(frozen=True, slots=True)
class TruthAndBias:
    """``parameters`` by name, in percent points, slopes or correlations.

    bias : therapist minus client where the client's level is average (directional bias)
    truth_within, truth_between : points of therapist per point of client, from session to session
        and from client to client (truth force)
    tracking_within : repeated-measures correlation; tracking_between : correlation of means
    """

    n_dyads: int
    n_sessions: int
    parameters: dict[str, Estimate]


def truth_and_bias(
    dyads: Codes,
    client: Floats,
    therapist: Floats,
    clusters: Codes | None = None,
    *,
    clinics: np.ndarray | None = None,
    level: float = 0.95,
) -> TruthAndBias:
    """Fit therapist − M = bias + f_w (C_it − C̄_i) + f_b (C̄_i − M) + u_i + e_it by REML.

    Parameters
    ----------
    dyads : array of int codes
        Client (course) of each session rated by both.
    client, therapist : array
        Both ratings, percent of the maximum possible.
    clusters : array of int, optional
        Therapist of each session; the therapist of a dyad is the one of its first row.
    clinics : array of int, optional
        Clinic of each session. Of several, M is the mean of the clinic's clients, each clinic but
        one has a column, and the bias is the average of clinics weighted by their clients.

    Notes
    -----
    M is the mean of the clients' mean ratings, so the intercept is the mean difference of the two
    raters for an average client (West & Kenny 2011, Psychological Review 118:357-378; used for
    the alliance by Atzil-Slonim et al. 2015). u_i is a random intercept per dyad. Intervals are
    Wald's, Fisher's for the correlations. The model holds M fixed, but another sample of
    therapists would have another M: so the bias takes the standard error of the dyads' mean
    differences, clustered by therapist (CR1, t with G − 1), or with fewer than ten therapists, or
    none named, that of independent dyads. Checked against R's ``lme4`` and ``sandwich``.
    """
    _, codes = np.unique(dyads, return_inverse=True)
    n, n_dyads = len(client), int(codes.max()) + 1 if len(codes) else 0
    if n_dyads < FEWEST_DYADS:
        return _nothing(n, n_dyads, f"fewer than {FEWEST_DYADS} dyads", level)
    sizes = np.bincount(codes)
    client_means = np.bincount(codes, weights=client) / sizes
    therapist_means = np.bincount(codes, weights=therapist) / sizes
    of_dyads = np.zeros(n_dyads) if clinics is None else _of_first_row(codes, clinics)
    middle = clinic_effects.means(client_means, of_dyads)[codes]
    columns, names = clinic_effects.columns(of_dyads)
    design = np.column_stack(
        [np.ones(n), client - client_means[codes], client_means[codes] - middle, columns[codes]]
    )
    fit = fit_random_intercept(
        GroupTotals.from_rows(codes, design, therapist - middle, (*PREDICTORS, *names))
    )
    found = _fixed(fit, n, level)
    if (bias := found["bias"].value) is not None:
        therapists = np.arange(n_dyads) if clusters is None else _of_first_row(codes, clusters)
        half = _half_width(therapist_means - client_means, therapists, of_dyads, level)
        low, high = (None, None) if half is None else (bias - half, bias + half)
        found["bias"] = Estimate(bias, low, high, level, n)
    found["tracking_within"], _ = repeated_measures_correlation(
        codes, client, therapist, level=level
    )
    found["tracking_between"] = pearson(
        *(clinic_effects.centered(means, of_dyads) for means in (client_means, therapist_means)),
        level=level,
        lost=clinic_effects.extra_clinics(of_dyads),
    )
    return TruthAndBias(n_dyads, n, found)


def _of_first_row(codes: Ints, clusters: Codes) -> Floats:
    _, first = np.unique(codes, return_index=True)
    return np.asarray(clusters)[first]


def _half_width(
    differences: np.ndarray, clusters: np.ndarray, clinics: np.ndarray, level: float
) -> float | None:
    """Return t times the clustered standard error of a mean over clinics as they are."""
    _, codes = np.unique(clusters, return_inverse=True)
    n_clusters, n = int(codes.max()) + 1, len(differences)
    if n_clusters < FEWEST_CLUSTERS:
        codes, n_clusters = np.arange(n), n
    within = clinic_effects.centered(differences, clinics)
    covariance = clustered_covariance(
        np.ones((n, 1)), within - within.mean(), np.full((1, 1), 1 / n), codes
    )
    freedom = n_clusters - 1 - clinic_effects.extra_clinics(clinics)
    if freedom < 1:
        return None
    return float(stdtrit(freedom, 0.5 + level / 2)) * math.sqrt(float(covariance[0, 0]))


def _fixed(fit: RandomInterceptFit, n: int, level: float) -> dict[str, Estimate]:
    names = ("bias", "truth_within", "truth_between")
    if not fit.is_estimated:
        return dict.fromkeys(names, Estimate.missing(fit.reason, n, level))
    errors = np.sqrt(np.clip(np.diag(fit.fixed_covariance), 0, None))
    return {
        name: wald(float(value), float(error), n, level)
        for name, value, error in zip(names, fit.fixed[:3], errors[:3], strict=True)
        if math.isfinite(value)
    }


def _nothing(n: int, n_dyads: int, reason: str, level: float) -> TruthAndBias:
    names = ("bias", "truth_within", "truth_between", "tracking_within", "tracking_between")
    return TruthAndBias(n_dyads, n, dict.fromkeys(names, Estimate.missing(reason, n, level)))
