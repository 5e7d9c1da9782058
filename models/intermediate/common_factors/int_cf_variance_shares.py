"""Shares of the outcome variance, one row per scope, instruments and source."""

from transforms.common_factors.table import estimated
from transforms.common_factors.variance_shares import VARIANCE_SHARES


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    return estimated(VARIANCE_SHARES, dbt.ref("int_cf_within_between_therapist_candidates"))
