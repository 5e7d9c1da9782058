"""Which system wrote a file: the readers' own recognition of a header, tried one after another."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from transforms.contract import TABLES, canonical_table
from transforms.errors import FileRefused
from transforms.formats.header import checked_header
from transforms.formats.options import SurveyOptions
from transforms.formats.qualtrics.header import parse_header
from transforms.formats.records import Records
from transforms.formats.redcap.dictionary import read_dictionary
from transforms.formats.source import WORKBOOK_SUFFIXES
from transforms.formats.surveys import limesurvey, surveymonkey
from transforms.formats.surveys.header import tidy
from transforms.formats.text.encoding import as_utf8
from transforms.formats.text.header import DELIMITERS, split

LOOKED_AT = 20
_GOOGLE_TIMES = ("timestamp", "zeitstempel", "horodateur", "marca temporal", "tidsmerke",
                 "tijdstempel", "informazioni cronologiche", "carimbo de data/hora")  # fmt: skip
_LIME_OWN = frozenset({"submitdate", "lastpage", "startlanguage", "datestamp", "startdate"})
_REDCAP = re.compile(r"redcap_[a-z_]+|.+_complete")
_RESOURCE = re.compile(r'"resourceType"\s*:\s*"(\w+)"')
_LARGEST_DICTIONARY = 16 * 1024**2
_JSON = (".json", ".ndjson", ".jsonl")


@dataclass(frozen=True)
class Recognized:
    """What wrote a file, how sure that is, and why. No cell below the header is kept.

    header_row : where the names stand if not in the first line
    dictionary : what explains the export, beside it
    companions : FHIR files that explain the export, beside it
    """

    format: str
    confidence: str
    reason: str
    delimiter: str | None = None
    encoding: str | None = None
    header_row: int | None = None
    dictionary: str | None = None
    companions: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Head:
    rows: list[list[str]]
    lines: list[int]
    delimiter: str | None = None
    encoding: str | None = None


def recognize(path: Path, scratch: Path) -> Recognized:
    """Say which format an unpacked file has.

    Raises
    ------
    FileRefused
        F01 empty, binary or not text; F04 no header; F08 REDCap without its data dictionary.
    """
    if path.suffix.lower() in _JSON or _begins_as_json(path):
        others = tuple(_fhir_beside(path))
        return Recognized("fhir", "high", "the file is JSON", companions=others)
    head = _head(path, scratch)
    if not head.rows:
        raise FileRefused("F04", "The file has no header", "Export it again, unchanged")
    return next(_found(path, head, scratch))


def _found(path: Path, head: _Head, scratch: Path) -> Iterator[Recognized]:
    dialect = {"delimiter": head.delimiter, "encoding": head.encoding}
    first = [tidy(cell) for cell in head.rows[0]]
    if _is_canonical(path, first):
        yield Recognized("canonical", "high", "the columns have canonical names", **dialect)
    dictionary = _redcap_dictionary(path, first, scratch)
    if dictionary:
        reason = "a data dictionary beside the file describes its columns"
        yield Recognized("redcap", "high", reason, **dialect, dictionary=dictionary)
    for name, reason in _surveys(head):
        yield Recognized(name, "high", reason, **dialect)
    if sum(bool(_REDCAP.fullmatch(name)) for name in first) and _is_redcap(first):
        raise FileRefused(
            "F08",
            "This is a REDCap export, and no data dictionary lies beside it",
            "Download it in REDCap (Data Dictionary) and put it beside the file",
        )
    place = _header_place(head)
    kind = "workbook" if path.suffix.lower() in WORKBOOK_SUFFIXES else "delimited"
    row = head.lines[place] if place else None
    yield Recognized(kind, "medium", "no system's own header was found", **dialect, header_row=row)


def _head(path: Path, scratch: Path) -> _Head:
    """Return the first rows. The delimiter is what cuts any of them into most cells."""
    if path.suffix.lower() in WORKBOOK_SUFFIXES:
        with Records(path, scratch) as records:
            found = list(islice(records, LOOKED_AT))
        return _Head([cells for _, cells in found], [line for line, _ in found])
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
    rows = [cells for _, cells in found]
    return _Head(rows, [line for line, _ in found], delimiter, text.encoding)


def _begins_as_json(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(64).lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"{", b"[{"))


def _fhir_beside(path: Path) -> Iterator[str]:
    for one in sorted(path.parent.iterdir()):
        if one != path and one.suffix.lower() in _JSON and one.is_file():
            with one.open(encoding="utf-8", errors="replace") as stream:
                kinds = set(_RESOURCE.findall(stream.read(65_536)))
            # Other responses are exports of their own.
            if kinds and "QuestionnaireResponse" not in kinds:
                yield one.name


def _is_canonical(path: Path, names: list[str]) -> bool:
    table = canonical_table(path.name) or "responses"
    return set(TABLES[table].required) <= {name.lower() for name in names}


def _redcap_dictionary(path: Path, names: list[str], scratch: Path) -> str | None:
    """Return the file beside the export whose fields are most of its columns."""
    best, most = None, 0
    for one in sorted(path.parent.glob("*.csv")):
        if one.resolve() == path.resolve() or not one.is_file():
            continue
        if one.stat().st_size > _LARGEST_DICTIONARY:
            continue
        try:
            dictionary = read_dictionary(one, scratch)
        except (FileRefused, csv.Error):
            continue
        shared = len(set(names) & set(dictionary.fields))
        if dictionary.record_id in names and shared >= max(most, 1):
            best, most = one.name, shared
    return best


def _is_redcap(names: list[str]) -> bool:
    return any(name.startswith("redcap_") for name in names) or names[0] == "record_id"


def _surveys(head: _Head) -> Iterator[tuple[str, str]]:
    if _reads(lambda: parse_header(head.rows[:3])):
        yield "qualtrics", "the header rows are those of Qualtrics"
    one, two = head.rows[:1], [[tidy(cell) for cell in row] for row in head.rows[:2]]
    names = two[0]
    if len(two) == 2 and _reads(lambda: surveymonkey.layout_of(two, SurveyOptions(), frozenset())):
        yield "surveymonkey", "two header rows begin with Respondent ID"
    if _reads(lambda: limesurvey.layout_of(one, SurveyOptions(unfinished="keep"), frozenset())):
        layout = limesurvey.layout_of(one, SurveyOptions(unfinished="keep"), frozenset())
        if len({field.name for field in layout.fields} & _LIME_OWN) > 1:
            yield "limesurvey", "the header has LimeSurvey's own columns"
    if len(names) > 5 and names[0].lower() == "id" and "mail" in names[3].lower():
        yield "microsoft_forms", "ID, two times, e-mail and name come first"
    if names[0].lower() in _GOOGLE_TIMES and len(names) > 1:
        yield "google_forms", "the first column is Google's time of sending"


def _reads(action) -> bool:
    try:
        action()
    except FileRefused:
        return False
    return True


def _header_place(head: _Head) -> int:
    """Return the first row as wide as the widest that holds names and no values."""
    widths = [sum(bool(cell.strip()) for cell in row) for row in head.rows]
    for place, (row, width) in enumerate(zip(head.rows, widths, strict=True)):
        if width >= 0.8 * max(widths) and _reads(lambda row=row: checked_header(row)):
            return place
    return 0
