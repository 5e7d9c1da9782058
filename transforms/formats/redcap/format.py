"""REDCap: flat exports with their data dictionary, raw or labels."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

from transforms.errors import FileRefused
from transforms.formats.format import Block, DeclaredClinic, Format, Problem, Recognition
from transforms.formats.head import Head
from transforms.formats.header import columns_fitting
from transforms.formats.redcap import reader
from transforms.formats.redcap.dictionary import Dictionary, read_dictionary
from transforms.formats.redcap.options import RedcapOptions
from transforms.formats.request import FeedRequest, Request
from transforms.formats.source import Note, ReadOptions, Source

_OWN = re.compile(r"redcap_[a-z_]+|.+_complete")
_LARGEST_DICTIONARY = 16 * 1024**2
_LARGEST_BLANK = 64


class Redcap(Format):
    """One wide file, cut into a table per form."""

    name = "redcap"
    order = 30
    block = Block("redcap", RedcapOptions)
    may_be_reshaped = True
    feed_key = "form"
    row_parts = ("redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance")

    def recognizes(self, head: Head) -> Recognition | None:
        """Look for a data dictionary beside the file.

        Raises
        ------
        FileRefused
            F08: there is none, though the columns are REDCap's.
        """
        names = head.names
        dictionary = _dictionary_of(head.path, names, head.scratch)
        if dictionary:
            reason = "a data dictionary beside the file describes its columns"
            return Recognition(reason, dictionary=dictionary)
        has_record = names[0] == "record_id" or any(name.startswith("redcap_") for name in names)
        if has_record and any(map(_OWN.fullmatch, names)):
            raise FileRefused(
                "F08",
                "This is a REDCap export, and no data dictionary lies beside it",
                "Download it in REDCap (Data Dictionary) and put it beside the file",
            )
        return None

    def refusal_of_nothing(self, path: Path, scratch: Path) -> FileRefused | None:
        """Say what a file without any row is, if a data dictionary lies beside it."""
        beside = (*path.parent.glob("*.csv"), *path.parent.glob("*.xlsx"))
        others = (one for one in beside if one.name != path.name)
        return no_records() if any(_dictionary(one, scratch) for one in others) else None

    def problems(self, clinic: DeclaredClinic) -> Iterator[Problem]:
        """Yield that there is no dictionary, and feeds without a form."""
        if not clinic.dictionary:
            yield ("format",), "redcap needs `dictionary`", "Name the data dictionary's file"
        for number, feed in enumerate(clinic.feeds):
            if not feed.form:
                where = ("feeds", number)
                yield where, "a REDCap feed needs `form`", "Name the form as in the data dictionary"

    def read(self, request: Request) -> list[Source]:
        """Read one export with its dictionary; refuse (F07) labels where codes are scored."""
        dictionary = read_dictionary(_dictionary_beside(request), request.scratch)
        if _is_blank(request.path):
            raise no_records()
        feeds = [feed for feed in request.feeds if feed.form]
        forms = {feed.form for feed in feeds}
        _refuse_unknown_forms(forms, dictionary)
        codes = request.missing_codes.union(*(feed.missing_codes for feed in feeds))
        sources = reader.read(
            request.path,
            con=request.con,
            scratch=request.scratch,
            options=ReadOptions(**request.dialect, is_wanted=lambda form: form in forms),
            dictionary=dictionary,
            rules=request.block(RedcapOptions),
            missing_codes=tuple(sorted(codes)),
            mapped=frozenset().union(*(_mapped(feed, dictionary) for feed in feeds)),
            named={form: _named(form, feeds) for form in forms},
            of_record=frozenset().union(*(feed.identifiers for feed in feeds)),
        )
        try:
            return _checked(request, sources, dictionary, forms)
        except FileRefused:
            for source in sources:
                source.drop(request.con)
            raise

    def explains(self, path: Path, scratch: Path) -> bool:
        """Whether a file is a data dictionary."""
        return _dictionary(path, scratch) is not None

    def forms(self, path: Path, found: Recognition, scratch: Path) -> list[str | None]:
        """Return the forms of the dictionary."""
        return [*read_dictionary(path.parent / cast(str, found.dictionary), scratch).forms]

    def is_own_column(self, name: str) -> bool:
        """Whether REDCap writes a column itself, such as the state of a form."""
        return _OWN.fullmatch(name) is not None

    def client_column(self, path: Path, found: Recognition, scratch: Path) -> str:
        """Return the record id: the dictionary's first field, whatever it is called."""
        return read_dictionary(path.parent / cast(str, found.dictionary), scratch).record_id

    def time_column(self, form: str | None) -> str:
        """Return the column of a survey's time."""
        return f"{form}_timestamp"


def _is_blank(path: Path) -> bool:
    with path.open("rb") as stream:
        return not stream.read(_LARGEST_BLANK).strip(b"\xef\xbb\xbf\r\n ")


def no_records() -> FileRefused:
    """Return the refusal of an export of no records, in which REDCap writes no header either."""
    return FileRefused(
        "F04",
        "The export has no records: REDCap wrote no row, and so no header",
        "Choose records in the export, or leave the file out: nothing is lost by that",
    )


def _dictionary(path: Path, scratch: Path) -> Dictionary | None:
    try:
        return read_dictionary(path, scratch)
    except (FileRefused, csv.Error):
        return None


def _dictionary_of(path: Path, names: list[str], scratch: Path) -> str | None:
    """Return the file beside the export whose fields are most of its columns."""
    best, most = None, 0
    beside = (*path.parent.glob("*.csv"), *path.parent.glob("*.xlsx"))
    for one in sorted(beside):
        if one.resolve() == path.resolve() or not one.is_file():
            continue
        if one.stat().st_size > _LARGEST_DICTIONARY:
            continue
        dictionary = _dictionary(one, scratch)
        if dictionary is None:
            continue
        shared = len(set(names) & set(dictionary.fields))
        if dictionary.record_id in names and shared >= max(most, 1):
            best, most = one.name, shared
    return best


def _checked(
    request: Request, sources: list[Source], dictionary: Dictionary, forms: set[str | None]
) -> list[Source]:
    absent = sorted(str(form) for form in forms - {source.sheet for source in sources})
    if absent:
        note = Note("missing_columns", f"forms not in this export: {', '.join(absent)}")
        sources[0] = replace(sources[0], notes=(*sources[0].notes, note))
    if request.block(RedcapOptions).labels == "refuse":
        for source in sources:
            for feed in request.feeds_for(source.sheet):
                reader.refuse_labels(request.con, source, dictionary, feed.item_columns(source))
    return sources


def _named(form: str | None, feeds: list[FeedRequest]) -> frozenset[str]:
    """Return the columns that the feeds of a form name themselves, of whatever form they are."""
    return frozenset(name for feed in feeds if feed.form == form for name in feed.columns)


def _mapped(feed: FeedRequest, dictionary: Dictionary) -> Iterable[str]:
    """Return the columns a feed reads, its item pattern read against the dictionary."""
    if feed.pattern is None:
        return feed.columns
    fitting = columns_fitting(feed.pattern, tuple(dictionary.fields))
    return {*feed.columns, *fitting.values()}


def _refuse_unknown_forms(forms: set[str | None], dictionary: Dictionary) -> None:
    unknown = sorted(str(form) for form in forms - set(dictionary.forms))
    if unknown:
        raise FileRefused(
            "F08",
            f"The data dictionary has no form {', '.join(unknown)}",
            f"Correct `form` in the clinic's YAML; there are {', '.join(dictionary.forms)}",
        )


def _dictionary_beside(request: Request) -> Path:
    found = request.file_beside(request.dictionary)
    if found is None:
        raise FileRefused(
            "F08",
            f"There is no data dictionary {request.dictionary} beside the export",
            "Download it in REDCap (Data Dictionary) and put it into the landing folder",
        )
    return found
