"""REDCap exports with what the clinic's YAML says about them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb

from transforms.clinics.clinic import Clinic, Feed
from transforms.errors import FileRefused
from transforms.formats.redcap import reader as redcap
from transforms.formats.source import Note, ReadOptions, Source
from transforms.intake.column_mapping import columns_fitting, item_columns, mapped_columns


def read_redcap(
    path: Path, clinic: Clinic, con: duckdb.DuckDBPyConnection, scratch: Path
) -> list[Source]:
    """Read one export with its data dictionary; refuse (F07) labels where codes are scored."""
    dictionary = redcap.read_dictionary(_dictionary_beside(path, clinic), scratch)
    forms = {feed.form for feed in clinic.feeds if feed.form}
    _refuse_unknown_forms(forms, dictionary)
    feeds = [feed for feed in clinic.feeds if feed.form in forms]
    codes = {code for one in (clinic, *feeds) for code in one.missing_codes}
    sources = redcap.read(
        path,
        con=con,
        scratch=scratch,
        options=ReadOptions(
            delimiter=clinic.delimiter,
            encoding=clinic.encoding,
            is_wanted=lambda form: form in forms,
        ),
        dictionary=dictionary,
        rules=clinic.redcap,
        missing_codes=tuple(sorted(codes)),
        mapped=frozenset().union(*(_mapped(feed, dictionary) for feed in feeds)),
    )
    try:
        return _checked(con, sources, clinic, path, dictionary, forms)
    except FileRefused:
        for source in sources:
            source.drop(con)
        raise


def _checked(
    con: duckdb.DuckDBPyConnection,
    sources: list[Source],
    clinic: Clinic,
    path: Path,
    dictionary: redcap.Dictionary,
    forms: set[str],
) -> list[Source]:
    absent = sorted(forms - {source.sheet for source in sources})
    if absent:
        note = Note("missing_columns", f"forms not in this export: {', '.join(absent)}")
        sources[0] = replace(sources[0], notes=(*sources[0].notes, note))
    if clinic.redcap.labels == "refuse":
        for source in sources:
            for feed in clinic.feeds_for(path.name, source.sheet):
                redcap.refuse_labels(con, source, dictionary, item_columns(feed, source).values())
    return sources


def _mapped(feed: Feed, dictionary: redcap.Dictionary) -> set[str]:
    """Return the columns a feed reads, its item pattern read against the dictionary."""
    names = mapped_columns(feed)
    if isinstance(feed.items, str):
        names |= set(columns_fitting(feed.items, tuple(dictionary.fields)).values())
    return names


def _refuse_unknown_forms(forms: set[str], dictionary: redcap.Dictionary) -> None:
    unknown = sorted(forms - set(dictionary.forms))
    if unknown:
        raise FileRefused(
            "F08",
            f"The data dictionary has no form {', '.join(unknown)}",
            f"Correct `form` in the clinic's YAML; there are {', '.join(dictionary.forms)}",
        )


def _dictionary_beside(path: Path, clinic: Clinic) -> Path:
    found = sorted(path.parent.glob(clinic.dictionary))
    if not found:
        raise FileRefused(
            "F08",
            f"There is no data dictionary {clinic.dictionary} beside the export",
            "Download it in REDCap (Data Dictionary) and put it into the landing folder",
        )
    return found[-1]
