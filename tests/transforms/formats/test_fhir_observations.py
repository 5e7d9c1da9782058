"""Scores as FHIR R4 Observations, against the part of the R4 schema they use.

No kept package in the environment brings the R4 JSON schema, so the rules are written here as
pydantic models: every element, its type, its cardinality and the regular expressions R4 gives
for id, code, uri and dateTime. Keys that are not named are refused. HL7's own example must fit.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from transforms.formats.fhir.observations import ndjson, observations
from transforms.instruments.registry import load_registry

ROOT = Path(__file__).resolve().parents[3]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9\-\.]{1,64}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[^\s]+(\s[^\s]+)*$")]
Uri = Annotated[str, StringConstraints(pattern=r"^\S*$", min_length=1)]
Text = Annotated[str, StringConstraints(min_length=1)]
DateTime = Annotated[
    str,
    StringConstraints(
        pattern=r"^([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)(-(0[1-9]|1[0-2])"
        r"(-(0[1-9]|[1-2][0-9]|3[0-1])(T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)"
        r"(\.[0-9]+)?(Z|(\+|-)((0[0-9]|1[0-3]):[0-5][0-9]|14:00)))?)?)?$"
    ),
]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Coding(Part):
    system: Uri | None = None
    code: Code | None = None
    display: Text | None = None


class Concept(Part):
    coding: list[Coding] = Field(default=[], min_length=1)
    text: Text | None = None


class Identifier(Part):
    system: Uri
    value: Text


class Reference(Part):
    reference: Text | None = None
    type: Uri | None = None
    identifier: Identifier | None = None


class Quantity(Part):
    value: int | float
    unit: Text | None = None
    system: Uri | None = None
    code: Code | None = None

    @model_validator(mode="after")
    def _qty_3(self) -> Quantity:
        """R4, qty-3: if a code for the unit is present, the system shall also be present."""
        assert self.code is None or self.system is not None
        return self


class Bound(Part):
    value: int | float


class ConceptText(Part):
    text: Text


class Range(Part):
    """R4, obs-3: must have at least a low or a high or text."""

    low: Bound
    high: Bound
    type: ConceptText


class Annotation(Part):
    text: Text


class Meta(Part):
    tag: list[Coding] = Field(default=[])
    profile: list[Uri] = Field(default=[])


class Observation(Part):
    resourceType: Literal["Observation"]  # noqa: N815 - FHIR's own names
    id: Id
    meta: Meta | None = None
    identifier: list[Identifier] = Field(default=[])
    status: Literal[
        "registered", "preliminary", "final", "amended", "corrected", "cancelled",
        "entered-in-error", "unknown",
    ]  # fmt: skip
    category: list[Concept] = Field(default=[])
    code: Concept
    subject: Reference | None = None
    encounter: Reference | None = None
    effectiveDateTime: DateTime | None = None  # noqa: N815
    performer: list[Reference] = Field(default=[])
    valueQuantity: Quantity | None = None  # noqa: N815
    valueString: Text | None = None  # noqa: N815
    note: list[Annotation] = Field(default=[])
    method: Concept | None = None
    referenceRange: list[Range] = Field(default=[])  # noqa: N815
    derivedFrom: list[Reference] = Field(default=[])  # noqa: N815

    @model_validator(mode="after")
    def _one_value(self) -> Observation:
        assert (self.valueQuantity is None) != (self.valueString is None)
        return self


RESPONSE = uuid.UUID(int=7)


@pytest.fixture(scope="module")
def registry():
    return load_registry(ROOT / "config" / "instruments")


def row(**changed) -> dict:
    """One row of core.fct_scores."""
    return {
        "response_key": RESPONSE, "client_key": uuid.UUID(int=1), "therapist_key": uuid.UUID(int=2),
        "session_key": uuid.UUID(int=3), "instrument_id": "phq9", "version": "standard",
        "rater": "client", "scale": "total", "score": 12.0, "n_answered": 9, "n_items": 9,
        "is_prorated": False, "score_source": "computed", "score_version": "abc123",
        "completed_at": datetime(2026, 7, 1, 9, 10),
    } | changed  # fmt: skip


@pytest.fixture
def one(registry):
    """Write one score and check it against R4."""

    def write(*, zone=None, **changed) -> dict:
        (written,) = observations([row(**changed)], registry, zone=zone)
        Observation.model_validate_json(json.dumps(written))
        return written

    return write


def test_a_score_has_loincs_code_and_ours(one):
    """domain.md, section 1.3: PHQ-9 total is 44261-6, GAD-7 total 70274-6."""
    phq9, gad7 = one()["code"]["coding"], one(instrument_id="gad7")["code"]["coding"]

    assert [(c["system"], c["code"]) for c in phq9] == [
        ("http://loinc.org", "44261-6"),
        ("urn:rapport:instrument", "phq9.standard.client.total"),
    ]
    assert gad7[0]["code"] == "70274-6"


@pytest.mark.parametrize(
    ("instrument", "version", "scale"),
    [("wai_sr", "standard", "bond"), ("phq4", "standard", "total"), ("mystery", "1", "total")],
)
def test_no_loinc_is_invented(one, instrument, version, scale):
    """The alliance has none; PHQ-4's is from memory with doubt; others nobody knows."""
    codings = one(instrument_id=instrument, version=version, scale=scale)["code"]["coding"]

    assert [c["system"] for c in codings] == ["urn:rapport:instrument"]


def test_people_are_pseudonyms_and_logical_references(one):
    written = one()

    assert written["subject"] == {
        "type": "Patient",
        "identifier": {
            "system": "urn:rapport:client", "value": "00000000-0000-0000-0000-000000000001",
        },
    }  # fmt: skip
    assert written["encounter"]["identifier"]["system"] == "urn:rapport:session"
    assert written["derivedFrom"][0]["identifier"]["value"] == str(RESPONSE)
    assert '"reference"' not in json.dumps(written)


@pytest.mark.parametrize(
    ("rater", "kind"), [("client", "Patient"), ("therapist", "Practitioner"), ("observer", None)]
)
def test_the_performer_is_who_answered(one, rater, kind):
    performers = one(rater=rater, instrument_id="wai_36").get("performer", [{}])

    assert performers[0].get("type") == kind


def test_a_time_is_written_in_utc_only_if_its_zone_is_known(one):
    """Oslo is two hours ahead of UTC in July."""
    half_past_midnight = datetime(2026, 7, 1, 0, 30, 15, 250_000)

    assert one()["effectiveDateTime"] == "2026-07-01"
    assert one(zone=UTC)["effectiveDateTime"] == "2026-07-01T09:10:00Z"
    assert one(zone=ZoneInfo("Europe/Oslo"), completed_at=half_past_midnight)[
        "effectiveDateTime"
    ] == "2026-06-30T22:30:15.250Z"  # fmt: skip
    assert one(completed_at=date(2026, 7, 1))["effectiveDateTime"] == "2026-07-01"
    assert "effectiveDateTime" not in one(completed_at=None)


@pytest.mark.parametrize(("score", "value"), [(12.0, 12), (36.4, 36.4), (0.0, 0), (-3.0, -3)])
def test_the_value_is_the_score(one, score, value):
    quantity = one(score=score)["valueQuantity"]

    assert quantity["value"] == value
    assert type(quantity["value"]) is type(value)
    assert quantity["code"] == "{score}"


def test_a_prorated_score_says_so(one):
    assert one(is_prorated=True, n_answered=8)["note"] == [{"text": "Prorated from 8 of 9 answers"}]
    assert "note" not in one()


def test_the_range_is_that_of_possible_scores(one):
    """PHQ-9: 0 to 27. ORS: 0 to 40."""
    assert one()["referenceRange"][0]["high"] == {"value": 27}
    assert one(instrument_id="ors", version="adult")["referenceRange"][0]["high"] == {"value": 40}


def test_a_score_that_could_not_be_computed_is_not_written(registry):
    assert list(observations([row(score=None)], registry)) == []


def test_ids_are_stable_and_one_per_scale(registry):
    rows = [row(), row(scale="bond"), row(response_key=uuid.UUID(int=8)), row(rater="therapist")]
    first = [one["id"] for one in observations(rows, registry)]
    again = [one["id"] for one in observations(rows, registry)]

    assert first == again
    assert len(set(first)) == 4


def test_a_row_with_the_needed_columns_only_is_enough(registry):
    needed = ("response_key", "client_key", "instrument_id", "version", "rater", "scale", "score",
              "completed_at")  # fmt: skip
    (written,) = observations([{key: row()[key] for key in needed}], registry)

    Observation.model_validate_json(json.dumps(written))
    assert "encounter" not in written


def test_every_scale_of_the_registry_can_be_written(registry):
    rows = [
        row(instrument_id=i.instrument_id, version=i.version, rater=i.rater, scale=scale)
        for i in registry.instruments
        for scale in i.scales
    ]
    written = list(observations(rows, registry))

    assert len(written) == len(rows) > 100
    for resource in written:
        Observation.model_validate_json(json.dumps(resource))


def test_ndjson_is_one_resource_a_line(registry):
    lines = list(ndjson(observations([row(), row(scale="bond")], registry)))

    assert [line.count("\n") for line in lines] == [1, 1]
    assert json.loads(lines[0])["resourceType"] == "Observation"


def test_observations_are_written_one_by_one(registry):
    """The rows may be millions: nothing is collected."""

    def endless():
        while True:
            yield row()

    assert next(observations(endless(), registry))["status"] == "final"


def test_the_model_of_r4_refuses_what_r4_refuses(one):
    """The check itself can fail."""
    for broken in (
        {"id": "a b"},
        {"status": "done"},
        {"effectiveDateTime": "2026-07-01T09:10:00"},
        {"category": "survey"},
        {"surplus": 1},
        {"valueQuantity": {"value": "12"}},
        {"valueQuantity": {"value": 12, "code": "{score}"}},
    ):
        with pytest.raises(ValueError, match="Observation"):
            Observation.model_validate_json(json.dumps(one() | broken))


@pytest.mark.real
def test_the_model_of_r4_accepts_hl7s_own_example(real_data):
    path = real_data / "fhir" / "us_core" / "Observation-PHQ9-item-example-44261-6.json"

    observation = Observation.model_validate_json(path.read_text(encoding="utf-8"))
    assert observation.valueString == "12"
    assert re.fullmatch(r"\d+-\d", observation.code.coding[0].code)
