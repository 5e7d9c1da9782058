"""Pre–post effect sizes of every scope, from sums per clinic."""

from transforms.common_factors.outcome import EFFECT_SIZE
from transforms.common_factors.table import estimated


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    return estimated(EFFECT_SIZE, dbt.ref("int_cf_effect_size_sums"))
