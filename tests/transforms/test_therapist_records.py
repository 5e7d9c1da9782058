"""Therapist records: one model per scope, one entry per therapist, nobody without a reason."""

import numpy as np
import pytest

from transforms.therapist_records import therapist_caterpillar, therapist_effects

STRATA = {
    "stratum": np.array([0, 1]),
    "clinic_id": np.array(["north", "south"], dtype=object),
    "clinic_group": np.array(["coast", "coast"], dtype=object),
    "outcome_instrument_id": np.array(["phq9", "phq9"], dtype=object),
    "direction": np.array([-1, -1]),
}


def rows_of(therapist_sd, n_therapists=40, n_clients=40, seed=3):
    generator = np.random.default_rng(seed)
    codes = np.repeat(np.arange(n_therapists) * 3 + 7, n_clients)  # codes have gaps
    effect = generator.normal(0, therapist_sd, n_therapists)
    pre = generator.normal(16, 4, len(codes))
    age = generator.integers(18, 80, len(codes)).astype(float)
    noise = generator.normal(0, 4, len(codes))
    rows = {
        "stratum": (codes % 2).astype(int),
        "therapist_code": codes,
        "pre_score": pre,
        "post_score": 3 + 0.5 * pre + np.repeat(effect, n_clients) + noise,
        "age_years": np.ma.array(age, mask=np.arange(len(codes)) % 10 == 0),
    }
    return rows, effect


def test_planted_share_is_inside_the_interval_of_every_scope():
    rows, _ = rows_of(1.2)

    records = therapist_effects(STRATA, rows)

    assert [r["scope_id"] for r in records] == ["all", "coast", "north", "south"]
    for record in records:
        assert record["ci_low"] < 1.44 / 17.44 < record["ci_high"]
    assert (records[0]["n_clients"], records[0]["n_therapists"]) == (1600, 40)
    assert records[0]["model"] == "post ~ pre + age + age_missing + (1 | therapist)"


def test_every_therapist_keeps_their_own_code():
    rows, effect = rows_of(1.2)

    records = [r for r in therapist_caterpillar(STRATA, rows) if r["scope_id"] == "all"]

    assert [r["therapist_code"] for r in records] == list(range(7, 127, 3))
    assert np.corrcoef([r["estimate"] for r in records], -effect)[0, 1] > 0.8
    first = rows["therapist_code"] == 7
    change = (rows["pre_score"] - rows["post_score"])[first].mean()
    assert records[0]["mean_improvement"] == pytest.approx(change)
    assert records[0]["mean_pre"] == pytest.approx(rows["pre_score"][first].mean())
    assert records[0]["n_clients"] == 40


@pytest.mark.filterwarnings("error")
def test_without_variance_between_therapists_nobody_has_an_estimate():
    """A standard error of zero would read as certainty."""
    rows, _ = rows_of(0.0, seed=2)

    overall = therapist_effects(STRATA, rows)[0]
    records = [r for r in therapist_caterpillar(STRATA, rows) if r["scope_id"] == "all"]

    assert (overall["estimate"], overall["is_boundary"]) == (0.0, True)
    assert {r.get("estimate") for r in records} == {None}
    assert {r["reason"] for r in records} == {
        "the variance between therapists is estimated as zero"
    }


@pytest.mark.filterwarnings("error")
def test_a_single_therapist_gets_a_reason():
    rows, _ = rows_of(1.0, n_therapists=1)
    rows["stratum"] = np.zeros(40, dtype=int)
    strata = {name: column[:1] for name, column in STRATA.items()}

    assert therapist_effects(strata, rows)[0]["reason"] == "fewer than 2 groups"
    assert therapist_caterpillar(strata, rows)[0]["reason"] == "fewer than 2 groups"
