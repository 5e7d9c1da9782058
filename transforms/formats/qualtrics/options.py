"""The block `qualtrics:` of a clinic's YAML."""

from __future__ import annotations

from pydantic import Field, field_validator

from transforms.formats.options import Choice, Code, Options, known_zone


class QualtricsOptions(Options):
    """Which responses of a Qualtrics export count, and how its cells are written."""

    previews: Choice = Field(
        "drop",
        description="Responses the survey's author clicked through: Status has the 1 (1, 9, 17, …) "
        "or says *Survey Preview*, or DistributionChannel is `preview`.",
    )
    tests: Choice = Field(
        "drop",
        description="Responses Qualtrics generated itself: Status has the 2, or "
        "DistributionChannel is `test`.",
    )
    spam: Choice = Field(
        "drop", description="Responses flagged as spam: Status has the 8 (8, 9, 12, …)."
    )
    unfinished: Choice = Field(
        "drop",
        description="Responses that were never submitted: Finished is 0 or False; in other "
        "languages, Progress below 100.",
    )
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
