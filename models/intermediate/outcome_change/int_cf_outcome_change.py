"""Rates of change of every scope, from counts per clinic."""

from transforms.common_factors.outcome import OUTCOME_CHANGE
from transforms.common_factors.table import estimated


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    return estimated(OUTCOME_CHANGE, dbt.ref("int_cf_outcome_counts"))
