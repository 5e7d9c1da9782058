"""Dropout by every definition and how each pair agrees, several rows per scope."""

from transforms.common_factors.dropout import DROPOUT_DEFINITIONS
from transforms.common_factors.table import estimated


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    return estimated(DROPOUT_DEFINITIONS, dbt.ref("int_cf_dropout_candidates"))
