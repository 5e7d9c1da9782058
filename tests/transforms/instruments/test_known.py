"""What drafts know beside the definitions says where it was read, or that it is from memory."""

from __future__ import annotations

import pytest
import yaml

from pipeline.home import REPOSITORY
from transforms.drafting.words import other_questionnaire
from transforms.errors import ConfigError
from transforms.instruments.known import Known, load_known
from transforms.instruments.registry import load_registry

KNOWN = REPOSITORY / "config" / "known"


def test_every_set_says_whether_it_was_read():
    """As many answers as the questionnaire it is of has, verified ones with a source."""
    registry = load_registry(REPOSITORY / "config" / "instruments")
    sets = yaml.safe_load((KNOWN / "response_sets.yml").read_text(encoding="utf-8"))

    assert {one["evidence"] for one in sets} == {"verified", "from_memory"}
    assert all(one.get("source") for one in sets if one["evidence"] == "verified")
    for one in sets:
        for name in one["of"].lower().replace("-", "").split(", "):
            grid = registry.find({"core10": "core10", "coreom": "core_om", "waisr": "wai_sr"}.get(
                name, name)).grid  # fmt: skip
            assert len(one["answers"]) == (grid.max - grid.min) / grid.step + 1, one["answers"]


def test_no_other_questionnaire_is_one_of_the_registry():
    registry = load_registry(REPOSITORY / "config" / "instruments")
    others = registry.known.other_questionnaires

    assert {"cesd", "epds", "hads"} <= others
    for one in registry.ids:
        assert other_questionnaire((one,), others) is None


def test_without_the_files_nothing_is_known(tmp_path):
    assert load_known(tmp_path) == Known()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("- {answers: [a, b], of: x, language: en, evidence: verified}", "response_sets.yml:0"),
        ("- {answers: [a], of: x, language: en, evidence: from_memory}", "answers"),
        ("- {answers: [a, b], of: x, language: en, evidence: sure}", "evidence"),
        ("- [", "response_sets.yml"),
    ],
)
def test_an_entry_without_evidence_is_refused_by_its_place(tmp_path, text, where):
    (tmp_path / "response_sets.yml").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match=where):
        load_known(tmp_path)
