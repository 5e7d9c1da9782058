"""The exports in an archive, each read as if it lay in the landing folder itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import duckdb

from transforms.clinics.clinic import Clinic
from transforms.errors import FileRefused
from transforms.formats.archive import unpacked
from transforms.formats.source import Source, in_archive

Read = Callable[[Path], list[Source]]


def read_members(
    path: Path, clinic: Clinic, *, con: duckdb.DuckDBPyConnection, scratch: Path, read: Read
) -> list[Source]:
    """Read a file, or every export in an archive; all of them or none.

    Files that the clinic's YAML calls a dictionary or companion are laid beside the members,
    whether they come in the archive or lie next to it.

    Raises
    ------
    FileRefused
        What ``read`` raises, with the member's name; F06 if the archive holds no export.
    """
    sources: list[Source] = []
    with unpacked(path, scratch, beside=clinic.is_dictionary) as files:
        if files == [path]:
            return read(path)
        try:
            for file in _exports(path, files, clinic):
                sources += _read_member(file, read)
        except BaseException:
            for source in sources:
                source.drop(con)
            raise
    return sources


def _exports(path: Path, files: list[Path], clinic: Clinic) -> list[Path]:
    """Return the files of an archive that are exports; refuse if there is none."""
    takes_all = fnmatchcase(path.name, clinic.files)
    exports = [
        file
        for file in files
        if not clinic.is_dictionary(file.name)
        and (takes_all or fnmatchcase(file.name, clinic.files))
    ]
    if exports:
        return exports
    raise FileRefused(
        "F06",
        f"No file in the archive fits the pattern `files: {clinic.files}`",
        "Correct the pattern in the clinic's YAML, or take the archive away",
    )


def _read_member(file: Path, read: Read) -> list[Source]:
    try:
        return [replace(source, member=file.name) for source in read(file)]
    except FileRefused as found:
        refusal = found
    # Raised outside the handler, so that nothing is chained to it.
    raise in_archive(file.name, refusal)
