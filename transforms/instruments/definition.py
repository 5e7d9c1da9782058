"""One questionnaire definition, and what follows from it.

A definition is data (one YAML file per instrument, version, rater and language). This module
knows nothing about files; the parts are in ``instrument_parts``, what they must fulfil together
in ``instrument_checks``.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from transforms.instruments.consistency import check_instrument
from transforms.instruments.parts import (
    Ages,
    Condition,
    Family,
    Flag,
    Items,
    LoincCode,
    Name,
    Part,
    Scale,
    Text,
    Version,
)

# Raised whenever the arithmetic in scoring.py changes a number for the same definition.
SCORING_RULES = "1"
# What makes a number: these fields, and only these, enter ``score_version``.
SCORING_ITEM_FIELDS = {"n", "min", "max", "step", "reverse", "unscored", "not_applicable"}
SCORING_SCALE_FIELDS: dict[str, bool | set[str]] = {
    "items": True,
    "of_scales": True,
    "method": True,
    "factor": True,
    "missing": {"method", "max_missing"},
}


class Instrument(Part):
    """One questionnaire in one version, for one rater, in one language (or any)."""

    instrument_id: Name
    version: Version
    rater: Literal["client", "therapist", "observer"]
    language: Annotated[str, StringConstraints(pattern=r"^(any|[a-z]{2}(-[A-Z]{2})?)$")] = "any"
    is_default: bool = False
    name: Text
    family: Family
    better: Literal["higher", "lower"]
    timing: Literal["before_session", "after_session", "any"]
    ages: Ages | None = None
    scores_supplied: bool = Field(
        default=False, description="The clinic sends scores; nothing is computed from items"
    )
    items: Items | None = None
    scales: dict[Name, Scale] = Field(min_length=1)
    primary_scale: Name
    flags: dict[Name, Flag] = Field(default_factory=dict)
    loinc: tuple[LoincCode, ...] = ()
    licence: Text
    citation: Text
    notes: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _fulfil_the_whole(self) -> Instrument:
        check_instrument(self)
        return self

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Identify the definition: instrument, version, rater, language."""
        return (self.instrument_id, self.version, self.rater, self.language)

    @property
    def definition_version(self) -> str:
        """Short hash of everything written in the definition."""
        return _short_hash(self.model_dump(mode="json", exclude_defaults=True))

    @property
    def score_version(self) -> str:
        """Short hash of what makes a number, so that a corrected citation rescores nothing."""
        scales = {
            name: scale.model_dump(mode="json", include=SCORING_SCALE_FIELDS)
            for name, scale in self.scales.items()
        }
        items = self.items and self.items.model_dump(mode="json", include=SCORING_ITEM_FIELDS)
        return _short_hash({"rules": SCORING_RULES, "items": items, "scales": scales})

    @property
    def key_evidence(self) -> str:
        """The weakest evidence under items and scale maps, such as ``from_memory_med``."""
        order = ("verified", "derived", "from_memory_hi", "from_memory_med", "from_memory_lo")
        parts = [*self.scales.values(), *([self.items] if self.items else [])]
        labels = (
            f"{part.evidence}_{part.confidence}" if part.confidence else part.evidence
            for part in parts
        )
        return max(labels, key=order.index)

    @property
    def grid(self) -> Items:
        """The items of a definition that has some; ValueError where scores are supplied."""
        if self.items is None:
            raise ValueError(f"{self.instrument_id} describes no items")
        return self.items

    def items_of(self, part: Scale | Condition) -> tuple[int, ...]:
        """Return the item numbers (from 1) of a scale or condition."""
        if part.items != "all":
            return part.items
        return tuple(i for i in range(1, self.grid.n + 1) if i not in self.grid.unscored)

    def item_count(self, scale: str) -> int | None:
        """Return how many items stand behind a scale; None where scores are supplied."""
        part = self.scales[scale]
        if part.method == "sum_of_scales":
            return sum(len(self.items_of(self.scales[name])) for name in part.of_scales)
        return len(self.items_of(part)) or None

    def score_range(self, scale: str) -> tuple[float | None, float | None]:
        """Return the lowest and highest score possible; None where it is not known."""
        part = self.scales[scale]
        if part.method == "supplied":
            return part.score_min, part.score_max
        if part.method == "sum_of_scales":
            ends = [self._computed_range(self.scales[name]) for name in part.of_scales]
            lowest, highest = sum(low for low, _ in ends), sum(high for _, high in ends)
            return lowest * part.factor, highest * part.factor
        return self._computed_range(part)

    def _computed_range(self, part: Scale) -> tuple[float, float]:
        """Return lowest and highest of a scale with items of its own."""
        low, high = self.grid.min * part.factor, self.grid.max * part.factor
        if part.method == "mean":
            return low, high
        numbers = self.items_of(part)
        fewest = len(numbers) - len(set(numbers) & set(self.grid.not_applicable))
        return min(low * fewest, low * len(numbers)), high * len(numbers)

    def higher_is_better(self, scale: str) -> bool | None:
        """Return the direction of a scale; None where it has none."""
        return {"higher": True, "lower": False, "none": None}[
            self.scales[scale].better or self.better
        ]


def _short_hash(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
