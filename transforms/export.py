"""From a file a clinic exported to the tables in it, with the reader its format asks for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb

from transforms.clinic import WORKBOOK_SUFFIXES, Clinic, Feed, Join, canonical_table
from transforms.contract import TABLES
from transforms.errors import FileRefused
from transforms.export_archive import read_members
from transforms.export_fhir import read_fhir
from transforms.export_qualtrics import read_qualtrics
from transforms.export_survey import SYSTEMS, read_survey
from transforms.feeding import item_columns
from transforms.readers import delimited, redcap, workbook
from transforms.readers.source import Note, ReadOptions, Source
from transforms.registry import Registry
from transforms.reshape import reshaped


def read_export(
    path: Path,
    clinic: Clinic,
    *,
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
    registry: Registry | None = None,
) -> list[Source]:
    """Read every table of one file, or of every export in an archive.

    Parameters
    ----------
    path : Path
        The file as delivered; it is never changed.
    scratch : Path
        Folder for decoded copies. They hold raw cells: it belongs into the vault. Left empty.
    registry : Registry, optional
        FHIR only: its LOINC codes tell which instrument a questionnaire is.

    Returns
    -------
    list of Source, for `feeding.wirings_by_table`
        One per file (CSV), sheet (workbook) or form (REDCap) that a feed can read. Their
        temporary tables live in ``con`` until `Source.drop`.

    Raises
    ------
    FileRefused
        The file cannot be used; codes are in `transforms.readers.source.REFUSALS`.
    """

    def read(file: Path) -> list[Source]:
        sources = _read(file, clinic, con, scratch, registry)
        return reshaped(con, sources, clinic, file.name)

    return read_members(path, clinic, con=con, scratch=scratch, read=read)


def _read(
    path: Path,
    clinic: Clinic,
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
    registry: Registry | None,
) -> list[Source]:
    if clinic.format == "redcap":
        return _read_redcap(path, clinic, con, scratch)
    if clinic.format == "qualtrics":
        return read_qualtrics(path, clinic, con, scratch)
    if clinic.format in SYSTEMS:
        return read_survey(path, clinic, con, scratch)
    if clinic.format == "fhir":
        return read_fhir(path, clinic, con, scratch, registry or Registry(()))
    if clinic.format == "workbook" or (
        clinic.format == "canonical" and path.suffix.lower() in WORKBOOK_SUFFIXES
    ):
        return workbook.read(path, con=con, scratch=scratch, options=_workbook_options(clinic))
    if not clinic.feeds_for(path.name, None):
        raise FileRefused(
            "F06",
            "The file's name belongs to no table",
            f"Begin it with one of {', '.join(TABLES)}, or add a feed to the clinic's YAML",
        )
    return delimited.read(path, con=con, scratch=scratch, options=_text_options(path, clinic))


def _text_options(path: Path, clinic: Clinic) -> ReadOptions:
    delimiter = clinic.delimiter
    if delimiter is None and clinic.format == "canonical":
        # Not guessed: a file with semicolons mostly has decimal commas too.
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    expected = {
        column for feed in clinic.feeds_for(path.name, None) for column in _source_columns(feed)
    }
    return ReadOptions(delimiter=delimiter, encoding=clinic.encoding, expected=frozenset(expected))


def _source_columns(feed: Feed) -> set[str]:
    if feed.is_canonical:
        return {column.name for column in TABLES[feed.table].columns}
    joins = (column for column in feed.columns.values() if isinstance(column, Join))
    plain = {column for column in feed.columns.values() if isinstance(column, str)}
    return plain.union(*(join.join for join in joins))


def _workbook_options(clinic: Clinic) -> ReadOptions:
    sheets = tuple(feed.sheet for feed in clinic.feeds if feed.sheet)
    if clinic.feeds and len(sheets) == len(clinic.feeds):
        return ReadOptions(is_wanted=lambda name: name.lower() in map(str.lower, sheets))
    if clinic.feeds:
        return ReadOptions()
    return ReadOptions(is_wanted=lambda name: canonical_table(name) is not None)


def _read_redcap(
    path: Path, clinic: Clinic, con: duckdb.DuckDBPyConnection, scratch: Path
) -> list[Source]:
    dictionary = redcap.read_dictionary(_dictionary_beside(path, clinic), scratch)
    forms = {feed.form for feed in clinic.feeds if feed.form}
    _refuse_unknown_forms(forms, dictionary)
    options = ReadOptions(
        delimiter=clinic.delimiter,
        encoding=clinic.encoding,
        is_wanted=lambda form: form in forms,
    )
    sources = redcap.read(path, con=con, scratch=scratch, options=options, dictionary=dictionary)
    absent = sorted(forms - {source.sheet for source in sources})
    if absent:
        note = Note("missing_columns", f"forms not in this export: {', '.join(absent)}")
        sources[0] = replace(sources[0], notes=(*sources[0].notes, note))
    for source in sources:
        for feed in clinic.feeds_for(path.name, source.sheet):
            redcap.refuse_labels(con, source, dictionary, item_columns(feed, source).values())
    return sources


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
