"""Delimited text of any dialect, its columns mapped by the clinic's YAML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from transforms.contract import TABLES
from transforms.errors import FileRefused
from transforms.formats.format import Block, Format, Recognition, file_pattern
from transforms.formats.head import Head
from transforms.formats.options import Options
from transforms.formats.request import Request
from transforms.formats.source import ReadOptions, Source
from transforms.formats.text import reader
from transforms.formats.text.options import Beside
from transforms.formats.text.side_by_side import joined_by_row

_MOST_BESIDE = 20


class Delimited(Format):
    """Any delimited text."""

    name = "delimited"
    order = 20
    block = Block(
        "beside", Beside, "Delimited exports in two files that only the order of rows joins."
    )
    kinds = frozenset({"text"})
    may_be_reshaped = True
    has_any_shape = True

    def recognizes(self, head: Head) -> Recognition:
        """Take any text, though nothing speaks for it."""
        return Recognition("no system's own header was found", "medium", head.header_row)

    def read(self, request: Request) -> list[Source]:
        """Read one file, and the one beside it where the YAML names one."""
        return _side_by_side(request, read_text(request, request.delimiter))

    def companions(self, options: Options | None) -> list[str]:
        """Return the name pattern of the file beside it."""
        return [options.file] if isinstance(options, Beside) else []

    def joined(self, path: Path) -> Iterator[Options]:
        """Yield the block that joins each of the files beside it."""
        for other in sorted(path.parent.glob("*.csv"))[:_MOST_BESIDE]:
            if other.resolve() != path.resolve():
                yield Beside(file=file_pattern(other.name))


def read_text(request: Request, delimiter: str | None) -> list[Source]:
    """Read a delimited file as the feeds that read it expect it.

    Raises
    ------
    FileRefused
        F06: no feed reads it; else what the reader raises.
    """
    feeds = request.feeds_for(None)
    if not feeds:
        raise FileRefused("F06", "The file's name belongs to no table", _to_read_it(request))
    options = ReadOptions(
        delimiter=delimiter,
        encoding=request.encoding,
        expected=frozenset().union(*(feed.expected for feed in feeds)),
        header_of=request.header_of,
    )
    return reader.read(request.path, con=request.con, scratch=request.scratch, options=options)


def _to_read_it(request: Request) -> str:
    if request.feeds:
        return (
            f"It fits `files` of no feed in {request.yaml}. Correct a pattern there, or add a feed"
        )
    draft = f"describe it in config/clinics/{request.yaml}, which `rapport inspect` drafts"
    return f"Begin it with one of {', '.join(TABLES)}, or {draft}"


def _side_by_side(request: Request, sources: list[Source]) -> list[Source]:
    """Join the one source of a file with the file the YAML says lies beside it.

    Raises
    ------
    FileRefused
        F08: there is none, or its rows are not those of the export.
    """
    if request.options is None:
        return sources
    (source,) = sources
    pattern = request.block(Beside).file
    found = request.file_beside(pattern)
    try:
        if found is None:
            raise FileRefused(
                "F08",
                f"There is no file {pattern} beside the export",
                "Put it into the landing folder, or correct `beside` in the clinic's YAML",
            )
        options = ReadOptions(**request.dialect)
        (other,) = reader.read(found, con=request.con, scratch=request.scratch, options=options)
        try:
            return [joined_by_row(request.con, source, other)]
        finally:
            other.drop(request.con)
    finally:
        source.drop(request.con)
