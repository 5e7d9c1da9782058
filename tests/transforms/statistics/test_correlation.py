"""Correlations: published values first, then what happens without data."""

import math

import numpy as np
import pytest

from transforms.statistics.correlation import (
    cluster_bootstrap_interval,
    fisher_interval,
    mean_ranks,
    partial_correlation,
    pearson,
    repeated_measures_correlation,
    wilson_interval,
)

# Bland & Altman 1995, BMJ 310:446, table 1: intramural pH and PaCO2 of eight patients.
BLAND_ALTMAN = {
    1: [(6.68, 3.97), (6.53, 4.12), (6.43, 4.09), (6.33, 3.97)],
    2: [(6.85, 5.27), (7.06, 5.37), (7.13, 5.41), (7.17, 5.44)],
    3: [
        (7.40, 5.67), (7.42, 3.64), (7.41, 4.32), (7.37, 4.73), (7.34, 4.96),
        (7.35, 5.04), (7.28, 5.22), (7.30, 4.82), (7.34, 5.07),
    ],
    4: [(7.36, 5.67), (7.33, 5.10), (7.29, 5.53), (7.30, 4.75), (7.35, 5.51)],
    5: [
        (7.35, 4.28), (7.30, 4.44), (7.30, 4.32), (7.37, 3.23),
        (7.27, 4.46), (7.28, 4.72), (7.32, 4.75), (7.32, 4.99),
    ],
    6: [(7.38, 4.78), (7.30, 4.73), (7.29, 5.12), (7.33, 4.93), (7.31, 5.03), (7.33, 4.93)],
    7: [(6.86, 6.85), (6.94, 6.44), (6.92, 6.52)],
    8: [
        (7.19, 5.28), (7.29, 4.56), (7.21, 4.34), (7.25, 4.32),
        (7.20, 4.41), (7.19, 3.69), (6.77, 6.09), (6.82, 5.58),
    ],
}  # fmt: skip


def bland_altman():
    rows = [(who - 1, *pair) for who, pairs in BLAND_ALTMAN.items() for pair in pairs]
    subjects, ph, paco2 = zip(*rows, strict=True)
    return np.array(subjects), np.array(ph), np.array(paco2)


def test_repeated_measures_correlation_of_bland_and_altman():
    """KAT R1: r −.506770, 38 degrees of freedom, slope −2.37083, interval −.71 to −.23."""
    subjects, ph, paco2 = bland_altman()

    r, slope = repeated_measures_correlation(subjects, ph, paco2)

    assert len(ph) == 47
    assert r.value == pytest.approx(-0.506770, abs=1e-6)
    assert slope == pytest.approx(-2.37083, abs=1e-5)
    assert (round(r.ci_low, 2), round(r.ci_high, 2)) == (-0.71, -0.23)


def test_slope_of_ph_on_paco2_is_the_published_one():
    """Bland & Altman 1995 print −0.108 units of pH per kPa."""
    subjects, ph, paco2 = bland_altman()

    assert repeated_measures_correlation(subjects, paco2, ph)[1] == pytest.approx(-0.108, abs=5e-4)


def test_between_and_pooled_correlations_of_the_same_rows_differ():
    """KAT R1: between subjects +.0818, pooled −.0652: within is not between."""
    subjects, ph, paco2 = bland_altman()
    means = [[column[subjects == who].mean() for who in range(8)] for column in (ph, paco2)]

    assert pearson(np.array(means[0]), np.array(means[1])).value == pytest.approx(0.0818, abs=1e-4)
    assert pearson(ph, paco2).value == pytest.approx(-0.0652, abs=1e-4)


TOY = np.array(
    [(who, 10 * who + 10 + 2 * i, 30 + 4 * who - 2 * i) for who in range(3) for i in range(4)]
)


def test_toy_panel_falls_within_and_rises_between():
    """KAT R2: within slope −1, between slope +.4, pooled Pearson +.646614."""
    subjects, x, y = TOY[:, 0], TOY[:, 1].astype(float), TOY[:, 2].astype(float)

    r, slope = repeated_measures_correlation(subjects, x, y)

    assert slope == pytest.approx(-1.0)
    assert r.value == -1.0
    assert (r.ci_low, r.ci_high) == (None, None)
    assert pearson(x, y).value == pytest.approx(0.646614, abs=1e-6)


@pytest.mark.parametrize(
    ("r", "n", "level", "low", "high"),
    [
        (0.7, 10, 0.95, 0.125833, 0.922878),
        (0.7, 100, 0.95, 0.583858, 0.788065),
        (0.7, 100, 0.90, 0.604552, 0.775631),
        (0.278, 30, 0.95, -0.091, 0.580),
        (0.278, 50, 0.95, -0.0004, 0.516),
        (0.278, 100, 0.95, 0.086, 0.450),
    ],
)
def test_fisher_interval(r, n, level, low, high):
    """KAT R8 (CECPfuns) and R9."""
    tolerance = 1e-6 if r == 0.7 else 5e-4

    assert fisher_interval(r, n, level=level) == pytest.approx((low, high), abs=tolerance)


def test_fisher_interval_spends_one_row_per_variable_held_equal():
    assert fisher_interval(0.3, 51, n_given=1) == fisher_interval(0.3, 50)


@pytest.mark.parametrize(("r", "n"), [(0.5, 3), (1.0, 50), (-1.0, 50)])
def test_fisher_interval_is_undefined_at_the_edges(r, n):
    assert fisher_interval(r, n) is None


def test_partial_correlation_is_the_correlation_of_residuals():
    """The definition, by least squares: what is left of x and y after the third variable."""
    generator = np.random.default_rng(7)
    given = generator.normal(size=200)
    x, y = given + generator.normal(size=200), 0.5 * given + generator.normal(size=200)
    design = np.column_stack([np.ones(200), given])
    left = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (x, y)]

    found = partial_correlation(x, y, given)

    assert found.value == pytest.approx(np.corrcoef(left[0], left[1])[0, 1], abs=1e-12)
    assert (found.ci_low, found.ci_high) == fisher_interval(found.value, 200, n_given=1)


def test_partial_correlation_from_published_correlations():
    """First-order formula by hand: (.5 − .3·.4) / √((1 − .09)(1 − .16)) = .434634."""
    wanted = np.array([[1, 0.5, 0.3], [0.5, 1, 0.4], [0.3, 0.4, 1]])
    raw = np.random.default_rng(1).normal(size=(500, 3))
    white = np.linalg.solve(np.linalg.cholesky(np.cov(raw.T)), (raw - raw.mean(0)).T)
    x, y, given = np.linalg.cholesky(wanted) @ white

    assert partial_correlation(x, y, given).value == pytest.approx(0.434634, abs=1e-6)


def test_equal_values_share_their_mean_rank():
    assert mean_ranks(np.array([30, 10, 20, 20, 40])).tolist() == [4, 1, 2.5, 2.5, 5]


def test_ties_survive_the_last_bit_of_a_sum():
    """0.1 + 0.2 and 0.3 are the same score; 1e-8 apart are two."""
    assert mean_ranks(np.array([0.3, 0.1 + 0.2, 0.5])).tolist() == [1.5, 1.5, 3.0]
    assert mean_ranks(np.array([0.3, 0.3 + 1e-8, 0.5])).tolist() == [1.0, 2.0, 3.0]


def test_ranks_see_any_rising_relation():
    x = np.array([1.0, 2, 3, 4, 5, 6])

    assert pearson(mean_ranks(x), mean_ranks(np.exp(x))).value == pytest.approx(1.0)
    assert pearson(x, np.exp(x)).value < 0.9


@pytest.mark.parametrize(
    ("events", "n", "low", "high"),
    [
        (5, 10, 0.236593, 0.763407),
        (0, 10, 0.0, 0.277533),
        (50, 100, 0.403832, 0.596168),
        (12, 19, 0.410395, 0.808505),
    ],
)
def test_wilson_interval(events, n, low, high):
    """KAT R11."""
    found = wilson_interval(events, n)

    assert found.value == events / n
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high), abs=1e-6)


def test_wilson_interval_reaches_one_when_all_had_the_event():
    assert wilson_interval(10, 10).ci_high == 1.0


def test_wilson_interval_of_nobody_has_no_value():
    assert wilson_interval(0, 0).reason == "nobody in the denominator"


@pytest.fixture
def clients_of_therapists():
    generator = np.random.default_rng(3)
    therapist = np.repeat(np.arange(40), 25)
    shared = generator.normal(size=40)[therapist]
    x = shared + generator.normal(size=1000)
    return x, shared + 0.3 * x + generator.normal(size=1000), therapist


def test_bootstrap_is_wider_than_fisher_when_clients_of_a_therapist_are_alike(
    clients_of_therapists,
):
    x, y, therapist = clients_of_therapists

    low, high = cluster_bootstrap_interval([x, y], therapist)

    fisher = pearson(x, y)
    assert low < fisher.value < high
    assert high - low > 1.5 * (fisher.ci_high - fisher.ci_low)


def test_bootstrap_repeats_with_its_seed_and_changes_with_another(clients_of_therapists):
    x, y, therapist = clients_of_therapists

    first = cluster_bootstrap_interval([x, y], therapist, seed=5)

    assert first == cluster_bootstrap_interval([x, y], therapist, seed=5)
    assert first != cluster_bootstrap_interval([x, y], therapist, seed=6)


def test_bootstrap_matches_resampled_rows(clients_of_therapists):
    """Weights on therapist sums must do what copying the therapists' clients does."""
    x, y, therapist = clients_of_therapists
    generator = np.random.default_rng(0)
    copies = []
    for _ in range(400):
        rows = np.concatenate(
            [np.flatnonzero(therapist == k) for k in generator.integers(0, 40, 40)]
        )
        copies.append(np.corrcoef(x[rows], y[rows])[0, 1])

    assert cluster_bootstrap_interval([x, y], therapist) == pytest.approx(
        tuple(np.quantile(copies, [0.025, 0.975])), abs=0.03
    )


@pytest.mark.parametrize(("n_clusters", "is_given"), [(9, False), (10, True)])
def test_bootstrap_needs_ten_clusters(clients_of_therapists, n_clusters, is_given):
    x, y, therapist = clients_of_therapists

    found = cluster_bootstrap_interval([x, y], therapist % n_clusters)

    assert (found is not None) == is_given


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("x", "reason"),
    [
        ([], "fewer than 3 complete rows"),
        ([1.0, 2.0], "fewer than 3 complete rows"),
        ([0.1] * 9, "a measure does not vary"),
    ],
)
def test_no_data_gives_a_reason_and_no_warning(x, reason):
    found = pearson(np.array(x), np.arange(len(x), dtype=float))

    assert (found.value, found.reason) == (None, reason)


@pytest.mark.filterwarnings("error")
def test_a_variable_that_follows_from_the_one_held_equal_has_no_partial_correlation():
    x = np.arange(20.0)

    assert partial_correlation(x, np.cos(x), 3 * x - 1).reason == "a measure does not vary"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n_rows", [0, 1, 3])
def test_one_rating_per_client_has_no_repeated_measures_correlation(n_rows):
    ones = np.arange(n_rows, dtype=float)

    found, slope = repeated_measures_correlation(np.arange(n_rows), ones, ones)

    assert (found.reason, slope) == ("too few repeated measures", None)


def test_a_level_in_percent_is_a_programming_error():
    with pytest.raises(ValueError, match="between 0 and 1"):
        pearson(np.arange(9.0), np.arange(9.0) ** 2, level=95)


def test_values_on_a_large_offset_keep_their_correlation():
    x = np.arange(30.0)
    y = np.sin(x)

    assert pearson(x + 1e9, y).value == pytest.approx(pearson(x, y).value, abs=1e-7)
    assert math.isclose(pearson(x, y * 1e-9).value, pearson(x, y).value, rel_tol=1e-12)
