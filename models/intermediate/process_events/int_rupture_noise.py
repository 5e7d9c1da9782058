"""What each detector finds in noise alone, one row per series and detector that judges it."""

from transforms.common_factors.rupture_noise import (
    JUDGED,
    KEY,
    RATING_COLUMNS,
    RULE_COLUMNS,
    rupture_noise,
)
from transforms.common_factors.table import handed_over


def model(dbt, session):
    """Simulate every course that a detector judges."""
    return rupture_noise(
        handed_over(dbt.ref("int_rupture_rules"), (KEY, *RULE_COLUMNS), JUDGED),
        handed_over(dbt.ref("int_rupture_ratings"), (KEY, *RATING_COLUMNS)),
        repair_sessions=int(dbt.config.get("repair_sessions")),
    )
