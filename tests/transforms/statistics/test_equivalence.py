"""TOST: the values of R's equivalence package (KAT R5), and what each verdict needs."""

import numpy as np
import pytest

from transforms.statistics.equivalence import (
    t_interval,
    tost_p,
    verdict,
)
from transforms.statistics.estimate import Estimate

A = np.array([4, 7, 8, 6, 3, 2], dtype=float)
B = np.array([6, 8, 7, 10, 11, 9], dtype=float)


def test_independent_samples_equal_the_published_values():
    """KAT R5: Student with 10, Welch with 9.49 degrees of freedom; both errors are alike here."""
    difference, parts = A.mean() - B.mean(), np.array([A.var(ddof=1), B.var(ddof=1)]) / 6
    se, welch = np.sqrt(parts.sum()), parts.sum() ** 2 / (parts**2 / 5).sum()

    assert tost_p(difference, se, 10, 1) == pytest.approx(0.9650974, abs=5e-8)
    assert tost_p(difference, se, welch, 1) == pytest.approx(0.9643479, abs=5e-8)
    assert tost_p(difference, se, 10, 10) == pytest.approx(
        0.00017933, abs=1e-8
    )  # printed cut off, not rounded


@pytest.mark.parametrize(("bound", "p"), [(1, 0.9293826), (2, 0.8286101)])
def test_pairs_equal_the_published_values(bound, p):
    """KAT R5, paired: 5 degrees of freedom."""
    differences = A - B
    se = differences.std(ddof=1) / np.sqrt(6)

    assert tost_p(differences.mean(), se, 5, bound) == pytest.approx(p, abs=5e-8)


def test_p_below_five_percent_is_the_ninety_percent_interval_inside_the_margin():
    """The two ways of saying it agree on both sides of the edge."""
    for bound in np.linspace(0.05, 0.6, 40):
        p = tost_p(0.1, 0.12, 40, bound)
        interval = t_interval(0.1, 0.12, 40, 100, 0.90)

        assert (p < 0.05) == (-bound < interval.ci_low and interval.ci_high < bound)


def between(value, low, high, level=0.95):
    return Estimate(value, low, high, level, 100)


@pytest.mark.parametrize(
    ("narrow", "wide", "expected"),
    [
        ((0.0, -0.19, 0.19), (0.0, -0.23, 0.23), "equivalent"),
        ((0.0, -0.20, 0.20), (0.0, -0.24, 0.24), "inconclusive"),  # the edge is not inside
        ((0.1, 0.05, 0.15), (0.1, 0.04, 0.16), "equivalent"),  # differs from 0, yet too little
        ((0.5, 0.3, 0.7), (0.5, 0.25, 0.75), "different"),
        ((-0.5, -0.7, -0.3), (-0.5, -0.75, -0.25), "different"),
        ((0.18, 0.05, 0.31), (0.18, 0.01, 0.35), "inconclusive"),  # not beyond the margin
        ((0.3, 0.02, 0.58), (0.3, -0.02, 0.62), "inconclusive"),  # 95 % interval holds 0
    ],
)
def test_what_each_verdict_needs(narrow, wide, expected):
    """Domain 4.12 at a margin of .20."""
    assert verdict(between(*narrow, 0.9), between(*wide), 0.20) == expected


@pytest.mark.filterwarnings("error")
def test_values_that_do_not_vary_give_a_reason():
    assert tost_p(0.1, 0.0, 10, 1) is None
    assert t_interval(0.1, 0.0, 10, 20, 0.9).reason == "the standard error cannot be estimated"
    assert verdict(Estimate.missing("none"), Estimate.missing("none"), 0.2) is None


def test_a_margin_that_is_not_positive_is_a_programming_error():
    with pytest.raises(ValueError, match="positive"):
        verdict(between(0, -1, 1), between(0, -1, 1), 0)
    with pytest.raises(ValueError, match="positive"):
        tost_p(0.1, 0.1, 10, -0.2)
