"""The hazard of not coming again: against R's glm, and on made-up clients whose truth is known."""

import csv

import numpy as np
import pytest
from scipy.special import expit

from tests.conftest import ROOT
from transforms.common_factors.dropout_hazard import (
    MANY_ROWS,
    PREDICTORS,
    alert_threshold,
    area_under_curve,
    calibration_line,
    fit_logistic,
    predict_hazard,
    report_card,
    shrink,
)


@pytest.fixture(scope="module")
def in_r() -> dict[str, np.ndarray]:
    """R 4.2.2, glm: tests/reference/logistic.R."""
    with (ROOT / "tests" / "reference" / "logistic.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def sessions(n: int, *, effect: float, seed: int = 5) -> dict[str, np.ndarray]:
    """Independent sessions; only the alliance matters, logit −2 − effect·alliance."""
    generator = np.random.default_rng(seed)
    columns = {name: generator.standard_normal(n) for name in PREDICTORS}
    columns["event"] = (generator.random(n) < expit(-2 - effect * columns["alliance"])).astype(int)
    columns["fold"] = np.arange(n) % 4
    return columns


def test_coefficients_equal_glm(in_r):
    design = np.column_stack([in_r["x1"], in_r["x2"]])

    beta = fit_logistic(design, in_r["event"], penalty=0.0)

    assert beta == pytest.approx([in_r[name][0] for name in ("b0", "b1", "b2")], abs=1e-8)


def test_many_rows_taken_in_parts_solve_the_penalized_score_equations():
    """At the best coefficients X'(y - p) equals the penalty's pull, here over all rows at once."""
    rng = np.random.default_rng(3)
    design = rng.normal(size=(MANY_ROWS + 1, 2))
    event = (rng.random(len(design)) < expit(-2 + design @ [0.5, -0.3])).astype(float)

    beta = fit_logistic(design, event, penalty=5.0)

    left_over = event - expit(beta[0] + design @ beta[1:])
    assert left_over.sum() == pytest.approx(0, abs=1e-6)
    assert design.T @ left_over == pytest.approx(5.0 * beta[1:], abs=1e-6)


def test_shrinkage_is_chi_square_less_its_degrees_of_freedom(in_r):
    design = np.column_stack([in_r["x1"], in_r["x2"]])
    chi = in_r["chi"][0]

    beta = shrink(fit_logistic(design, in_r["event"]), design, in_r["event"])

    # The light penalty moves the second decimal.
    assert beta[1] == pytest.approx(in_r["b1"][0] * (chi - 2) / chi, rel=0.1)
    assert expit(beta[0] + design @ beta[1:]).mean() == pytest.approx(in_r["event"].mean())


def test_area_under_the_curve_equals_ranks_in_r(in_r):
    score = in_r["b0"] + in_r["b1"] * in_r["x1"] + in_r["b2"] * in_r["x2"]

    assert area_under_curve(score, in_r["event"]).value == pytest.approx(in_r["auc"][0], abs=1e-12)


def test_ties_count_half():
    event = np.array([1, 0, 1, 0])

    assert area_under_curve(np.ones(4), event).value == 0.5
    assert area_under_curve(np.array([2.0, 1, 2, 1]), event).value == 1.0
    assert area_under_curve(np.ones(2), np.ones(2)).value is None


def test_a_planted_effect_is_found_and_calibrates_out_of_sample():
    columns = sessions(6_000, effect=0.8)
    hazard, reason = predict_hazard(columns)
    intercept, slope = calibration_line(hazard, columns["event"])

    assert reason is None
    assert slope == pytest.approx(1, abs=0.15)
    assert intercept == pytest.approx(0, abs=0.25)
    assert area_under_curve(hazard, columns["event"]).value > 0.65


def test_noise_is_shrunk_to_the_base_rate():
    """Nine predictors that predict nothing: hazards hardly differ, and no slope far below 1."""
    columns = sessions(2_000, effect=0.0)
    hazard, _ = predict_hazard(columns)

    assert hazard.std() < 0.02
    assert hazard.mean() == pytest.approx(columns["event"].mean(), abs=0.005)


def test_nobody_is_judged_by_a_model_that_saw_their_fold():
    columns = sessions(2_000, effect=0.8)
    flipped = columns | {
        "event": np.where(columns["fold"] == 2, 1 - columns["event"], columns["event"])
    }
    before, after = predict_hazard(columns)[0], predict_hazard(flipped)[0]
    own = columns["fold"] == 2

    np.testing.assert_array_equal(before[own], after[own])
    assert np.abs(before[~own] - after[~own]).max() > 0.01


def test_an_unknown_ending_teaches_nobody_and_is_judged():
    columns = sessions(2_000, effect=0.8)
    is_open = np.arange(2_000) >= 1_900
    hazard, _ = predict_hazard(columns | {"event": np.where(is_open, -1, columns["event"])})
    moved = {name: np.where(is_open, 9.0, columns[name]) for name in PREDICTORS}
    other, _ = predict_hazard(columns | moved | {"event": np.where(is_open, -1, columns["event"])})

    assert not np.isnan(hazard).any()
    np.testing.assert_array_equal(hazard[~is_open], other[~is_open])


@pytest.mark.parametrize("n_events", [0, 29])
def test_too_few_dropouts_judge_nobody(n_events):
    columns = sessions(500, effect=0.0)
    columns["event"] = (np.arange(500) < n_events).astype(int)

    hazard, reason = predict_hazard(columns)

    assert np.isnan(hazard).all()
    assert "fewer than 30 dropouts" in reason
    assert alert_threshold(hazard, 0.1) is None
    assert report_card(columns, hazard, None)[0]["estimate"] is None


def test_perfect_separation_stays_finite(recwarn):
    columns = sessions(400, effect=0.0)
    columns["event"] = (columns["alliance"] < -1).astype(int)

    hazard, _ = predict_hazard(columns)

    assert np.isfinite(hazard).all()
    assert not recwarn.list


def test_the_report_card_counts_by_hand():
    event = np.array([1, 1, 0, 0, 0, 0, 0, 0, -1, -1])
    hazard = np.array([0.9, 0.1, 0.8, 0.2, 0.2, 0.2, 0.2, 0.2, 0.9, 0.9])

    card = {
        row["metric"]: row["estimate"]
        for row in report_card({"event": event}, hazard, 0.8)
        if row["risk_bin"] == 0
    }

    assert card["sessions_flagged"] == pytest.approx(2 / 8)
    assert card["hit_rate_dropout"] == pytest.approx(1 / 2)
    assert card["false_alarm_rate"] == pytest.approx(1 / 6)
    assert card["flagged_who_dropped_out"] == pytest.approx(1 / 2)
    assert card["brier"] == pytest.approx((0.01 + 0.81 + 0.64 + 5 * 0.04) / 8)


def test_the_threshold_is_reached_by_the_rate_asked_for():
    assert alert_threshold(np.arange(100.0), 0.1) == 90.0
