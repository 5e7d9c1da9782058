"""The JSON Schema of a clinic's YAML: whole, described, and fit for the files of a group too."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from transforms.clinic import Clinic, Feed
from transforms.clinic_yaml import clinic_schema

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


def test_every_option_that_is_read_is_in_the_schema():
    for model, part in ((Clinic, SCHEMA), (Feed, SCHEMA["$defs"]["Feed"])):
        read = {field.alias or name for name, field in model.model_fields.items()}
        assert read == set(part["properties"])


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
