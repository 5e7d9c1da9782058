"""Correlations of relationship measures, one row per scope and analysis."""

from transforms.common_factors.relationship_measures import MEASURE_OUTCOME
from transforms.common_factors.table import estimated


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    return estimated(
        MEASURE_OUTCOME, dbt.ref("int_cf_measure_candidates"), dbt.ref("int_cf_empathy_pairs")
    )
