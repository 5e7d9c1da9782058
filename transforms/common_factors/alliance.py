"""Alliance and outcome, of every scope: the records of two cf_ tables."""

import numpy as np

from transforms.common_factors.clinics import CLINIC_EFFECTS, WITHIN_CLINICS, Clinics
from transforms.common_factors.rows import (
    LEVEL,
    Columns,
    by_direction,
    clinics_of,
    count_distinct,
    fields_of,
    parameters,
    records_by_scope,
    side_fields_of,
)
from transforms.common_factors.table import ByStratum, CfTable, Row
from transforms.statistics import clinic_effects
from transforms.statistics.correlation import (
    cluster_bootstrap_interval,
    partial_correlation,
    pearson,
)
from transforms.statistics.estimate import Estimate
from transforms.statistics.heterogeneity import CORRELATION, IDENTITY
from transforms.statistics.reml import GroupTotals
from transforms.statistics.withheld import Facts, Record
from transforms.statistics.within_between import PREDICTORS, within_between

INSTRUMENTS = ("alliance_instrument_id", "outcome_instrument_id")
ALLIANCE_POINTS = 10  # slopes are printed per 10 points of the 0-100 alliance scale
PARAMETERS = (
    *("within", "between", "between_minus_within"),
    *("within_standardized", "repeated_measures_r"),
)
MOMENTS = ("wit", "bet", "lag", "ses", "out")  # PREDICTORS without the intercept, the outcome
MOMENT_SUMS = (
    *("therapist_code", "pair_count"),
    *(f"sum_{first}" for first in MOMENTS),
    *(f"sum_{a}__{b}" for i, a in enumerate(MOMENTS) for b in MOMENTS[i:]),
)


def alliance_outcome(strata: Columns, rows: Columns) -> list[Record]:
    """Correlate early alliance with outcome: one record per scope and pair of instruments.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group and both instruments
    rows : one entry per client
        stratum, therapist_code, alliance_pomp (0–100), is_at_ceiling (0/1), and pre_score,
        score_before_alliance and post_score turned so that higher is better.
    """
    return records_by_scope(strata, rows, INSTRUMENTS, lambda _, part: [_alliance_outcome_of(part)])


def _alliance_outcome_of(part: Columns) -> Record:
    alliance, therapists = part["alliance_pomp"], part["therapist_code"]
    found = correlations_within_clinics(part, alliance, part["post_score"], part["pre_score"])
    return (
        found
        | side_fields_of(_adjusted_r(part), "adjusted_r")
        | {
            "alliance_mean": float(alliance.mean()),
            "alliance_sd": float(alliance.std(ddof=1)) if len(alliance) > 1 else None,
            "ceiling_percent": 100 * float(part["is_at_ceiling"].mean()),
            "n_clients": len(alliance),
            "n_therapists": count_distinct(therapists),
        }
    )


def _adjusted_r(part: Columns) -> Estimate:
    """Return the correlation at equal last score up to the alliance, within clinics.

    What had changed by then may have made the alliance; at equal first score it is its effect.
    """
    clinics = clinics_of(part)
    names = ("alliance_pomp", "post_score", "score_before_alliance")
    columns = [clinic_effects.centered(part[name], clinics) for name in names]
    lost = clinic_effects.extra_clinics(clinics)
    return partial_correlation(*columns, level=LEVEL, lost=lost)


def correlations_within_clinics(
    part: Columns, x: np.ndarray, y: np.ndarray, given: np.ndarray | None
) -> Record:
    """Return headline, cluster, zero-order and rank correlation, all within clinics.

    With ``given`` the headline is at equal ``given`` and the other two are with y − given.
    Measures are centered on their clinic, ranks are within clinics; clinics cost degrees of
    freedom.
    """
    clinics = clinics_of(part)
    lost = clinic_effects.extra_clinics(clinics)
    columns = [clinic_effects.centered(c, clinics) for c in (x, y, given) if c is not None]
    headline = (pearson if given is None else partial_correlation)(*columns, level=LEVEL, lost=lost)
    cluster = None
    if headline.is_estimated:
        cluster = cluster_bootstrap_interval(columns, part["therapist_code"], level=LEVEL)
    change = y if given is None else y - given
    ranks = [clinic_effects.ranks(column, clinics) for column in (x, change)]
    levels = [columns[0], clinic_effects.centered(change, clinics)]
    return (
        fields_of(headline)
        | {"cluster_ci_low": cluster and cluster[0], "cluster_ci_high": cluster and cluster[1]}
        | side_fields_of(pearson(*levels, level=LEVEL, lost=lost), "zero_order_r")
        | side_fields_of(pearson(*ranks, level=LEVEL, lost=lost), "spearman_r")
    )


def within_between_alliance(strata: Columns, rows: Columns) -> list[Record]:
    """Fit the within–between model: one record per scope, pair of instruments and parameter.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group, both instruments, direction (1 or −1)
    rows : one entry per client
        stratum, therapist_code, pair_count, and of its pairs the sums sum_<a> and
        cross-products sum_<a>__<b>, with a and b from ``MOMENTS`` in that order.
    """
    of = by_direction(strata, _within_between_of)
    return records_by_scope(strata, rows, INSTRUMENTS, of, parameters(PARAMETERS))


def _within_between_of(part: Columns, direction: int) -> list[Record]:
    found = within_between(totals_from_sums(part), direction=direction, level=LEVEL)
    estimates = {
        "within": found.within.times(ALLIANCE_POINTS),
        "between": found.between.times(ALLIANCE_POINTS),
        "between_minus_within": found.difference.times(ALLIANCE_POINTS),
        "within_standardized": found.within_standardized,
        "repeated_measures_r": found.repeated_correlation,
    }
    shared = {
        "client_variance_share": found.client_variance_share,
        "n_pairs": found.n_rows,
        "n_clients": found.n_clients,
        "n_therapists": count_distinct(part["therapist_code"]),
    }
    return [
        {"parameter": parameter} | fields_of(estimate) | shared
        for parameter, estimate in estimates.items()
    ]


def totals_from_sums(part: Columns) -> GroupTotals:
    """Build the model's totals from the sums that SQL computed per client.

    Of several clinics each but one gets a column: clients are compared with clients of their own.
    """
    sizes = part["pair_count"].astype(float)
    sums = np.column_stack([sizes, *(part[f"sum_{name}"] for name in MOMENTS)])
    width = len(MOMENTS) + 1
    products = np.zeros((width, width))
    products[0] = sums.sum(axis=0)
    for row, first in enumerate(MOMENTS, start=1):
        for column, second in enumerate(MOMENTS[row - 1 :], start=row):
            products[row, column] = part[f"sum_{first}__{second}"].sum()
    products = np.triu(products) + np.triu(products, 1).T
    clinics, names = clinic_effects.columns(clinics_of(part))
    if not names:
        return GroupTotals.from_sums(sizes, sums, products, PREDICTORS)
    # A clinic's column is the same in all rows of a client.
    beside = clinics.T @ sums
    among = (clinics * sizes[:, None]).T @ clinics
    all_products = np.block([[products, beside.T], [beside, among]])
    last = width - 1  # the outcome stays the last column
    order = [*range(last), *range(width, width + len(names)), last]
    all_sums = np.column_stack([sums, clinics * sizes[:, None]])
    return GroupTotals.from_sums(
        sizes, all_sums[:, order], all_products[np.ix_(order, order)], (*PREDICTORS, *names)
    )


def scale_of_parameter(row: Facts) -> str:
    """Return the scale on which clinics are compared: a correlation's own, or the slope's."""
    return CORRELATION if row["parameter"] == "repeated_measures_r" else IDENTITY


class AllianceOutcomeRow(Row, total=False):
    """Early alliance and outcome of one pair of instruments."""

    alliance_instrument_id: str
    outcome_instrument_id: str
    adjusted_r: float
    adjusted_r_ci_low: float
    adjusted_r_ci_high: float
    cluster_ci_low: float
    cluster_ci_high: float
    zero_order_r: float
    zero_order_r_ci_low: float
    zero_order_r_ci_high: float
    spearman_r: float
    spearman_r_ci_low: float
    spearman_r_ci_high: float
    alliance_mean: float
    alliance_sd: float
    ceiling_percent: float
    n_clients: int
    n_therapists: int


EARLY = (
    *("therapist_code", "alliance_pomp", "is_at_ceiling"),
    *("pre_score", "score_before_alliance", "post_score"),
)
ALLIANCE_OUTCOME = CfTable(
    AllianceOutcomeRow,
    (ByStratum(alliance_outcome, INSTRUMENTS, EARLY),),
    Clinics(WITHIN_CLINICS, INSTRUMENTS, CORRELATION),
)


class WithinBetweenAllianceRow(Row, total=False):
    """One parameter of the within-between model of a pair of instruments."""

    alliance_instrument_id: str
    outcome_instrument_id: str
    parameter: str
    client_variance_share: float
    n_pairs: int
    n_clients: int
    n_therapists: int


WITHIN_BETWEEN_ALLIANCE = CfTable(
    WithinBetweenAllianceRow,
    (ByStratum(within_between_alliance, (*INSTRUMENTS, "direction"), MOMENT_SUMS),),
    Clinics(CLINIC_EFFECTS, (*INSTRUMENTS, "parameter"), scale_of_parameter),
)
