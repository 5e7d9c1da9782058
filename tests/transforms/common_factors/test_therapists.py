"""Therapist records: one model per scope, one entry per therapist, nobody without a reason."""

import numpy as np
import pytest

from transforms.common_factors.therapists import (
    CATEGORIES,
    therapist_caterpillar,
    therapist_effects,
    therapist_effects_on_events,
)

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
        "deprivation": np.ma.masked_all(len(codes)),
        **{f"{name}_code": np.ma.masked_all(len(codes)) for name in CATEGORIES},
    }
    return rows, effect


def test_planted_share_is_inside_the_interval_of_every_scope():
    rows, _ = rows_of(1.2)

    everything = therapist_effects(STRATA, rows)
    records = [r for r in everything if r["metric"] == "icc"]

    assert [r["scope_id"] for r in records] == ["all", "coast", "north", "south"]
    for record in records:
        assert record["ci_low"] < 1.44 / 17.44 < record["ci_high"]
    assert (records[0]["n_clients"], records[0]["n_therapists"]) == (1600, 40)
    assert records[0]["model"] == "post ~ clinic + pre + age + age_missing + (1 | therapist)"
    assert records[2]["model"] == "post ~ pre + age + age_missing + (1 | therapist)"


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


def test_clinics_get_a_level_of_their_own_where_there_is_more_than_one():
    """The clinics were not planted apart: their share may be zero, the therapists' is not."""
    rows, _ = rows_of(1.2)

    found = {
        (r["scope_id"], r["metric"]): r
        for r in therapist_effects(STRATA, rows)
        if r["metric"] != "icc"
    }

    assert set(found) == {
        (place, f"icc_nested_{level}")
        for place in ("all", "coast")
        for level in ("therapist", "clinic")
    }
    therapist, clinic = (found["all", f"icc_nested_{level}"] for level in ("therapist", "clinic"))
    assert therapist["ci_low"] < 1.44 / 17.44 < therapist["ci_high"]
    assert clinic["ci_low"] == 0
    assert therapist["model"] == "post ~ pre + age + age_missing + (1 | clinic / therapist)"


@pytest.mark.filterwarnings("error")
def test_a_planted_share_of_a_yes_no_outcome_is_inside_its_interval():
    """Planted: an SD of 0.8 logits between therapists, 0.64 / (0.64 + pi squared / 3) = .163."""
    rows, effect = rows_of(0.8)
    generator = np.random.default_rng(9)
    chance = 1 / (1 + np.exp(-np.repeat(effect, 40)))
    rows["is_event"] = (generator.random(len(chance)) < chance).astype(float)

    (overall, *_) = therapist_effects_on_events(STRATA, rows, "icc_dropout")

    assert overall["metric"] == "icc_dropout"
    assert overall["ci_low"] < 0.163 < overall["ci_high"]
    assert overall["n_events"] == int(rows["is_event"].sum())
    assert overall["model"] == "logit dropout ~ clinic + pre + age + age_missing + (1 | therapist)"
    rows["is_event"] = np.zeros(len(chance))
    assert therapist_effects_on_events(STRATA, rows, "icc_dropout")[0]["reason"] == (
        "everybody has the same outcome"
    )


def test_case_mix_levels_enter_and_their_effect_is_taken_out():
    """A problem that costs 6 points and sits with half of the therapists is not their doing."""
    rows, _ = rows_of(0.0, seed=2)
    hard = np.isin(rows["therapist_code"] % 4, (0, 1))
    rows["problem_code"] = np.ma.array(hard + 1.0)
    rows["post_score"] = rows["post_score"] + 6 * hard

    overall = therapist_effects(STRATA, rows)[0]

    assert overall["model"] == "post ~ clinic + pre + age + age_missing + problem + (1 | therapist)"
    assert overall["estimate"] < 0.02 < overall["icc_unadjusted"]
