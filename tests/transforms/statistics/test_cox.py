"""Cox regression: published example, the survival library, and data without an answer."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest

from transforms.statistics.cox import fit_cox

# Freireich 1963, remission times in weeks: 6-MP arm (+ censored) and placebo arm.
SIX_MP = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
SIX_MP_EVENT = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def freireich():
    duration = np.array(SIX_MP + PLACEBO)
    is_event = np.array(SIX_MP_EVENT + [1] * 21, dtype=bool)
    return duration, is_event, np.repeat([0.0, 1.0], 21)


@pytest.fixture(scope="module")
def episodes():
    generator = np.random.default_rng(1)
    alliance = generator.normal(70, 15, 2000)
    therapist = generator.integers(0, 60, 2000)
    exact = generator.exponential(np.exp(0.02 * (alliance - 70)))
    return pd.DataFrame(
        {
            "alliance": alliance,
            "exact": exact,
            "sessions": np.ceil(exact * 4).clip(1, 20),
            "left": generator.random(2000) < 0.4,
            "therapist": therapist,
        }
    )


def from_lifelines(rows, duration, cluster=None):
    """lifelines is slow with clusters and quadratic in rows: an oracle, not a tool for nights."""
    from lifelines import CoxPHFitter

    columns = ["alliance", duration, "left"] + ([cluster] if cluster else [])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CoxPHFitter().fit(rows[columns], duration, "left", cluster_col=cluster)


def test_remission_times_of_freireich():
    """Efron ties give 1.5721 (SE .4124), hazard ratio 4.82 (Venables & Ripley, MASS, gehan)."""
    fit = fit_cox(*freireich())

    assert (fit.n, fit.n_events) == (42, 30)
    assert fit.log_hazard_ratio == pytest.approx(1.5721, abs=5e-5)
    assert fit.se == pytest.approx(0.4124, abs=5e-5)
    assert math.exp(fit.log_hazard_ratio) == pytest.approx(4.82, abs=5e-3)


def test_ties_equal_the_survival_library(episodes):
    expected = from_lifelines(episodes, "sessions")

    fit = fit_cox(episodes.sessions, episodes.left, episodes.alliance.to_numpy())

    assert fit.log_hazard_ratio == pytest.approx(expected.params_["alliance"], abs=1e-6)
    assert fit.se == pytest.approx(expected.standard_errors_["alliance"], abs=1e-6)
    assert fit.log_likelihood == pytest.approx(expected.log_likelihood_, abs=1e-6)


def test_clustered_error_without_ties_equals_the_survival_library(episodes):
    expected = from_lifelines(episodes, "exact", "therapist")

    fit = fit_cox(
        episodes.exact, episodes.left, episodes.alliance.to_numpy(), episodes.therapist.to_numpy()
    )

    assert fit.robust_se == pytest.approx(expected.standard_errors_["alliance"], abs=1e-6)


def test_clustered_error_with_ties_equals_leaving_out_one_therapist_at_a_time(episodes):
    """The library leaves ties out of its residuals, so the oracle here is the jackknife."""
    columns = (episodes.sessions.to_numpy(), episodes.left.to_numpy(), episodes.alliance.to_numpy())
    therapist = episodes.therapist.to_numpy()
    without = np.array(
        [
            fit_cox(*(column[therapist != who] for column in columns)).log_hazard_ratio
            for who in range(60)
        ]
    )
    jackknife = math.sqrt(59 / 60 * float(((without - without.mean()) ** 2).sum()))

    assert fit_cox(*columns, therapist).robust_se == pytest.approx(jackknife, rel=0.03)


def test_rows_may_come_in_any_order(episodes):
    shuffled = episodes.sample(frac=1, random_state=4)
    fits = [
        fit_cox(rows.sessions, rows.left, rows.alliance.to_numpy(), rows.therapist.to_numpy())
        for rows in (episodes, shuffled)
    ]

    assert fits[0].log_hazard_ratio == pytest.approx(fits[1].log_hazard_ratio, abs=1e-10)
    assert fits[0].robust_se == pytest.approx(fits[1].robust_se, abs=1e-10)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("duration", "is_event", "covariate", "reason"),
    [
        ([], [], [], "fewer than 2 events"),
        ([1, 2, 3], [0, 0, 1], [1, 2, 3], "fewer than 2 events"),
        ([1, 2, 3], [1, 1, 1], [0.1, 0.1, 0.1], "the covariate does not vary"),
        ([1, 2, 3, 4], [1, 1, 0, 0], [2, 2, 1, 1], "the covariate separates the events completely"),
    ],
)
def test_data_without_an_answer_give_a_reason(duration, is_event, covariate, reason):
    fit = fit_cox(np.array(duration), np.array(is_event), np.array(covariate))

    assert (fit.reason, fit.log_hazard_ratio) == (reason, None)
