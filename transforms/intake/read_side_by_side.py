"""Delimited exports in two files that only the order of rows joins."""

from __future__ import annotations

from pathlib import Path

import duckdb

from transforms.clinics.clinic import Clinic
from transforms.errors import FileRefused
from transforms.formats.source import ReadOptions, Source
from transforms.formats.text import reader as delimited
from transforms.formats.text.side_by_side import joined_by_row


def with_file_beside(
    path: Path,
    clinic: Clinic,
    sources: list[Source],
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
) -> list[Source]:
    """Join the one source of a delimited file with the file the YAML says lies beside it.

    Raises
    ------
    FileRefused
        F08: there is none, or its rows are not those of the export.
    """
    if clinic.beside is None:
        return sources
    (source,) = sources
    found = sorted(path.parent.glob(clinic.beside.file))
    try:
        if not found:
            raise FileRefused(
                "F08",
                f"There is no file {clinic.beside.file} beside the export",
                "Put it into the landing folder, or correct `beside` in the clinic's YAML",
            )
        options = ReadOptions(delimiter=clinic.delimiter, encoding=clinic.encoding)
        (other,) = delimited.read(found[-1], con=con, scratch=scratch, options=options)
        try:
            return [joined_by_row(con, source, other)]
        finally:
            other.drop(con)
    finally:
        source.drop(con)
