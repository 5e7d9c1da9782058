"""Therapist share of variance, one row per scope, outcome instrument and metric."""

from transforms.common_factors.table import estimated
from transforms.common_factors.therapists import THERAPIST_EFFECT


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    scored = dbt.ref("int_cf_therapist_candidates")
    ended = dbt.ref("int_cf_therapist_dropout_candidates")
    return estimated(THERAPIST_EFFECT, scored, scored, ended)
