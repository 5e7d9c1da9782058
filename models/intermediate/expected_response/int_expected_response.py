"""Expected score of every form, curves and report card, told apart by `part`."""

from transforms.common_factors.expected_response import FORM, STRATUM, expected_response
from transforms.common_factors.table import handed_over


def model(dbt, session):
    """Learn from finished courses, judge all."""
    columns = dict.fromkeys((*STRATUM, *FORM))
    forms = handed_over(dbt.ref("int_expected_response_forms"), columns)
    return expected_response(forms, float(dbt.config.get("not_on_track_rate")))
