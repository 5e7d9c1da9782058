"""Dropout by early alliance: thirds, comparisons and agreement of definitions."""

import math

import numpy as np
import pytest

from transforms.statistics.cox import fit_cox
from transforms.statistics.dropout_risk import (
    agreement_matrix,
    dropout_by_tertile,
    hazard_ratio_per_sd,
    odds_ratio,
    risk_difference,
    tertiles,
)


def test_thirds_of_nine_values():
    found = tertiles(np.array([9.0, 1, 8, 2, 7, 3, 6, 4, 5]))

    assert found.codes.tolist() == [2, 0, 2, 0, 2, 0, 1, 1, 1]
    assert (found.low_ends_at, found.middle_ends_at) == (3, 6)


def test_equal_ratings_stay_together_and_a_ceiling_empties_the_top():
    """Two thirds at the maximum: there is no third that is better than the middle one."""
    found = tertiles(np.array([50.0, 60, 70, 100, 100, 100, 100, 100, 100]))

    assert found.codes.tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 1]


@pytest.mark.filterwarnings("error")
def test_an_empty_third_has_no_risk_and_no_comparison():
    found = dropout_by_tertile(np.array([50.0] * 3 + [100] * 6), np.array([True] * 9))

    assert found.risks[2].reason == "too many equal ratings to fill this tertile"
    assert found.risk_difference.reason == "a tertile is empty"
    assert found.odds_ratio.value is None


def test_risk_difference_of_newcombe():
    """Newcombe 1998, table II, example (a), method 10: 56/70 − 48/80 = .2000 [.0524, .3339]."""
    found = risk_difference(56, 70, 48, 80)

    assert found.value == pytest.approx(0.2)
    assert (found.ci_low, found.ci_high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_risk_difference_without_events_stays_inside_the_possible():
    """Newcombe 1998, table II, example (f), method 10: 10/10 − 0/20 = 1.0 [.6791, 1.0000]."""
    found = risk_difference(10, 10, 0, 20)

    assert found.value == 1.0
    assert (found.ci_low, found.ci_high) == pytest.approx((0.6791, 1.0), abs=5e-5)


def test_odds_ratio_by_hand():
    """20/100 against 10/100: OR 20·90/(80·10) = 2.25, SE of its log √(1/20+1/80+1/10+1/90)."""
    found = odds_ratio(20, 100, 10, 100)

    half_width = 1.959964 * math.sqrt(1 / 20 + 1 / 80 + 1 / 10 + 1 / 90)
    assert found.value == 2.25
    assert found.ci_low == pytest.approx(2.25 / math.exp(half_width), abs=1e-6)
    assert found.ci_high == pytest.approx(2.25 * math.exp(half_width), abs=1e-6)


@pytest.mark.parametrize("cells", [(0, 9, 3, 9), (9, 9, 3, 9), (3, 9, 0, 9), (3, 9, 9, 9)])
def test_an_empty_cell_has_no_odds_ratio(cells):
    assert odds_ratio(*cells).reason == "a tertile has no dropout or nobody who stayed"


def test_weak_alliance_with_more_dropout_gives_positive_difference_and_odds_above_one():
    alliance = np.repeat([40.0, 60.0, 80.0], 100)
    left = np.concatenate([np.arange(100) < k for k in (30, 20, 10)])

    found = dropout_by_tertile(alliance, left)

    assert found.n_dropouts == (30, 20, 10)
    assert [risk.value for risk in found.risks] == [0.3, 0.2, 0.1]
    assert found.risk_difference.value == pytest.approx(0.2)
    assert found.odds_ratio.value == pytest.approx(30 * 90 / (70 * 10))


@pytest.fixture
def planted():
    """Hazard per session 8 % · exp(−.4 per SD); at most 20 sessions, censored at 20."""
    generator = np.random.default_rng(8)
    z = generator.normal(size=4000)
    hazard = np.clip(0.08 * np.exp(-0.4 * z), 0, 0.9)
    leaves_instead_of = 3 + generator.geometric(hazard)
    attended = np.minimum(leaves_instead_of - 1, 20)
    return attended, leaves_instead_of <= 20, 70 + 12 * z, generator.integers(0, 80, 4000)


def test_planted_hazard_comes_back_per_sd(planted):
    found = hazard_ratio_per_sd(*planted)

    assert found.ci_low < math.exp(-0.4) < found.ci_high
    assert found.ci_high < 0.75


def test_hazard_ratio_is_per_sd_whatever_the_unit(planted):
    attended, left, alliance, therapist = planted

    in_other_units = hazard_ratio_per_sd(attended, left, alliance / 10, therapist)

    assert in_other_units.value == pytest.approx(hazard_ratio_per_sd(*planted).value, abs=1e-9)


def test_few_therapists_widen_the_interval_by_the_usual_correction(planted):
    """√(G/(G − 1)) on the sandwich error and Student's t with 3 freedom, 3.182446 in any table."""
    attended, left, alliance, therapist = planted
    fit = fit_cox(attended - 2, left, alliance, therapist % 4)

    found = hazard_ratio_per_sd(attended, left, alliance, therapist % 4)

    half_width = math.log(found.ci_high / found.value)
    expected = 3.182446 * fit.robust_se * alliance.std(ddof=1) * math.sqrt(4 / 3)
    assert half_width == pytest.approx(expected, rel=1e-6)


@pytest.mark.filterwarnings("error")
def test_one_therapist_has_no_clustered_interval(planted):
    attended, left, alliance, therapist = planted

    found = hazard_ratio_per_sd(attended, left, alliance, np.zeros_like(therapist))

    assert found.reason == "fewer than 2 therapists"


def test_agreement_counts_only_episodes_both_definitions_can_judge():
    unknown = np.nan
    found = agreement_matrix(
        {
            "unilateral": np.array([1, 0, 1, unknown, 0]),
            "short": np.array([1, 1, 0, 1, 0]),
            "missed_last": np.array([unknown] * 5),
        }
    )

    assert [(pair.first, pair.second, pair.n, pair.n_agree) for pair in found] == [
        ("unilateral", "short", 4, 2),
        ("unilateral", "missed_last", 0, 0),
        ("short", "missed_last", 0, 0),
    ]
    assert found[0].share.value == 0.5
    assert found[1].share.reason == "nobody in the denominator"
