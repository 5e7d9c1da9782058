"""Expected score of every form, curves and report card, told apart by `part`."""

import numpy as np
import pyarrow as pa

from transforms.common_factors.expected_response import all_instruments

STRATA = "instrument_code, instrument_id, version, direction"
ROWS = (
    "form_code, score_pre as pre, score, sessions_since_first as t, fold, episode_code, "
    "instrument_code, is_training, is_deteriorated, is_improved"
)
SCHEMA = pa.schema(
    [
        ("part", pa.string()),
        ("form_code", pa.int64()),
        ("instrument_id", pa.string()),
        ("version", pa.string()),
        ("intake_band", pa.int64()),
        ("expected", pa.float64()),
        ("lower", pa.float64()),
        ("upper", pa.float64()),
        ("session", pa.int64()),
        ("intake_low", pa.float64()),
        ("intake_high", pa.float64()),
        ("signal_limit", pa.float64()),
        ("n_episodes", pa.int64()),
        ("metric", pa.string()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("ci_level", pa.float64()),
        ("nominal", pa.float64()),
        ("n_used", pa.int64()),
        ("reason", pa.string()),
    ]
)


def model(dbt, session):
    """Learn from finished courses, judge all."""
    dbt.config(materialized="table")
    forms = dbt.ref("int_expected_response_forms")
    rate = float(dbt.config.get("not_on_track_rate"))
    strata = forms.project(STRATA).distinct().order("instrument_code").to_arrow_table()
    rows = forms.project(ROWS).order("form_code").fetchnumpy()
    predicted, curves, card = all_instruments(
        strata.to_pylist(), {name: np.asarray(column) for name, column in rows.items()}, rate
    )
    tables = [
        _forms(predicted),
        *(
            pa.Table.from_pylist([{"part": part, **row} for row in records], schema=SCHEMA)
            for part, records in (("curve", curves), ("report_card", card))
        ),
    ]
    return pa.concat_tables(tables)


def _forms(predicted):
    n = len(predicted["form_code"])
    columns = {"part": pa.repeat(pa.scalar("form"), n)} | {
        name: pa.array(column, SCHEMA.field(name).type, from_pandas=True)
        for name, column in predicted.items()
    }
    return pa.table(
        [columns.get(field.name, pa.nulls(n, field.type)) for field in SCHEMA], schema=SCHEMA
    )
