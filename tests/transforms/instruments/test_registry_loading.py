"""A definition is loaded whole or refused with file, key and remedy."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from transforms.errors import ConfigError
from transforms.instruments.registry import Registry, load_registry

FOLDER = Path(__file__).resolve().parents[3] / "config" / "instruments"
SOURCE = {"source": "a manual", "evidence": "verified"}
SMALL = {
    "instrument_id": "small",
    "version": "standard",
    "rater": "client",
    "is_default": True,
    "name": "Small",
    "family": "outcome",
    "better": "lower",
    "timing": "before_session",
    "items": {"n": 4, "min": 0, "max": 3, **SOURCE},
    "primary_scale": "total",
    "scales": {
        "total": {"label": "T", "kind": "total", "method": "sum", "items": "all", **SOURCE},
        "left": {"label": "L", "kind": "subscale", "method": "sum", "items": [1, 2], **SOURCE},
        "right": {"label": "R", "kind": "subscale", "method": "sum", "items": [3, 4], **SOURCE},
    },
    "licence": "Free.",
    "citation": "A manual",
}


def write(folder: Path, *definitions: dict) -> Path:
    for number, definition in enumerate(definitions):
        text = yaml.safe_dump(definition, sort_keys=False)
        (folder / f"{number}.yml").write_text(text, encoding="utf-8")
    return folder


def changed(path: str, value: object) -> dict:
    """Return SMALL with ``value`` at the dotted ``path``; None removes the key."""
    definition = copy.deepcopy(SMALL)
    *parents, last = path.split(".")
    place = definition
    for parent in parents:
        place = place.setdefault(parent, {})
    if value is None:
        del place[last]
    else:
        place[last] = value
    return definition


def test_a_language_of_its_own_is_preferred_and_any_is_the_fallback(tmp_path):
    german = {**SMALL, "language": "de", "is_default": False, "name": "Klein"}
    registry = load_registry(write(tmp_path, SMALL, german))

    assert registry.find("small", language="de").name == "Klein"
    assert registry.find("small", language="fr").name == "Small"
    assert registry.find("small").name == "Small"


# ---- versions -----------------------------------------------------------------------------------
def reload(folder: Path, definition: dict) -> Registry:
    return load_registry(write(folder, definition))


def test_a_changed_note_changes_the_definition_but_not_the_scores(tmp_path):
    before = reload(tmp_path, SMALL)
    after = reload(tmp_path, {**SMALL, "notes": ["Read again."]})

    assert after.fingerprint != before.fingerprint
    assert after.instruments[0].definition_version != before.instruments[0].definition_version
    assert after.instruments[0].score_version == before.instruments[0].score_version
    assert after.score_fingerprint == before.score_fingerprint


def test_a_changed_key_changes_the_scores(tmp_path):
    before = reload(tmp_path, SMALL)
    after = reload(tmp_path, changed("items.reverse", [2]))

    assert after.instruments[0].score_version != before.instruments[0].score_version
    assert after.score_fingerprint != before.score_fingerprint


def test_the_fingerprint_is_the_same_for_the_same_definitions():
    first, second = load_registry(FOLDER), load_registry(FOLDER)

    assert first.fingerprint == second.fingerprint
    assert len(first.fingerprint) == 64


# ---- refusals -----------------------------------------------------------------------------------
def cutoff(**other: object) -> list[dict]:
    return [{"value": 5, "operator": ">=", "population": "adults", **SOURCE, **other}]


def change(**other: object) -> list[dict]:
    points = {"value": 6, "operator": ">=", "method": "jacobson_truax"}
    return [{**points, **SOURCE, **other}]


def band_set(*levels: tuple[float, float]) -> dict:
    bands = [{"label": "band", "low": low, "high": high} for low, high in levels]
    return {"severity": {"levels": bands, **SOURCE}}


def unsourced(part: list[dict]) -> list[dict]:
    return [{key: value for key, value in part[0].items() if key != "source"}]


REFUSALS = {
    "two subscales share an item": ("scales.right.items", [2, 3, 4], "scales", "more than once"),
    "an item is in no subscale": ("scales.right.items", [3], "scales", "are in no scale"),
    "a total leaves an item out": ("scales.total.items", [1, 2, 3], "scales.total.items", "in no"),
    "an unscored item is scored": ("items.unscored", [4], "scales", "declared unscored"),
    "an item number is too high": ("scales.right.items", [3, 5], "scales.right.items", "outside"),
    "a reversed item is too high": ("items.reverse", [5], "items.reverse", "outside 1 to 4"),
    "a reversed item is 0": ("items.reverse", [0], "items.reverse", "outside 1 to 4"),
    "a reversed item is listed twice": ("items.reverse", [2, 2], "items.reverse", "more than once"),
    "bands leave a gap": (
        "scales.total.bands",
        band_set((0, 4), (6, 12)),
        "scales.total.bands.severity",
        "gap or an overlap",
    ),
    "bands overlap": (
        "scales.total.bands",
        band_set((0, 5), (5, 12)),
        "scales.total.bands.severity",
        "gap or an overlap",
    ),
    "bands stop short": (
        "scales.total.bands",
        band_set((0, 4), (5, 11)),
        "scales.total.bands.severity",
        "run from 0 to 11",
    ),
    "bands begin late": (
        "scales.total.bands",
        band_set((1, 4), (5, 12)),
        "scales.total.bands.severity",
        "run from 1 to 12",
    ),
    "a cut-off without a source": (
        "scales.total.cutoffs",
        unsourced(cutoff()),
        "scales.total.cutoffs.0.source",
        "required",
    ),
    "a cut-off without an operator": (
        "scales.total.cutoffs",
        [{key: value for key, value in cutoff()[0].items() if key != "operator"}],
        "scales.total.cutoffs.0.operator",
        "required",
    ),
    "reliable change without a source": (
        "scales.total.reliable_change",
        unsourced(change()),
        "scales.total.reliable_change.0.source",
        "required",
    ),
    "reliable change that its inputs contradict": (
        "scales.total.reliable_change",
        change(sd=7.5, reliability=0.8),
        "scales.total.reliable_change",
        "give 9.30",
    ),
    "a norm without a source": (
        "scales.total.norms",
        {"functional": {"mean": 1, "sd": 1, "population": "adults", "evidence": "verified"}},
        "scales.total.norms.functional.source",
        "required",
    ),
    "a missing rule without a source": (
        "scales.total.missing",
        {"method": "person_mean", "max_missing": 1},
        "scales.total.missing.source",
        "has no source",
    ),
    "a missing rule without a limit": (
        "scales.total.missing",
        {"method": "person_mean", **SOURCE},
        "scales.total.missing.max_missing",
        "is 0",
    ),
    "a missing rule that allows an empty form": (
        "scales.left.missing",
        {"method": "person_mean", "max_missing": 2, **SOURCE},
        "scales.left.missing.max_missing",
        "every item",
    ),
    "memory without a confidence": (
        "items.evidence",
        "from_memory",
        "items.confidence",
        "from memory",
    ),
    "a misspelled key": ("scales.total.cutofs", cutoff(), "scales.total.cutofs", "not permitted"),
    "a range upside down": ("items.max", -1, "items.min", "not below"),
    "a primary scale that is none": ("primary_scale", "sum", "primary_scale", "not one of"),
    "two headlines": (
        "scales.total.cutoffs",
        cutoff(is_headline=True) * 2,
        "scales.total.cutoffs",
        "more than one headline",
    ),
    "a supplied score with items": ("scores_supplied", True, "scales.total.method", "is sum"),
    "no items where scores are computed": ("items", None, "items", "is missing"),
    "a rater that is none": ("rater", "parent", "rater", "client"),
    "a version that is a number": ("version", 3, "version", "string"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_contradictory_definition_is_refused_with_file_key_and_remedy(tmp_path, name):
    path, value, key, what = REFUSALS[name]
    folder = write(tmp_path, changed(path, value))

    with pytest.raises(ConfigError) as refusal:
        load_registry(folder)

    where, _, message = str(refusal.value).partition(": ")
    assert where == f"0.yml:{key}"
    assert what in message
    assert len(message.rstrip(".").split(". ")) >= 2, "a remedy follows"


def test_the_definition_the_refusals_are_made_from_is_accepted(tmp_path):
    assert load_registry(write(tmp_path, SMALL)).ids == ("small",)


def test_the_same_definition_twice_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"1\.yml:instrument_id.*already defined in 0\.yml"):
        load_registry(write(tmp_path, SMALL, {**SMALL, "is_default": False}))


@pytest.mark.parametrize(("first", "second", "count"), [(True, True, 2), (False, False, 0)])
def test_a_rater_has_exactly_one_default_version(tmp_path, first, second, count):
    older = {**SMALL, "version": "older", "is_default": second}

    with pytest.raises(ConfigError, match=f"is_default: small rated by client has {count} default"):
        load_registry(write(tmp_path, {**SMALL, "is_default": first}, older))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("name: [", "cannot be read"),
        ("- a list", "holds no definition"),
        ("", "holds no definition"),
        ("name: a\nname: b\n", "name is written 2 times"),
    ],
)
def test_a_file_that_is_no_definition_is_refused(tmp_path, text, what):
    (tmp_path / "bad.yml").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match=what):
        load_registry(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="holds no instrument definition"):
        load_registry(tmp_path)
