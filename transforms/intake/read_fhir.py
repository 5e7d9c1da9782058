"""FHIR exports with what the clinic's YAML and the registry say about them."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import duckdb

from transforms.clinics.clinic import Clinic, Feed, Join
from transforms.formats.fhir import reader as fhir
from transforms.formats.fhir.codes import Codes, codes_of, registry_codes
from transforms.formats.fhir.plan import BY_LOINC, META, FormFeed
from transforms.formats.source import Source
from transforms.instruments.registry import Registry


def read_fhir(
    path: Path,
    clinic: Clinic,
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
    registry: Registry,
) -> list[Source]:
    """Read one export with the companions that lie beside it."""
    beside = sorted(
        one
        for one in path.parent.iterdir()
        if one.is_file() and any(fnmatchcase(one.name, p) for p in clinic.fhir.companions)
    )
    export = fhir.FhirExport(
        clinic.fhir, _form_feeds(clinic, registry), registry_codes(registry), tuple(beside)
    )
    return fhir.read(path, con=con, scratch=scratch, export=export)


def _form_feeds(clinic: Clinic, registry: Registry) -> tuple[FormFeed, ...]:
    """Merge the feeds of each questionnaire: together they say which linkIds are wanted."""
    feeds = clinic.feeds or [Feed(table="responses")]
    by_form: dict[str | None, list[Feed]] = {}
    for feed in feeds:
        by_form.setdefault(feed.form and feed.form.partition("|")[0], []).append(feed)
    return tuple(_form_feed(form, own, registry) for form, own in by_form.items())


def _form_feed(form: str | None, feeds: list[Feed], registry: Registry) -> FormFeed:
    by_link_id = [feed for feed in feeds if feed.items or feed.submitted]
    if not by_link_id:
        return FormFeed(form)
    listed: dict[str, None] = {}
    patterns = []
    for feed in feeds:
        listed.update(dict.fromkeys(_spelled_out(feed)))
        if isinstance(feed.items, str):
            before, _, after = feed.items.partition("{n}")
            patterns.append(re.compile(re.escape(before) + r"\d+" + re.escape(after)))
    return FormFeed(form, _is_mapped(set(listed), patterns), tuple(listed), _codes(feeds, registry))


def _spelled_out(feed: Feed) -> list[str]:
    names = [*feed.submitted.values(), *feed.when]
    for column in (feed.columns or {}).values():
        names += column.join if isinstance(column, Join) else [column]
    if isinstance(feed.items, dict):
        names += feed.items.values()
    elif isinstance(feed.items, list):
        names += feed.items
    return [name for name in names if name not in (*META, *BY_LOINC)]


def _is_mapped(names: set[str], patterns: list[re.Pattern]) -> Callable[[str], bool]:
    return lambda name: name in names or any(one.fullmatch(name) for one in patterns)


def _codes(feeds: list[Feed], registry: Registry) -> Codes | None:
    """Return the LOINC codes of the instrument the feeds set, if they set one."""
    keys = {
        (
            feed.constants["instrument"],
            feed.constants.get("version"),
            feed.constants.get("rater"),
        )
        for feed in feeds
        if "instrument" in feed.constants
    }
    if len(keys) != 1:
        return None
    instrument = registry.find(*keys.pop())
    return codes_of(instrument) if instrument else None
