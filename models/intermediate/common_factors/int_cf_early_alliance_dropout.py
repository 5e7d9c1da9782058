"""Dropout by alliance at session 3, one row per scope, instrument and metric."""

from transforms.common_factors.dropout import EARLY_ALLIANCE_DROPOUT
from transforms.common_factors.table import estimated


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    return estimated(EARLY_ALLIANCE_DROPOUT, dbt.ref("int_cf_early_alliance_dropout_candidates"))
