"""The block `qualtrics:` of a clinic's YAML."""

from __future__ import annotations

from pydantic import Field, field_validator

from transforms.formats.options import Choice, Code, Options, known_zone


class QualtricsOptions(Options):
    """Which responses of a Qualtrics export count, and how its cells are written."""

    previews: Choice = Field("drop", description="Responses the survey's author clicked through.")
    tests: Choice = Field("drop", description="Responses Qualtrics generated itself.")
    spam: Choice = Field("drop", description="Responses Qualtrics flagged as spam.")
    unfinished: Choice = Field("drop", description="Responses that were never submitted.")
    timezone: str | None = Field(
        None,
        description="Zone the file's times are in, such as Europe/London. They become UTC. A zone "
        "the file states itself wins. Left out: times stay as they are.",
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
