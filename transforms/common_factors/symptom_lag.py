"""Which comes first, a better alliance or fewer symptoms? Both directions on one design.

Alliance is rated after a session, symptoms before it (domain brief §4.15). So alliance of
session t comes before the symptoms of session t + 1, and the symptoms of session t come before
the alliance of session t. Each direction holds the outcome's own last deviation and the session
number equal and splits the predictor into within and between clients, as
:mod:`transforms.statistics.within_between` does.
"""

from transforms.common_factors.alliance import (
    ALLIANCE_POINTS,
    MOMENT_SUMS,
    PARAMETERS,
    scale_of_parameter,
    totals_from_sums,
)
from transforms.common_factors.clinics import CLINIC_EFFECTS, Clinics
from transforms.common_factors.rows import (
    LEVEL,
    Columns,
    count_distinct,
    fields_of,
    parameters,
    records_by_scope,
)
from transforms.common_factors.scopes import Scope
from transforms.common_factors.table import ByStratum, CfTable, Row
from transforms.statistics.withheld import Record
from transforms.statistics.within_between import within_between

KEYS = ("lag_direction", "alliance_instrument_id", "outcome_instrument_id")
TO_SYMPTOM, TO_ALLIANCE = "alliance_to_symptom", "symptom_to_alliance"


def alliance_symptom_lag(strata: Columns, rows: Columns) -> list[Record]:
    """Fit both directions: one record per scope, direction, instruments and parameter.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group and ``KEYS``
    rows : one entry per client
        stratum, therapist_code, pair_count, and the sums of
        :mod:`transforms.common_factors.alliance`, all turned so that higher is better.
    """
    return records_by_scope(strata, rows, KEYS, _records_of, parameters(PARAMETERS))


def _records_of(scope: Scope, part: Columns) -> list[Record]:
    found = within_between(totals_from_sums(part), direction=1, level=LEVEL)
    times = ALLIANCE_POINTS if scope.key[0] == TO_SYMPTOM else 1
    estimates = {
        "within": found.within.times(times),
        "between": found.between.times(times),
        "between_minus_within": found.difference.times(times),
        "within_standardized": found.within_standardized,
        "repeated_measures_r": found.repeated_correlation,
    }
    return [
        {"parameter": parameter}
        | fields_of(estimate)
        | {
            "n_pairs": found.n_rows,
            "n_clients": found.n_clients,
            "n_therapists": count_distinct(part["therapist_code"]),
        }
        for parameter, estimate in estimates.items()
    ]


class AllianceSymptomLagRow(Row, total=False):
    """One parameter of one direction between alliance and symptoms."""

    lag_direction: str
    alliance_instrument_id: str
    outcome_instrument_id: str
    parameter: str
    n_pairs: int
    n_clients: int
    n_therapists: int


ALLIANCE_SYMPTOM_LAG = CfTable(
    AllianceSymptomLagRow,
    (ByStratum(alliance_symptom_lag, KEYS, MOMENT_SUMS),),
    Clinics(CLINIC_EFFECTS, (*KEYS, "parameter"), scale_of_parameter),
)
