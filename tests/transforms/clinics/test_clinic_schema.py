"""The JSON Schema of a clinic's YAML: whole, described, and fit for the files of a group too."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from transforms.clinics.yaml_file import clinic_schema

PAGE = Path(__file__).resolve().parents[3] / "docs" / "clinic-yaml.md"
SCHEMA = json.loads(clinic_schema())
OPTIONS = [
    (where, key, option)
    for where, part in {"clinic": SCHEMA, **SCHEMA["$defs"]}.items()
    for key, option in part["properties"].items()
]


@pytest.mark.parametrize(("where", "key", "option"), OPTIONS, ids=lambda part: str(part)[:30])
def test_every_option_has_a_description(where, key, option):
    block = SCHEMA["$defs"][option["$ref"].rpartition("/")[2]] if "$ref" in option else option
    assert block.get("description"), f"{where}.{key}"


def test_every_option_of_clinics_and_feeds_has_a_row_in_the_documentation():
    """First cells of the table below each heading of docs/clinic-yaml.md."""
    page = PAGE.read_text("utf-8")
    chapters = dict(re.findall(r"(?ms)^## (.+?)\n(.*?)(?=^## |\Z)", page))
    for chapter, part in (("The clinic", SCHEMA), ("A feed", SCHEMA["$defs"]["Feed"])):
        first = re.findall(r"^\| (`[^|]+) \|", chapters[chapter], re.MULTILINE)
        documented = {name for cell in first for name in re.findall(r"`(\w+)`", cell)}

        assert documented == set(part["properties"]), chapter


@pytest.mark.parametrize(
    ("content", "is_valid"),
    [
        ({"format": "delimited", "date_format": "%d.%m.%Y"}, True),  # a group's file: no clinic
        ({"clinic": "fjord", "extends": "riverside"}, True),
        ({"clinic": "fjord", "delimitr": ";"}, False),
        ({"format": "delimited", "feeds": [{"columns": {"client_id": "id"}}]}, False),  # no table
    ],
)
def test_the_schema_accepts_clinics_and_the_files_they_extend(content, is_valid):
    assert Draft202012Validator(SCHEMA).is_valid(content) is is_valid
