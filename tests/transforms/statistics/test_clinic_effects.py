"""Clinics as strata: BCG trials of the literature, statsmodels, and one clinic left as it is."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable

from transforms.statistics import clinic_effects
from transforms.statistics.competing_risks import (
    cumulative_incidence,
    cumulative_incidence_over_clinics,
)
from transforms.statistics.correlation import mean_ranks
from transforms.statistics.cox_time_varying import fit_session_cox, strata_apart
from transforms.statistics.estimate import Estimate
from transforms.statistics.heterogeneity import (
    CORRELATION,
    RATIO,
    SHARE,
    dersimonian_laird,
    heterogeneity_of,
)
from transforms.statistics.mantel_haenszel import odds_ratio_in_strata, risk_difference_in_strata

# Tuberculosis after BCG vaccine or none: events and others of 13 trials (Colditz et al. 1994,
# JAMA 271:698), as in every textbook on meta-analysis.
BCG = np.array(
    [
        [4, 119, 11, 128], [6, 300, 29, 274], [3, 228, 11, 209], [62, 13536, 248, 12619],
        [33, 5036, 47, 5761], [180, 1361, 372, 1079], [8, 2537, 10, 619],
        [505, 87886, 499, 87892], [29, 7470, 45, 7232], [17, 1699, 65, 1600],
        [186, 50448, 141, 27197], [5, 2493, 3, 2338], [27, 16886, 29, 17825],
    ]
)  # fmt: skip
EVENTS, OTHERS, EVENTS_0, OTHERS_0 = BCG.T
CELLS = (EVENTS, EVENTS + OTHERS, EVENTS_0, EVENTS_0 + OTHERS_0)
LOG_RISK_RATIOS = np.log((EVENTS / CELLS[1]) / (EVENTS_0 / CELLS[3]))
VARIANCES = 1 / EVENTS - 1 / CELLS[1] + 1 / EVENTS_0 - 1 / CELLS[3]


def risk_ratios() -> list[Estimate]:
    return [
        Estimate(*(math.exp(y + side * 1.959963985 * math.sqrt(v)) for side in (0, -1, 1)), 0.95, 9)
        for y, v in zip(LOG_RISK_RATIOS, VARIANCES, strict=True)
    ]


def test_the_bcg_trials_have_the_published_heterogeneity():
    """metafor, rma(yi, vi, method = "DL"): tau^2 .3088, I^2 92.12 %, -.7141 [-1.0644, -.3638]."""
    tau2, i_squared = dersimonian_laird(LOG_RISK_RATIOS, VARIANCES)
    found = heterogeneity_of(risk_ratios(), RATIO)

    assert tau2 == pytest.approx(0.3088, abs=5e-5)
    assert 100 * i_squared == pytest.approx(92.12, abs=5e-3)
    assert found.n_clinics == 13
    assert found.tau == pytest.approx(math.sqrt(0.3088), abs=1e-4)
    ends = [math.log(x) for x in (found.mean.value, found.mean.ci_low, found.mean.ci_high)]
    assert ends == pytest.approx([-0.7141, -1.0644, -0.3638], abs=2e-4)
    se = (ends[2] - ends[1]) / (2 * stats.norm.ppf(0.975))
    half = stats.t.ppf(0.975, 11) * math.sqrt(tau2 + se**2)
    assert math.log(found.prediction[0]) == pytest.approx(ends[0] - half, abs=1e-6)
    assert math.log(found.prediction[1]) == pytest.approx(ends[0] + half, abs=1e-6)
    assert found.is_sign_mixed is True  # two trials lie above 1


def test_a_prediction_needs_five_clinics_and_a_comparison_two():
    ratios = risk_ratios()

    assert heterogeneity_of(ratios[:4], RATIO).prediction is None
    assert heterogeneity_of(ratios[:5], RATIO).prediction is not None
    assert heterogeneity_of(ratios[:1], RATIO).tau is None
    assert heterogeneity_of([], RATIO).n_clinics == 0


def test_what_lies_on_the_edge_of_its_scale_is_not_compared():
    """A share of 0 has no logit, a correlation of 1 no Fisher's z, an estimate may have no end."""
    share = [Estimate(v, v - 0.1, v + 0.1, 0.95, 50) for v in (0.2, 0.5)]
    edge = Estimate(0.0, 0.0, 0.1, 0.95, 50)
    open_end = Estimate(0.3, None, None, 0.95, 50)

    assert heterogeneity_of([*share, edge, open_end], SHARE).n_clinics == 2
    assert heterogeneity_of([*share, edge], SHARE).is_sign_mixed is None
    assert heterogeneity_of([Estimate(1.0, 0.9, 1.0, 0.95, 5)], CORRELATION).n_clinics == 0


def test_correlations_are_compared_as_fishers_z():
    """Two samples of 103: each z has variance .01, Q = 50 (z1 - z2)^2, by hand."""
    z = [math.atanh(0.5), math.atanh(0.1)]
    found = heterogeneity_of(
        [
            Estimate(math.tanh(v), math.tanh(v - 0.1959964), math.tanh(v + 0.1959964), 0.95, 103)
            for v in z
        ],
        CORRELATION,
    )

    q = 50 * (z[0] - z[1]) ** 2
    assert found.tau**2 == pytest.approx((q - 1) * 0.01, rel=1e-5)
    assert found.i_squared == pytest.approx((q - 1) / q, rel=1e-5)
    assert found.mean.value == pytest.approx(math.tanh(sum(z) / 2), rel=1e-6)
    assert found.is_sign_mixed is False


def test_the_common_odds_ratio_is_that_of_statsmodels():
    tables = [np.array([[a, b], [c, d]]) for a, b, c, d in BCG.tolist()]
    expected = StratifiedTable(tables)
    low, high = expected.oddsratio_pooled_confint(method="normal")

    found = odds_ratio_in_strata(*CELLS)

    assert found.value == pytest.approx(expected.oddsratio_pooled, rel=1e-12)
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high), rel=1e-9)


def test_the_common_risk_difference_of_the_bcg_trials():
    """metafor, rma.mh(measure = "RD"): -.0033 [-.0039, -.0027]; a trial of one arm adds nothing."""
    found = risk_difference_in_strata(*CELLS)
    ends = (found.value, found.ci_low, found.ci_high)

    assert ends == pytest.approx((-0.0033, -0.0039, -0.0027), abs=5e-5)
    one_armed = [np.append(cells, more) for cells, more in zip(CELLS, (3, 9, 0, 0), strict=True)]
    assert risk_difference_in_strata(*one_armed).value == pytest.approx(found.value, rel=1e-12)
    nothing = risk_difference_in_strata(*(np.array([n]) for n in (3, 9, 0, 0)))
    assert nothing.reason == "no clinic has both sides"


def test_rows_of_one_clinic_come_back_untouched():
    values = np.random.default_rng(1).normal(0, 3, 20)
    clinic = np.full(20, 4)

    assert clinic_effects.centered(values, clinic) is values
    assert clinic_effects.ranks(values, clinic).tolist() == mean_ranks(values).tolist()
    assert clinic_effects.spread(values, clinic) == values.std(ddof=1)
    assert clinic_effects.columns(clinic)[1] == ()
    assert clinic_effects.extra_clinics(clinic) == 0


def test_levels_of_clinics_are_taken_out_and_cost_freedom():
    values, clinic = np.array([1.0, 3, 11, 13, np.nan]), np.array([0, 0, 1, 1, 1])

    assert clinic_effects.centered(values, clinic)[:4].tolist() == [6, 8, 6, 8]
    assert np.isnan(clinic_effects.centered(values, clinic)[4])
    assert clinic_effects.spread(values[:4], clinic[:4]) == pytest.approx(math.sqrt(4 / 2))
    assert clinic_effects.ranks(values[:4], clinic[:4]) == pytest.approx([-1 / 6, 1 / 6] * 2)
    # 1 of 2 against 1 of 2: weights 1 and 1; a clinic with one side says nothing.
    sides = np.array([True, False, True, False])
    assert clinic_effects.mean_difference(values[:4], sides, clinic[:4]) == -2
    assert clinic_effects.mean_difference(values[:4], clinic[:4] == 0, clinic[:4]) is None


def test_a_stratified_cox_model_is_the_sum_of_its_strata():
    """The stratified likelihood is the product of the strata's: at its best, scores cancel."""
    draw = np.random.default_rng(5)
    clinic, x = np.repeat([0, 1], 150), draw.normal(0, 1, 300)
    stop = np.ceil(draw.exponential(6 / np.exp(0.5 * x + 1.5 * clinic)))
    event = draw.random(300) < 0.8
    start, apart = strata_apart(np.zeros(300), stop, clinic)

    together = fit_session_cox(start, apart, event, x[:, None])
    alone = [
        fit_session_cox(np.zeros(150), stop[at], event[at], x[at][:, None])
        for at in (clinic == 0, clinic == 1)
    ]

    information = [1 / fit.covariance[0, 0] for fit in alone]
    slopes = [fit.log_hazard_ratios[0] for fit in alone]
    combined = np.dot(information, slopes) / sum(information)
    assert together.log_hazard_ratios[0] == pytest.approx(combined, abs=0.005)
    naive = fit_session_cox(np.zeros(300), stop, event, x[:, None]).log_hazard_ratios[0]
    assert abs(naive - combined) > 0.05


def test_a_curve_over_clinics_is_their_average_by_clients():
    """Three of four and one of two leave after session 1: (4 x .75 + 2 x .5) / 6."""
    time = np.array([1.0, 1, 1, 2, 1, 2])
    cause, clinic = np.array([1, 1, 1, 2, 1, 2]), np.array([0, 0, 0, 0, 1, 1])

    found = cumulative_incidence_over_clinics(time, cause, clinic)
    parts = [cumulative_incidence(time[clinic == c], cause[clinic == c]) for c in (0, 1)]

    assert found.incidence[0] == pytest.approx((4 * 0.75 + 2 * 0.5) / 6)
    assert found.n_at_risk.tolist() == [6, 2]
    variance = (4 / 6 * parts[0].se[0]) ** 2 + (2 / 6 * parts[1].se[0]) ** 2
    assert found.se[0] == pytest.approx(math.sqrt(variance))
    alone = cumulative_incidence_over_clinics(time, cause, np.zeros(6))
    assert alone.incidence.tolist() == cumulative_incidence(time, cause).incidence.tolist()
