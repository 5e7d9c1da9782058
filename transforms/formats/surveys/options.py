"""The block `survey:` of a clinic's YAML, the same for every web survey."""

from __future__ import annotations

from pydantic import Field, field_validator

from transforms.formats.options import Choice, Code, Options, known_zone


class SurveyOptions(Options):
    """How LimeSurvey, Google Forms, Microsoft Forms and SurveyMonkey write their cells."""

    timezone: str | None = Field(
        None,
        description="Zone of times that state none, such as Europe/London. They become UTC. Left "
        "out: they stay as they are.",
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
