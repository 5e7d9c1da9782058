"""What a clinic's YAML may say about one format only: `qualtrics:`, `fhir:`, `survey:`, …"""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    field_validator,
)

Choice = Literal["drop", "keep"]
Scale = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Code = Annotated[str, WithJsonSchema({"type": ["string", "number"]})]


class Options(BaseModel):
    """A block of the YAML: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def known_zone(value: str | None) -> str | None:
    """Return the name of a time zone, or refuse it."""
    try:
        return value if value is None else ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone; write one such as Europe/London or UTC") from None


class QualtricsOptions(Options):
    """Which responses of a Qualtrics export count, and how its cells are written."""

    previews: Choice = Field("drop", description="Responses the survey's author clicked through.")
    tests: Choice = Field("drop", description="Responses Qualtrics generated itself.")
    spam: Choice = Field("drop", description="Responses Qualtrics flagged as spam.")
    unfinished: Choice = Field("drop", description="Responses that were never submitted.")
    timezone: str | None = Field(
        None,
        description="Zone of the file's times and the clinic's clock, such as Europe/London. Times "
        "of a zone the file states itself are moved to it. Left out: the clinic's `timezone`.",
    )
    multi_select: dict[str, list[Code]] = Field(
        default_factory=dict,
        description="Question id of a multi-select in one column: its codes. Becomes columns "
        "<id>_<code> holding 1 or nothing, as in exports with a column per choice.",
    )

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        return known_zone(value)


class RedcapOptions(Options):
    """What to do with label exports and with forms nobody finished."""

    labels: Literal["refuse", "map"] = Field(
        "refuse",
        description="Scored items that hold labels: refuse the file, or map them back to codes "
        "through the data dictionary.",
    )
    incomplete: Choice = Field(
        "keep",
        description="Forms saved as Incomplete, and surveys that were never sent off. Many clinics "
        "never set the status: then keep.",
    )


class SurveyOptions(Options):
    """How LimeSurvey, Google Forms, Microsoft Forms and SurveyMonkey write their cells."""

    timezone: str | None = Field(
        None,
        description="Zone of times that state none, such as Europe/London; those that state one "
        "are moved to it. Left out: the clinic's `timezone`.",
    )
    unfinished: Choice = Field(
        "drop", description="LimeSurvey responses without submitdate: nobody finished them."
    )
    multi_select: dict[str, dict[str, Code]] = Field(
        default_factory=dict,
        description="Question with several answers in one cell: option: code. Becomes columns "
        "<question>_<code> holding 1 or nothing.",
    )
    separator: str = Field(
        ";", min_length=1, description="Stands between the options of a multi-select answer."
    )

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        return known_zone(value)


class FhirOptions(Options):
    """What lies beside the responses, and how their references become identifiers."""

    companions: list[str] = Field(
        default_factory=list,
        description="File name patterns of what explains the export: Questionnaire, Patient, "
        "Encounter and Observation resources. They are read with every export.",
    )
    statuses: list[Literal["completed", "amended", "in-progress", "stopped"]] = Field(
        default=["completed", "amended"],
        min_length=1,
        description="Responses of other statuses are left out. entered-in-error always is.",
    )
    client_identifier: str | None = Field(
        None,
        description="System of the Patient identifier that is the client's id. Left out: the "
        "resource's own id.",
    )
    session_identifier: str | None = Field(
        None, description="The same for Encounter and the session's id."
    )
    ignore: list[str] = Field(
        default_factory=list, description="linkIds that may occur although no form has them."
    )
    other_questionnaires: Literal["refuse", "skip"] = Field(
        "refuse", description="What to do with responses to questionnaires nobody described."
    )
    total_extensions: dict[str, Scale] = Field(
        default_factory=dict, description="URL of an extension that holds a score: its scale."
    )
