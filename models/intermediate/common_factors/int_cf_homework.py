"""Homework and the next outcome, one row per scope, homework measure and parameter."""

from transforms.common_factors.homework import HOMEWORK
from transforms.common_factors.table import estimated


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    return estimated(HOMEWORK, dbt.ref("int_cf_homework_candidates"))
