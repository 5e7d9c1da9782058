"""Plots whose number of marks follows the number of therapists stay readable and small."""

from __future__ import annotations

import re

import pytest

from reports.drawing.figures import Bar, forest


def _drawn(n_bars: int) -> str:
    bars = [
        Bar(f"therapist {n}", n / n_bars, n / n_bars - 1, n / n_bars + 1) for n in range(n_bars)
    ]
    return str(forest(bars, axis="points", alt="many"))


def _height(svg: str) -> float:
    return float(re.search(r'viewBox="0 0 \S+ (\S+)"', svg)[1])


@pytest.mark.parametrize(("n_bars", "is_labeled"), [(60, True), (61, False)])
def test_bars_have_labels_up_to_sixty(n_bars, is_labeled):
    svg = _drawn(n_bars)

    assert svg.count(">therapist ") == (n_bars if is_labeled else 0)


def test_any_number_of_therapists_takes_the_place_of_sixty():
    """1,110 labels made a page of 24,000 points and took most of the time of the report."""
    few, many = _drawn(60), _drawn(1_110)

    assert _height(many) == pytest.approx(_height(few))
    # Both have the same ticks beside one mark for each therapist.
    assert many.count("<use ") - few.count("<use ") == 1_110 - 60
