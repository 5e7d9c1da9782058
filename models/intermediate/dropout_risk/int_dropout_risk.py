"""Hazard of every session and the report card, told apart by `part`."""

import numpy as np
import pyarrow as pa

from transforms.common_factors.dropout_hazard import (
    PREDICTORS,
    alert_threshold,
    predict_hazard,
    report_card,
)
from transforms.statistics.withheld import is_defect

SCHEMA = pa.schema(
    [
        ("part", pa.string()),
        ("form_code", pa.int64()),
        ("hazard", pa.float64()),
        ("threshold", pa.float64()),
        ("risk_bin", pa.int64()),
        ("metric", pa.string()),
        ("nominal", pa.float64()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("ci_level", pa.float64()),
        ("n_used", pa.int64()),
        ("reason", pa.string()),
    ]
)


def model(dbt, session):
    """Learn from finished courses, judge all."""
    dbt.config(materialized="table")
    names = ", ".join(["form_code", "event", "fold", *PREDICTORS])
    rows = dbt.ref("int_dropout_risk_sessions").project(names).order("form_code").fetchnumpy()
    columns = {name: np.asarray(column) for name, column in rows.items()}
    hazard, reason = predict_hazard(columns)
    threshold = alert_threshold(hazard, float(dbt.config.get("dropout_risk_rate")))
    n = len(hazard)
    sessions = {
        "part": pa.repeat(pa.scalar("session"), n),
        "form_code": pa.array(columns["form_code"], pa.int64()),
        "hazard": pa.array(hazard, pa.float64(), from_pandas=True),
        "threshold": pa.repeat(pa.scalar(threshold, pa.float64()), n),
        "reason": pa.repeat(pa.scalar(reason, pa.string()), n),
    }
    card = [{"part": "report_card", **row} for row in report_card(columns, hazard, threshold)]
    if is_defect(reason):
        card = [row | {"reason": reason} for row in card]
    return pa.concat_tables(
        [
            pa.table(
                [sessions.get(field.name, pa.nulls(n, field.type)) for field in SCHEMA],
                schema=SCHEMA,
            ),
            pa.Table.from_pylist(card, schema=SCHEMA),
        ]
    )
