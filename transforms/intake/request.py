"""What the feeds of a clinic's YAML want of one file, as the plain values a format asks for."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import duckdb

from transforms.clinics.clinic import Clinic, Dialect, Feed, Join
from transforms.contract import TABLES
from transforms.formats.options import Options
from transforms.formats.request import FeedRequest, Request
from transforms.formats.source import HeaderPlace
from transforms.instruments.registry import Registry
from transforms.intake.column_mapping import item_columns, map_columns
from transforms.intake.source_rows import item_text


def request_for(
    path: Path,
    clinic: Clinic,
    *,
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
    registry: Registry,
) -> Request:
    """Return what is asked of the reader of one file."""

    @cache
    def feeds_for(place: str | None) -> list[FeedRequest]:
        return [_feed_request(feed, clinic) for feed in clinic.feeds_for(path.name, place)]

    return Request(
        path=path,
        con=con,
        scratch=scratch,
        registry=registry,
        yaml=f"{clinic.clinic}.yml",
        options=_in_the_clinics_zone(clinic),
        feeds=tuple(_feed_request(feed, clinic) for feed in clinic.feeds),
        feeds_for=feeds_for,
        delimiter=clinic.delimiter,
        encoding=clinic.encoding,
        dictionary=clinic.dictionary,
        time_formats=_time_formats(clinic),
        missing_codes=frozenset(clinic.missing_codes),
        header=_header(clinic, clinic),
    )


def _feed_request(feed: Feed, clinic: Clinic) -> FeedRequest:
    constants = feed.constants
    instrument = constants.get("instrument")
    version, rater = constants.get("version"), constants.get("rater")
    return FeedRequest(
        form=feed.form,
        sheet=feed.sheet,
        columns=named_columns(feed),
        pattern=feed.items if isinstance(feed.items, str) else None,
        has_answers=bool(feed.items or feed.submitted),
        identifiers=_identifiers(feed),
        expected=_expected(feed),
        header=_header(feed, clinic),
        time_formats=_time_formats(feed),
        missing_codes=frozenset(feed.missing_codes),
        instrument=None if instrument is None else (instrument, version, rater),
        item_columns=lambda source: [*item_columns(feed, source).values()],
        item_texts=lambda source: [
            item_text(mapping, clinic, number)
            for mapping in [map_columns(feed, source)]
            for number in mapping.items
        ],
    )


def _in_the_clinics_zone(clinic: Clinic) -> Options | None:
    """Return the format's block; where it has a zone and says none, the clinic's is meant."""
    options = clinic.options
    if options is None or "timezone" not in type(options).model_fields:
        return options
    return options.model_copy(update={"timezone": clinic.zone})


def named_columns(feed: Feed) -> tuple[str, ...]:
    """Return the source columns a feed names; those of an item pattern are not among them."""
    names = [*feed.submitted.values(), *feed.when]
    for column in (feed.columns or {}).values():
        names += _parts(column)
    if isinstance(feed.items, dict):
        names += feed.items.values()
    elif isinstance(feed.items, list):
        names += feed.items
    return tuple(dict.fromkeys(names))


def _identifiers(feed: Feed) -> frozenset[str]:
    """Return the source columns that become pseudonyms at the door."""
    columns = (feed.columns or {}).items()
    table = TABLES[feed.table]
    return frozenset(
        part for name, one in columns if table.column(name).kind == "id" for part in _parts(one)
    )


def _expected(feed: Feed) -> frozenset[str]:
    """Return the names a header should hold, which tell it from a title."""
    if feed.columns is None:
        return frozenset(column.name for column in TABLES[feed.table].columns)
    return frozenset(part for one in feed.columns.values() for part in _parts(one))


def _parts(column: str | Join) -> list[str]:
    return column.join if isinstance(column, Join) else [column]


def _header(one: Dialect, clinic: Clinic) -> HeaderPlace:
    rows = one.header_rows or clinic.header_rows or 1
    return HeaderPlace(one.header_row or clinic.header_row, rows)


def _time_formats(one: Dialect) -> tuple[str, ...]:
    return (*one.timestamp_format, *one.date_format)
