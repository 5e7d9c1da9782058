"""Every severity band is what its source says, at both ends."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

import pytest
import yaml

from transforms.instruments.registry import load_registry

ROOT = Path(__file__).resolve().parents[3]
REGISTRY = load_registry(ROOT / "config" / "instruments")
BANDS = yaml.safe_load((ROOT / "tests/reference/bands.yml").read_text("utf-8"))


def label_of(score, bands):
    """A band reaches up to the beginning of the next, so a prorated 9.6 is still below 10."""
    return bands.levels[bisect_right([band.low for band in bands.levels[1:]], score)].label


@pytest.mark.parametrize("case", BANDS, ids=[f"{c['instrument']}-{c['set']}" for c in BANDS])
def test_both_ends_of_every_band_have_its_label(case):
    bands = REGISTRY.find(case["instrument"]).scales[case["scale"]].bands[case["set"]]
    scores, labels = zip(*case["ends"], strict=True)

    assert [label_of(score, bands) for score in scores] == list(labels)
    assert {band.label for band in bands.levels} == set(labels)


def test_the_typed_in_bands_are_all_the_bands_there_are():
    defined = {
        (form.instrument_id, scale, bands)
        for form in REGISTRY.instruments
        for scale, definition in form.scales.items()
        for bands in definition.bands
    }

    assert defined == {(case["instrument"], case["scale"], case["set"]) for case in BANDS}


def test_a_fraction_stays_below_the_next_band():
    bands = REGISTRY.find("phq9").scales["total"].bands["severity"]

    assert [label_of(score, bands) for score in (9.6, 10.0)] == ["mild", "moderate"]
