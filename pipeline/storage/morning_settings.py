"""What a clinician's morning lists: config/morning.yml and config/suggestions.yml, checked."""

from __future__ import annotations

import uuid
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.home import Home
from pipeline.storage.site_settings import read_settings, schema_of

FILE, SUGGESTIONS = "morning.yml", "suggestions.yml"
Concern = Literal[
    "risk", "reported_rupture", "not_on_track", "alliance_fall", "leaving_soon", "no_form"
]
CONCERNS: tuple[Concern, ...] = get_args(Concern)


class Morning(BaseModel):
    """The file config/morning.yml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    budget: int = Field(5, ge=1, description="Clients on one therapist's list, at most")
    order: tuple[Concern, ...] = Field(CONCERNS, description="Kinds, the most urgent first")
    supervisors: dict[str, tuple[uuid.UUID, ...]] = Field(
        {}, description="Therapists by the name of who supervises them"
    )

    @field_validator("order")
    @classmethod
    def _names_each_once(cls, order: tuple[Concern, ...]) -> tuple[Concern, ...]:
        if len(set(order)) < len(order):
            raise ValueError("a kind is named twice")
        return order


class Suggestion(BaseModel):
    """What the literature suggests, where it says so, and whether anybody looked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str = Field(min_length=1)
    source: str = Field(min_length=1)
    checked: Literal["verified", "from memory"]


class Suggestions(BaseModel):
    """The file config/suggestions.yml; a kind it leaves out has none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    risk: Suggestion | None = None
    reported_rupture: Suggestion | None = None
    not_on_track: Suggestion | None = None
    alliance_fall: Suggestion | None = None
    leaving_soon: Suggestion | None = None
    no_form: Suggestion | None = None

    def of(self, concern: Concern) -> Suggestion | None:
        """Return the suggestion for a kind."""
        found: Suggestion | None = getattr(self, concern)
        return found


def load_morning(home: Home) -> Morning:
    """Read and check config/morning.yml; without the file the defaults of `Morning` hold."""
    return read_settings(home, FILE, Morning, "See docs/morning.md")


def load_suggestions(home: Home) -> Suggestions:
    """Read and check config/suggestions.yml; without the file nothing is suggested."""
    return read_settings(home, SUGGESTIONS, Suggestions, "See docs/morning.md")


def morning_schema() -> str:
    """Return the text of config/schema/morning.schema.json."""
    return schema_of(Morning)
