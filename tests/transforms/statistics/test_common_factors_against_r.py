"""Estimators against R on the same rows: lme4, survival, cmprsk, sandwich.

Input, script, versions and answers lie in tests/reference/common_factors; R itself is not needed.
The tolerance of each test is that of the reference program where it is looser than 1e-6.
"""

import json

import numpy as np
import pandas as pd
import pytest

from tests.conftest import ROOT
from transforms.statistics.cluster_robust import clustered_covariance
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

FOLDER = ROOT / "tests" / "reference" / "common_factors"
PRECISION = 1e-6


@pytest.fixture(scope="module")
def answers():
    return json.loads((FOLDER / "answers.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def clients():
    rows = pd.read_csv(FOLDER / "clients.csv")
    return rows.assign(pre=rows.pre - rows.pre.mean(), age=rows.age - rows.age.mean())


@pytest.fixture(scope="module")
def therapists(clients):
    """Totals by therapist, and each therapist's clinic."""
    design = np.column_stack([np.ones(len(clients)), clients.pre, clients.age])
    totals = GroupTotals.from_rows(
        clients.therapist.to_numpy(), design, clients.post.to_numpy(), ("intercept", "pre", "age")
    )
    return totals, clients.groupby("therapist").clinic.first().to_numpy()


def test_therapists_within_clinics_equal_lme4(answers, therapists):
    expected = answers["nested"]
    fit = fit_nested(*therapists)

    assert fit.var_group == pytest.approx(expected["var_therapist"], abs=PRECISION)
    assert fit.var_cluster == pytest.approx(expected["var_clinic"], abs=PRECISION)
    assert fit.var_residual == pytest.approx(expected["var_residual"], abs=PRECISION)
    assert fit.fixed == pytest.approx(expected["fixed"], abs=PRECISION)
    assert np.sqrt(np.diag(fit.fixed_covariance)) == pytest.approx(expected["se"], abs=PRECISION)
    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], abs=PRECISION)


@pytest.mark.parametrize(("which", "name"), [("group", "therapist"), ("cluster", "clinic")])
def test_profile_interval_of_a_share_equals_the_one_from_lme4s_deviance(
    answers, therapists, which, name
):
    value, low, high = answers["nested"][f"share_{name}"]
    found = share_interval(*therapists, which)

    assert (found.value, found.ci_low, found.ci_high) == pytest.approx((value, low, high), abs=1e-6)


def test_logistic_model_equals_glmer(answers, clients):
    """glmer stops where its optimizer sees no gain: 1e-4 on the logit scale."""
    expected = answers["logistic"]
    design = np.column_stack([np.ones(len(clients)), clients.pre])
    rows = BinomialRows.from_rows(
        clients.therapist.to_numpy(), design, clients.improved.to_numpy(), ("intercept", "pre")
    )
    fit = fit_logistic_intercept(rows)
    interval = icc_interval_of(fit, rows)

    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-6)
    assert fit.fixed == pytest.approx(expected["fixed"], abs=1e-4)
    assert fit.sd_group == pytest.approx(expected["sd"], abs=1e-4)
    low, high = (sd**2 / (sd**2 + np.pi**2 / 3) for sd in expected["sd_interval"])
    assert (interval.ci_low, interval.ci_high) == pytest.approx((low, high), abs=1e-4)


def test_combining_equal_rows_changes_nothing(clients):
    """Only pre in whole points: 1,500 clients are fewer distinct rows, with one likelihood."""
    design = np.column_stack([np.ones(len(clients)), clients.pre])
    groups, outcome = clients.therapist.to_numpy(), clients.improved.to_numpy().astype(float)
    combined = BinomialRows.from_rows(groups, design, outcome, ("intercept", "pre"))
    single = BinomialRows(groups, design, outcome, np.ones(len(clients)), ("intercept", "pre"))
    one, other = fit_logistic_intercept(combined), fit_logistic_intercept(single)

    assert len(combined.groups) < len(single.groups)
    assert one.sd_group == pytest.approx(other.sd_group, abs=1e-8)


def test_cluster_robust_errors_equal_sandwich(answers, clients):
    expected = answers["clustered"]
    design = np.column_stack([np.ones(len(clients)), clients.pre, clients.age])
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ clients.post.to_numpy()
    residuals = clients.post.to_numpy() - design @ coefficients
    covariance = clustered_covariance(design, residuals, inverse, clients.therapist.to_numpy())

    assert coefficients == pytest.approx(expected["coefficients"], abs=1e-9)
    assert np.sqrt(np.diag(covariance)) == pytest.approx(expected["cr1"], abs=1e-9)


def test_lines_of_clients_equal_lme4(answers):
    """lmer's optimizer leaves variances uncertain in the sixth digit: 1e-4 of a point."""
    rows = pd.read_csv(FOLDER / "ratings.csv").assign(t=lambda r: np.log(r.session))
    products = rows.assign(tt=rows.t**2, ty=rows.t * rows.rating, yy=rows.rating**2)
    sums = products.groupby("client").agg(
        n=("t", "size"), t=("t", "sum"), tt=("tt", "sum"), y=("rating", "sum"),
        ty=("ty", "sum"), yy=("yy", "sum"),
    )  # fmt: skip
    expected = answers["slopes"]
    fit = fit_random_slopes(ClientSums(*(sums[name].to_numpy(float) for name in sums)))

    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-6)
    assert (fit.intercept, fit.slope) == pytest.approx(expected["fixed"], abs=1e-5)
    assert fit.slope_se == pytest.approx(expected["se"][1], abs=1e-5)
    assert (fit.intercept_sd, fit.slope_sd) == pytest.approx(expected["sds"], abs=1e-4)
    assert fit.correlation == pytest.approx(expected["correlation"], abs=1e-4)
    assert fit.residual_sd == pytest.approx(expected["residual_sd"], abs=1e-5)
    assert fit.client_slopes == pytest.approx(expected["client_slopes"], abs=1e-4)
    assert fit.client_slope_sds == pytest.approx(expected["client_slope_sds"], abs=1e-4)


@pytest.fixture(scope="module")
def sessions():
    return pd.read_csv(FOLDER / "sessions.csv")


def test_cox_with_an_alliance_that_changes_equals_survival(answers, sessions):
    expected = answers["cox"]
    fit = fit_session_cox(
        sessions.session.to_numpy() - 1,
        sessions.session.to_numpy(),
        sessions.cause.to_numpy() == 1,
        sessions[["within", "between"]].to_numpy(),
        sessions.therapist.to_numpy(),
    )

    assert fit.log_hazard_ratios == pytest.approx(expected["coefficients"], abs=1e-8)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(expected["se"], abs=1e-8)
    assert np.sqrt(np.diag(fit.robust_covariance)) == pytest.approx(expected["robust_se"], abs=1e-8)
    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-6)


def test_cumulative_incidence_equals_cmprsk_and_survival(answers, sessions):
    """Estimates to 1e-9; errors to survival's 1e-9, within 3 % of cmprsk, which breaks ties."""
    expected = answers["incidence"]
    last = sessions.groupby("client").last()
    curve = cumulative_incidence(last.session.to_numpy(), last.cause.to_numpy())

    assert curve.time.tolist() == expected["time"]
    assert curve.incidence == pytest.approx(expected["estimate"], abs=1e-9)
    assert curve.incidence == pytest.approx(expected["survival"], abs=1e-9)
    assert curve.competing == pytest.approx(expected["competing"], abs=1e-9)
    assert curve.se == pytest.approx(expected["cmprsk_se"], rel=0.03)
    assert curve.se == pytest.approx(expected["survival_se"], rel=1e-9)
