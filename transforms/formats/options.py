"""What every block of a clinic's YAML that belongs to one format has in common.

Each format's own block stands in its folder: `redcap/options.py`, `surveys/options.py`, …
"""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, WithJsonSchema

Choice = Literal["drop", "keep"]
# Written without quotes, codes such as -9 are numbers to an editor; they are read as text.
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
