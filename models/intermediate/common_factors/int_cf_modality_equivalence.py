"""Modalities compared in pairs, one row per scope, outcome instrument and pair."""

from transforms.common_factors.modality import MODALITY_EQUIVALENCE
from transforms.common_factors.table import estimated


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    return estimated(MODALITY_EQUIVALENCE, dbt.ref("int_cf_modality_candidates"))
