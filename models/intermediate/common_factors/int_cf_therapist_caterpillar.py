"""Shrunken therapist estimates, one row per scope, outcome instrument and therapist."""

from transforms.common_factors.table import estimated
from transforms.common_factors.therapists import THERAPIST_CATERPILLAR


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    return estimated(THERAPIST_CATERPILLAR, dbt.ref("int_cf_therapist_candidates"))
