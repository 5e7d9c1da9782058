"""Which system wrote a file: every format is shown its first rows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from transforms.errors import FileRefused
from transforms.formats.format import Format, Recognition
from transforms.formats.head import Head
from transforms.formats.recognition.registry import formats
from transforms.formats.source import JSON_SUFFIXES, WORKBOOK_SUFFIXES
from transforms.formats.tables.records import Record, Records
from transforms.formats.text.encoding import as_utf8
from transforms.formats.text.header import DELIMITERS, split

LOOKED_AT = 20
_SURE = ("high", "medium", "low")


@dataclass(frozen=True, kw_only=True)
class Recognized(Recognition):
    """What wrote a file, and why. No cell below the header is kept."""

    format: Format
    delimiter: str | None = None
    encoding: str | None = None


def recognize(path: Path, scratch: Path) -> Recognized:
    """Say which format an unpacked file has: the first that is sure, else the surest.

    Raises
    ------
    FileRefused
        F01 empty, binary or not text; F04 no header; what a format says of a file of its own that
        it cannot read, if no other is sure.
    """
    head = _head(path, scratch)
    if head.kind != "json" and not head.rows:
        for one in formats():
            if refusal := one.refusal_of_nothing(path, scratch):
                raise refusal
        raise FileRefused("F04", "The file has no header", "Export it again, unchanged")
    answers: list[tuple[Format, Recognition]] = []
    refusals: list[FileRefused] = []
    for one in formats():
        found = _asked(one, head, refusals)
        if found:
            answers.append((one, found))
    answers.sort(key=lambda answer: _SURE.index(answer[1].confidence))
    best, found = answers[0]
    if refusals and found.confidence != "high":
        raise refusals[0]
    return Recognized(**vars(found), format=best, delimiter=head.delimiter, encoding=head.encoding)


def _asked(one: Format, head: Head, refusals: list[FileRefused]) -> Recognition | None:
    try:
        return one.recognizes(head) if head.kind in one.kinds else None
    except FileRefused as refusal:
        refusals.append(refusal)
        return None


def _head(path: Path, scratch: Path) -> Head:
    """Return the first rows. The delimiter is what cuts any of them into most cells."""
    if path.suffix.lower() in JSON_SUFFIXES or _begins_as_json(path):
        return Head(path, scratch, "json", [], [])
    if path.suffix.lower() in WORKBOOK_SUFFIXES:
        with Records(path, scratch) as records:
            found = list(islice(records, LOOKED_AT))
        return Head(path, scratch, "workbook", *_apart(found))
    text = as_utf8(path, scratch)
    try:
        with text.path.open(encoding="utf-8-sig", newline=None) as stream:
            lines = [line.rstrip("\n") for line in islice(stream, LOOKED_AT)]
    finally:
        if text.path != path:
            text.path.unlink(missing_ok=True)
    delimiter = max(
        DELIMITERS, key=lambda mark: (max(len(split(one, mark)) for one in lines), mark == ",")
    )
    with Records(path, scratch, delimiter=delimiter) as records:
        found = list(islice(records, LOOKED_AT))
    return Head(path, scratch, "text", *_apart(found), delimiter, text.encoding)


def _apart(records: list[Record]) -> tuple[list[list[str]], list[int]]:
    return [cells for _, cells in records], [line for line, _ in records]


def _begins_as_json(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(64).lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"{", b"[{"))
