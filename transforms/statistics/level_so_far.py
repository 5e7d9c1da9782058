"""A client's usual level as far as the ratings up to a session tell, for what comes next.

A client's mean over all ratings would know the future, and the mean so far is mostly noise in the
first sessions. So the level is the expected one given the ratings so far: shrunken to the clinic's
mean by their number (regression calibration, Prentice 1982, doi:10.1093/biomet/69.2.331).
"""

import numpy as np

from transforms.statistics import clinic_effects
from transforms.statistics.arrays import Bools, Codes, Floats
from transforms.statistics.reml import GroupTotals, fit_random_intercept


def level_so_far(clients: Codes, sessions: Floats, ratings: Floats, clinics: Codes) -> Floats | str:
    """Return each row's expected level given the client's ratings up to it, or why there is none.

    Parameters
    ----------
    clients, sessions : arrays, one entry per client and session
    ratings : array, NaN where not rated
    clinics : array of codes

    Notes
    -----
    λ·(mean so far) + (1 − λ)·(clinic's mean), λ = n·τ² / (n·τ² + σ²) with n ratings so far and the
    variances between clients of a clinic (τ²) and within a client (σ²) by REML.
    """
    rated = ~np.isnan(ratings)
    if not rated.any():
        return "no session is rated"
    if np.ptp(ratings[rated]) == 0:
        return "a covariate does not vary"
    _, codes = np.unique(clients[rated], return_inverse=True)
    columns, names = clinic_effects.columns(clinics[rated])
    design = np.column_stack([np.ones(int(rated.sum())), columns])
    fit = fit_random_intercept(
        GroupTotals.from_rows(codes, design, ratings[rated], ("intercept", *names))
    )
    if not fit.is_estimated:
        return fit.reason
    if fit.var_group == 0:
        return "clients do not differ in their usual alliance"
    usual = _means_of_clinics(ratings, rated, clinics)
    n, total = _so_far(clients, sessions, rated, np.where(rated, ratings - usual, 0.0))
    weight = fit.var_group / (n * fit.var_group + fit.var_residual)
    level: Floats = usual + weight * total
    return level


def _means_of_clinics(ratings: Floats, rated: Bools, clinics: Codes) -> Floats:
    """Return each row's clinic mean; of a clinic without a rating that of all."""
    usual = np.full(len(ratings), ratings[rated].mean())
    for rows in clinic_effects.each_clinic(clinics):
        if (rows & rated).any():
            usual[rows] = ratings[rows & rated].mean()
    return usual


def _so_far(
    clients: Codes, sessions: Floats, rated: Bools, values: Floats
) -> tuple[Floats, Floats]:
    """Return how many ratings a client has given up to each row, and their sum."""
    order = np.lexsort((sessions, clients))
    is_first = np.concatenate([[True], np.diff(clients[order]) != 0])
    start = np.maximum.accumulate(np.where(is_first, np.arange(len(order)), 0))
    found = []
    for column in (rated.astype(float), values):
        running = np.concatenate([[0.0], np.cumsum(column[order])])
        result = np.empty(len(order))
        result[order] = running[1:] - running[start]
        found.append(result)
    return found[0], found[1]
