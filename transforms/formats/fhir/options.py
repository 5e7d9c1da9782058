"""The block `fhir:` of a clinic's YAML."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from transforms.formats.options import Options

Scale = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


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
    decides: Literal["code", "display", "ordinal"] | None = Field(
        None,
        description="Which counts where an answer contradicts itself: its code (or number), its "
        "display, or its ordinal value. Left out: none, the answer is unreadable.",
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
