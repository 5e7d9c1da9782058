"""The block `redcap:` of a clinic's YAML."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from transforms.formats.options import Choice, Options


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
    events: dict[str, str] = Field(
        default_factory=dict,
        description="Events that are another one held again, such as week_4_r_arm_1: week_4_arm_1. "
        "Their rows are read as rows of that event.",
    )
