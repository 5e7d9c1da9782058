"""Dropout records: thirds, comparisons and definitions of every scope."""

import numpy as np
import pytest
from scipy import stats

from transforms.common_factors.dropout import (
    DEFINITIONS,
    dropout_definitions,
    early_alliance_dropout,
)

STRATA = {
    "stratum": np.array([0]),
    "clinic_id": np.array(["north"], dtype=object),
    "clinic_group": np.ma.array([""], mask=[True], dtype=object),
    "alliance_instrument_id": np.array(["srs"], dtype=object),
}


@pytest.fixture
def landmark():
    """90 clients with known endings, 30 per third, and 30 still in treatment."""
    left = np.concatenate([np.arange(30) < k for k in (15, 9, 3)]).astype(float)
    return {
        "stratum": np.zeros(120, dtype=int),
        "therapist_code": np.arange(120) % 12,
        "alliance_pomp": np.concatenate([np.arange(90.0), np.linspace(0, 89, 30)]),
        "sessions_attended": np.concatenate([3 + np.arange(90) % 9, np.full(30, 5)]).astype(float),
        "dropped_out": np.concatenate([left, np.full(30, -1.0)]),
    }


def test_unknown_endings_count_in_the_hazard_and_not_in_the_risks(landmark):
    records = {
        r["metric"]: r for r in early_alliance_dropout(STRATA, landmark) if r["scope_id"] == "all"
    }

    assert [records[f"risk_{third}"]["n_clients"] for third in ("low", "middle", "high")] == [
        30
    ] * 3
    assert records["hazard_ratio_per_sd"]["n_clients"] == 120
    assert records["hazard_ratio_per_sd"]["n_dropouts"] == 27
    assert records["hazard_ratio_per_sd"]["estimate"] < 1
    assert records["risk_difference"]["estimate"] == pytest.approx(0.4)
    assert records["odds_ratio"]["estimate"] == pytest.approx(15 * 27 / (15 * 3))


def test_who_is_still_in_treatment_is_at_risk_up_to_the_session_before_the_last(landmark):
    """R 4.2.2, survival 3.5-3: tests/reference/early_dropout.R; its z becomes t with G − 1."""
    hazard = next(
        record
        for record in early_alliance_dropout(STRATA, landmark)
        if record["metric"] == "hazard_ratio_per_sd" and record["scope_id"] == "all"
    )

    assert hazard["estimate"] == pytest.approx(0.287165838314038, abs=1e-9)
    wider = stats.t.ppf(0.975, hazard["n_therapists"] - 1) / stats.norm.ppf(0.975)
    for end, by_r in (("ci_low", 0.211518205300374), ("ci_high", 0.389868184525761)):
        expected = hazard["estimate"] * (by_r / hazard["estimate"]) ** wider
        assert hazard[end] == pytest.approx(expected, abs=1e-9)


def test_the_smallest_cell_looks_at_both_sides_of_each_third(landmark):
    records = {
        r["metric"]: r for r in early_alliance_dropout(STRATA, landmark) if r["scope_id"] == "all"
    }

    cells = {name: record["smallest_cell"] for name, record in records.items()}
    assert cells == {
        "risk_low": 15,
        "risk_middle": 9,
        "risk_high": 3,
        "risk_difference": 3,
        "odds_ratio": 3,
        "hazard_ratio_per_sd": 27,
    }


def test_thirds_say_where_they_begin_and_end(landmark):
    records = {
        r["metric"]: r for r in early_alliance_dropout(STRATA, landmark) if r["scope_id"] == "all"
    }

    ends = [
        (records[f"risk_{third}"]["alliance_above"], records[f"risk_{third}"]["alliance_up_to"])
        for third in ("low", "middle", "high")
    ]
    assert ends == [(None, 29.0), (29.0, 59.0), (59.0, None)]


@pytest.mark.filterwarnings("error")
def test_a_clinic_where_nobody_left_has_risks_of_zero_and_reasons(landmark):
    stayed = landmark | {"dropped_out": np.zeros(120)}

    records = {r["metric"]: r for r in early_alliance_dropout(STRATA, stayed)}

    assert records["risk_low"]["estimate"] == 0.0
    assert records["odds_ratio"]["reason"] == "a tertile has no dropout or nobody who stayed"
    assert records["hazard_ratio_per_sd"]["reason"] == "fewer than 2 events"


@pytest.mark.filterwarnings("error")
def test_a_clinic_where_no_ending_is_known_yet(landmark):
    unknown = landmark | {"dropped_out": np.full(120, -1.0)}

    records = early_alliance_dropout(STRATA, unknown)

    assert {r["estimate"] for r in records} == {None}
    assert all(r["reason"] for r in records)


def test_definitions_give_a_rate_each_and_an_agreement_per_pair():
    rows = {
        "stratum": np.zeros(4, dtype=int),
        "therapist_code": np.array([1, 1, 2, 2]),
        DEFINITIONS[0]: np.array([1.0, 0, 1, 0]),
        DEFINITIONS[1]: np.array([1.0, 1, 1, 1]),
        DEFINITIONS[2]: np.array([0.0, 0, 0, -1]),
        DEFINITIONS[3]: np.array([-1.0, -1, -1, -1]),
    }

    records = [r for r in dropout_definitions(STRATA, rows) if r["scope_id"] == "all"]

    rates = {
        r["definition"]: (r["estimate"], r["n_used"]) for r in records if r["metric"] == "rate"
    }
    assert rates == {
        "dropout_unilateral": (0.5, 4),
        "dropout_lt3": (1.0, 4),
        "dropout_missed_last": (0.0, 3),
        "dropout_without_reliable_change": (None, 0),
    }
    agreements = [r for r in records if r["metric"] == "agreement"]
    assert len(agreements) == 6
    assert (agreements[0]["estimate"], agreements[0]["n_positive"]) == (0.5, 2)
    assert (agreements[1]["n_used"], agreements[1]["n_positive"]) == (3, 1)
