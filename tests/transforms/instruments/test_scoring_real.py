"""Scores equal the ones other people computed on their own files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from transforms.instruments.registry import load_registry
from transforms.instruments.scoring import score_items

REGISTRY = load_registry(Path(__file__).resolve().parents[3] / "config" / "instruments")


@pytest.mark.real
def test_a_real_feedback_export_gives_the_alliance_it_was_sent_with(real_data):
    with (real_data / "norse" / "synthetic_data.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    answers = np.array([[float(row[q]) for q in ("Q11", "Q12", "Q13", "Q14")] for row in rows])

    scored = score_items(answers, REGISTRY.find("norse_alliance"))["total"].score

    assert len(rows) == 2883
    np.testing.assert_array_equal(scored, [float(row["alliance"]) for row in rows])


@pytest.mark.real
@pytest.mark.parametrize(
    ("instrument_id", "prefix", "alpha"),
    [("phq9", "D", 0.905056), ("gad7", "A", 0.943889), ("pss10", "S", 0.833946)],
)
def test_reversals_reproduce_the_alpha_of_a_real_sample(real_data, instrument_id, prefix, alpha):
    form = REGISTRY.find(instrument_id)
    n, grid = form.items.n, form.items
    path = real_data / "google_forms" / "Psychological_aspects.csv"
    with path.open(encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if row[f"{prefix}1"]]
    answers = np.array([[float(row[f"{prefix}{i}"]) for i in range(1, n + 1)] for row in rows])

    totals = score_items(answers, form)["total"].score

    keyed = np.array([grid.min + grid.max if i + 1 in grid.reverse else 0 for i in range(n)])
    keyed = np.abs(keyed - answers)
    found = n / (n - 1) * (1 - keyed.var(axis=0, ddof=1).sum() / totals.var(ddof=1))
    assert found == pytest.approx(alpha, abs=1e-6)
