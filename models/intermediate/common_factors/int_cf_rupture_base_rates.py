"""What detectors find beyond noise, one row per scope, detector and form."""

from transforms.common_factors.rupture_base_rates import RUPTURE_BASE_RATES
from transforms.common_factors.table import estimated


def model(dbt, session):
    """Estimate every scope from the classed episodes."""
    return estimated(RUPTURE_BASE_RATES, dbt.ref("cf_alliance_ruptures"))
