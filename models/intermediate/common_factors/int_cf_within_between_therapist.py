"""Slopes between and within therapists, one row per scope, instruments and parameter."""

from transforms.common_factors.table import estimated
from transforms.common_factors.therapist_alliance import WITHIN_BETWEEN_THERAPIST


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    return estimated(
        WITHIN_BETWEEN_THERAPIST, dbt.ref("int_cf_within_between_therapist_candidates")
    )
