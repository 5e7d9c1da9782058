"""Slopes and curvature of the marginal likelihood are those of the likelihood itself."""

import numpy as np
import pytest

from transforms.statistics.logistic_quadrature import BinomialRows, likelihood_at

FIXED, SD, STEP = np.array([-0.4, 0.3]), 0.7, 1e-4


@pytest.fixture(scope="module")
def rows() -> BinomialRows:
    """Invented: 30 groups of 8, one predictor."""
    generator = np.random.default_rng(5)
    groups = np.repeat(np.arange(30), 8)
    x = generator.normal(size=240).round(1)
    shift = generator.normal(0, 0.8, 30)[groups]
    outcome = (generator.random(240) < 1 / (1 + np.exp(0.4 - 0.5 * x - shift))).astype(float)
    design = np.column_stack([np.ones(240), x])
    return BinomialRows.from_rows(groups, design, outcome, ("intercept", "x"))


def moved(rows: BinomialRows, by: np.ndarray):
    return likelihood_at(rows, FIXED + by[:2], SD + by[2])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_score_and_information_equal_central_differences(rows, number):
    by = STEP * np.eye(3)[number]
    here, above, below = likelihood_at(rows, FIXED, SD), moved(rows, by), moved(rows, -by)
    score = [*here.score, here.sd_score]
    information = np.block(
        [[here.information, here.cross[:, None]], [here.cross[None, :], here.sd_information]]
    )
    slope = (above.log_likelihood - below.log_likelihood) / (2 * STEP)
    bend = [
        (one - other) / (2 * STEP)
        for one, other in zip(
            [*above.score, above.sd_score], [*below.score, below.sd_score], strict=True
        )
    ]

    assert score[number] == pytest.approx(slope, abs=1e-4)
    assert list(-information[number]) == pytest.approx(bend, abs=1e-4)
