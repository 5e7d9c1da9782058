"""The shipped registry is whole: grids, maps, ranges and keys are the published ones."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from transforms.instruments.registry import SCHEMA_PATH, load_registry

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "config" / "instruments"
REGISTRY = load_registry(FOLDER)


def test_every_file_is_named_after_what_it_defines():
    named = {".".join(form.key) + ".yml" for form in REGISTRY.instruments}

    assert named == {path.name for path in FOLDER.glob("*.yml")}
    assert len(named) >= 80


@pytest.mark.parametrize(
    ("instrument_id", "sizes"),
    [
        ("oq45", {"symptom_distress": 25, "interpersonal": 11, "social_role": 9}),
        ("core_om", {"wellbeing": 4, "problems": 12, "functioning": 12, "risk": 6}),
        ("wai_36", {"task": 12, "bond": 12, "goal": 12}),
        ("wai_sr", {"goal": 4, "task": 4, "bond": 4}),
        ("wai_s", {"task": 4, "bond": 4, "goal": 4}),
        ("dass21", {"depression": 7, "anxiety": 7, "stress": 7}),
        ("seq", {"depth": 5, "smoothness": 5, "positivity": 5, "arousal": 5}),
        ("ecr_s", {"anxiety": 6, "avoidance": 6}),
        ("pcl5", {"cluster_b": 5, "cluster_c": 2, "cluster_d": 7, "cluster_e": 6}),
        ("phq4", {"depression": 2, "anxiety": 2}),
    ],
)
def test_subscales_have_the_published_sizes_and_cover_every_item_once(instrument_id, sizes):
    form = REGISTRY.find(instrument_id)
    subscales = {n: s.items for n, s in form.scales.items() if s.kind == "subscale"}

    assert {name: len(items) for name, items in subscales.items()} == sizes
    covered = sorted(item for items in subscales.values() for item in items)
    unscored = [1] if instrument_id == "seq" else []
    assert sorted(covered + unscored) == list(range(1, form.items.n + 1))


@pytest.mark.parametrize(
    ("instrument_id", "version", "items", "low", "high", "reversed_items"),
    [
        ("wai_sr", None, 12, 1, 5, ()),
        ("wai_s", None, 12, 1, 7, (4, 10)),
        ("srs", "v3", 4, 0, 10, ()),
        ("srs", "likert10", 10, 0, 4, ()),
        ("k10", "one_to_five", 10, 1, 5, ()),
        ("k10", "zero_to_four", 10, 0, 4, ()),
        ("haq2", None, 19, 1, 6, (4, 8, 11, 16, 19)),
        ("core10", None, 10, 0, 4, (2, 3)),
        ("core_om", None, 34, 0, 4, (3, 4, 7, 12, 19, 21, 31, 32)),
        ("oq45", None, 45, 0, 4, (1, 12, 13, 20, 21, 24, 31, 37, 43)),
        ("wai_36", None, 36, 1, 7, (1, 3, 7, 9, 10, 11, 12, 15, 20, 27, 29, 31, 33, 34)),
    ],
)
def test_forms_that_are_easily_confused_have_their_own_grid(
    instrument_id, version, items, low, high, reversed_items
):
    grid = REGISTRY.find(instrument_id, version).items

    assert (grid.n, grid.min, grid.max) == (items, low, high)
    assert grid.reverse == reversed_items


@pytest.mark.parametrize(
    ("instrument_id", "scale", "low", "high"),
    [
        ("wai_sr", "total", 12, 60),
        ("wai_s", "bond", 4, 28),
        ("wai_36", "total", 36, 252),
        ("haq2", "total", 19, 114),
        ("core_om", "total", 0, 40),
        ("core_om", "mean", 0, 4),
        ("who5", "total", 0, 100),
        ("dass21", "stress", 0, 42),
        ("oq45", "total", 0, 180),
        ("wsas", "total", 0, 40),
        ("blri", "empathy", -48, 48),
    ],
)
def test_score_ranges_are_the_published_ones(instrument_id, scale, low, high):
    assert REGISTRY.find(instrument_id).score_range(scale) == (low, high)


def test_keys_that_are_not_pinned_are_supplied_and_uncertain_ones_are_labeled():
    supplied = {form.instrument_id for form in REGISTRY.instruments if form.scores_supplied}
    computed = {form.instrument_id for form in REGISTRY.instruments if not form.scores_supplied}

    unpinned = {"wai_srt", "bl_ri_mini", "blri", "calpas", "burns_es", "psq", "icb", "trq", "cms"}
    assert unpinned | {"hrs2", "basis24", "gas", "eq5d5l"} <= supplied
    assert not supplied & computed
    assert REGISTRY.find("wai_36").key_evidence == "from_memory_med"
    assert REGISTRY.find("wai_36").items.uncertain == (31, 33, 34)
    assert REGISTRY.find("phq9").key_evidence == "verified"


def test_alliance_measures_have_no_cut_off_and_no_bands():
    alliance = [form for form in REGISTRY.instruments if form.family == "alliance"]

    assert len(alliance) >= 15
    for form in alliance:
        for scale in form.scales.values():
            assert not scale.cutoffs
            assert not scale.bands


def test_alliance_follows_the_session_and_outcome_comes_before_it():
    timing = {
        form.family: {f.timing for f in REGISTRY.instruments if f.family == form.family}
        for form in REGISTRY.instruments
    }

    assert timing["outcome"] == {"before_session", "any"}
    assert REGISTRY.find("eq5d5l").timing == "any"
    assert REGISTRY.find("wai_sr").timing == "after_session"
    assert REGISTRY.find("norse_alliance").timing == "before_session"


# ---- finding -----------------------------------------------------------------------------------
def test_find_fills_in_the_default_version_and_the_client_form():
    assert REGISTRY.find("srs").key == ("srs", "v3", "client", "any")
    assert REGISTRY.find("srs", "likert10").version == "likert10"
    assert REGISTRY.find("wai_s", rater="therapist").rater == "therapist"
    assert REGISTRY.find("ors", rater="observer").version == "child"
    assert REGISTRY.find("tes").rater == "observer"


@pytest.mark.parametrize(
    "asked",
    [("nothing",), ("phq9", "v0"), ("phq9", None, "observer"), ("ors", "adult", "observer")],
)
def test_find_gives_nothing_where_nothing_is_defined(asked):
    assert REGISTRY.find(*asked) is None


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yml")), ids=lambda path: path.stem)
def test_an_editor_with_the_schema_finds_nothing_wrong_in_a_shipped_file(path):
    schema = json.loads((ROOT / SCHEMA_PATH).read_text(encoding="utf-8"))

    jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), schema)
