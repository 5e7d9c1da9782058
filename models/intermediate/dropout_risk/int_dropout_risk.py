"""Hazard of every session and the report card, told apart by `part`."""

from transforms.common_factors.dropout_hazard import RISK_COLUMNS, dropout_risk
from transforms.common_factors.table import handed_over


def model(dbt, session):
    """Learn from finished courses, judge all."""
    sessions = handed_over(dbt.ref("int_dropout_risk_sessions"), RISK_COLUMNS)
    return dropout_risk(sessions, float(dbt.config.get("dropout_risk_rate")))
