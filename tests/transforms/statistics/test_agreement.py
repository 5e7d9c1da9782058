"""When models of one effect may be said to agree; both ends of an interval at 0."""

import pytest

from transforms.statistics.agreement import agreement
from transforms.statistics.estimate import Estimate


def interval(low, high):
    return Estimate((low + high) / 2, low, high, 0.95, 50)


ABOVE, BELOW, AROUND = interval(0.1, 0.5), interval(-0.5, -0.1), interval(-0.1, 0.3)
NONE = Estimate.missing("too few")


@pytest.mark.parametrize(
    ("estimates", "expected"),
    [
        ((ABOVE, ABOVE, ABOVE), "agree"),
        ((BELOW, BELOW, BELOW), "agree"),
        ((ABOVE, ABOVE, AROUND), "differ"),
        ((ABOVE, BELOW, ABOVE), "differ"),
        ((AROUND, AROUND, BELOW), "differ"),
        ((AROUND, AROUND, AROUND), "cannot_tell"),
        ((ABOVE, ABOVE, NONE), "cannot_tell"),
        ((ABOVE, interval(0.0, 0.4), ABOVE), "differ"),
        ((ABOVE, interval(1e-12, 0.4), ABOVE), "agree"),
        ((interval(-0.4, 0.0),) * 3, "cannot_tell"),
        ((), "cannot_tell"),
    ],
)
def test_models_agree_when_all_lie_on_one_side(estimates, expected):
    assert agreement(estimates) == expected
