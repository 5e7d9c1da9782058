"""How often the alliance ruptures, one row per scope, detector and form."""

from transforms.common_factors.rupture_summary import RUPTURE_SUMMARY
from transforms.common_factors.table import estimated


def model(dbt, session):
    """Estimate every scope from the classed episodes."""
    return estimated(RUPTURE_SUMMARY, dbt.ref("cf_alliance_ruptures"))
