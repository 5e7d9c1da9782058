"""Response surface, truth and bias, dependent correlations: R's numbers, then poor data."""

import csv
from pathlib import Path

import numpy as np
import pytest

from transforms.statistics.dependent_correlations import compare_dependent, compare_measures
from transforms.statistics.response_surface import response_surface
from transforms.statistics.truth_and_bias import truth_and_bias

REFERENCE = Path(__file__).parents[2] / "reference" / "congruence"


@pytest.fixture(scope="module")
def expected():
    with (REFERENCE / "reference.csv").open() as file:
        rows = [row for row in csv.reader(file) if not row[0].startswith("#")]
    return {name: float(value) for name, value in rows[1:]}


@pytest.fixture(scope="module")
def rows():
    with (REFERENCE / "dyads.csv").open() as file:
        read = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in read]) for name in read[0]}


@pytest.fixture(scope="module")
def dyads(rows):
    """One row per dyad: mean ratings, first and last score, therapist."""
    codes = rows["dyad"].astype(int)
    sizes = np.bincount(codes)
    return {name: np.bincount(codes, weights=rows[name]) / sizes for name in rows}


def surface_of(dyads, clusters=None):
    return response_surface(
        (dyads["client_pomp"] - 50) / 10,
        (dyads["therapist_pomp"] - 50) / 10,
        dyads["post"],
        dyads["pre"],
        dyads["therapist"] if clusters is None else clusters,
    )


def test_surface_equals_r_with_clustered_standard_errors(dyads, expected):
    """R: lm and sandwich::vcovCL(type = "HC1"), t with G - 1 degrees of freedom."""
    found = surface_of(dyads)

    assert (found.n, found.n_clusters, found.interval) == (76, 14, "therapists")
    assert found.r_squared == pytest.approx(expected["r_squared"], abs=1e-9)
    assert found.parameters["b4"].value == pytest.approx(expected["b4"], abs=1e-8)
    for name in ("a1", "a2", "a3", "a4"):
        estimate = found.parameters[name]
        assert estimate.value == pytest.approx(expected[f"clustered_{name}"], abs=1e-8)
        assert estimate.ci_low == pytest.approx(expected[f"clustered_{name}_low"], abs=1e-7)
        assert estimate.ci_high == pytest.approx(expected[f"clustered_{name}_high"], abs=1e-7)


def test_with_few_therapists_the_interval_is_that_of_rows(dyads, expected):
    """Nine therapists are too few for a clustered interval, ten are enough."""
    nine = surface_of(dyads, np.arange(76) % 9)
    ten = surface_of(dyads, np.arange(76) % 10)

    assert (nine.interval, ten.interval) == ("rows", "therapists")
    for name in ("a1", "a2", "a3", "a4"):
        estimate = nine.parameters[name]
        assert estimate.value == pytest.approx(expected[f"plain_{name}"], abs=1e-8)
        assert estimate.ci_low == pytest.approx(expected[f"plain_{name}_low"], abs=1e-7)
        assert estimate.ci_high == pytest.approx(expected[f"plain_{name}_high"], abs=1e-7)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"post": np.full(76, 8.0)}, "the outcome does not vary"),
        ({"client_pomp": np.full(76, 100.0)}, "a rating does not vary, or follows"),
        ({"client_pomp": np.full(76, 50.0)}, "a rating does not vary"),
        ({"pre": np.zeros(76)}, "a rating does not vary"),
    ],
)
def test_a_surface_that_cannot_be_fitted_says_why(dyads, change, reason):
    found = surface_of({**dyads, **change})

    assert found.interval is None
    assert all(estimate.value is None for estimate in found.parameters.values())
    assert found.parameters["a1"].reason.startswith(reason)


def test_equal_ratings_carry_no_surface(dyads):
    found = surface_of({**dyads, "therapist_pomp": dyads["client_pomp"]})

    assert found.parameters["a3"].value is None


@pytest.mark.parametrize("n", [0, 1, 8])
def test_eight_dyads_are_too_few_for_seven_slopes(dyads, n):
    found = surface_of({name: column[:n] for name, column in dyads.items()})

    assert found.parameters["a2"].reason == "fewer than 9 dyads with both ratings and an outcome"


def test_truth_and_bias_equals_the_mixed_model_of_r(rows, expected):
    """R: lme4::lmer by REML with a random intercept per dyad."""
    found = truth_and_bias(rows["dyad"].astype(int), rows["client_pomp"], rows["therapist_pomp"])

    assert (found.n_dyads, found.n_sessions) == (76, 234)
    assert found.parameters["bias"].value == pytest.approx(expected["bias"], abs=1e-6)
    for name in ("truth_within", "truth_between"):
        estimate = found.parameters[name]
        half = (estimate.ci_high - estimate.ci_low) / 2
        assert estimate.value == pytest.approx(expected[name], abs=1e-6)
        assert half / 1.959964 == pytest.approx(expected[f"{name}_se"], abs=1e-6)
    for name in ("tracking_within", "tracking_between"):
        assert found.parameters[name].value == pytest.approx(expected[name], abs=1e-9)


@pytest.mark.parametrize(
    ("n_therapists", "se", "t"),
    # quantiles of t: R's qt(.975, 13) and qt(.975, 75)
    [(14, "bias_se_clustered", 2.160369), (9, "bias_se_plain", 1.992102)],
)
def test_the_bias_counts_therapists_not_sessions(rows, expected, n_therapists, se, t):
    """R: sandwich::vcovCL of the dyads' mean differences; nine therapists are too few for it."""
    therapists = rows["therapist"].astype(int) % n_therapists

    bias = truth_and_bias(
        rows["dyad"].astype(int), rows["client_pomp"], rows["therapist_pomp"], therapists
    ).parameters["bias"]

    assert bias.value == pytest.approx(expected["bias"], abs=1e-6)
    assert (bias.ci_high - bias.ci_low) / 2 == pytest.approx(expected[se] * t, abs=1e-5)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_two_dyads_are_no_sample(rows, n):
    kept = rows["dyad"] < n

    found = truth_and_bias(
        rows["dyad"][kept].astype(int), rows["client_pomp"][kept], rows["therapist_pomp"][kept]
    )

    assert {estimate.reason for estimate in found.parameters.values()} == {"fewer than 3 dyads"}


def test_ceiling_and_single_sessions_give_no_tracking():
    """All clients at the top: no truth to track. One session each: nothing moves within."""
    dyads, top = np.repeat(np.arange(20), 3), np.full(60, 100.0)
    rng = np.random.default_rng(1)
    ceiling = truth_and_bias(dyads, top, rng.normal(80, 5, 60)).parameters
    single = truth_and_bias(np.arange(60), rng.normal(80, 5, 60), rng.normal(75, 5, 60)).parameters

    for name in ("bias", "truth_within", "tracking_within", "tracking_between"):
        assert ceiling[name].value is None
        assert ceiling[name].reason
    assert single["tracking_within"].value is None
    assert single["truth_within"].value is None
    assert single["tracking_between"].value is not None


def test_williams_of_the_manual(expected):
    """psych's manual, r.test(103, .4, .5, .1): t = -.89, p = .37."""
    found = compare_dependent(0.4, 0.5, 0.1, 103)

    assert (round(found.t, 2), round(found.p_value, 2), found.df) == (-0.89, 0.37, 100)
    assert found.t == pytest.approx(expected["williams_manual_t"], abs=1e-9)
    assert found.p_value == pytest.approx(expected["williams_manual_p"], abs=1e-9)


def test_interval_of_the_difference_is_that_of_zou():
    """Zou 2007, overlapping correlations .396, .179, .088 with 66 people: -.093 to .517."""
    found = compare_dependent(0.396, 0.179, 0.088, 66).difference

    assert found.value == pytest.approx(0.217)
    assert (round(found.ci_low, 3), round(found.ci_high, 3)) == (-0.093, 0.517)


def test_two_raters_of_one_outcome_equal_r(dyads, expected):
    """R: r.test on cor(), and on psych::partial.r given the first score with n - 1."""
    measures = (dyads["client_pomp"], dyads["therapist_pomp"], dyads["post"])
    plain = compare_measures(*measures)
    partial = compare_measures(*measures, dyads["pre"])

    assert plain.t == pytest.approx(expected["williams_dyads_t"], abs=1e-8)
    assert plain.p_value == pytest.approx(expected["williams_dyads_p"], abs=1e-8)
    assert partial.t == pytest.approx(expected["williams_partial_t"], abs=1e-8)
    assert partial.p_value == pytest.approx(expected["williams_partial_p"], abs=1e-8)
    assert (plain.df, partial.df) == (73, 72)


@pytest.mark.parametrize(
    ("n", "same", "reason"),
    [
        (4, False, "fewer than 5 clients rated by both"),
        (30, True, "a correlation of exactly 1 cannot be compared"),
    ],
)
def test_raters_that_cannot_be_compared(n, same, reason):
    rng = np.random.default_rng(3)
    one, outcome = rng.normal(size=n), rng.normal(size=n)
    other = one if same else rng.normal(size=n)

    found = compare_measures(one, other, outcome)

    assert found.difference.reason == reason
    assert found.t is None
    assert found.p_value is None


def test_a_rater_without_variance_is_not_compared():
    rng = np.random.default_rng(3)

    found = compare_measures(np.full(30, 5.0), rng.normal(size=30), rng.normal(size=30))

    assert found.difference.reason == "a measure does not vary"
