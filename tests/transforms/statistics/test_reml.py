"""REML: balanced data by hand, lme4 on the shared file, and data that cannot carry the model."""

import json
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.needs import REAL_FILES, SHARED_DATA, require
from transforms.statistics.profile_likelihood import icc_interval
from transforms.statistics.reml import (
    Fitted,
    GroupTotals,
    empirical_bayes,
    fit_random_intercept,
    profile_at,
)

SHARED = SHARED_DATA / "therapist_effects"
SHROUT_FLEISS = [
    [9, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
]
ADJUSTED = ("(Intercept)", "pre_gmc", "age", "female")
PRECISION = 1e-6


def intercept_only(groups, outcome):
    outcome = np.asarray(outcome, dtype=float)
    return GroupTotals.from_rows(np.asarray(groups), np.ones((len(outcome), 1)), outcome, ("one",))


def test_balanced_data_give_the_analysis_of_variance():
    """KAT R3: MSB 11.2417, MSW 6.2639; REML variances are MSW and (MSB − MSW)/4."""
    ratings = np.array(SHROUT_FLEISS, dtype=float)
    fit = fit_random_intercept(intercept_only(np.repeat(np.arange(6), 4), ratings.ravel()))

    assert fit.var_residual == pytest.approx(6.2639, abs=5e-5)
    assert fit.var_group == pytest.approx((11.2417 - 6.2639) / 4, abs=5e-5)
    assert fit.icc == pytest.approx(0.165742, abs=PRECISION)


def test_groups_more_alike_than_chance_give_exactly_zero():
    """Group means are equal, so the variance estimate is on its boundary, not negative."""
    totals = intercept_only([0, 0, 1, 1, 2, 2], [1, 3, 0, 4, 1, 3])

    fit = fit_random_intercept(totals)

    assert fit.is_boundary
    assert (fit.var_group, fit.icc) == (0.0, 0.0)
    assert empirical_bayes(fit, totals).effect.tolist() == [0, 0, 0]
    assert icc_interval(totals).ci_low == 0.0
    assert icc_interval(totals).ci_high > 0.2


@pytest.fixture
def unbalanced():
    generator = np.random.default_rng(11)
    groups = np.repeat(np.arange(60), generator.integers(1, 30, 60))
    x = generator.normal(size=len(groups)) + 0.3 * (groups % 5)
    outcome = (
        4 + 0.5 * x + generator.normal(0, 0.6, 60)[groups] + generator.normal(size=len(groups))
    )
    return groups, np.column_stack([np.ones(len(groups)), x]), outcome


def dense_deviance(groups, design, outcome, ratio):
    """The textbook REML criterion with the full covariance matrix, as an independent oracle."""
    n, p = design.shape
    v = np.eye(n) + ratio * (groups[:, None] == groups[None, :])
    v_inverse = np.linalg.inv(v)
    information = design.T @ v_inverse @ design
    beta = np.linalg.solve(information, design.T @ v_inverse @ outcome)
    residual = outcome - design @ beta
    rss = residual @ v_inverse @ residual
    log_determinants = np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1]
    return (n - p) * (1 + np.log(2 * np.pi * rss / (n - p))) + log_determinants, beta


@pytest.mark.parametrize("ratio", [0.0, 0.05, 0.4, 3.0, 1e4])
def test_totals_give_the_same_criterion_as_the_full_matrix(unbalanced, ratio):
    expected, beta = dense_deviance(*unbalanced, ratio)
    found = profile_at(GroupTotals.from_rows(*unbalanced, ("one", "x")), ratio)

    assert found.deviance == pytest.approx(expected, abs=1e-6)
    assert found.fixed == pytest.approx(beta, abs=1e-9)


def test_the_interval_ends_where_the_full_matrix_loses_half_a_chi_square(unbalanced):
    totals = GroupTotals.from_rows(*unbalanced, ("one", "x"))
    best = fit_random_intercept(totals).icc
    found = icc_interval(totals)

    lowest, low, high = (
        dense_deviance(*unbalanced, icc / (1 - icc))[0]
        for icc in (best, found.ci_low, found.ci_high)
    )
    assert found.ci_low < best < found.ci_high
    assert (low - lowest, high - lowest) == pytest.approx((3.841459, 3.841459), abs=PRECISION)


@pytest.mark.parametrize("method", ["reml", "ml"])
@pytest.mark.parametrize("ratio", [0.01, 0.4, 3.0])
def test_the_slope_is_the_derivative_of_the_criterion(unbalanced, ratio, method):
    totals = GroupTotals.from_rows(*unbalanced, ("one", "x"))
    ends = [profile_at(totals, ratio * (1 + side * 1e-5), method).deviance for side in (-1, 1)]

    slope = (ends[1] - ends[0]) / (2e-5 * ratio)

    assert profile_at(totals, ratio, method).slope == pytest.approx(slope, rel=1e-4, abs=1e-3)


def test_sums_of_two_clinics_give_the_fit_of_all_rows(unbalanced):
    """Totals from sums and raw cross-products, as SQL delivers them, change nothing."""
    groups, design, outcome = unbalanced
    columns = np.column_stack([design, outcome])
    sums = np.array([columns[groups == g].sum(axis=0) for g in range(60)])

    from_sums = GroupTotals.from_sums(np.bincount(groups), sums, columns.T @ columns, ("one", "x"))

    expected = fit_random_intercept(GroupTotals.from_rows(*unbalanced, ("one", "x")))
    assert fit_random_intercept(from_sums).var_group == pytest.approx(expected.var_group, rel=1e-9)


def test_a_small_group_is_pulled_to_the_average_and_a_large_one_is_not():
    """One client cannot say much about a therapist, two hundred can."""
    generator = np.random.default_rng(5)
    groups = np.concatenate([np.repeat(np.arange(20), 30), [20], np.full(200, 21)])
    outcome = np.concatenate([generator.normal(0, 1, 600), [3.0], generator.normal(3, 1, 200)])
    totals = intercept_only(groups, outcome)
    fit = fit_random_intercept(totals)

    found = empirical_bayes(fit, totals)

    assert found.reliability[20] < 0.6 < 0.98 < found.reliability[21]
    raw = totals.means[:, -1] - fit.fixed[0]
    assert found.effect == pytest.approx(found.reliability * raw)
    assert found.conditional_sd[20] > 3 * found.conditional_sd[21]


@pytest.mark.parametrize(
    ("icc", "n", "expected"),
    [(0.066, 5, 0.261076), (0.066, 30, 0.679478), (0.066, 100, 0.876029), (0.05, 30, 0.612245)],
)
def test_reliability_of_a_therapists_mean(icc, n, expected):
    """KAT R15."""
    totals = GroupTotals(("one",), np.array([n]), np.ones((1, 2)), np.eye(2))
    fit = Fitted("reml", ("one",), n, 1, np.ones(1), np.eye(1), icc, 1 - icc, icc / (1 - icc), 0.0)

    assert empirical_bayes(fit, totals).reliability == pytest.approx(expected, abs=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("groups", "outcome", "reason"),
    [
        ([], [], "no complete rows"),
        ([0, 0, 0], [1, 2, 3], "fewer than 2 groups"),
        ([0, 1, 2], [1, 2, 3], "no group has 2 rows"),
        ([0, 0, 1], [1, 2, 3], "fewer rows than the model needs"),
        ([0, 0, 1, 1, 2], [7.1] * 5, "the outcome does not vary after the predictors"),
        (
            [0, 0, 1, 1, 2, 2],
            [1, 1, 2, 2, 4, 4],
            "rows of one group do not differ after the predictors",
        ),
        ([0, 0, 1, 1, 2], [1, 2, 3, np.nan, 5], "a value is not a finite number"),
    ],
)
def test_data_that_cannot_carry_the_model_give_a_reason(groups, outcome, reason):
    """No exception, no warning, no number."""
    totals = intercept_only(np.array(groups, dtype=int), outcome)
    fit = fit_random_intercept(totals)

    assert fit.reason == reason
    assert (fit.icc, fit.var_group, fit.fixed) == (None, None, None)
    assert empirical_bayes(fit, totals) is None
    assert (icc_interval(totals).value, icc_interval(totals).reason) == (None, reason)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (lambda x: np.zeros_like(x), "a predictor does not vary"),
        (lambda x: 2 * x + 1, "the predictors determine each other"),
    ],
)
def test_predictors_without_information_of_their_own_give_a_reason(unbalanced, second, reason):
    groups, design, outcome = unbalanced
    wide = np.column_stack([design, second(design[:, 1])])

    assert (
        fit_random_intercept(GroupTotals.from_rows(groups, wide, outcome, ("one", "x", "z"))).reason
        == reason
    )


def test_an_unknown_method_is_a_programming_error(unbalanced):
    with pytest.raises(ValueError, match="'reml' or 'ml'"):
        fit_random_intercept(GroupTotals.from_rows(*unbalanced, ("one", "x")), "mle")


def test_planted_variances_come_back_within_their_intervals():
    """20 samples of 150 therapists × 30 clients, true ICC .0588: at most 3 intervals miss."""
    n_missed = 0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        groups = np.repeat(np.arange(150), 30)
        outcome = generator.normal(0, 0.25, 150)[groups] + generator.normal(size=4500)
        found = icc_interval(intercept_only(groups, outcome))
        n_missed += not found.ci_low <= 0.0625 / 1.0625 <= found.ci_high

    assert n_missed <= 3


def test_two_hundred_thousand_patients_take_a_tenth_of_a_second():
    """design.md §7: from the totals of 4,000 therapists, fit and empirical Bayes ≤ 0.1 s."""
    generator = np.random.default_rng(0)
    groups = generator.integers(0, 4000, 200_000)
    design = np.column_stack([np.ones(200_000), generator.normal(size=(200_000, 3))])
    outcome = generator.normal(0, 0.25, 4000)[groups] + generator.normal(size=200_000)
    totals = GroupTotals.from_rows(groups, design, outcome, ADJUSTED)
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        fit = fit_random_intercept(replace(totals))  # a copy: nothing cached
        empirical_bayes(fit, totals)
        seconds.append(time.perf_counter() - started)

    assert fit.var_group == pytest.approx(0.0625, abs=0.006)
    assert min(seconds) < 0.1


# ---------------------------------------------------------------- lme4 1.1-31, shared file


@pytest.fixture(scope="module")
def lme4():
    require(REAL_FILES)
    return json.loads((SHARED / "expected_lme4_5000.json").read_text())["n5000"]


@pytest.fixture(scope="module")
def patients(lme4):
    complete = pd.read_csv(SHARED / "patients_5000.csv").dropna()
    return complete.assign(pre_gmc=complete.phq9_pre - complete.phq9_pre.mean())


def totals_of(patients, formula):
    groups, labels = pd.factorize(patients.therapist_id, sort=True)
    design = pd.DataFrame({"(Intercept)": 1.0}, index=patients.index)
    if formula.startswith("adj"):
        design = design.join(patients[["pre_gmc", "age", "female"]])
    outcome = patients.phq9_post
    if formula.startswith("null_change"):
        outcome = patients.phq9_pre - patients.phq9_post
    totals = GroupTotals.from_rows(groups, design.to_numpy(), outcome.to_numpy(), tuple(design))
    return totals, labels


@pytest.mark.real
@pytest.mark.parametrize(
    ("formula", "method"),
    [
        ("null_change_REML", "reml"),
        ("null_post_REML", "reml"),
        ("adj_post_REML", "reml"),
        ("adj_post_ML", "ml"),
    ],
)
def test_fits_equal_lme4(patients, lme4, formula, method):
    totals, _ = totals_of(patients, formula)
    expected = lme4[formula]

    fit = fit_random_intercept(totals, method)

    assert (fit.n_rows, fit.n_groups) == (4500, 150)
    assert fit.var_group == pytest.approx(expected["var_therapist"], abs=PRECISION)
    assert fit.var_residual == pytest.approx(expected["var_residual"], abs=PRECISION)
    assert fit.icc == pytest.approx(expected["icc"], abs=PRECISION)
    assert fit.log_likelihood == pytest.approx(expected["logLik"], abs=PRECISION)
    assert fit.fixed == pytest.approx(list(expected["fixed"].values()), abs=PRECISION)
    found = np.sqrt(np.diag(fit.fixed_covariance))
    assert found == pytest.approx(list(expected["fixed_se"].values()), abs=PRECISION)


@pytest.mark.real
@pytest.mark.parametrize("formula", ["adj_post_REML", "null_change_REML"])
def test_every_therapists_estimate_equals_lme4(patients, lme4, formula):
    totals, labels = totals_of(patients, formula)
    expected = pd.read_csv(SHARED / f"expected_eb_patients_5000_{formula}.csv")
    expected = expected.set_index("therapist_id").loc[labels]

    found = empirical_bayes(fit_random_intercept(totals), totals)

    assert totals.sizes.tolist() == expected["n"].tolist()
    assert found.effect == pytest.approx(expected["eb"].to_numpy(), abs=PRECISION)
    assert found.conditional_sd == pytest.approx(expected["eb_condsd"].to_numpy(), abs=PRECISION)
    assert found.reliability == pytest.approx(expected["reliability"].to_numpy(), abs=PRECISION)


@pytest.mark.real
def test_therapists_with_ten_patients_equal_lme4(patients, lme4):
    n = patients.groupby("therapist_id").therapist_id.transform("size")
    expected = lme4["min10_patients"]

    totals, _ = totals_of(patients[n >= 10], "adj_post")
    fit = fit_random_intercept(totals)

    assert (fit.n_rows, fit.n_groups) == (expected["n"], expected["n_therapists"])
    assert fit.var_group == pytest.approx(expected["var_therapist"], abs=PRECISION)


@pytest.mark.real
def test_a_model_without_therapists_equals_lm(patients, lme4):
    totals, _ = totals_of(patients, "adj_post")

    flat = profile_at(totals, 0.0, "ml")

    assert -flat.deviance / 2 == pytest.approx(lme4["lm_adj_logLik_for_LRT"], abs=PRECISION)
