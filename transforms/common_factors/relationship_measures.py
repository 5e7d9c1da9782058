"""Records of correlations between a relationship measure and what it is set beside."""

import numpy as np

from transforms.common_factors.alliance import correlations_within_clinics
from transforms.common_factors.clinics import WITHIN_CLINICS, Clinics
from transforms.common_factors.rows import (
    Columns,
    clinics_of,
    count_distinct,
    fields_of,
    records_by_scope,
)
from transforms.common_factors.table import ByStratum, CfTable, Row
from transforms.statistics import clinic_effects
from transforms.statistics.dependent_correlations import compare_measures
from transforms.statistics.heterogeneity import CORRELATION, IDENTITY
from transforms.statistics.withheld import Record

KEYS = (
    *("table_name", "metric", "target", "rater", "instrument_id", "version"),
    "target_instrument_id",
)
PAIR_KEYS = (
    *("rater", "instrument_id", "version"),
    *("compared_rater", "compared_instrument_id", "compared_version", "target_instrument_id"),
)


def measure_outcomes(strata: Columns, rows: Columns) -> list[Record]:
    """Correlate each measure with its target: one record per scope and analysis.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group and ``KEYS``
    rows : one entry per client
        stratum, therapist_code, x (measure), y (target), given (first outcome score, higher is
        better; NULL throughout an analysis whose target is no outcome).

    Notes
    -----
    With ``given`` the headline is the correlation at equal first score, and the others are with
    the change y − given; without, all are with y.
    """
    return records_by_scope(strata, rows, KEYS, lambda _, part: [_correlations_of(part)])


def _correlations_of(part: Columns) -> Record:
    x, y, given = part["x"], part["y"], part["given"].astype(float)
    has_given = not np.isnan(given).any()
    return correlations_within_clinics(part, x, y, given if has_given else None) | {
        "measure_mean": float(x.mean()),
        "measure_sd": float(x.std(ddof=1)) if len(x) > 1 else None,
        "n_clients": len(x),
        "n_therapists": count_distinct(part["therapist_code"]),
    }


def empathy_differences(strata: Columns, rows: Columns) -> list[Record]:
    """Compare two raters' empathy as predictors of one outcome: one record per scope and pair.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group and ``PAIR_KEYS``
    rows : one entry per client
        stratum, therapist_code, x_one, x_other, y and given, higher is better.
    """
    place = {"table_name": "cf_empathy_outcome", "metric": "difference", "target": "outcome"}
    return records_by_scope(
        strata, rows, PAIR_KEYS, lambda _, part: [place | _difference_of(part)], [place]
    )


def _difference_of(part: Columns) -> Record:
    clinics = clinics_of(part)
    within = (
        clinic_effects.centered(part[name], clinics) for name in ("x_one", "x_other", "y", "given")
    )
    found = compare_measures(*within, lost=clinic_effects.extra_clinics(clinics))
    return fields_of(found.difference) | {
        "williams_t": found.t,
        "williams_p": found.p_value,
        "n_clients": len(part["y"]),
        "n_therapists": count_distinct(part["therapist_code"]),
    }


class MeasureOutcomeRow(Row, total=False):
    """One relationship measure set beside what it may go with, or two raters compared."""

    table_name: str
    metric: str
    target: str
    rater: str
    instrument_id: str
    version: str
    target_instrument_id: str
    compared_rater: str
    compared_instrument_id: str
    compared_version: str
    cluster_ci_low: float
    cluster_ci_high: float
    zero_order_r: float
    zero_order_r_ci_low: float
    zero_order_r_ci_high: float
    spearman_r: float
    spearman_r_ci_low: float
    spearman_r_ci_high: float
    measure_mean: float
    measure_sd: float
    williams_t: float
    williams_p: float
    n_clients: int
    n_therapists: int


MEASURE_OUTCOME = CfTable(
    MeasureOutcomeRow,
    (
        ByStratum(measure_outcomes, KEYS, ("therapist_code", "x", "y", "given")),
        ByStratum(
            empathy_differences,
            PAIR_KEYS,
            ("therapist_code", "x_one", "x_other", "y", "given"),
            "true",
        ),
    ),
    Clinics(
        WITHIN_CLINICS,
        tuple(dict.fromkeys([*KEYS, *PAIR_KEYS])),
        lambda row: IDENTITY if row["metric"] == "difference" else CORRELATION,
    ),
)
