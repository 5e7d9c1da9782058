"""From a file a clinic exported to the tables in it, with the reader its format asks for."""

from __future__ import annotations

from pathlib import Path

import duckdb

from transforms.clinics.clinic import Clinic
from transforms.contract import TABLES
from transforms.errors import FileRefused
from transforms.formats.source import WORKBOOK_SUFFIXES, Source
from transforms.formats.text import reader as delimited
from transforms.formats.workbook import reader as workbook
from transforms.instruments.registry import Registry
from transforms.intake.layout import text_options, workbook_options
from transforms.intake.missing_codes import refuse_codes_in_range
from transforms.intake.read_archive import read_members
from transforms.intake.read_fhir import read_fhir
from transforms.intake.read_qualtrics import read_qualtrics
from transforms.intake.read_redcap import read_redcap
from transforms.intake.read_side_by_side import with_file_beside
from transforms.intake.read_survey import SYSTEMS, read_survey
from transforms.intake.reshape import reshaped


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
        Its LOINC codes tell which instrument a FHIR questionnaire is, its ranges whether a
        missing code is an answer.

    Returns
    -------
    list of Source, for `feeding.wirings_by_table`
        One per file (CSV), sheet (workbook) or form (REDCap) that a feed can read. Their
        temporary tables live in ``con`` until `Source.drop`.

    Raises
    ------
    FileRefused
        The file cannot be used; codes are in `transforms.formats.source.REFUSALS`.
    """

    def read(file: Path) -> list[Source]:
        sources = _read(file, clinic, con, scratch, registry)
        return reshaped(con, sources, clinic, file.name)

    return read_members(path, clinic, con=con, scratch=scratch, read=read)


def _to_read_it(clinic: Clinic) -> str:
    file = f"{clinic.clinic}.yml"
    if clinic.feeds:
        return f"It fits `files` of no feed in {file}. Correct a pattern there, or add a feed"
    draft = f"describe it in config/clinics/{file}, which `rapport inspect` drafts"
    return f"Begin it with one of {', '.join(TABLES)}, or {draft}"


def _read(
    path: Path,
    clinic: Clinic,
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
    registry: Registry | None,
) -> list[Source]:
    refuse_codes_in_range(clinic, clinic.feeds, registry or Registry(()))
    if clinic.format == "redcap":
        return read_redcap(path, clinic, con, scratch)
    if clinic.format == "qualtrics":
        return read_qualtrics(path, clinic, con, scratch)
    if clinic.format in SYSTEMS:
        return read_survey(path, clinic, con, scratch)
    if clinic.format == "fhir":
        return read_fhir(path, clinic, con, scratch, registry or Registry(()))
    if clinic.format == "workbook" or (
        clinic.format == "canonical" and path.suffix.lower() in WORKBOOK_SUFFIXES
    ):
        return workbook.read(
            path, con=con, scratch=scratch, options=workbook_options(path.name, clinic)
        )
    if not clinic.feeds_for(path.name, None):
        raise FileRefused("F06", "The file's name belongs to no table", _to_read_it(clinic))
    options = text_options(path.name, clinic)
    sources = delimited.read(path, con=con, scratch=scratch, options=options)
    return with_file_beside(path, clinic, sources, con, scratch)
