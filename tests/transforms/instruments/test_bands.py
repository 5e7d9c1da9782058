"""Every severity band is what its source says, at both ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from transforms.instruments.registry import load_registry
from transforms.instruments.scoring import band_labels

ROOT = Path(__file__).resolve().parents[3]
REGISTRY = load_registry(ROOT / "config" / "instruments")
BANDS = yaml.safe_load((ROOT / "tests/reference/bands.yml").read_text("utf-8"))


@pytest.mark.parametrize("case", BANDS, ids=[f"{c['instrument']}-{c['set']}" for c in BANDS])
def test_both_ends_of_every_band_have_its_label(case):
    bands = REGISTRY.find(case["instrument"]).scales[case["scale"]].bands[case["set"]]
    scores, labels = zip(*case["ends"], strict=True)

    found = band_labels(np.array(scores, dtype=float), bands)

    assert list(found) == list(labels)
    assert {band.label for band in bands.levels} == set(labels)


def test_the_typed_in_bands_are_all_the_bands_there_are():
    defined = {
        (form.instrument_id, scale, bands)
        for form in REGISTRY.instruments
        for scale, definition in form.scales.items()
        for bands in definition.bands
    }

    assert defined == {(case["instrument"], case["scale"], case["set"]) for case in BANDS}


def test_a_missing_score_has_no_band_and_a_fraction_stays_below_the_next_band():
    bands = REGISTRY.find("phq9").scales["total"].bands["severity"]

    assert list(band_labels(np.array([np.nan, 9.6, 10.0]), bands)) == [None, "mild", "moderate"]
