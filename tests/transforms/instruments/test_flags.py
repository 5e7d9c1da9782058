"""Flags are raised by the answers that must raise them, and by no others."""

from __future__ import annotations

from operator import ge, gt, le, lt
from pathlib import Path

import numpy as np
import pytest

from transforms.instruments.flags import raise_flags
from transforms.instruments.registry import load_registry
from transforms.instruments.scoring import score_items

ROOT = Path(__file__).resolve().parents[3]
REGISTRY = load_registry(ROOT / "config" / "instruments")


def flags(instrument_id: str, answers: list[float]) -> dict[str, tuple[bool, bool]]:
    """Return flag name to (is_raised, is_assessable) for one form."""
    instrument = REGISTRY.find(instrument_id)
    items = np.array([answers], dtype=float)
    results = raise_flags(items, score_items(items, instrument), instrument)
    return {
        name: (bool(flag.is_raised[0]), bool(flag.is_assessable[0]))
        for name, flag in results.items()
    }


def test_a_good_total_with_one_low_item_still_asks_to_talk_about_it():
    """Total 36.4, third item 8.9 (domain.md 6.4)."""
    raised = flags("srs", [9.0, 9.1, 8.9, 9.4])

    assert raised["talk_about_it"] == (True, True)
    assert raised["any_item_below_9"] == (True, True)
    assert raised["total_at_most_36"] == (False, True)


@pytest.mark.parametrize(
    ("answers", "at_most", "below"),
    [
        ([9.0, 9.0, 9.0, 9.0], True, False),
        ([9.0, 9.0, 9.0, 9.1], False, False),
        ([9.0, 9.0, 9.0, 8.9], True, True),
    ],
    ids=["36.0", "36.1", "35.9"],
)
def test_both_readings_of_the_srs_trigger_differ_at_36_only(answers, at_most, below):
    raised = flags("srs", answers)

    assert raised["total_at_most_36"][0] is at_most
    assert raised["total_below_36"][0] is below
    assert raised["talk_about_it_strict"][0] is below


def test_an_unanswered_srs_item_leaves_a_quiet_form_undecided_but_not_a_loud_one():
    assert flags("srs", [9.5, 9.5, np.nan, 9.5])["talk_about_it"] == (False, False)
    assert flags("srs", [9.5, 8.9, np.nan, 9.5])["talk_about_it"] == (True, True)


def test_ptsd_criteria_can_be_met_far_below_the_cut_off():
    """Items 1, 6, 8, 9, 15, 16 answered 2: total 12 (domain.md 6.4)."""
    answers = [0.0] * 20
    for item in (1, 6, 8, 9, 15, 16):
        answers[item - 1] = 2

    assert flags("pcl5", answers)["provisional_ptsd"] == (True, True)


@pytest.mark.parametrize("item", [1, 6, 8, 9, 15, 16])
def test_ptsd_criteria_need_every_cluster(item):
    answers = [0.0] * 20
    for number in (1, 6, 8, 9, 15, 16):
        answers[number - 1] = 2
    answers[item - 1] = 1

    assert flags("pcl5", answers)["provisional_ptsd"] == (False, True)


@pytest.mark.parametrize(
    ("instrument_id", "n", "item"),
    [("phq9", 9, 9), ("core10", 10, 6), ("oq45", 45, 8), ("core_om", 34, 16), ("bdi2", 21, 9)],
)
def test_a_positive_risk_item_is_flagged_and_an_unanswered_one_is_undecided(instrument_id, n, item):
    quiet = [0.0] * n
    positive, unanswered = quiet.copy(), quiet.copy()
    positive[item - 1], unanswered[item - 1] = 1, np.nan

    assert flags(instrument_id, quiet)["risk"] == (False, True)
    assert flags(instrument_id, positive)["risk"] == (True, True)
    assert flags(instrument_id, unanswered)["risk"] == (False, False)


def test_the_risk_items_are_those_of_the_sources():
    risk_items = {
        (form.instrument_id, item)
        for form in REGISTRY.instruments
        for flag in form.flags.values()
        for condition in flag.conditions
        for item in form.items_of(condition)
        if flag.kind == "risk"
    }

    assert risk_items == {
        *(("phq9", 9), ("bdi2", 9), ("core10", 6)),
        *(("core_om", item) for item in (6, 9, 16, 22, 24, 34)),
        *(("oq45", item) for item in (8, 11, 26, 32, 44)),
    }


@pytest.mark.parametrize(
    ("answers", "expected"),
    [([3, 0, 0, 0], True), ([2, 0, 2, 0], False), ([0, 0, 2, 1], True)],
)
def test_either_half_of_the_phq4_can_be_positive(answers, expected):
    assert flags("phq4", answers)["either_positive"] == (expected, True)


@pytest.mark.parametrize(
    ("instrument_id", "below", "at", "is_case_below", "is_case_at"),
    [
        ("phq9", 9, 10, False, True),
        ("gad7", 9, 10, False, True),
        ("ors", 24.9, 25.0, True, False),
        ("core10", 10, 11, False, True),
        ("core_om", 9.99, 10, False, True),
        ("oq45", 63, 64, False, True),
        ("pcl5", 32, 33, False, True),
        ("wsas", 10, 11, False, True),
        ("who5", 50, 52, True, False),
    ],
)
def test_the_headline_cut_off_decides_at_its_boundary(
    instrument_id, below, at, is_case_below, is_case_at
):
    scale = REGISTRY.find(instrument_id).scales["total"]
    cut = next(cut for cut in scale.cutoffs if cut.is_headline)

    compare = {"<": lt, "<=": le, ">": gt, ">=": ge}[cut.operator]

    assert [compare(score, cut.value) for score in (below, at)] == [is_case_below, is_case_at]
