"""Does a session with a better alliance than usual precede a better next session?

Splits the alliance into a within-client part (this session against the client's own mean)
and a between-client part (the client's mean against all clients), domain brief §4.2. The
predictor is session t, the outcome session t + 1. An association, not a cause: with few
sessions per client a lagged outcome that is itself centered biases both slopes a little.
"""

import math
from dataclasses import dataclass

import numpy as np

from transforms.statistics.correlation import repeated_correlation_from_products
from transforms.statistics.estimate import Estimate, wald
from transforms.statistics.reml import GroupTotals, fit_random_intercept

PREDICTORS = ("intercept", "alliance_within", "alliance_between", "outcome_within", "session")
HELD_EQUAL = ("outcome_within", "session")
DUST = 1e-10


@dataclass(frozen=True, slots=True)
class WithinBetween:
    """Slopes in points of the next outcome per point of alliance, all in one direction.

    ``difference`` is between minus within. ``within_standardized`` is the within slope times
    the within-client SD of the alliance over that of the outcome. ``repeated_correlation`` is
    the repeated-measures correlation of alliance and next outcome at equal current outcome and
    session: ``within`` in the unit of a correlation. ``client_variance_share``
    is the share of the remaining variance that lies between clients (0 to 1).
    """

    n_clients: int
    n_rows: int
    within: Estimate
    between: Estimate
    difference: Estimate
    within_standardized: Estimate
    repeated_correlation: Estimate
    client_variance_share: float | None


def within_between(totals: GroupTotals, *, direction: int, level: float = 0.95) -> WithinBetween:
    """Fit the random-intercept model of domain brief §4.2.

    Parameters
    ----------
    totals : GroupTotals
        One group per client; predictors in the order of ``PREDICTORS``, then a column per clinic
        where there are several; the outcome is the score before the next attended session, in
        points.
    direction : {1, -1}
        1 if a higher outcome score is better. Signs are turned so that a positive slope
        means: better alliance, better next outcome.
    """
    fit = fit_random_intercept(totals)
    n = totals.n_rows
    repeated = repeated_correlation_from_totals(totals, level=level).times(direction)
    if not fit.is_estimated:
        none = Estimate.missing(fit.reason, n, level)
        return WithinBetween(totals.n_groups, n, none, none, none, none, repeated, None)

    def combination(weights: dict[str, float]) -> Estimate:
        vector = np.array([weights.get(name, 0.0) for name in totals.names])
        variance = float(vector @ fit.fixed_covariance @ vector)
        value = float(vector @ fit.fixed)
        return wald(value, math.sqrt(max(variance, 0.0)), n, level).times(direction)

    within = combination({"alliance_within": 1})
    return WithinBetween(
        n_clients=totals.n_groups,
        n_rows=n,
        within=within,
        between=combination({"alliance_between": 1}),
        difference=combination({"alliance_between": 1, "alliance_within": -1}),
        within_standardized=within.times(_spread_ratio(totals)),
        repeated_correlation=repeated,
        client_variance_share=fit.icc,
    )


def repeated_correlation_from_totals(totals: GroupTotals, *, level: float = 0.95) -> Estimate:
    """Return the repeated-measures correlation of alliance and next outcome, adjusted.

    Bland & Altman's (parallel lines within clients) of what is left of both after the current
    outcome and the session: a course in which both rise has no correlation from that alone. Each
    of the two costs a degree of freedom.
    """
    left, n_given = _left_within(totals)
    products = [float(left[pair]) for pair in ((0, 0), (0, 1), (1, 1))]
    return repeated_correlation_from_products(
        products,
        n_rows=totals.n_rows,
        n_subjects=totals.n_groups,
        n_given=n_given,
        level=level,
    )


def _left_within(totals: GroupTotals) -> tuple[np.ndarray, int]:
    """Return products of alliance and outcome less what the held-equal explain, and their rank."""
    both = [totals.names.index("alliance_within"), len(totals.names)]
    held = [totals.names.index(name) for name in HELD_EQUAL]
    among, beside = totals.within[np.ix_(held, held)], totals.within[np.ix_(held, both)]
    scale = np.sqrt(np.maximum(np.diag(among), 0.0))
    scale[scale == 0] = 1.0
    inverse = np.linalg.pinv(among / np.outer(scale, scale), rcond=DUST, hermitian=True)
    own = totals.within[np.ix_(both, both)]
    left = own - (beside / scale[:, None]).T @ inverse @ (beside / scale[:, None])
    # What is nothing but rounding of a measure's own variation is no variation.
    left[np.diag_indices(2)] *= np.diag(left) > DUST * np.diag(own)
    return left, int(np.linalg.matrix_rank(among / np.outer(scale, scale), tol=DUST))


def _spread_ratio(totals: GroupTotals) -> float:
    alliance, outcome = totals.names.index("alliance_within"), len(totals.names)
    return math.sqrt(totals.within[alliance, alliance] / totals.within[outcome, outcome])
