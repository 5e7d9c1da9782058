"""Plots whose number of marks follows the number of therapists stay readable and small."""

from __future__ import annotations

import re

import pytest

from reports.drawing.figures import Bar, Curve, Mark, Points, course, forest


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


def drawn(*lines: Points, **more) -> str:
    return str(course(lines, x_axis="Session", y_axis="Points", alt="a course", **more))


def test_a_course_leaves_out_what_was_not_measured():
    """Three of four sessions: three markers, and nothing at all where no session has a score."""
    assert course([Points("none", [1, 2], [None, None])], x_axis="", y_axis="", alt="") is None
    whole = drawn(Points("score", [1, 2, 3, 4], [5, 6, 7, 8], True))
    holed = drawn(Points("score", [1, 2, 3, 4], [5, None, 7, 8], True))

    assert whole.count("<use") - holed.count("<use") == 1


def test_a_course_stands_on_its_band_and_under_what_happened():
    band = Curve("expected", [1, 2], [5, 4], [3, 2], [8, 7])
    plain = drawn(Points("score", [1, 2], [90, 100]))
    text = drawn(
        Points("score", [1, 2], [90, 100]),
        band=band,
        marks=[Mark("rupture", 1), Mark("repaired", 2), Mark("rupture", 2)],
    )

    assert "var(--plot-zone)" in text
    assert "var(--plot-zone)" not in plain
    assert (text.count(">rupture<"), text.count(">repaired<")) == (2, 1)


def test_room_for_words_is_no_score_that_could_be():
    """A mark makes the axis taller, not its numbers."""
    line = Points("score", [1, 2, 3], [0, 50, 100])

    assert ">120<" not in drawn(line, marks=[Mark("rupture", 2)])
    assert ">100<" in drawn(line, marks=[Mark("rupture", 2)])
