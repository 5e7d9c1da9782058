"""What the tables about the relationship should show, and where."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from demo.clinics import Clinic

HOW_EXPECTED = (
    "the same quantity in one clinic of 2,000,000 attended sessions drawn from the same model "
    "(python -m tests.planted.recover_relationship 2000000)"
)
# Printed by tests.planted.recover_relationship.
EXPECTED: dict[str, float] = {
    "empathy.client": 0.3013,
    "empathy.therapist": 0.1644,
    "empathy.client_minus_therapist": 0.1391,
    "condition.positive_regard": 0.2099,
    "condition.unconditionality": 0.0853,
    "condition.congruence": 0.1966,
    "condition.real_relationship": 0.3169,
    "attachment.anxiety_alliance": -0.2071,
    "attachment.avoidance_alliance": -0.2638,
    "attachment.anxiety_outcome": -0.1267,
    "countertransference.outcome": -0.1565,
    "countertransference.management_outcome": 0.2614,
    "countertransference.management": -0.3534,
    "congruence.bias": -7.0816,
    "congruence.truth_within": 0.4505,
    "congruence.truth_between": 0.4948,
}
_PAIR = {"client_instrument_id": "wai_sr", "therapist_instrument_id": "wai_s"}
# name: the table and the row that shows it
ROWS = {
    "empathy.client": (
        "cf_empathy_outcome",
        {"metric": "empathy", "rater": "client", "measure_instrument_id": "care"},
    ),
    "empathy.therapist": (
        "cf_empathy_outcome",
        {"metric": "empathy", "rater": "therapist", "measure_instrument_id": "blri"},
    ),
    "empathy.client_minus_therapist": (
        "cf_empathy_outcome",
        {"metric": "difference", "rater": "client", "compared_rater": "therapist"},
    ),
    "condition.positive_regard": (
        "cf_core_conditions",
        {"metric": "positive_regard", "rater": "client"},
    ),
    "condition.unconditionality": (
        "cf_core_conditions",
        {"metric": "unconditionality", "rater": "client"},
    ),
    "condition.congruence": ("cf_core_conditions", {"metric": "congruence", "rater": "client"}),
    "condition.real_relationship": (
        "cf_core_conditions",
        {"metric": "real_relationship", "rater": "client"},
    ),
    "attachment.anxiety_alliance": ("cf_attachment_alliance", {"metric": "anxiety_alliance"}),
    "attachment.avoidance_alliance": ("cf_attachment_alliance", {"metric": "avoidance_alliance"}),
    "attachment.anxiety_outcome": ("cf_attachment_alliance", {"metric": "anxiety_outcome"}),
    "countertransference.outcome": (
        "cf_countertransference",
        {"metric": "countertransference_outcome"},
    ),
    "countertransference.management_outcome": (
        "cf_countertransference",
        {"metric": "management_outcome"},
    ),
    "countertransference.management": (
        "cf_countertransference",
        {"metric": "management_countertransference"},
    ),
    "congruence.bias": ("cf_congruence", {"parameter": "bias", **_PAIR}),
    "congruence.truth_within": ("cf_congruence", {"parameter": "truth_within", **_PAIR}),
    "congruence.truth_between": ("cf_congruence", {"parameter": "truth_between", **_PAIR}),
}


def _outcome_of(clinic: Clinic, name: str, table: str) -> dict[str, str]:
    """Name the outcome, where a table has rows of several."""
    if table == "cf_congruence" or name.endswith(("_alliance", ".management")):
        return {}
    pooled = ("cf_attachment_alliance", "cf_countertransference")
    column = "target_instrument_id" if table in pooled else "outcome_instrument_id"
    return {column: clinic.outcomes[0].instrument}


def relationship_truth(forms: pa.Table) -> dict[str, Any]:
    """Count what was written about the relationship, for ``truth.json``."""
    counts = pc.value_counts(forms.column("instrument")).to_pylist()
    reported = pc.equal(forms.column("submitted_occurrence"), 1)
    return {
        "rows_clean": forms.num_rows,
        "responses_by_instrument": {
            entry["values"]: int(entry["counts"])
            for entry in sorted(counts, key=lambda one: one["values"])
        },
        "ruptures_reported": int(pc.sum(pc.fill_null(reported, False)).as_py()),
    }


def relationship_effects(clinic: Clinic) -> list[dict[str, Any]]:
    """Return the effects in the form of ``truth.json``; planted as shares, see docs/demo.md."""
    return [
        {
            "name": name,
            "what": f"{name} as common_factors.{table} defines it",
            "planted": None,
            "expected": EXPECTED[name],
            "how_expected": HOW_EXPECTED,
            "recover_from": f"common_factors.{table}",
            "scale": "percent of the maximum"
            if name == "congruence.bias"
            else "correlation or slope",
            "published": {
                "table": f"common_factors.{table}",
                "column": "estimate",
                "where": {"scope_level": "clinic", "scope_id": clinic.clinic_id}
                | where
                | _outcome_of(clinic, name, table),
                "expected": EXPECTED[name],
            },
        }
        for name, (table, where) in ROWS.items()
    ]
