"""Data that cannot carry a model: a reason instead of numbers, no exception, no warning."""

import numpy as np
import pytest

from transforms.statistics.competing_risks import cumulative_incidence
from transforms.statistics.cox_time_varying import fit_session_cox
from transforms.statistics.logistic_mixed import (
    BinomialRows,
    fit_logistic_intercept,
    icc_interval_of,
)
from transforms.statistics.nested_reml import fit_nested, share_interval
from transforms.statistics.random_slopes import ClientSums, fit_random_slopes
from transforms.statistics.reml import GroupTotals

pytestmark = pytest.mark.filterwarnings("error")
GENERATOR = np.random.default_rng(5)
NOISE = GENERATOR.normal(size=60)
TENS = np.repeat(np.arange(6), 10)


def totals(groups, outcome, x=None):
    design = np.column_stack([np.ones(len(outcome)), NOISE[: len(outcome)] if x is None else x])
    return GroupTotals.from_rows(np.asarray(groups), design, np.asarray(outcome, float), ("i", "x"))


@pytest.mark.parametrize(
    ("rows", "clusters", "reason"),
    [
        (totals(np.zeros(60, int), NOISE**2), [0], "fewer than 2 groups"),
        (totals(TENS, NOISE**2), [0] * 6, "fewer than 2 clusters"),
        (totals(TENS, NOISE**2), range(6), "no cluster has 2 groups"),
        (totals(np.arange(60), NOISE**2), np.arange(60) % 5, "no group has 2 rows"),
        (totals(TENS, np.full(60, 27.0)), [0, 0, 0, 1, 1, 1],
         "the outcome does not vary after the predictors"),
        (totals(TENS, NOISE**2, np.ones(60)), [0, 0, 0, 1, 1, 1],
         "the predictors determine each other"),
        (totals(np.zeros(0, int), np.zeros(0)), [], "no complete rows"),
        (totals(TENS, np.full(60, np.nan)), [0, 0, 0, 1, 1, 1], "a value is not a finite number"),
    ],
)  # fmt: skip
def test_nested_levels(rows, clusters, reason):
    clusters = np.array(list(clusters), dtype=int)
    fit = fit_nested(rows, clusters)

    assert (fit.reason, fit.icc_group, fit.icc_cluster) == (reason, None, None)
    assert share_interval(rows, clusters, "group").reason == reason


def test_clusters_and_groups_that_do_not_differ_are_exactly_zero():
    """Every group has the same four values: both shares are on the boundary."""
    rows = GroupTotals.from_rows(
        np.repeat(np.arange(8), 4), np.ones((32, 1)), np.tile([1.0, 2, 3, 4], 8), ("i",)
    )
    clusters = np.repeat(np.arange(4), 2)
    fit = fit_nested(rows, clusters)
    interval = share_interval(rows, clusters, "cluster")

    assert (fit.var_group, fit.var_cluster) == (0.0, 0.0)
    assert (interval.value, interval.ci_low) == (0.0, 0.0)
    assert 0 < interval.ci_high < 1


def binomial(groups, outcome, x=None):
    columns = [np.ones(len(outcome))] + ([] if x is None else [x])
    names = ("i", "x")[: len(columns)]
    return BinomialRows.from_rows(
        np.asarray(groups), np.column_stack(columns), np.asarray(outcome, float), names
    )


HALF = np.tile([0.0, 1.0], 30)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (binomial(np.zeros(60, int), HALF), "fewer than 2 groups"),
        (binomial(TENS, np.zeros(60)), "everybody has the same outcome"),
        (binomial(TENS, np.ones(60)), "everybody has the same outcome"),
        (binomial(np.arange(60), HALF), "no group has 2 clients"),
        (binomial(TENS, HALF, HALF), "a predictor separates the events completely"),
        (binomial(TENS, (TENS > 2).astype(float)), "the groups separate the events completely"),
        (binomial(TENS, HALF, np.ones(60)), "the predictors determine each other"),
        (binomial(np.zeros(0, int), np.zeros(0)), "no complete rows"),
        (binomial(TENS, np.r_[1, np.zeros(59)]), "fewer events than the model needs"),
    ],
)
def test_logistic(rows, reason):
    fit = fit_logistic_intercept(rows)

    assert (fit.reason, fit.icc, fit.sd_group) == (reason, None, None)
    assert icc_interval_of(fit, rows).reason == reason


def test_equal_shares_in_every_group_give_a_variance_of_exactly_zero():
    """Five of ten in each of six groups: nothing lies between them, and the upper end says so."""
    rows = binomial(TENS, HALF)
    found = icc_interval_of(fit_logistic_intercept(rows), rows)

    assert (found.value, found.ci_low) == (0.0, 0.0)
    assert 0.01 < found.ci_high < 0.5


@pytest.mark.parametrize(
    ("event", "covariates", "reason"),
    [
        (np.zeros(40, bool), NOISE[:40, None], "fewer than 2 events"),
        (np.tile([True, False], 20), np.full((40, 1), 100.0), "a covariate does not vary"),
        (np.tile([True, False], 20), NOISE[:40, None] * [1, 2],
         "the covariates determine each other"),
        (np.tile([True, False], 20), np.tile([1.0, 0.0], 20)[:, None],
         "a covariate separates the events completely"),
    ],
)  # fmt: skip
def test_cox(event, covariates, reason):
    stop = np.arange(40) // 4 + 1.0
    fit = fit_session_cox(stop - 1, stop, event, covariates, np.arange(40) % 5)

    assert (fit.reason, fit.log_hazard_ratios) == (reason, None)
    assert fit.hazard_ratio(0).reason == reason


def test_cox_with_one_therapist_has_no_interval():
    stop = np.arange(40) // 4 + 1.0
    fit = fit_session_cox(
        stop - 1, stop, np.tile([True, False], 20), NOISE[:40, None], np.zeros(40)
    )

    assert fit.hazard_ratio(0).reason == "fewer than 2 therapists"


def test_cumulative_incidence_of_nobody_and_of_everybody_at_once():
    """No events: no rows. All leave after session 1: the incidence is 1 without an interval."""
    assert len(cumulative_incidence(np.array([3.0, 4.0]), np.array([0, 0])).time) == 0
    assert len(cumulative_incidence(np.zeros(0), np.zeros(0, int)).time) == 0
    all_left = cumulative_incidence(np.ones(5), np.ones(5, int))
    low, high = all_left.interval()

    assert all_left.incidence.tolist() == [1.0]
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_cumulative_incidence_by_hand():
    """Five clients: one leaves after 1, one completes after 2, one leaves after 2, two stay.

    F(1) = 1/5; F(2) = 1/5 + 4/5 · 1/4 = .4; completed by 2: 4/5 · 1/4 = .2.
    """
    curve = cumulative_incidence(np.array([1, 2, 2, 2, 3.0]), np.array([1, 2, 1, 0, 0]))

    assert curve.n_at_risk.tolist() == [5, 4]
    assert curve.incidence == pytest.approx([0.2, 0.4])
    assert curve.competing == pytest.approx([0.0, 0.2])
    assert curve.se == pytest.approx([np.sqrt(0.2 * 0.8 / 5), np.sqrt(0.4 * 0.6 / 5)])


def sums(n, t, y):
    ends = np.cumsum(n)[:-1]
    parts = [np.split(np.asarray(v, float), ends) for v in (t, t * t, y, t * y, y * y)]
    return ClientSums(np.array(n), *(np.array([p.sum() for p in part]) for part in parts))


@pytest.mark.parametrize(
    ("n", "y", "reason"),
    [
        ([10, 10], NOISE[:20], "fewer than 3 clients"),
        ([2] * 10, NOISE[:20], "no client has 3 ratings"),
        ([5] * 4, np.full(20, 100.0), "the rating does not vary"),
    ],
)
def test_random_slopes(n, y, reason):
    t = np.concatenate([np.log(np.arange(1, k + 1)) for k in n])
    fit = fit_random_slopes(sums(n, t, y))

    assert (fit.reason, fit.slope, fit.client_slopes) == (reason, None, None)
    assert fit.typical_slope().reason == reason


def test_one_session_each_gives_a_reason():
    fit = fit_random_slopes(sums([1] * 20, np.zeros(20), NOISE[:20]))

    assert fit.reason == "no client has 3 ratings"


def test_without_a_competing_event_the_incidence_is_one_less_the_survival():
    """KAT R6, the 6-MP arm: S(6) .857143 (SE .0764), S(10) .752941, S(23) .448179 (SE .1346)."""
    time = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    cause = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    curve = cumulative_incidence(np.array(time, float), np.array(cause))

    assert curve.time.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert 1 - curve.incidence == pytest.approx(
        [0.857143, 0.806723, 0.752941, 0.690196, 0.627451, 0.537815, 0.448179], abs=5e-7
    )
    assert (curve.se[0], curve.se[-1]) == pytest.approx((0.0764, 0.1346), abs=5e-5)
