"""Both directions between alliance and symptoms, one row per scope, direction and parameter."""

from transforms.common_factors.symptom_lag import ALLIANCE_SYMPTOM_LAG
from transforms.common_factors.table import estimated


def model(dbt, session):
    """Estimate every scope from the pairs of the usable candidates."""
    return estimated(ALLIANCE_SYMPTOM_LAG, dbt.ref("int_cf_symptom_lag_sessions"))
