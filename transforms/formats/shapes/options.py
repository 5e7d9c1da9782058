"""What a clinic's YAML may say about wide rows and item rows."""

from __future__ import annotations

import re

from pydantic import Field, model_validator

from transforms.formats.options import Code, Options

_PLACE = re.compile(r"\{(\w*)\}")


class SessionDates(Options):
    """Dates by rule where the file has none: `first` lies on the start, one every `days`."""

    start: str | None = Field(None, description="Source column with the date of the start.")
    on: str | None = Field(None, description="The same start for everyone, ISO 8601.")
    days: int = Field(ge=0, le=366, description="Days between two sessions.")
    first: int = Field(ge=0, description="Number of the session that lies on the start.")

    @model_validator(mode="after")
    def _one_start(self) -> SessionDates:
        if (self.start is None) == (self.on is None):
            raise ValueError("needs either `start`, a column, or `on`, a date")
        return self


class Wide(Options):
    """One row per client: which columns belong to which session."""

    items: str | None = Field(
        None, description="Item answers: a pattern such as phq9_{item}_s{session}."
    )
    submitted: dict[str, str] = Field(
        default_factory=dict,
        description="Scale: pattern of the scores the clinic computed, such as bdi_s{session}.",
    )
    per_session: dict[str, str] = Field(
        default_factory=dict,
        description="Name, for use in `columns`: pattern of what else each session has, such as "
        "date: date_s{session}.",
    )
    sessions: list[Code] = Field(
        default_factory=list,
        description="Sessions to read, in order: numbers, or words such as pre, mid, post. Left "
        "out: every number found.",
    )
    keep_empty: bool = Field(
        False,
        description="A row for every session, also where nothing was answered: for a feed of "
        "sessions, where each column stands for a session that was held.",
    )
    dates: SessionDates | None = Field(
        None, description="Dates by rule, for use in `columns` as _date."
    )

    @model_validator(mode="after")
    def _placeholders(self) -> Wide:
        patterns = {"items": (self.items, {"item", "session"})} if self.items else {}
        patterns |= {f"submitted.{k}": (v, {"session"}) for k, v in self.submitted.items()}
        patterns |= {f"per_session.{k}": (v, {"session"}) for k, v in self.per_session.items()}
        if not patterns:
            raise ValueError("needs `items`, `submitted` or `per_session`")
        for key, (pattern, wanted) in patterns.items():
            found = _PLACE.findall(pattern)
            if sorted(found) != sorted(wanted):
                shown = " and ".join(f"{{{name}}}" for name in sorted(wanted))
                raise ValueError(f"{key}: the pattern must hold {shown} once each")
            if "}{" in pattern:
                raise ValueError(f"{key}: something must stand between the placeholders")
        return self


class Long(Options):
    """One row per answer: which rows are one response, and which answer it is."""

    key: list[str] = Field(
        min_length=1, description="Source columns; rows that agree in all of them are one response."
    )
    item: str = Field(description="Source column with the item's number or code.")
    value: str = Field(description="Source column with the answer.")
    items: str | dict[Code, int] | None = Field(
        None, description="A pattern such as PHQ{n}, or code: number. Left out: numbers."
    )
    submitted: dict[str, Code] = Field(
        default_factory=dict, description="Scale: code of the rows that hold a computed score."
    )
    ignore: list[Code] = Field(
        default_factory=list, description="Codes of rows that are no answers of the form."
    )

    @model_validator(mode="after")
    def _pattern(self) -> Long:
        if isinstance(self.items, str) and self.items.count("{n}") != 1:
            raise ValueError("items: write {n} once, where the item's number stands")
        return self
