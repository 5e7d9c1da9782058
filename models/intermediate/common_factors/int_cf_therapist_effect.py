"""Therapist share of variance, one row per scope, outcome instrument and metric."""

import pyarrow as pa

from transforms.common_factors.therapists import therapist_effects, therapist_effects_on_events

STRATA = "stratum, clinic_id, clinic_group, outcome_instrument_id"
ROWS = (
    "stratum, clinic_code, therapist_code, pre_score, post_score, age_years, deprivation, "
    "problem_code, step_code, gender_code, employment_code"
)
EVENT_ROWS = "stratum, therapist_code, pre_score, age_years, is_event"
SCHEMA = pa.schema(
    [
        ("scope_level", pa.string()),
        ("scope_id", pa.string()),
        ("outcome_instrument_id", pa.string()),
        ("metric", pa.string()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("ci_level", pa.float64()),
        ("n_used", pa.int64()),
        ("reason", pa.string()),
        ("icc_unadjusted", pa.float64()),
        ("var_therapist", pa.float64()),
        ("var_residual", pa.float64()),
        ("is_boundary", pa.bool_()),
        ("model", pa.string()),
        ("n_clients", pa.int64()),
        ("n_therapists", pa.int64()),
        ("n_events", pa.int64()),
    ]
)


def model(dbt, session):
    """Estimate every scope from the usable candidates."""
    dbt.config(materialized="table")
    scored = dbt.ref("int_cf_therapist_candidates").filter("exclusion_reason is null")
    ended = dbt.ref("int_cf_therapist_dropout_candidates").filter("exclusion_reason is null")
    judged = scored.filter("is_event is not null")
    records = therapist_effects(*_columns(scored, f"{STRATA}, direction", ROWS))
    for metric, usable in (("icc_reliable_improvement", judged), ("icc_dropout", ended)):
        records += therapist_effects_on_events(*_columns(usable, STRATA, EVENT_ROWS), metric)
    return pa.Table.from_pylist(records, schema=SCHEMA)


def _columns(usable, strata, rows):
    # Rows that are equal in every column are interchangeable, so this is a full order.
    return (
        usable.project(strata).distinct().fetchnumpy(),
        usable.project(rows).order(rows).fetchnumpy(),
    )
