"""Correlations of early alliance with outcome, one row per scope and pair of instruments."""

from transforms.common_factors.alliance import ALLIANCE_OUTCOME
from transforms.common_factors.table import estimated


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    return estimated(ALLIANCE_OUTCOME, dbt.ref("int_cf_alliance_outcome_candidates"))
