"""FHIR: QuestionnaireResponses in a Bundle, as NDJSON, or one resource."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from transforms.formats.fhir import reader
from transforms.formats.fhir.codes import Codes, code_in, codes_of, registry_codes
from transforms.formats.fhir.json_stream import Json, ResourceFile
from transforms.formats.fhir.links import Links
from transforms.formats.fhir.options import FhirOptions
from transforms.formats.fhir.plan import BY_LOINC, META, FormFeed
from transforms.formats.fhir.questionnaire import Questionnaire
from transforms.formats.fhir.response import nodes
from transforms.formats.format import (
    AnyFeed,
    Block,
    Format,
    Recognition,
    UnknownForm,
    file_pattern,
)
from transforms.formats.head import Head
from transforms.formats.names import fits
from transforms.formats.options import Options
from transforms.formats.request import FeedRequest, Request
from transforms.formats.source import JSON_SUFFIXES, Source
from transforms.instruments.registry import Registry

_RESOURCE = re.compile(r'"resourceType"\s*:\s*"(\w+)"')


class Fhir(Format):
    """A table per questionnaire; the registry's LOINC codes need no YAML."""

    name = "fhir"
    order = 60
    block = Block("fhir", FhirOptions)
    kinds = frozenset({"json"})
    needs_feeds = False
    feed_key = "form"

    def recognizes(self, head: Head) -> Recognition:
        """Take any JSON, with the files beside it that explain it."""
        options = FhirOptions(companions=list(_explaining(head.path)))
        return Recognition("the file is JSON", options=options)

    def read(self, request: Request) -> list[Source]:
        """Read one export with the companions that lie beside it."""
        options = request.block(FhirOptions)
        beside = sorted(
            one
            for one in request.path.parent.iterdir()
            if one.is_file() and any(fits(one.name, p) for p in options.companions)
        )
        export = reader.FhirExport(
            options, _form_feeds(request), registry_codes(request.registry), tuple(beside)
        )
        return reader.read(request.path, con=request.con, scratch=request.scratch, export=export)

    def unexplained(self, path: Path, found: Recognition, scratch: Path) -> list[UnknownForm]:
        """Return every questionnaire without LOINC codes in its linkIds, by its URL.

        Its Questionnaire, in the file or beside it, says what is answered and in which order;
        without one the answers do.
        """
        companions = [path.parent / name for name in self.companions(found.options)]
        links, by_url = Links(), dict[str, dict[str, None]]()
        for one in (*companions, path):
            with ResourceFile(one, scratch) as file:
                for resource in file.resources():
                    if resource.kind == "Questionnaire":
                        links.add(resource)
                    url = resource.resource.get("questionnaire")
                    if resource.kind == "QuestionnaireResponse" and isinstance(url, str):
                        answered = by_url.setdefault(url.partition("|")[0], {})
                        answered |= dict.fromkeys(_answered(resource.resource))
        return [
            _unknown_form(url, [*answered], links.questionnaires.get(url.lower()))
            for url, answered in by_url.items()
            if answered and not any(map(code_in, answered))
        ]

    def is_own_column(self, name: str) -> bool:
        """Whether the reader made a column of what every response says besides its answers."""
        return name in META

    def companions(self, options: Options | None) -> list[str]:
        """Return the name patterns of the companions."""
        return cast(FhirOptions, options).companions if options else []

    def table_of(self, file_name: str, place: str | None) -> str:
        """Every questionnaire holds responses."""
        return "responses"

    def chosen(self, feeds: Sequence[AnyFeed], file_name: str, place: str | None) -> list[AnyFeed]:
        """Return the feeds of a questionnaire: those that name it, else those for any."""
        named = [feed for feed in feeds if place and _unversioned(feed.form) == place.lower()]
        return named or [feed for feed in feeds if place is None or feed.form is None]

    def drafted_block(self, options: Options) -> dict[str, object]:
        """Return the companions by patterns, as the deliveries to come will be called."""
        names = self.companions(options)
        return {"companions": [file_pattern(name) for name in names]} if names else {}


def _unknown_form(
    url: str, answered: list[str], questionnaire: Questionnaire | None
) -> UnknownForm:
    if questionnaire:
        return UnknownForm(url, questionnaire.answers or answered)
    missing = f"the Questionnaire {url}: without it the items stand in the order of the answers"
    return UnknownForm(url, answered, missing)


def _answered(resource: Json) -> Iterator[str]:
    for node, given in nodes(resource):
        link_id = node.get("linkId")
        if given and isinstance(link_id, str):
            yield link_id


def _explaining(path: Path) -> Iterator[str]:
    for one in sorted(path.parent.iterdir()):
        if one != path and one.suffix.lower() in JSON_SUFFIXES and one.is_file():
            with one.open(encoding="utf-8", errors="replace") as stream:
                kinds = set(_RESOURCE.findall(stream.read(65_536)))
            # Other responses are exports of their own.
            if kinds and "QuestionnaireResponse" not in kinds:
                yield one.name


def _unversioned(url: str | None) -> str:
    """Return a canonical URL without its version, in lowercase."""
    return (url or "").partition("|")[0].lower()


def _form_feeds(request: Request) -> tuple[FormFeed, ...]:
    """Merge the feeds of each questionnaire: together they say which linkIds are wanted."""
    by_form: dict[str | None, list[FeedRequest]] = {}
    for feed in request.feeds:
        by_form.setdefault(feed.form and feed.form.partition("|")[0], []).append(feed)
    feeds = (_form_feed(form, own, request.registry) for form, own in by_form.items())
    return tuple(feeds) or (FormFeed(None),)


def _form_feed(form: str | None, feeds: list[FeedRequest], registry: Registry) -> FormFeed:
    if not any(feed.has_answers for feed in feeds):
        return FormFeed(form)
    named = dict.fromkeys(column for feed in feeds for column in feed.columns)
    link_ids = tuple(name for name in named if name not in (*META, *BY_LOINC))
    return FormFeed(
        form,
        lambda name: name in link_ids or any(feed.fits_items(name) for feed in feeds),
        link_ids,
        _codes(feeds, registry),
    )


def _codes(feeds: list[FeedRequest], registry: Registry) -> Codes | None:
    """Return the LOINC codes of the instrument the feeds set, if they set one."""
    keys = {feed.instrument for feed in feeds if feed.instrument}
    if len(keys) != 1:
        return None
    instrument = registry.find(*keys.pop())
    return codes_of(instrument) if instrument else None
