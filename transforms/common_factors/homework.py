"""Records of homework and the outcome before the next session, within and between clients."""

from transforms.common_factors.alliance import MOMENT_SUMS, scale_of_parameter, totals_from_sums
from transforms.common_factors.clinics import CLINIC_EFFECTS, Clinics
from transforms.common_factors.rows import (
    LEVEL,
    Columns,
    by_direction,
    count_distinct,
    fields_of,
    parameters,
    records_by_scope,
)
from transforms.common_factors.table import ByStratum, CfTable, Row
from transforms.statistics.withheld import Record
from transforms.statistics.within_between import within_between

PARAMETERS = ("within", "between", "within_standardized", "repeated_measures_r")
KEYS = ("measure", "outcome_instrument_id")


def homework_slopes(strata: Columns, rows: Columns) -> list[Record]:
    """Fit the within–between model of §4.2 with homework in the place of the alliance.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group, measure, outcome_instrument_id, direction
    rows : one entry per client
        stratum, therapist_code, pair_count and the sums of ``alliance_records.MOMENTS``; the
        homework measure (0 or 1, or tens of percent) stands for the alliance.
    """
    of = by_direction(strata, _slopes_of)
    return records_by_scope(strata, rows, KEYS, of, parameters(PARAMETERS))


def _slopes_of(part: Columns, direction: int) -> list[Record]:
    found = within_between(totals_from_sums(part), direction=direction, level=LEVEL)
    shared = {
        "n_pairs": found.n_rows,
        "n_clients": found.n_clients,
        "n_therapists": count_distinct(part["therapist_code"]),
    }
    estimates = (
        found.within,
        found.between,
        found.within_standardized,
        found.repeated_correlation,
    )
    return [
        shared | {"parameter": name} | fields_of(estimate)
        for name, estimate in zip(PARAMETERS, estimates, strict=True)
    ]


class HomeworkRow(Row, total=False):
    """One parameter of homework and the next outcome."""

    measure: str
    outcome_instrument_id: str
    parameter: str
    n_pairs: int
    n_clients: int
    n_therapists: int


HOMEWORK = CfTable(
    HomeworkRow,
    (ByStratum(homework_slopes, (*KEYS, "direction"), MOMENT_SUMS),),
    Clinics(CLINIC_EFFECTS, (*KEYS, "parameter"), scale_of_parameter),
)
