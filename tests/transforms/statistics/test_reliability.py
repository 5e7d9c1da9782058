"""Reliability formulas against their published examples."""

import numpy as np
import pytest

from transforms.statistics.reliability import (
    attenuated_correlation,
    corrected_correlation,
    group_mean_reliability,
    intraclass_correlations,
    rows_needed,
    spearman_brown,
)

# Shrout & Fleiss 1979, table 2: six targets rated by four judges.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
)


def test_the_six_intraclass_correlations_of_shrout_and_fleiss():
    """KAT R3, printed with two decimals; ICC(1,1) to six from pingouin."""
    found = intraclass_correlations(SHROUT_FLEISS)

    assert found.icc1 == pytest.approx(0.165742, abs=1e-6)
    rounded = [round(value, 2) for value in (found.icc2, found.icc3)]
    averaged = [round(value, 2) for value in (found.icc1k, found.icc2k, found.icc3k)]
    assert rounded == [0.29, 0.71]
    assert averaged == [0.44, 0.62, 0.91]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "ratings", [np.ones((1, 4)), np.ones((4, 1)), np.ones((4, 4)), np.array([[1, np.nan], [2, 3]])]
)
def test_a_table_without_information_has_a_reason(ratings):
    found = intraclass_correlations(ratings)

    assert found.icc1 is None
    assert found.reason


@pytest.mark.parametrize(
    ("reliability", "factor", "expected"), [(0.8, 3.4, 0.931507), (0.7, 0.5, 0.538462)]
)
def test_spearman_brown(reliability, factor, expected):
    """KAT R12 (CECPfuns)."""
    assert spearman_brown(reliability, factor) == pytest.approx(expected, abs=1e-6)


def test_attenuation_and_its_correction():
    """KAT R13 (CECPfuns)."""
    assert attenuated_correlation(0.7, 0.7, 0.8) == pytest.approx(0.52383, abs=1e-5)
    assert corrected_correlation(0.3, 0.7, 0.7) == pytest.approx(0.429, abs=5e-4)


@pytest.mark.parametrize(
    ("icc", "n", "expected"),
    [(0.066, 5, 0.261076), (0.066, 30, 0.679478), (0.066, 100, 0.876029), (0.05, 30, 0.612245)],
)
def test_reliability_of_a_therapists_mean(icc, n, expected):
    """KAT R15."""
    assert group_mean_reliability(icc, n) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("icc", "reliability", "expected"),
    [(0.066, 0.7, 33.02), (0.066, 0.8, 56.61), (0.05, 0.7, 44.33), (0.05, 0.8, 76.00)],
)
def test_clients_needed_for_a_reliable_mean(icc, reliability, expected):
    """KAT R15."""
    assert rows_needed(icc, reliability) == pytest.approx(expected, abs=5e-3)
