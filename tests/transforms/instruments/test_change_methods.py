"""Indices of change against R on an invented sample, and published counts where they can be had."""

import csv

import pytest

from tests.conftest import ROOT
from transforms.instruments.change import clinical_cut_offs
from transforms.instruments.change_indices import (
    Reference,
    edwards_nunnally,
    gulliksen_lord_novick,
    hageman_arrindell,
    jacobson_truax,
    reliability_of_differences,
)
from transforms.instruments.change_methods import change_rule

METHOD = {
    "method": "m",
    "kind": "jacobson_truax",
    "label": "M",
    "cutoff": "c",
    "source": "s",
    "evidence": "verified",
    "critical": 1.96,
    "operator": ">",
}
CORE10 = {
    "instrument_id": "core10",
    "version": "standard",
    "rater": "client",
    "direction": -1,
    "score_min": 0.0,
    "rc_value": 6.0,
    "rc_operator": ">=",
    "cutoff_value": 11.0,
    "cutoff_operator": ">=",
    "clinical_mean": 19.7,
    "clinical_sd": 7.7,
    "functional_mean": 4.7,
    "functional_sd": 4.8,
    "norm_sd": None,
    "reliability": 0.9,
    "reliability_source": "manual",
}
SAMPLE = {
    "n_pairs": 30,
    "mean_pre": 20.0,
    "sd_pre": 6.0,
    "mean_post": 12.0,
    "sd_post": 7.0,
    "correlation": 0.4,
    "sd_of_first_scores": 6.5,
}


@pytest.fixture(scope="module")
def in_r() -> list[dict[str, float]]:
    """R 4.2.2, base only: tests/reference/change_methods.R."""
    with (ROOT / "tests" / "reference" / "change_methods.csv").open(encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def test_every_index_equals_r(in_r):
    known = in_r[0]
    mean, sd, r = known["m1"], known["s1"], known["r"]
    reference = Reference(mean, sd, known["m2"], known["s2"], known["rho"])
    indices = {
        "jt": jacobson_truax(sd=sd, reliability=r),
        "en": edwards_nunnally(mean=mean, sd=sd, reliability=r),
        "gln": gulliksen_lord_novick(mean=mean, sd=sd, reliability=r),
        "ha": hageman_arrindell(reference, reliability=r),
    }

    for row in in_r:
        for name, index in indices.items():
            assert index.of(row["pre"], row["post"]) == pytest.approx(row[name], abs=1e-12)


@pytest.mark.parametrize(
    ("sd", "reliability", "sdiff"),
    [
        (3.340121, 0.80, 2.112478),  # HAMD, domain 6.2
        (8.256333, 0.80, 5.221763),  # antidepressants
        (11.825661, 0.80, 7.479205),  # Jacobson & Truax 1991, DAS
        (11.825661, 0.95, 3.739602),
        (11.825661, 0.96, 3.344802),
    ],
)
def test_one_standard_error_of_difference_is_an_index_of_one(sd, reliability, sdiff):
    """Domain 6.2 prints Sdiff of each published data set."""
    assert jacobson_truax(sd=sd, reliability=reliability).of(0, sdiff) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("cutoff", "value"),
    [("a", 4.3), ("b", 14.3), ("c", 10.46), ("c_or_registry", 10.46), ("registry", 11.0)],
)
def test_each_cut_off_of_core10(cutoff, value):
    """K7: c 10.46; a = 19.7 - 15.4; b = 4.7 + 9.6 with the functional SD, not 4.7 + 15.4."""
    rule = change_rule(METHOD | {"cutoff": cutoff}, CORE10, None)

    assert rule["start_cutoff"] == rule["end_cutoff"] == pytest.approx(value, abs=1e-9)
    assert rule["start_operator"] == ">="
    assert rule["sd"] == 7.7


def test_higher_is_better_turns_the_operator():
    rule = change_rule(METHOD, CORE10 | {"direction": 1, "clinical_mean": 4.7}, None)

    assert rule["start_operator"] == "<="


@pytest.mark.parametrize(
    ("scale", "why_not"),
    [
        ({"reliability": None}, "the registry has no reliability"),
        ({"functional_sd": None}, "the registry has no norms of both groups"),
    ],
)
def test_what_is_lacking_is_named_and_nothing_guessed(scale, why_not):
    rule = change_rule(METHOD, CORE10 | scale, SAMPLE)

    assert rule["why_not"] == why_not
    assert rule["post_weight"] is None


def test_without_norms_the_cut_off_of_the_registry_stands_in_only_if_asked():
    scale = CORE10 | {"functional_mean": None}

    assert change_rule(METHOD | {"cutoff": "c_or_registry"}, scale, None)["start_cutoff"] == 11.0


def test_the_published_sd_goes_before_that_of_the_sample():
    without = CORE10 | {"clinical_sd": None, "functional_sd": None}
    method = METHOD | {"cutoff": "registry"}

    assert change_rule(method, CORE10 | {"norm_sd": 8.0}, SAMPLE)["sd"] == 8.0
    assert change_rule(method, without, SAMPLE)["sd_source"] == "this installation"
    assert change_rule(method, without, SAMPLE | {"n_pairs": 29})["why_not"].startswith(
        "no published SD, and fewer than 30"
    )


def test_percent_needs_a_scale_from_zero_on_which_lower_is_better():
    method = METHOD | {"kind": "percent_of_start", "cutoff": "none", "critical": 50.0}

    assert change_rule(method, CORE10, None)["basis"] == "first_score"
    for scale in ({"score_min": 10.0}, {"direction": 1}):
        assert "from 0" in change_rule(method, CORE10 | scale, None)["why_not"]


def test_an_effect_size_is_in_sds_of_all_first_scores():
    rule = change_rule(METHOD | {"kind": "effect_size", "cutoff": "none"}, CORE10, SAMPLE)

    assert rule["post_weight"] * 6.5 == pytest.approx(1)


def test_hageman_arrindell_needs_differences_that_are_more_than_error():
    """With both SDs equal, r = .8 and a correlation of .8, no difference is reliable."""
    same = Reference(20, 5, 15, 5, 0.8)

    assert reliability_of_differences(same, 0.8) == pytest.approx(0)
    assert hageman_arrindell(same, reliability=0.8) is None
    assert hageman_arrindell(Reference(20, 5, 15, 5, 1.0), reliability=0.8) is None


def test_reliability_of_differences_of_the_published_sample():
    """Domain 6.2, HA row: r_dd .92827; the last SD follows from R14, which prints SD of change."""
    sd_pre, sd_change, correlation = 3.340121, 7.887632, 0.163119
    half = correlation * sd_pre
    sd_post = half + (half**2 - sd_pre**2 + sd_change**2) ** 0.5
    reference = Reference(24.85, sd_pre, 24.85 - 9.875, sd_post, correlation)

    assert sd_post == pytest.approx(7.711096, abs=1e-5)
    assert reliability_of_differences(reference, 0.80) == pytest.approx(0.92827, abs=5e-6)


def test_cut_off_c_of_the_published_norms():
    """Domain 6.2: HAMD 19.886998, BDI 20.149264, antidepressants 19.724771; K8: 59.106."""
    for mean, sd, functional_mean, functional_sd, expected in (
        (24.85, 3.340121, 8, 8, 19.886998),
        (35.475, 8.158643, 7, 7, 20.149264),
        (34.7333, 8.256333, 7, 7, 19.724771),
        (68.35, 22.33, 50, 22, 59.106700),
    ):
        found = clinical_cut_offs(
            clinical_mean=mean,
            clinical_sd=sd,
            functional_mean=functional_mean,
            functional_sd=functional_sd,
            higher_is_better=False,
        )
        assert found.c == pytest.approx(expected, abs=5e-5)
