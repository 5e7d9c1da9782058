"""Outcome by rupture class, one row per scope, detector, pair of forms and class."""

from transforms.common_factors.rupture_outcome import RUPTURE_OUTCOME
from transforms.common_factors.table import estimated


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    return estimated(RUPTURE_OUTCOME, dbt.ref("int_cf_rupture_candidates"))
