"""From a file nobody described yet to a draft of the clinic's YAML, by the readers themselves.

`recognition` says which system wrote the file; the reader of that system reads it; `guesses`
looks at the names and the counts of its columns. Nothing here holds or returns a cell.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from transforms.clinics.clinic import (
    WORKBOOK_SUFFIXES,
    Clinic,
    Feed,
    canonical_table,
)
from transforms.drafting.column_profiles import Profile, profiles
from transforms.drafting.column_roles import (
    Guess,
    date_column,
    decimal_sign,
    is_called,
)
from transforms.drafting.feeds import drafted_feeds
from transforms.drafting.yaml_text import Draft, FeedDraft
from transforms.errors import FileRefused
from transforms.formats.archive import unpacked
from transforms.formats.options import FhirOptions, QualtricsOptions
from transforms.formats.qualtrics.reader import read_header
from transforms.formats.recognize import Recognized, recognize
from transforms.formats.redcap.dictionary import read_dictionary
from transforms.formats.shapes.options import Beside
from transforms.formats.source import Source
from transforms.instruments.registry import Registry
from transforms.intake.read_file import read_export

_DIGITS = re.compile(r"\d{4,}(?:[-_.]?\d+)*")
_MOST_BESIDE = 20
_EVERYONE = QualtricsOptions(previews="keep", tests="keep", spam="keep", unfinished="keep")
_EXPLAINS = (".csv", ".json", ".ndjson")


@dataclass(frozen=True)
class Inspected:
    """What was found in a file: tables with their rows, guesses, and the draft."""

    tables: tuple[tuple[str, int, int], ...]
    guesses: tuple[Guess, ...]
    notes: tuple[str, ...]
    draft: Draft


def inspect_file(
    path: Path, clinic: str, registry: Registry, *, con: duckdb.DuckDBPyConnection, scratch: Path
) -> Inspected:
    """Read one export and draft its clinic's YAML.

    Parameters
    ----------
    clinic : the clinic's id; its YAML must be called so.
    scratch : folder for decoded copies, which hold raw cells. Left empty.

    Raises
    ------
    FileRefused
        No reader can read the file; the words are the readers'.
    """
    with unpacked(path, scratch, beside=lambda name: name.lower().endswith(_EXPLAINS)) as files:
        file = _export_among(files, path, scratch)
        found = recognize(file, scratch)
        trial, sources = _read(file, found, clinic, registry, con, scratch)
        try:
            return _inspected(path, file, found, trial, sources, registry, con, scratch)
        finally:
            for source in sources:
                source.drop(con)


def _export_among(files: list[Path], path: Path, scratch: Path) -> Path:
    """Return the largest file of an archive that is no data dictionary."""
    if files == [path] or len(files) == 1:
        return files[0]
    exports = [one for one in files if not _is_dictionary(one, scratch)]
    return max(exports or files, key=lambda one: (one.stat().st_size, one.name))


def _is_dictionary(path: Path, scratch: Path) -> bool:
    try:
        read_dictionary(path, scratch)
    except (FileRefused, csv.Error):
        return False
    return True


def _read(
    file: Path,
    found: Recognized,
    clinic: str,
    registry: Registry,
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
) -> tuple[Clinic, list[Source]]:
    """Read the file as a clinic that maps nothing yet."""
    trial = _trial_clinic(file, found, clinic, scratch)
    sources = read_export(file, trial, con=con, scratch=scratch, registry=registry)
    if found.format == "qualtrics" and not sources[0].n_rows:
        # Every response was a test or a preview: their columns are those of the real ones.
        sources[0].drop(con)
        everyone = trial.model_copy(update={"qualtrics": _EVERYONE})
        return trial, read_export(file, everyone, con=con, scratch=scratch)
    has_key = _names_clients(sources[0]) or _tells_rows_apart(con, sources[0])
    if found.format == "delimited" and not has_key:
        return _with_file_beside(file, trial, sources, con, scratch)
    return trial, sources


def _names_clients(source: Source) -> bool:
    return any(is_called(name, "client_id") for name in source.columns)


def _with_file_beside(
    file: Path,
    trial: Clinic,
    sources: list[Source],
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
) -> tuple[Clinic, list[Source]]:
    """Join the file by row with one beside it, if they agree in a column both have."""
    for other in sorted(file.parent.glob("*.csv"))[:_MOST_BESIDE]:
        if other.resolve() == file.resolve():
            continue
        joined = trial.model_copy(update={"beside": Beside(file=file_pattern(other.name))})
        try:
            both = read_export(file, joined, con=con, scratch=scratch)
        except FileRefused:
            continue
        if any("agree in" in note.text for note in both[0].notes):
            for source in sources:
                source.drop(con)
            return joined, both
        for source in both:
            source.drop(con)
    return trial, sources


def _tells_rows_apart(con: duckdb.DuckDBPyConnection, source: Source) -> bool:
    """Whether a column that is no date and no measure differs in every row."""
    return any(
        one.n_distinct == source.n_rows and not (one.is_date or one.n_points or one.n_commas)
        for one in profiles(con, source)
    )


def _trial_clinic(file: Path, found: Recognized, clinic: str, scratch: Path) -> Clinic:
    delimiter = None if found.delimiter == "," else found.delimiter
    feeds = [Feed(table="responses", columns={})]
    if found.format == "canonical":
        is_told = canonical_table(file.name) or file.suffix.lower() in WORKBOOK_SUFFIXES
        feeds = [] if is_told else [Feed(table="responses")]
    if found.format == "redcap":
        dictionary = read_dictionary(file.parent / found.dictionary, scratch)
        feeds = [Feed(table="responses", form=form, columns={}) for form in dictionary.forms]
    if found.format == "fhir":
        feeds = []
    return Clinic(
        clinic=clinic,
        format=found.format,
        delimiter=delimiter,
        header_row=found.header_row,
        dictionary=found.dictionary,
        fhir=FhirOptions(companions=list(found.companions)),
        feeds=feeds,
    )


def _inspected(
    path: Path,
    file: Path,
    found: Recognized,
    trial: Clinic,
    sources: list[Source],
    registry: Registry,
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
) -> Inspected:
    by_source = [
        (one, _own_columns(profiles(con, one), one, found, file, scratch)) for one in sources
    ]
    everything = [column for _, columns in by_source for column in columns]
    guesses = [
        Guess("format", found.format, found.confidence, found.reason),
        *_dialect_guesses(found),
        decimal_sign(everything),
    ]
    notes: list[str] = []
    if trial.qualtrics == _EVERYONE:
        notes.append("all responses are tests, previews or unfinished: the draft leaves them out")
    feeds: list[FeedDraft] = []
    if found.format not in ("canonical", "fhir"):
        for source, columns in by_source:
            some, more, said = drafted_feeds(source, columns, found.format, registry)
            feeds += some
            guesses += more
            notes += said
        highest = max((feed.rank for feed in feeds), default=0)
        feeds = [replace(one, is_active=one.is_active and one.rank == highest) for one in feeds]
        if not feeds:
            notes.append("no column looks like an answer: write the feeds yourself")
    elif trial.feeds:
        notes.append("canonical names, but the file's name belongs to no table")
        feeds = [FeedDraft({"table": "responses"})]
    if found.format in ("canonical", "fhir"):
        guesses += _canonical_guesses(everything)
    keys = _top_keys(path, found, trial, guesses)
    notes = list(dict.fromkeys(notes))
    draft = Draft(path.name, keys, tuple(feeds), tuple(notes), tuple(guesses))
    tables = tuple((one.place or path.name, one.n_rows, len(one.columns)) for one in sources)
    said = tuple(note.text for one in sources for note in one.notes)
    return Inspected(tables, tuple(guesses), said, draft)


def _own_columns(
    columns: list[Profile], source: Source, found: Recognized, file: Path, scratch: Path
) -> list[Profile]:
    """Leave out the second names of a Qualtrics column: a mapping should use the id."""
    if found.format != "qualtrics":
        return columns
    ids = {column.id for column in read_header(file, scratch).columns}
    return [one for one in columns if one.name in ids]


def _dialect_guesses(found: Recognized) -> list[Guess]:
    """Say what a text file is written in; workbooks and JSON have no dialect."""
    if found.delimiter is None:
        return []
    shown = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}[found.delimiter]
    guesses = [
        Guess("encoding", found.encoding or "utf-8", "high", "the bytes decode as it"),
        Guess("delimiter", shown, "high", "it cuts the rows into most cells"),
    ]
    if found.header_row:
        reason = "the first row as wide as the others that holds names"
        guesses.append(Guess("header_row", str(found.header_row), "medium", reason))
    if found.dictionary:
        guesses.append(Guess("dictionary", found.dictionary, "high", "it names the columns"))
    return guesses


def _canonical_guesses(columns: list[Profile]) -> list[Guess]:
    items = [one for one in columns if re.fullmatch(r"item_\d+", one.name, re.I)]
    _, when = date_column(columns)
    reason = "items are read by number, the instrument by the column instrument"
    return [when, Guess("items", f"{len(items)} columns", "high", reason)] if items else [when]


def _top_keys(
    path: Path, found: Recognized, trial: Clinic, guesses: list[Guess]
) -> dict[str, object]:
    """Return the keys above the feeds; what is recognized anyway is left out."""
    keys: dict[str, object] = {"clinic": trial.clinic, "format": found.format}
    keys["files"] = file_pattern(path.name)
    if found.format == "canonical":
        keys["files"] = f"*{path.suffix}"
    if found.dictionary:
        keys["dictionary"] = file_pattern(found.dictionary)
    if trial.delimiter:
        keys["delimiter"] = "tab" if trial.delimiter == "\t" else trial.delimiter
    if trial.header_row:
        keys["header_row"] = trial.header_row
    if any(one.what == "decimal" and one.value == "," for one in guesses):
        keys["decimal"] = ","
    if trial.beside:
        keys["beside"] = {"file": trial.beside.file}
    if found.companions:
        keys["fhir"] = {"companions": [file_pattern(name) for name in found.companions]}
    return keys


def file_pattern(name: str) -> str:
    """Return a pattern for the deliveries to come: long numbers, such as dates, may change.

    Examples
    --------
    >>> file_pattern("Lakeside_DATA_2026-05-01.csv"), file_pattern("data[1].csv")
    ('Lakeside_DATA_*.csv', 'data[[]1].csv')
    """
    return _DIGITS.sub("*", name.replace("[", "[[]"))
