"""Within- and between-client slopes, one row per scope, pair of instruments and parameter."""

from transforms.common_factors.alliance import WITHIN_BETWEEN_ALLIANCE
from transforms.common_factors.table import estimated


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    return estimated(WITHIN_BETWEEN_ALLIANCE, dbt.ref("int_cf_within_between_candidates"))
