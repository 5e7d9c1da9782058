"""What every QuestionnaireResponse says besides its answers: who, when, in which encounter."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from transforms.formats.fhir.json_stream import Json
from transforms.formats.fhir.links import Links
from transforms.formats.fhir.options import FhirOptions
from transforms.formats.fhir.questionnaire import (
    DEEPEST,
    MOST_ITEMS,
    Malformed,
    children,
    number_of,
)
from transforms.formats.time_zones import UNREADABLE

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)


class Envelope:
    """Reads the metadata of responses; counts what is odd about them."""

    def __init__(self, links: Links, options: FhirOptions, counts: Counter[str]) -> None:
        self.links = links
        self.options = options
        self.counts = counts

    def of(self, resource: Json) -> dict[str, str | None]:
        """Return the cells every row has."""
        options, links = self.options, self.links
        encounter = resource.get("encounter")
        if "context" in resource or "parent" in resource:
            self.counts["stu3"] += 1
            encounter = encounter or resource.get("context")
        source = resource.get("source", resource.get("author"))
        own = resource.get("id")
        session = None
        if isinstance(encounter, dict):
            session = links.resolve(encounter, "Encounter", options.session_identifier, resource)
        return {
            "response_id": own if isinstance(own, str) and own else None,
            "client_id": links.resolve(
                resource.get("subject"), "Patient", options.client_identifier, resource
            ),
            "completed_at": self._completed(resource, encounter),
            "session_id": session,
            "therapist_id": self._therapist(encounter, resource),
            "author_id": links.name_of_practitioner(resource.get("author"), resource),
            "answered_by": kind_of(source),
        }

    def _completed(self, resource: Json, encounter: object) -> str | None:
        """Return when a response was written; where it does not say, when its encounter began."""
        authored = resource.get("authored")
        if authored is None:
            name = encounter.get("reference") if isinstance(encounter, dict) else None
            entity = (
                self.links.entity(name, "Encounter", resource) if isinstance(name, str) else None
            )
            authored = entity and entity.began
            self.counts["by encounter"] += bool(authored)
        return self._moment(authored)

    def _therapist(self, encounter: object, resource: Json) -> str | None:
        name = encounter.get("reference") if isinstance(encounter, dict) else None
        if not isinstance(name, str):
            return None
        entity = self.links.entity(name, "Encounter", resource)
        return self.links.name_of_practitioner(entity and entity.practitioner, resource)

    def _moment(self, authored: object) -> str | None:
        """Return a FHIR dateTime with its offset; a date alone stays a date."""
        if not isinstance(authored, str) or not authored:
            return None
        if not _MOMENT.fullmatch(authored):
            return UNREADABLE
        try:
            moment = datetime.fromisoformat(authored)
            if "T" not in authored:
                return authored
            if moment.tzinfo is None:
                self.counts["without offset"] += 1
                return moment.isoformat(sep=" ")
            moment.astimezone(UTC)  # in the last hours of the calendar there is no such instant
            return moment.isoformat(sep=" ")
        except (ValueError, OverflowError):
            return UNREADABLE


def nodes(resource: Json) -> Iterator[tuple[Json, list[Json]]]:
    """Yield every item with its answers, at every depth, also those below an answer."""
    if "group" in resource:
        raise Malformed("is of DSTU2, which has groups instead of items")
    level, depth, n_nodes = children(resource, "item"), 1, 0
    while level:
        n_nodes += len(level)
        if depth > DEEPEST or n_nodes > MOST_ITEMS:
            raise Malformed("has too many items or levels of them")
        below: list[Json] = []
        for node in level:
            answers = children(node, "answer")
            yield node, answers
            if "item" in node:
                below += children(node, "item")
            for answer in answers:
                if "item" in answer:
                    below += children(answer, "item")
        level, depth = below, depth + 1


def scores_in_extensions(resource: Json, scales: dict[str, str]) -> Iterator[tuple[str, float]]:
    """Yield (scale, score) of the extensions the YAML names."""
    if not scales:
        return
    for extension in children(resource, "extension"):
        scale = scales.get(str(extension.get("url")))
        for key in ("valueDecimal", "valueInteger"):
            number = number_of(extension.get(key))
            if scale and number is not None:
                yield scale, number


def kind_of(reference: object) -> str | None:
    """Return the type a reference says it has, if FHIR knows it."""
    name = reference.get("reference") if isinstance(reference, dict) else None
    kind = name.rpartition("/")[0].rpartition("/")[2] if isinstance(name, str) else None
    known = ("Patient", "Practitioner", "PractitionerRole", "RelatedPerson", "Device")
    return kind if kind in known else None
