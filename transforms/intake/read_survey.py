"""Exports of web surveys with what the clinic's YAML says about them."""

from __future__ import annotations

from pathlib import Path

import duckdb

from transforms.clinics.clinic import Clinic, Feed, Join
from transforms.contract import TABLES
from transforms.formats.source import ReadOptions, Source
from transforms.formats.surveys import google_forms, limesurvey, microsoft_forms, surveymonkey
from transforms.formats.surveys import reader as survey
from transforms.intake.column_mapping import mapped_columns

# The system's reading of the header, and how many rows that is.
SYSTEMS = {
    "limesurvey": (limesurvey.layout_of, 1),
    "google_forms": (google_forms.layout_of, 1),
    "microsoft_forms": (microsoft_forms.layout_of, 1),
    "surveymonkey": (surveymonkey.layout_of, 2),
}


def read_survey(
    path: Path, clinic: Clinic, con: duckdb.DuckDBPyConnection, scratch: Path
) -> list[Source]:
    """Read one export of the system the clinic declares."""
    feeds = clinic.feeds_for(path.name, None)
    layout_of, n_header_rows = SYSTEMS[clinic.format]
    return survey.read(
        path,
        con=con,
        scratch=scratch,
        options=ReadOptions(delimiter=clinic.delimiter, encoding=clinic.encoding),
        rules=clinic.survey.model_copy(update={"timezone": clinic.zone}),
        layout_of=layout_of,
        n_header_rows=n_header_rows,
        time_formats=time_formats(clinic, feeds),
        identifiers=frozenset(_identifiers(feeds)),
        mapped=frozenset().union(*map(mapped_columns, feeds)),
    )


def time_formats(clinic: Clinic, feeds: list[Feed]) -> tuple[str, ...]:
    """Return the declared formats of times, the feeds' before the clinic's."""
    formats = [*clinic.timestamp_format, *clinic.date_format]
    for feed in feeds:
        formats = [*feed.timestamp_format, *feed.date_format, *formats]
    return tuple(dict.fromkeys(formats))


def _identifiers(feeds: list[Feed]) -> set[str]:
    """Return the source columns that become pseudonyms at the door."""
    return {
        part
        for feed in feeds
        for column, source in (feed.columns or {}).items()
        if TABLES[feed.table].column(column).kind == "id"
        for part in _parts(source)
    }


def _parts(source: str | Join) -> list[str]:
    return source.join if isinstance(source, Join) else [source]
