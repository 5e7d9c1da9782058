"""Jacobson–Truax numbers K1–K9 and effect sizes, typed in from their sources."""

import pytest

from transforms.instruments.change import (
    clinical_cut_offs,
    effect_sizes_from_moments,
    small_sample_factor,
    standard_error_of_difference,
    standard_error_of_measurement,
    standard_error_of_prediction,
)
from transforms.instruments.change_indices import jacobson_truax


@pytest.mark.parametrize(
    ("sd", "reliability", "sem", "sdiff"),
    [
        (7.5, 0.80, 3.354102, 4.743416),  # K1 Jacobson & Truax 1991
        (5, 0.80, 2.236068, 3.162278),  # K4
        (10.5, 0.961, 2.073584, 2.93249),  # K5 suddengains vignette, BDI
        (6.396073, 0.931, 1.680111, 2.376036),  # K6 sgdata
        (9, 0.91, 2.7, 3.818),  # K9 WAI-SR
    ],
)
def test_errors_of_measurement_and_difference(sd, reliability, sem, sdiff):
    assert standard_error_of_measurement(sd, reliability) == pytest.approx(sem, abs=1e-6)
    assert standard_error_of_difference(sd, reliability) == pytest.approx(sdiff, abs=4e-4)


@pytest.mark.parametrize(
    ("sd", "reliability", "multiplier", "points", "tolerance"),
    [
        (7.5, 0.80, 1.96, 9.297096, 1e-6),  # K1 with the printed 1.96
        (7.5, 0.80, 1.959963984540054, 9.296925484568419, 1e-12),  # K1, CECPfuns test
        (10.5, 0.961, 1.96, 5.747681, 1e-6),  # K5
        (6.396073, 0.931, 1.96, 4.65703, 1e-5),  # K6
        (7.7, 0.90, 1.644853626951472, 5.664, 1e-3),  # K7 CORE-10 at 90 %, published as 6
        (7.7, 0.90, 1.959963984540054, 6.749, 1e-3),  # K7
        (9, 0.91, 1.96, 7.484, 1e-3),  # K9
    ],
)
def test_reliable_change_in_points(sd, reliability, multiplier, points, tolerance):
    """The points at which the index reaches the multiplier."""
    index = jacobson_truax(sd=sd, reliability=reliability)

    assert multiplier / index.post_weight == pytest.approx(points, abs=tolerance)


def test_reliable_change_of_the_published_couple():
    """K2: 32.5 to 47.5 gives RC 3.162278; the way back has the other sign."""
    index = jacobson_truax(sd=7.5, reliability=0.8)

    assert index.of(32.5, 47.5) == pytest.approx(3.162278, abs=1e-6)
    assert index.of(47.5, 32.5) < 0


def test_error_of_prediction():
    """K4: √(1 − r²)·SD = 3.0."""
    assert standard_error_of_prediction(5, 0.8) == pytest.approx(3.0)


def test_the_three_cut_offs_of_jacobson_and_truax():
    """K3: clinical 40 (7.5), functional 60 (7.5), higher is better: 55, 45, 50."""
    cuts = clinical_cut_offs(
        clinical_mean=40, clinical_sd=7.5, functional_mean=60, functional_sd=7.5,
        higher_is_better=True,
    )  # fmt: skip

    assert (cuts.a, cuts.b, cuts.c) == (55, 45, 50)


def test_cut_off_c_of_the_core_10():
    """K7: 10.46, published as 11; here lower is better."""
    cuts = clinical_cut_offs(
        clinical_mean=19.7, clinical_sd=7.7, functional_mean=4.7, functional_sd=4.8,
        higher_is_better=False,
    )  # fmt: skip

    assert cuts.c == pytest.approx(10.46, abs=5e-3)
    assert cuts.a == pytest.approx(19.7 - 15.4)


def test_cut_off_b_uses_the_functional_sd():
    """K8 inputs (Bauer 2004): 50 + 2·22 would be 94 by SD 22; the clinical SD gives 94.66."""
    cuts = clinical_cut_offs(
        clinical_mean=68.35, clinical_sd=22.33, functional_mean=50, functional_sd=22,
        higher_is_better=False,
    )  # fmt: skip

    assert cuts.b == 94


@pytest.mark.parametrize(("sd", "reliability"), [(0, 0.8), (-1, 0.8), (5, 1.01), (5, -0.1)])
def test_impossible_norms_are_a_programming_error(sd, reliability):
    with pytest.raises(ValueError, match="SD is positive"):
        standard_error_of_measurement(sd, reliability)


def test_effect_sizes_of_the_published_sample():
    """KAT R14 (HAMD, n = 40): the four metrics differ 2.4-fold, so the name must be shown."""
    found = effect_sizes_from_moments(
        n=40, mean_improvement=9.875, sd_pre=3.340121, sd_post=7.711096, sd_change=7.887632
    )

    assert found.correlation == pytest.approx(0.163119, abs=1e-5)
    assert found.d_pre == pytest.approx(2.956479, abs=1e-6)
    assert found.g_pre == pytest.approx(2.899257, abs=1e-6)
    assert found.d_av == pytest.approx(1.661868, abs=1e-5)
    assert found.d_z == pytest.approx(1.251960, abs=1e-6)
    assert found.d_rm == pytest.approx(1.619710, abs=1e-5)


def test_hedges_factor():
    """KAT R14: J(39) = .980645."""
    assert small_sample_factor(39) == pytest.approx(0.980645, abs=1e-6)


def test_equal_scores_give_a_reason():
    found = effect_sizes_from_moments(
        n=3, mean_improvement=2, sd_pre=0.0, sd_post=1.0, sd_change=1.0
    )

    assert (found.d_pre, found.reason) == (None, "a standard deviation is zero")
