"""Hazard of leaving by the alliance of the session before, one row per scope and metric."""

from transforms.common_factors.survival import DROPOUT_HAZARD
from transforms.common_factors.table import estimated


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    return estimated(DROPOUT_HAZARD, dbt.ref("int_cf_dropout_hazard_candidates"))
