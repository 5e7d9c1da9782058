"""What lies around the responses: patients, encounters, stored scores, and who refers to whom.

A reference becomes an identifier by one rule: the resource's identifier of the configured
system; else its own id; else the only identifier it has. What cannot be resolved is left blank,
which the row rules find; it is never replaced by a link that holds inside one Bundle only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache

from transforms.formats.fhir.codes import LOINC
from transforms.formats.fhir.json_stream import Found, Json
from transforms.formats.fhir.questionnaire import (
    Malformed,
    Questionnaire,
    children,
    number_of,
    parse_questionnaire,
)

_RESTFUL = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/[^/]+)?")
_TYPE = re.compile(r"[A-Z][A-Za-z]+", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,9}(\.\d{1,9})?")
# Resources that explain responses; others are counted.
USED = ("Patient", "Encounter", "Practitioner", "Questionnaire", "Observation")
_VOID = ("entered-in-error", "cancelled")


@dataclass(frozen=True)
class Entity:
    """A resource others refer to.

    practitioner : the only one an encounter names. began : when an encounter began, or ended where
        that is all it says
    """

    kind: str
    id: str
    identifiers: dict[str, str] = field(default_factory=dict)
    practitioner: Json | None = None
    began: str | None = None

    def name(self, system: str | None) -> str | None:
        """Return its identifier under a system; without one its id, else its only identifier."""
        if system:
            return self.identifiers.get(system)
        return self.id or (next(iter(self.identifiers.values()), None) if self._is_sole else None)

    @property
    def _is_sole(self) -> bool:
        return len(self.identifiers) == 1


class Links:
    """Everything beside the responses, by what refers to it."""

    def __init__(self) -> None:
        self.entities: dict[str, Entity] = {}
        self.questionnaires: dict[str, Questionnaire] = {}
        # Reference to a response: (LOINC code, score) of the observations derived from it.
        self.scores: dict[str, set[tuple[str, float]]] = {}
        self.n_unresolved = 0

    def add(self, found: Found) -> None:
        """Remember one resource; other kinds are of no interest."""
        resource, kind = found.resource, found.kind
        if kind not in USED:
            _refuse_odd_type(kind)
        if kind in ("Patient", "Encounter", "Practitioner"):
            self._add_entity(found, kind)
        elif kind == "Questionnaire":
            parsed = parse_questionnaire(resource)
            for name in (resource.get("url"), _local(kind, resource), found.full_url):
                if isinstance(name, str) and name:
                    self.questionnaires.setdefault(name.lower(), parsed)
        elif kind == "Observation" and resource.get("status") not in _VOID:
            self._add_score(resource)

    def _add_entity(self, found: Found, kind: str) -> None:
        entity = _entity(found.resource, kind)
        for name in (_local(kind, found.resource), found.full_url):
            if name:
                self.entities[name] = entity

    def _add_score(self, resource: Json) -> None:
        code = resource.get("code")
        if not isinstance(code, dict):
            return
        codes = [
            coding.get("code")
            for coding in children(code, "coding")
            if coding.get("system") == LOINC
        ]
        value = _observed(resource)
        if value is None:
            return
        for source in children(resource, "derivedFrom"):
            name = source.get("reference")
            if isinstance(name, str):
                scores = self.scores.setdefault(_without_version(name), set())
                scores.update((one, value) for one in codes if isinstance(one, str))

    def scores_of(self, found: Found) -> set[tuple[str, float]]:
        """Return (LOINC code, score) of what was observed from a response."""
        if not self.scores:
            return set()
        names = (_local("QuestionnaireResponse", found.resource), found.full_url)
        return set().union(*(self.scores.get(name, ()) for name in names if name))

    def resolve(self, reference: object, kind: str, system: str | None, holder: Json) -> str | None:
        """Return the identifier a reference stands for; None if it cannot be told."""
        reference = reference if isinstance(reference, dict) else {}
        name = reference.get("reference")
        found = self._by_name(name, kind, system, holder) if isinstance(name, str) else None
        if found is None:
            found = _logical(reference.get("identifier"), system)
        self.n_unresolved += found is None
        return found

    def name_of_practitioner(self, reference: object, holder: Json) -> str | None:
        """Return a practitioner's identifier; not finding one is no finding."""
        name = reference.get("reference") if isinstance(reference, dict) else None
        if not isinstance(name, str):
            return None
        return self._by_name(name, "Practitioner", None, holder)

    def _by_name(self, name: str, kind: str, system: str | None, holder: Json) -> str | None:
        entity = self.entity(name, kind, holder)
        if entity is not None:
            return entity.name(system) if entity.kind == kind else None
        match = _RESTFUL.fullmatch(name)
        # Without the resource at hand only its id is known.
        return match[2] if match and match[1] == kind and system is None else None

    def entity(self, name: str, kind: str, holder: Json) -> Entity | None:
        """Return what a reference points to, if it is in the file, beside it or contained."""
        if name.startswith("#"):
            for one in children(holder, "contained"):
                if one.get("id") == name[1:] and one.get("resourceType") == kind:
                    # Its id holds inside this response only.
                    found = _entity(one, kind)
                    return Entity(kind, "", found.identifiers, began=found.began)
            return None
        name = _without_version(name)
        if name in self.entities:
            return self.entities[name]
        match = _RESTFUL.fullmatch(name)
        return self.entities.get(f"{match[1]}/{match[2]}") if match else None


@lru_cache(1024)
def _refuse_odd_type(kind: str) -> None:
    """Refuse what is no resource, or a response whose type is misspelled: it would get lost."""
    ours = "QuestionnaireResponse"
    if not _TYPE.fullmatch(kind) or (kind != ours and get_close_matches(kind, [ours], cutoff=0.85)):
        raise Malformed("is of no type FHIR knows")


def _without_version(name: str) -> str:
    return name.partition("/_history/")[0]


def _local(kind: str, resource: Json) -> str:
    one = resource.get("id")
    return f"{kind}/{one}" if isinstance(one, str) and one else ""


def _entity(resource: Json, kind: str) -> Entity:
    identifiers: dict[str, str] = {}
    for identifier in children(resource, "identifier"):
        value = identifier.get("value")
        if isinstance(value, str) and value.strip():
            system = identifier.get("system")
            identifiers.setdefault(system if isinstance(system, str) else "", value.strip())
    own = resource.get("id")
    practitioner = _practitioner(resource) if kind == "Encounter" else None
    began = _began(resource) if kind == "Encounter" else None
    return Entity(kind, own if isinstance(own, str) else "", identifiers, practitioner, began)


def _began(encounter: Json) -> str | None:
    for key in ("period", "actualPeriod"):  # R5 calls it actualPeriod
        period = encounter.get(key)
        for end in ("start", "end"):
            moment = period.get(end) if isinstance(period, dict) else None
            if isinstance(moment, str) and moment:
                return moment
    return None


def _practitioner(encounter: Json) -> Json | None:
    """Return the reference to an encounter's practitioner if it names exactly one."""
    found = {}
    for participant in children(encounter, "participant"):
        one = participant.get("individual") or participant.get("actor")  # R5 calls it actor
        name = one.get("reference") if isinstance(one, dict) else None
        if isinstance(name, str):
            found[name] = one
    return next(iter(found.values())) if len(found) == 1 else None


def _logical(identifier: object, system: str | None) -> str | None:
    if not isinstance(identifier, dict) or (system and identifier.get("system") != system):
        return None
    value = identifier.get("value")
    return value.strip() or None if isinstance(value, str) else None


def _observed(resource: Json) -> float | None:
    quantity = resource.get("valueQuantity")
    if isinstance(quantity, dict):
        return None if "comparator" in quantity else number_of(quantity.get("value"))
    text = resource.get("valueString")
    if isinstance(text, str) and _NUMBER.fullmatch(text.strip()):
        return float(text)
    return number_of(resource.get("valueInteger"))
