"""Scores as FHIR R4 Observations. Pure: rows in, dictionaries out; nobody is named.

People, sessions and responses are referred to by their pseudonyms as logical references
(`identifier`), because no server has resources of these ids. A score has the LOINC code of the
registry where that is verified or recalled with high confidence, and always the project's own.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from transforms.formats.fhir.codes import LOINC
from transforms.formats.fhir.json_stream import Json
from transforms.instruments.definition import Instrument
from transforms.instruments.registry import Registry

INSTRUMENT = "urn:rapport:instrument"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_UCUM = "http://unitsofmeasure.org"
_PEOPLE = {"client": ("Patient", "client"), "therapist": ("Practitioner", "therapist")}


def observations(
    rows: Iterable[Mapping[str, Any]], registry: Registry, *, zone: tzinfo | None = None
) -> Iterator[dict[str, Any]]:
    """Yield one Observation per score.

    Parameters
    ----------
    rows : rows of `core.fct_scores` as mappings. Needed: response_key, client_key,
        instrument_id, version, rater, scale, score, completed_at; used if there: therapist_key,
        session_key, n_answered, n_items, is_prorated, score_source, score_version.
    zone : time zone of ``completed_at``. Without one only its date is written: a FHIR time must
        say its offset, and a wrong one is worse than none.

    Yields
    ------
    Observation, in the order of the rows. A row without a score yields nothing.
    """
    names: dict[tuple[Any, ...], tuple[Instrument | None, Json]] = {}
    for row in rows:
        if row["score"] is None:
            continue
        key = (row["instrument_id"], row["version"], row["rater"], row["scale"])
        if key not in names:
            instrument = registry.find(*key[:3])
            names[key] = (instrument, _code(instrument, *key))
        yield _observation(row, *names[key], zone)


def ndjson(resources: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield each resource as one line of NDJSON, line end included."""
    for resource in resources:
        yield (
            json.dumps(resource, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
        )


def _observation(
    row: Mapping[str, Any], instrument: Instrument | None, code: Json, zone: tzinfo | None
) -> dict[str, Any]:
    written = {
        "resourceType": "Observation",
        "id": _id(row),
        "meta": _meta(row),
        "identifier": [{"system": "urn:rapport:score", "value": _id(row)}],
        "status": "final",
        "category": [{"coding": [{"system": _CATEGORY, "code": "survey", "display": "Survey"}]}],
        "code": code,
        "subject": _reference("Patient", "client", row["client_key"]),
        "encounter": _reference("Encounter", "session", row.get("session_key")),
        "effectiveDateTime": _moment(row["completed_at"], zone),
        "performer": _performer(row),
        "valueQuantity": {
            "value": _number(row["score"]),
            "unit": "score",
            "system": _UCUM,
            "code": "{score}",
        },
        "note": _note(row),
        "method": _method(row),
        "referenceRange": _range(instrument, row["scale"]),
        "derivedFrom": [
            _reference("QuestionnaireResponse", "response", row["response_key"]),
        ],
    }
    return {key: value for key, value in written.items() if value is not None}


def _id(row: Mapping[str, Any]) -> str:
    """Return an id that is the same in every export of the score."""
    scale = f"{row['instrument_id']}/{row['version']}/{row['rater']}/{row['scale']}"
    return str(uuid.uuid5(uuid.UUID(str(row["response_key"])), scale))


def _meta(row: Mapping[str, Any]) -> Json | None:
    version = row.get("score_version")
    return {"tag": [{"system": "urn:rapport:score-version", "code": version}]} if version else None


def _code(
    instrument: Instrument | None, instrument_id: str, version: str, rater: str, scale: str
) -> dict[str, Any]:
    name = (
        f"{instrument.name}: {instrument.scales[scale].label}"
        if (instrument and scale in instrument.scales)
        else f"{instrument_id}: {scale}"
    )
    own = {"system": INSTRUMENT, "code": f"{instrument_id}.{version}.{rater}.{scale}",
           "display": name}  # fmt: skip
    loinc = _loinc(instrument, scale) if instrument else None
    codings = [{"system": LOINC, "code": loinc}, own] if loinc else [own]
    return {"coding": codings, "text": name}


def _loinc(instrument: Instrument, scale: str) -> str | None:
    """Return the LOINC code of a scale unless it was recalled with doubt."""
    for one in instrument.loinc:
        if one.what == scale and (one.evidence == "verified" or one.confidence == "hi"):
            return one.code
    return None


def _reference(kind: str, space: str, key: object) -> dict[str, Any] | None:
    if key is None:
        return None
    return {"type": kind, "identifier": {"system": f"urn:rapport:{space}", "value": str(key)}}


def _performer(row: Mapping[str, Any]) -> list[Json] | None:
    """Return who answered; an observer is not known."""
    kind, space = _PEOPLE.get(row["rater"], ("", ""))
    reference = _reference(kind, space, row.get(f"{space}_key")) if kind else None
    return [reference] if reference else None


def _moment(completed_at: datetime | date | None, zone: tzinfo | None) -> str | None:
    if completed_at is None:
        return None
    if not isinstance(completed_at, datetime):
        return completed_at.isoformat()
    if completed_at.tzinfo is None and zone is None:
        return completed_at.date().isoformat()
    if completed_at.tzinfo is None:
        completed_at = completed_at.replace(tzinfo=zone)
    moment = completed_at.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds") + "Z"


def _number(score: float) -> int | float:
    return int(score) if float(score).is_integer() else float(score)


def _note(row: Mapping[str, Any]) -> list[Json] | None:
    if not row.get("is_prorated"):
        return None
    return [{"text": f"Prorated from {row['n_answered']} of {row['n_items']} answers"}]


def _method(row: Mapping[str, Any]) -> Json | None:
    source = row.get("score_source")
    if source is None:
        return None
    return {"coding": [{"system": "urn:rapport:score-source", "code": source}]}


def _range(instrument: Instrument | None, scale: str) -> list[Json] | None:
    """Return the range of possible scores; says nothing about what is normal."""
    if instrument is None or scale not in instrument.scales:
        return None
    low, high = instrument.score_range(scale)
    if low is None or high is None:
        return None
    return [
        {
            "low": {"value": _number(low)},
            "high": {"value": _number(high)},
            "type": {"text": "possible scores"},
        }
    ]
