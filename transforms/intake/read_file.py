"""From a file a clinic exported to the tables in it, read by its format."""

from __future__ import annotations

from pathlib import Path

import duckdb

from transforms.clinics.clinic import Clinic
from transforms.errors import FileRefused
from transforms.formats.source import Source
from transforms.instruments.registry import Registry
from transforms.intake.doubled_columns import refuse_doubled
from transforms.intake.missing_codes import refuse_codes_in_range
from transforms.intake.read_archive import read_members
from transforms.intake.request import request_for
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
    list of Source, for `column_mapping.mappings_by_table`
        One per file (CSV), sheet (workbook) or form (REDCap) that a feed can read. Their
        temporary tables live in ``con`` until `Source.drop`.

    Raises
    ------
    FileRefused
        The file cannot be used; codes are in `transforms.formats.source.REFUSALS`.
    """

    known = registry or Registry(())

    def read(file: Path) -> list[Source]:
        refuse_codes_in_range(clinic, clinic.feeds, known)
        request = request_for(file, clinic, con=con, scratch=scratch, registry=known)
        sources = clinic.own_format.read(request)
        try:
            refuse_doubled(clinic, file.name, sources)
        except FileRefused:
            for source in sources:
                source.drop(con)
            raise
        return reshaped(con, sources, clinic, file.name)

    return read_members(path, clinic, con=con, scratch=scratch, read=read)
