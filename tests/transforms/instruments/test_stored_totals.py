"""Which arithmetic a clinic's total follows. Totals below are added up by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from transforms.instruments.registry import load_registry
from transforms.instruments.scoring import score_items
from transforms.instruments.stored_totals import fits, totals_of_blanks

REGISTRY = load_registry(Path(__file__).resolve().parents[2] / "config" / "instruments")
PHQ9 = REGISTRY.find("phq9", None, "client")
CORE10 = REGISTRY.find("core10", None, "client")
NAN = np.nan


def fit(instrument, answers, submitted):
    grid = np.array([answers], dtype=float)
    scale = instrument.primary_scale
    score = score_items(grid, instrument)[scale].score
    return fits(grid, instrument, scale, score, np.array([submitted], dtype=float))[0]


@pytest.mark.parametrize(
    ("submitted", "expected"),
    [
        (8, None),  # ours
        (17, "one higher"),  # nine answers, each counted one higher
        (-1, "one lower"),
        (9, "other"),
        (NAN, None),
    ],
)
def test_a_complete_phq9_of_8(submitted, expected):
    assert fit(PHQ9, [1, 2, 1, 0, 1, 2, 1, 0, 0], submitted) == expected


@pytest.mark.parametrize(
    ("submitted", "expected"),
    [
        (7.875, None),  # seven points on eight items, times nine
        (7, "blanks as 0"),
        (8, "prorated"),  # and rounded
        (6, "other"),
    ],
)
def test_a_phq9_with_a_gap(submitted, expected):
    assert fit(PHQ9, [1, 1, 1, 1, NAN, 1, 1, 1, 0], submitted) == expected


def test_more_gaps_than_the_instrument_allows_prorated_all_the_same():
    """Three points on three items, times nine."""
    assert fit(PHQ9, [1, 1, 1, *[NAN] * 6], 9) == "prorated"


def test_reversed_items_summed_as_they_are():
    """CORE-10 items 2 and 3 are worded positively: all 1 is 8 + 2 x 3, unreversed 10."""
    assert CORE10.items.reverse == (2, 3)
    assert fit(CORE10, [1] * 10, 14) is None
    assert fit(CORE10, [1] * 10, 10) == "unreversed"


def test_nothing_is_said_of_a_form_without_answers():
    assert fit(PHQ9, [NAN] * 9, 0) is None


def test_what_formulas_make_of_a_blank_form():
    """0; and 2 x 4 where the two reversed items of the CORE-10 are turned round, blank or not."""
    assert totals_of_blanks(PHQ9, "total") == (0,)
    assert totals_of_blanks(CORE10, CORE10.primary_scale) == (0, 8)
