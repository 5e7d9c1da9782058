"""Bias, tracking and response surface of two views of the alliance, per scope and parameter."""

from transforms.common_factors.congruence import CONGRUENCE
from transforms.common_factors.table import estimated


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    return estimated(
        CONGRUENCE, dbt.ref("int_cf_congruence_ratings"), dbt.ref("int_cf_congruence_candidates")
    )
