"""Cumulative incidence of dropout, one row per scope, curve and session."""

from transforms.common_factors.survival import DROPOUT_SURVIVAL
from transforms.common_factors.table import estimated


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    candidates = dbt.ref("int_cf_dropout_curve_candidates")
    return estimated(DROPOUT_SURVIVAL, candidates, candidates)
