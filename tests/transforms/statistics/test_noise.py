"""Noise: the memory that was planted comes back, and a course's mean, SD and scale are kept."""

import numpy as np
import pytest

from transforms.statistics.noise import autocorrelation, autoregressive, on_scale, step_of


def courses(phi, seed, n_courses=4000, length=6):
    """Return normal series with gaps of one session here and there."""
    rng = np.random.default_rng(seed)
    gaps = np.where(rng.random((n_courses, length)) < 0.15, 2, 1)
    positions = np.cumsum(gaps, axis=1)
    shocks = rng.normal(size=(n_courses, 1, length))
    return autoregressive(shocks, positions, np.full(n_courses, phi))[:, 0], positions


@pytest.mark.parametrize("phi", [-0.3, 0.0, 0.3, 0.6])
@pytest.mark.parametrize("length", [4, 9])
def test_short_courses_with_gaps_have_the_memory_that_was_planted(phi, length):
    """The raw lag-1 correlation about own means of four ratings would be about .3 too small."""
    values, positions = courses(phi, seed=3, length=length)

    assert autocorrelation(list(values), list(positions)) == pytest.approx(phi, abs=0.04)


def test_memory_reaches_over_a_gap_by_its_square():
    """Sessions 1, 2 and 4 with .5: correlations .5 and .25."""
    positions = np.tile([1, 2, 4], (20000, 1))
    shocks = np.random.default_rng(5).normal(size=(20000, 1, 3))
    r = np.corrcoef(autoregressive(shocks, positions, np.full(20000, 0.5))[:, 0].T)

    assert r[0, 1] == pytest.approx(0.5, abs=0.02)
    assert r[1, 2] == pytest.approx(0.25, abs=0.02)


def test_nothing_to_learn_from_is_no_memory():
    """Two ratings per course, or ratings that do not vary."""
    assert autocorrelation([np.array([1.0, 2.0])], [np.array([1, 2])]) == 0
    assert autocorrelation([np.ones(8)], [np.arange(8)]) == 0


def test_a_course_keeps_mean_sd_ceiling_and_steps():
    """Mean 56 of at most 60 with SD 4: a third of a normal course would lie above the ceiling."""
    shocks = np.random.default_rng(1).normal(size=(1, 200, 10))
    mean, sd, low, high, step = (np.array([each]) for each in (56.0, 4.0, 12.0, 60.0, 1.0))
    whole = on_scale(shocks, mean, sd, low, high, step)
    smooth = on_scale(shocks, mean, sd, low, high, np.array([np.nan]))

    assert np.median(smooth.mean(axis=2)) == pytest.approx(56, abs=0.01)
    assert np.median(smooth.std(axis=2, ddof=1)) == pytest.approx(4, abs=0.05)
    assert whole.max() == 60
    assert np.array_equal(whole, np.round(whole))


def test_a_course_that_does_not_vary_stays_as_it_is():
    """SD 0 and a single rating."""
    none = np.array([0.0])
    flat = on_scale(np.ones((1, 3, 1)), np.array([40.0]), none, none, np.array([60.0]), none + 1)

    assert (flat == 40).all()


@pytest.mark.parametrize(
    ("values", "step"),
    [([1, 2, 7], 1.0), ([1, 2.5], 0.5), ([36.1, 40.0], 0.1), ([1.234, 2.0], None), ([], None)],
)
def test_the_step_of_a_scale(values, step):
    """Whole points, halves, tenths, or none."""
    assert step_of(np.array(values, dtype=float)) == step
