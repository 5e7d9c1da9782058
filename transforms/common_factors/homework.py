"""Records of homework and the outcome before the next session, within and between clients."""

from transforms.common_factors.alliance import totals_from_sums
from transforms.common_factors.rows import (
    LEVEL,
    Columns,
    count_distinct,
    direction_of,
    each_scope,
    fields_of,
    place_of,
)
from transforms.statistics.within_between import within_between

KEYS = ("measure", "outcome_instrument_id")


def homework_slopes(strata: Columns, rows: Columns) -> list[dict]:
    """Fit the within–between model of §4.2 with homework in the place of the alliance.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group, measure, outcome_instrument_id, direction
    rows : one entry per client
        stratum, therapist_code, pair_count and the sums of ``alliance_records.MOMENTS``; the
        homework measure (0 or 1, or tens of percent) stands for the alliance.
    """
    directions = direction_of(strata)
    records = []
    for scope, part in each_scope(strata, rows, KEYS):
        found = within_between(
            totals_from_sums(part), direction=directions[scope.key[1]], level=LEVEL
        )
        shared = place_of(scope, KEYS) | {
            "n_pairs": found.n_rows,
            "n_clients": found.n_clients,
            "n_therapists": count_distinct(part["therapist_code"]),
        }
        parameters = {
            "within": found.within,
            "between": found.between,
            "within_standardized": found.within_standardized,
            "repeated_measures_r": found.repeated_correlation,
        }
        records += [
            shared | {"parameter": name} | fields_of(estimate)
            for name, estimate in parameters.items()
        ]
    return records
