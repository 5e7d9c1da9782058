"""Lines and shapes of the alliance: one row per client, and one per scope and metric."""

from transforms.common_factors.table import estimated
from transforms.common_factors.trajectory import ALLIANCE_TRAJECTORY


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    return estimated(ALLIANCE_TRAJECTORY, dbt.ref("int_cf_trajectory_candidates"))
