"""Expected scores on made-up courses whose truth is known, and on both ends of the bands."""

import numpy as np
import pytest

from transforms.common_factors.expected_response import all_instruments, curve_records, report_card
from transforms.errors import ConfigError
from transforms.instruments.expected_curves import read_curves
from transforms.statistics.expected_response import (
    FEWEST_EPISODES,
    Forms,
    intake_edges,
    predict_forms,
)

HEADER = "instrument_id,version,intake_low,intake_high,session,expected,signal_limit,source"


def courses(n: int, *, seed: int = 3, n_scores: int = 8, noise: float = 2.0) -> Forms:
    """score = 2 + 0.7 pre + 3 log(t + 1) + noise; the four folds in turn."""
    generator = np.random.default_rng(seed)
    pre = np.repeat(generator.integers(5, 30, n).astype(float), n_scores)
    t = np.tile(np.arange(1, n_scores + 1), n)
    score = 2 + 0.7 * pre + 3 * np.log1p(t) + noise * generator.standard_normal(n * n_scores)
    episode = np.repeat(np.arange(n), n_scores)
    return Forms(pre, score, t, episode % 4, episode, np.ones(n * n_scores, bool))


def test_the_planted_curve_is_recovered():
    forms = courses(600)
    found = predict_forms(forms, 0.15)
    truth = 2 + 0.7 * forms.pre + 3 * np.log1p(forms.t)

    assert np.abs(found.expected - truth).max() < 1.0
    assert np.abs(found.expected - truth).mean() < 0.2


@pytest.mark.parametrize("rate", [0.05, 0.15, 0.25])
def test_the_band_leaves_the_rate_asked_for_on_either_side(rate):
    """Every course judged by a model that has not seen it: 4,800 scores, five binomial SEs."""
    forms = courses(600)
    found = predict_forms(forms, rate)
    tolerance = 5 * np.sqrt(rate * (1 - rate) / len(forms))

    assert (forms.score < found.lower).mean() == pytest.approx(rate, abs=tolerance)
    assert (forms.score > found.upper).mean() == pytest.approx(rate, abs=tolerance)


def test_a_course_is_not_judged_by_itself():
    """Moving one client's scores moves nobody's expectation within the same fold."""
    forms = courses(200)
    moved = np.where(forms.episode == 8, forms.score - 50, forms.score)
    other = Forms(forms.pre, moved, forms.t, forms.fold, forms.episode, forms.is_training)
    before, after = predict_forms(forms, 0.15), predict_forms(other, 0.15)
    same_fold = forms.fold == 8 % 4

    np.testing.assert_array_equal(before.expected[same_fold], after.expected[same_fold])
    assert np.abs(before.expected[~same_fold] - after.expected[~same_fold]).max() > 0.1


def test_open_courses_are_judged_by_all_and_teach_nobody():
    forms = courses(200)
    is_open = forms.episode >= 150
    moved = np.where(is_open, forms.score - 50, forms.score)
    closed = Forms(forms.pre, forms.score, forms.t, forms.fold, forms.episode, ~is_open)
    wild = Forms(forms.pre, moved, forms.t, forms.fold, forms.episode, ~is_open)

    np.testing.assert_array_equal(
        predict_forms(closed, 0.15).expected, predict_forms(wild, 0.15).expected
    )


def test_too_few_courses_expect_nothing_and_say_why():
    few = predict_forms(courses(FEWEST_EPISODES - 1), 0.15)
    enough = predict_forms(courses(FEWEST_EPISODES), 0.15)

    assert np.isnan(few.expected).all()
    assert "fewer than 60" in few.reason
    assert not np.isnan(enough.expected).any()


@pytest.mark.parametrize(
    "forms",
    [
        courses(100, noise=0.0),
        Forms(
            *(np.full(800, 4.0),) * 2,
            *(courses(100).t, courses(100).fold),
            np.repeat(np.arange(100), 8),
            np.ones(800, bool),
        ),
    ],
    ids=["no noise", "all ceiling"],
)
def test_no_variance_is_no_accident(forms, recwarn):
    found = predict_forms(forms, 0.15)

    assert np.abs(found.expected - forms.score).max() < 1.0
    assert not recwarn.list


def test_equal_intake_scores_share_a_band():
    assert intake_edges(np.full(200, 12.0)).size == 0
    assert intake_edges(np.repeat([1.0, 2.0], 40)).tolist() == [1.0]
    assert intake_edges(np.arange(79.0)).size == 0


def test_the_report_card_counts_by_hand():
    """Ten courses of three scores judged against a limit of 0: flagged at t = 1, t = 3 or never."""
    forms = courses(10, n_scores=3)
    score = np.full(30, 1.0)
    score[0] = score[3] = -1.0  # courses 0 and 1 before their last score
    score[8] = -1.0  # course 2 at its last score: no early warning
    forms = Forms(forms.pre, score, forms.t, forms.fold, forms.episode, forms.is_training)
    found = predict_forms(courses(FEWEST_EPISODES, n_scores=3), 0.15)
    limits = {"lower": np.zeros(30), "upper": np.full(30, 9.0), "band": np.zeros(30, int)}
    found = type(found)(found.expected[:30], **limits, edges=np.empty(0))
    worse = np.where(np.isin(forms.episode, [0, 2]), 1, 0)
    outcome = {"is_deteriorated": worse, "is_improved": np.where(forms.episode < 5, 0, 1)}

    card = {
        row["metric"]: row
        for row in report_card(forms, found, outcome, 0.15)
        if not row["intake_band"]
    }

    assert card["below_band"]["estimate"] == pytest.approx(3 / 30)
    assert card["courses_flagged"]["estimate"] == pytest.approx(2 / 10)
    assert card["hit_rate_deteriorated"]["estimate"] == pytest.approx(1 / 2)
    assert card["hit_rate_not_improved"]["estimate"] == pytest.approx(2 / 5)
    assert card["false_alarm_rate"]["estimate"] == pytest.approx(1 / 8)
    assert card["flagged_who_deteriorated"]["estimate"] == pytest.approx(1 / 2)
    assert (card["lead_time_sessions"]["estimate"], card["lead_time_sessions"]["n_used"]) == (2, 1)


def test_lower_is_better_comes_out_in_raw_points():
    forms = courses(200)
    rows = {
        "form_code": np.arange(len(forms)),
        "pre": -forms.pre,
        "score": -forms.score,
        "t": forms.t,
        "fold": forms.fold,
        "episode_code": forms.episode,
        "instrument_code": np.ones(len(forms)),
        "is_training": forms.is_training,
        "is_deteriorated": np.zeros(len(forms)),
        "is_improved": np.ones(len(forms)),
    }
    strata = [{"instrument_code": 1, "instrument_id": "x", "version": "v", "direction": -1}]

    predicted, curves, card = all_instruments(strata, rows, 0.15)
    found = predict_forms(forms, 0.15)

    np.testing.assert_allclose(predicted["expected"], -found.expected)
    np.testing.assert_allclose(predicted["upper"], -found.lower)
    assert curves == [
        {"instrument_id": "x", "version": "v", **row}
        for row in curve_records(forms, found, -1, 0.15)
    ]
    assert all(row["signal_limit"] > row["expected"] for row in curves)
    assert {row["intake_band"] for row in card} == {0, 1, 2, 3, 4, 5}


def test_a_licensed_table_is_read():
    rows = read_curves(
        f"{HEADER}\noq45,v,60,80,1,70.5,85,Manual\noq45,v,81,99,1,80,95,Manual\n", "f"
    )

    assert [row["signal_limit"] for row in rows] == [85.0, 95.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("instrument_id,version\n", r"f.csv:1: column\(s\) missing: expected"),
        (f"{HEADER}\noq45,v,60,80,one,70,85,M\n", "f.csv:2: session is not a number"),
        (f"{HEADER}\noq45,v,80,60,1,70,85,M\n", "f.csv:2: the band ends before"),
        (f"{HEADER}\noq45,,60,80,1,70,85,M\n", "f.csv:2: version is empty"),
        (f"{HEADER}\nq,v,1,5,1,3,4,M\nq,v,5,9,1,3,4,M\n", "f.csv:3: an earlier line holds"),
    ],
)
def test_a_wrong_licensed_table_names_its_line(text, message):
    with pytest.raises(ConfigError, match=message):
        read_curves(text, "f.csv")
