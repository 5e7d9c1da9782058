"""The rows the lake and dbt join say what the definitions say."""

from __future__ import annotations

from pathlib import Path

import pytest

from transforms.instruments.registry import load_registry
from transforms.instruments.tables import (
    INSTRUMENT_COLUMNS,
    SCALE_COLUMNS,
    registry_rows,
    scale_rows,
)

ROOT = Path(__file__).resolve().parents[3]
REGISTRY = load_registry(ROOT / "config" / "instruments")


def test_exported_rows_have_exactly_the_columns_of_the_plan():
    instruments, scales = registry_rows(REGISTRY), scale_rows(REGISTRY)

    assert len(instruments) == len(REGISTRY.instruments)
    assert len(scales) == sum(len(form.scales) for form in REGISTRY.instruments)
    assert all(list(row) == list(INSTRUMENT_COLUMNS) for row in instruments)
    assert all(set(row) == set(SCALE_COLUMNS) for row in scales)


@pytest.mark.parametrize(
    ("instrument_id", "version", "expected"),
    [
        ("phq9", "standard", (10, ">=", 6, ">=", 10, ">=", 6, ">=")),
        ("gad7", "standard", (10, ">=", 4, ">=", 8, ">=", 4, ">=")),
        ("pcl5", "standard", (33, ">=", 15, ">=", 32, ">=", 10, ">=")),
        ("ors", "adult", (25, "<", 5, ">=", None, None, None, None)),
        ("ors", "adolescent", (28, "<", 5, ">=", None, None, None, None)),
        ("core10", "standard", (11, ">=", 6, ">=", None, None, None, None)),
        ("core_om", "standard", (10, ">=", 5, ">=", None, None, None, None)),
        ("oq45", "standard", (64, ">=", 14, ">=", None, None, None, None)),
        ("wsas", "standard", (10, ">", 8, ">=", None, None, None, None)),
        ("who5", "standard", (50, "<=", 10, ">=", None, None, None, None)),
        # Four cut-offs by age and sex, none of them the headline.
        ("yp_core", "standard", (None, None, None, None, None, None, None, None)),
        ("oci", "standard", (None, None, None, None, 40, ">=", 32, ">=")),
        ("pswq", "standard", (None, None, None, None, 45, ">=", None, None)),
    ],
)
def test_exported_thresholds_come_with_their_operators(instrument_id, version, expected):
    row = next(
        row
        for row in scale_rows(REGISTRY)
        if (row["instrument_id"], row["version"], row["scale"], row["rater"])
        == (instrument_id, version, "total", "client")
    )
    names = ("cutoff_value", "cutoff_operator", "rc_value", "rc_operator")

    assert tuple(row[name] for name in names) == expected[:4]
    assert tuple(row[f"nhs_{name}"] for name in names) == expected[4:]


def test_what_jacobson_and_truax_need_is_exported_with_its_source():
    row = next(r for r in scale_rows(REGISTRY) if r["instrument_id"] == "core10")

    assert (row["functional_mean"], row["functional_sd"]) == (4.7, 4.8)
    assert (row["clinical_mean"], row["clinical_sd"]) == (19.7, 7.7)
    assert (row["norm_sd"], row["reliability"], row["reliability_kind"]) == (7.7, 0.9, "alpha")
    assert row["rc_ci"] == 0.9
    assert all(row[name] for name in ("rc_source", "cutoff_source", "reliability_source"))
