"""Therapist effects: planted variance, shrinkage, ranks that admit what is not known."""

import numpy as np
import pytest

from transforms.statistics.therapist_effect import (
    case_mix_design,
    caterpillar,
    rank_range,
    therapist_effect,
)


def clients(n_therapists=120, n_clients=40, *, therapist_sd=1.2, seed=4):
    """PHQ-9-like: lower is better, residual SD 4.5, pre slope .5, ICC 1.44/21.69 = .0664."""
    generator = np.random.default_rng(seed)
    therapist = np.repeat(np.arange(n_therapists), n_clients)
    effect = generator.normal(0, therapist_sd, n_therapists)
    pre = generator.normal(15, 4, len(therapist))
    age = generator.normal(40, 12, len(therapist))
    post = 3 + 0.5 * pre + 0.02 * age + effect[therapist] + generator.normal(0, 4.5, len(therapist))
    return post, pre, therapist, age, effect


def test_planted_icc_comes_back_within_its_interval():
    post, pre, therapist, age, _ = clients()

    found = therapist_effect(post, pre, therapist, {"age": age})

    assert found.icc.ci_low < 1.44 / 21.69 < found.icc.ci_high
    assert found.fit.names == ("intercept", "pre", "age")
    assert found.fit.fixed[1] == pytest.approx(0.5, abs=0.05)


def test_no_therapist_variance_is_printed_as_zero_with_an_upper_end():
    post, pre, therapist, age, _ = clients(30, 20, therapist_sd=0.0, seed=2)

    found = therapist_effect(post, pre, therapist, {"age": age})

    assert (found.icc.value, found.icc.ci_low) == (0.0, 0.0)
    assert 0 < found.icc.ci_high < 0.1


def test_positive_means_better_when_fewer_symptoms_are_better():
    post, pre, therapist, age, effect = clients()

    found = caterpillar(therapist_effect(post, pre, therapist, {"age": age}), direction=-1)

    assert np.corrcoef(found.estimate, -effect)[0, 1] > 0.8
    assert found.rank[np.argmax(found.estimate)] == 1
    assert sorted(found.rank) == list(range(1, 121))


def test_estimates_are_pulled_towards_zero():
    post, pre, therapist, age, _ = clients()
    effect = therapist_effect(post, pre, therapist, {"age": age})

    found = caterpillar(effect, direction=1)

    raw = effect.totals.means[:, -1] - effect.totals.means[:, :-1] @ effect.fit.fixed
    assert (np.abs(found.estimate) < np.abs(raw)).all()


def test_nobody_is_above_or_below_without_a_reliable_mean():
    """λ .7 needs 33 clients at ICC .066 (KAT R15); with 12 each nobody is named."""
    post, pre, therapist, age, _ = clients(200, 12)

    found = caterpillar(therapist_effect(post, pre, therapist, {"age": age}), direction=-1)

    assert (found.reliability < 0.7).all()
    assert set(found.standing) == {"not distinguishable"}


def test_with_many_clients_the_extremes_are_named():
    post, pre, therapist, age, effect = clients(60, 150)

    found = caterpillar(therapist_effect(post, pre, therapist, {"age": age}), direction=-1)

    assert found.standing[np.argmin(effect)] == "above"
    assert found.standing[np.argmax(effect)] == "below"
    named = found.standing != "not distinguishable"
    assert ((found.low > 0) | (found.high < 0))[named].all()


def test_the_pairwise_interval_uses_goldstein_and_healys_multiplier():
    post, pre, therapist, age, _ = clients()

    found = caterpillar(therapist_effect(post, pre, therapist, {"age": age}), direction=1)

    assert found.pairwise_high - found.estimate == pytest.approx(1.39 * found.se)
    assert found.high - found.estimate == pytest.approx(1.959964 * found.se, rel=1e-6)


def test_rank_range_counts_intervals_that_do_not_overlap():
    """A lies wholly above B and C; B and C overlap."""
    best, worst = rank_range(np.array([5.0, 1.0, 2.0]), np.array([6.0, 3.0, 4.0]))

    assert best.tolist() == [1, 2, 2]
    assert worst.tolist() == [1, 3, 3]


def test_intervals_that_only_touch_leave_the_order_open():
    best, worst = rank_range(np.array([0.0, 1.0]), np.array([1.0, 2.0]))

    assert (best.tolist(), worst.tolist()) == ([1, 1], [2, 2])


def test_a_missing_covariate_loses_no_client():
    age = np.array([30.0, np.nan, 50.0, 40.0])

    design, names = case_mix_design(np.array([1.0, 2.0, 3.0, 4.0]), {"age": age})

    assert names == ("intercept", "pre", "age", "age_missing")
    assert design[:, 2].tolist() == [-10, 0, 10, 0]
    assert design[:, 3].tolist() == [-0.25, 0.75, -0.25, -0.25]


@pytest.mark.parametrize("age", [[np.nan] * 4, [40.1] * 4])
def test_a_covariate_without_information_is_left_out(age):
    _, names = case_mix_design(np.array([1.0, 2.0, 3.0, 4.0]), {"age": np.array(age)})

    assert names == ("intercept", "pre")


@pytest.mark.filterwarnings("error")
def test_one_therapist_has_no_effect_and_a_reason():
    post, pre, therapist, age, _ = clients(1, 50)

    found = therapist_effect(post, pre, therapist, {"age": age})

    assert (found.icc.value, found.icc.reason) == (None, "fewer than 2 groups")
    assert found.icc_unadjusted is None
