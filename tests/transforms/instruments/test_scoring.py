"""Scoring gives the published numbers, and no number where there is none."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import yaml

from transforms.errors import RapportError
from transforms.instruments.definition import Instrument
from transforms.instruments.registry import Registry, load_registry
from transforms.instruments.scoring import AnswersOutsideScale, score_items

ROOT = Path(__file__).resolve().parents[3]
REGISTRY = load_registry(ROOT / "config" / "instruments")
COMPUTED = [form for form in REGISTRY.instruments if not form.scores_supplied]
EXAMPLES = yaml.safe_load((ROOT / "tests/reference/scoring.yml").read_text("utf-8"))


def label(form: Instrument) -> str:
    return "-".join(form.key[:3])


def form_of(*answers: float | None) -> np.ndarray:
    return np.array([[np.nan if answer is None else answer for answer in answers]], dtype=float)


def total(instrument_id: str, *answers: float | None) -> float:
    """Score one form and return its total as a plain number."""
    return float(score_items(form_of(*answers), REGISTRY.find(instrument_id))["total"].score[0])


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["name"] for example in EXAMPLES])
def test_a_worked_example_gives_the_published_score(example):
    instrument = REGISTRY.find(example["instrument"], example.get("version"), example.get("rater"))
    answers = example["answers"]
    if isinstance(answers, dict):
        answers = [answers["all"]] * instrument.items.n

    scored = score_items(form_of(*answers), instrument)

    for scale, expected in example["scores"].items():
        score = scored[scale].score[0]
        assert np.isnan(score) if expected is None else score == expected, scale
    for scale, expected in example.get("n_answered", {}).items():
        assert scored[scale].n_answered[0] == expected
    for scale, expected in example.get("n_items", {}).items():
        assert scored[scale].n_items[0] == expected
    prorated = {scale for scale in scored if scored[scale].is_prorated[0]}
    assert prorated == set(example.get("prorated", []))


# ---- missing answers: none, the last allowed number, one too many, all ------------------------
@pytest.mark.parametrize(
    ("instrument_id", "answered", "n_items", "expected"),
    [
        ("phq9", 9, 9, 18.0),
        ("phq9", 7, 9, 18.0),
        ("phq9", 6, 9, None),
        ("gad7", 5, 7, 14.0),
        ("gad7", 4, 7, None),
        ("core10", 9, 10, 20.0),
        ("core10", 8, 10, None),
        ("care", 8, 10, 20.0),
        ("care", 7, 10, None),
        ("k10", 9, 10, 20.0),
        ("k10", 8, 10, None),
        ("ors", 4, 4, 8.0),
        ("ors", 3, 4, None),
        ("wai_sr", 12, 12, 24.0),
        ("wai_sr", 11, 12, None),
        ("k5", 4, 5, None),
        ("who5", 4, 5, None),
        ("haq2", 18, 19, None),
    ],
)
def test_missing_answers_are_filled_in_only_as_far_as_the_instrument_allows(
    instrument_id, answered, n_items, expected
):
    score = total(instrument_id, *[2] * answered, *[None] * (n_items - answered))

    assert np.isnan(score) if expected is None else score == expected


def test_a_complete_form_is_never_marked_prorated_and_a_filled_one_always_is():
    scored = score_items(np.array([[2.0] * 9, [2.0] * 8 + [np.nan]]), REGISTRY.find("phq9"))[
        "total"
    ]

    assert scored.is_prorated.tolist() == [False, True]
    assert scored.n_answered.tolist() == [9, 8]


@pytest.mark.parametrize("keyed_sum", range(37))
def test_a_prorated_score_is_the_closest_number_to_the_exact_fraction(keyed_sum):
    """Ten times the sum over nine (CORE-10 manual). Dividing first misses it for some sums."""
    keyed = [min(4, max(0, keyed_sum - 4 * place)) for place in range(9)]
    answers = [4 - answer if item in (2, 3) else answer for item, answer in enumerate(keyed, 1)]

    assert total("core10", *answers, None) == float(Fraction(10 * keyed_sum, 9))


def test_core_om_counts_missing_answers_per_domain():
    """Up to 3 in all, 1 in problems or functioning, none in well-being or risk."""
    answers = np.full((5, 34), 2.0)
    answers[1, 1] = np.nan  # item 2: problems
    answers[2, [1, 4]] = np.nan  # items 2 and 5: both problems
    answers[3, [1, 0, 5]] = np.nan  # items 2, 1 and 6: problems, functioning, risk
    answers[4, [1, 0, 5, 3]] = np.nan  # and item 4: well-being

    scored = score_items(answers, REGISTRY.find("core_om"))

    scores = {name: np.isnan(scale.score).tolist() for name, scale in scored.items()}
    assert scores["total"] == [False, False, False, False, True]
    assert scores["problems"] == [False, False, True, False, False]
    assert scores["functioning"] == [False] * 5
    assert scores["risk"] == [False, False, False, True, True]
    assert scores["wellbeing"] == [False, False, False, False, True]
    assert scores["non_risk"] == [False] * 5


def test_oq45_fills_a_gap_with_the_rounded_mean_of_its_subscale():
    """Social role: items 4, 12r, 14, 21r, 28, 32, 38, 39, 44. Eight answers summing to 12 have
    the mean 1.5, which counts 2."""
    answers = np.zeros((1, 45))
    answers[0, [11, 20]] = 4  # reversed, count 0
    answers[0, [13, 27, 31]] = 4  # count 12
    answers[0, 43] = np.nan

    scored = score_items(answers, REGISTRY.find("oq45"))

    assert scored["social_role"].score[0] == 14
    assert scored["social_role"].is_prorated[0]
    assert not scored["interpersonal"].is_prorated[0]
    # Symptom distress at all 0 is 12 and interpersonal 16, as in the published all-0 example.
    assert scored["total"].score[0] == 14 + 12 + 16
    assert scored["total"].is_prorated[0]
    assert (scored["total"].n_answered[0], scored["total"].n_items[0]) == (44, 45)


def test_an_oq45_subscale_with_too_many_gaps_leaves_no_total():
    answers = np.zeros((1, 45))
    answers[0, [3, 43]] = np.nan  # items 4 and 44, both social role

    scored = score_items(answers, REGISTRY.find("oq45"))

    assert np.isnan(scored["social_role"].score[0])
    assert np.isnan(scored["total"].score[0])
    assert scored["interpersonal"].score[0] == 16


def test_a_work_item_that_does_not_apply_is_no_gap_but_any_other_is():
    assert total("wsas", None, 4, 4, 4, 4) == 20
    assert total("wsas", 8, 3, None, 2, 2) == 18.75
    assert np.isnan(total("wsas", None, None, 4, 4, 4))
    assert np.isnan(total("wsas", None, None, None, None, None))


# ---- what holds for every instrument -----------------------------------------------------------
@pytest.mark.parametrize("form", COMPUTED, ids=label)
def test_lowest_and_highest_answers_stay_within_the_range_of_every_score(form):
    grid = form.items
    answers = np.array([[grid.min] * grid.n, [grid.max] * grid.n], dtype=float)

    scored = score_items(answers, form)

    for name, scale in scored.items():
        low, high = form.score_range(name)
        assert low <= scale.score.min() <= scale.score.max() <= high
        assert scale.n_answered.tolist() == [form.item_count(name)] * 2


@pytest.mark.parametrize("form", COMPUTED, ids=label)
def test_the_ends_of_the_range_are_reached_by_the_extreme_answers(form):
    """Answering every item toward the low end, reversed items the other way, gives the minimum."""
    grid = form.items
    low, high = np.full(grid.n, grid.min), np.full(grid.n, grid.max)
    reverse = np.array(grid.reverse, dtype=int) - 1
    low[reverse], high[reverse] = grid.max, grid.min

    scored = score_items(np.array([low, high]), form)

    ends = {name: tuple(scale.score) for name, scale in scored.items()}
    assert ends == {name: pytest.approx(form.score_range(name)) for name in form.scales}


@pytest.mark.parametrize("form", COMPUTED, ids=label)
def test_nothing_answered_is_no_score_never_zero(form):
    scored = score_items(np.full((2, form.items.n), np.nan), form)

    assert set(scored) == set(form.scales)
    for scale in scored.values():
        assert np.isnan(scale.score).all()
        assert (scale.n_answered == 0).all()
        assert not scale.is_prorated.any()


@pytest.mark.parametrize("form", COMPUTED, ids=label)
def test_a_form_scores_the_same_alone_and_among_others(form):
    random = np.random.default_rng(20261122)
    grid = form.items
    answers = random.integers(0, round((grid.max - grid.min) / grid.step) + 1, (60, grid.n))
    answers = np.round(grid.min + answers * grid.step, 4)
    answers[random.random(answers.shape) < 0.03] = np.nan
    before = answers.copy()

    together = score_items(answers, form)

    np.testing.assert_array_equal(answers, before)
    for row in range(len(answers)):
        alone = score_items(answers[[row]], form)
        for name, scale in alone.items():
            np.testing.assert_array_equal(scale.score[0], together[name].score[row])
            assert scale.n_answered[0] == together[name].n_answered[row]
            assert scale.is_prorated[0] == together[name].is_prorated[row]


def test_no_forms_give_no_scores():
    scored = score_items(np.empty((0, 9)), REGISTRY.find("phq9"))

    assert scored["total"].score.shape == (0,)


def test_supplied_scores_are_not_computed():
    assert score_items(np.ones((3, 24)), REGISTRY.find("rri_c")) == {}


def test_answers_outside_the_range_are_refused_with_counts_only():
    with pytest.raises(AnswersOutsideScale) as refusal:
        score_items(np.array([[0, 1, 2, 3, 7, -9, 0]]), REGISTRY.find("gad7"))

    assert isinstance(refusal.value, RapportError)
    assert "2 answers lie outside 0 to 3" in str(refusal.value)
    assert "7," not in str(refusal.value)
    assert "-9" not in str(refusal.value)


@pytest.mark.parametrize("n_columns", [8, 11])
def test_item_columns_that_do_not_fit_are_refused(n_columns):
    with pytest.raises(AnswersOutsideScale, match=f"{n_columns} item columns where 9 are scored"):
        score_items(np.zeros((1, n_columns)), REGISTRY.find("phq9"))


def test_an_answer_that_is_not_on_the_form_is_refused_where_answers_are_listed(registry_without_0):
    with pytest.raises(AnswersOutsideScale, match="1 answers lie outside"):
        score_items(np.array([[1.0, 0.0]]), registry_without_0.find("pair"))


@pytest.fixture
def registry_without_0(tmp_path) -> Registry:
    (tmp_path / "pair.yml").write_text(
        """
        {instrument_id: pair, version: standard, rater: client, is_default: true, name: Pair,
         family: other, better: higher, timing: any, licence: none, citation: none,
         items: {n: 2, min: -1, max: 1, allowed: [-1, 1], source: test, evidence: derived},
         primary_scale: total,
         scales: {total: {label: T, kind: total, method: sum, items: all, source: test,
                          evidence: derived}}}
        """,
        encoding="utf-8",
    )
    return load_registry(tmp_path)


@pytest.mark.slow
def test_a_million_forms_are_scored_in_a_fraction_of_a_second():
    answers = np.random.default_rng(7).integers(1, 6, (1_000_000, 12)).astype(float)
    answers[::20, 3] = np.nan
    started = time.perf_counter()

    scored = score_items(answers, REGISTRY.find("wai_sr"))

    assert time.perf_counter() - started < 0.7
    assert np.isnan(scored["total"].score).sum() == 50_000
