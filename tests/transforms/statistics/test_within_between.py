"""Within- and between-client slopes: the toy panel, planted truth, and panels without one."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from transforms.statistics.correlation import repeated_measures_correlation
from transforms.statistics.reml import GroupTotals
from transforms.statistics.within_between import (
    PREDICTORS,
    repeated_correlation_from_totals,
    within_between,
)


def panel(n_clients=400, n_sessions=8, *, within=-0.10, between=-0.04, seed=1):
    """Clients with an alliance of their own (SD 10) and sessions around it (SD 6)."""
    generator = np.random.default_rng(seed)
    clients = np.repeat(np.arange(n_clients), n_sessions)
    mean = generator.normal(0, 10, n_clients)
    alliance = mean[clients] + generator.normal(0, 6, len(clients))
    sums = np.bincount(clients, weights=alliance)
    alliance_between = (sums / n_sessions)[clients]
    alliance_within = alliance - alliance_between
    outcome_within = generator.normal(0, 3, len(clients))
    session = np.tile(np.arange(1.0, n_sessions + 1), n_clients)
    outcome = (
        15
        + within * alliance_within
        + between * alliance_between
        + 0.3 * outcome_within
        - 0.4 * session
        + generator.normal(0, 3, n_clients)[clients]
        + generator.normal(0, 2, len(clients))
    )
    columns = [np.ones(len(clients)), alliance_within, alliance_between, outcome_within, session]
    return clients, np.column_stack(columns), outcome


def totals_of(clients, design, outcome):
    return GroupTotals.from_rows(clients, design, outcome, PREDICTORS)


def test_planted_slopes_come_back_and_point_towards_better():
    """Fewer symptoms are better (direction −1), so −.10 points per point is +.10 improvement."""
    found = within_between(totals_of(*panel()), direction=-1)

    assert found.n_clients == 400
    assert found.within.ci_low < 0.10 < found.within.ci_high
    assert found.between.ci_low < 0.04 < found.between.ci_high
    assert found.within.ci_low > 0.05
    assert found.client_variance_share == pytest.approx(9 / 13, abs=0.06)


def test_difference_is_between_minus_within():
    found = within_between(totals_of(*panel()), direction=-1)

    assert found.difference.value == pytest.approx(found.between.value - found.within.value)
    assert found.difference.ci_low < -0.06 < found.difference.ci_high


def test_direction_turns_every_sign_and_keeps_intervals_in_order():
    totals = totals_of(*panel())
    lower, higher = (within_between(totals, direction=sign) for sign in (-1, 1))

    assert higher.within.value == -lower.within.value
    assert higher.within.ci_low == -lower.within.ci_high
    assert higher.repeated_correlation.ci_low == -lower.repeated_correlation.ci_high


def test_standardized_slope_is_in_within_client_sds():
    clients, design, outcome = panel()
    found = within_between(totals_of(clients, design, outcome), direction=-1)

    deviation = outcome - (np.bincount(clients, weights=outcome) / 8)[clients]
    expected = found.within.value * design[:, 1].std() / deviation.std()
    assert found.within_standardized.value == pytest.approx(expected, rel=1e-9)


def test_repeated_correlation_is_the_partial_one_of_least_squares_with_a_line_per_client():
    """From statsmodels: r = t / sqrt(t^2 + df) of the alliance beside clients, score, session."""
    clients, design, outcome = panel(n_clients=30)
    dummies = (clients[:, None] == np.arange(30)).astype(float)
    fit = sm.OLS(outcome, np.column_stack([design[:, [1, 3, 4]], dummies])).fit()
    t, df = fit.tvalues[0], fit.df_resid

    found = repeated_correlation_from_totals(totals_of(clients, design, outcome))

    assert found.value == pytest.approx(t / np.sqrt(t**2 + df), abs=1e-10)
    low = np.tanh(np.arctanh(found.value) - stats.norm.ppf(0.975) / np.sqrt(df - 1))
    assert found.ci_low == pytest.approx(low, abs=1e-10)


def test_without_predictors_to_hold_equal_it_is_bland_and_altmans():
    clients, design, outcome = panel(n_clients=30)
    design[:, 3:] = 0.0

    found = repeated_correlation_from_totals(totals_of(clients, design, outcome))

    expected, _ = repeated_measures_correlation(clients, design[:, 1], outcome)
    assert found.value == pytest.approx(expected.value, abs=1e-12)
    assert found.ci_low == pytest.approx(expected.ci_low, abs=1e-12)


def test_a_course_in_which_both_rise_does_not_correlate_for_that():
    """No effect, only time: unadjusted the two rise together, held equal nothing is left."""
    draw = np.random.default_rng(6)
    clients, session = np.repeat(np.arange(300), 8), np.tile(np.arange(1.0, 9), 300)
    alliance = 1.5 * session + draw.normal(0, 5, len(clients))
    outcome = 0.8 * session + draw.normal(0, 3, len(clients))
    before = 0.8 * (session - 1) + draw.normal(0, 3, len(clients))

    def within(column):
        return column - (np.bincount(clients, weights=column) / 8)[clients]

    design = np.column_stack(
        [
            *(np.ones(len(clients)), within(alliance), alliance - within(alliance)),
            *(within(before), session),
        ]
    )
    unadjusted, _ = repeated_measures_correlation(clients, alliance, outcome)

    found = within_between(totals_of(clients, design, outcome), direction=1)

    assert unadjusted.ci_low > 0.2
    assert found.repeated_correlation.ci_low < 0 < found.repeated_correlation.ci_high
    assert abs(found.repeated_correlation.value - found.within_standardized.value) < 0.02


def test_ninety_five_percent_of_intervals_hold_the_within_slope():
    n_held = 0
    for seed in range(40):
        found = within_between(totals_of(*panel(80, 6, seed=seed)), direction=-1).within
        n_held += found.ci_low <= 0.10 <= found.ci_high

    assert n_held >= 35


@pytest.mark.filterwarnings("error")
def test_one_pair_per_client_gives_reasons():
    found = within_between(totals_of(*panel(20, 1)), direction=-1)

    assert found.within.value is None
    assert found.within.reason
    assert found.repeated_correlation.reason == "too few repeated measures"


@pytest.mark.filterwarnings("error")
def test_an_alliance_that_never_moves_gives_reasons():
    clients, design, outcome = panel(20, 5)
    design[:, 1] = 0.0

    found = within_between(totals_of(clients, design, outcome), direction=1)

    assert found.within.reason == "a predictor does not vary"
    assert found.within_standardized.value is None
    assert found.repeated_correlation.reason == "a measure does not vary within subjects"
