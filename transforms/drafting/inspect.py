"""From a file nobody described yet to a draft of the clinic's YAML, by the readers themselves.

`recognize` says which system wrote the file; its format reads it; `column_roles` and `feeds`
look at the names and the counts of its columns. Nothing here holds or returns a cell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from transforms.clinics.clinic import Clinic, Feed, Join
from transforms.drafting.column_profiles import Profile, profiles
from transforms.drafting.column_report import column_report
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
from transforms.formats.format import UnknownForm, file_pattern
from transforms.formats.options import Options
from transforms.formats.recognition.recognize import Recognized, recognize
from transforms.formats.recognition.registry import formats
from transforms.formats.source import WORKBOOK_SUFFIXES, Note, Source
from transforms.instruments.registry import Registry
from transforms.intake.read_file import read_export

_ALL_COMMENTS = (
    "no questionnaire is sure: take the comment marks off the feeds that are right, and write "
    "their instrument"
)
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
            client = found.format.client_column(file, found, scratch)
            return _inspected(path, found, trial, sources, registry, con, client)
        finally:
            for source in sources:
                source.drop(con)


def _export_among(files: list[Path], path: Path, scratch: Path) -> Path:
    """Return the largest file of an archive that is no data dictionary."""
    if files == [path] or len(files) == 1:
        return files[0]
    exports = [one for one in files if not _explains(one, scratch)]
    return max(exports or files, key=lambda one: (one.stat().st_size, one.name))


def _explains(path: Path, scratch: Path) -> bool:
    return any(one.explains(path, scratch) for one in formats())


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
    try:
        sources = read_export(file, trial, con=con, scratch=scratch, registry=registry)
    except FileRefused as refusal:
        forms = found.format.unexplained(file, found, scratch) if refusal.code == "F08" else []
        if not forms:
            raise
        trial = trial.model_copy(update={"feeds": _form_feeds(forms)})
        sources = read_export(file, trial, con=con, scratch=scratch, registry=registry)
        missing = [Note("missing", f"not there: {one.missing}") for one in forms if one.missing]
        sources[0] = replace(sources[0], notes=(*sources[0].notes, *missing))
    everything = found.format.everything
    if everything and not sources[0].n_rows:
        # Every response is one that is left out: their columns are those of the others.
        sources[0].drop(con)
        trial = _with_options(trial, everything)
        return trial, read_export(file, trial, con=con, scratch=scratch, registry=registry)
    others = [*found.format.joined(file)]
    if not others or _names_clients(sources[0]) or _tells_rows_apart(con, sources[0]):
        return trial, sources
    return _joined(file, trial, sources, others, con, scratch)


def _with_options(trial: Clinic, options: Options) -> Clinic:
    block = trial.own_format.block
    return trial.model_copy(update={block.key: options}) if block else trial


def _names_clients(source: Source) -> bool:
    return any(is_called(name, "client_id") for name in source.columns)


def _joined(
    file: Path,
    trial: Clinic,
    sources: list[Source],
    others: list[Options],
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
) -> tuple[Clinic, list[Source]]:
    """Join the file by row with another, if they agree in a column both have."""
    for options in others:
        joined = _with_options(trial, options)
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
    block, options = found.format.block, found.options
    own = {block.key: options} if block and options else {}
    return Clinic.model_validate(
        {
            "clinic": clinic,
            "format": found.format.name,
            "delimiter": delimiter,
            "header_row": found.header_row,
            "dictionary": found.dictionary,
            "feeds": _trial_feeds(file, found, scratch),
            **own,
        }
    )


def _form_feeds(forms: list[UnknownForm]) -> list[Feed]:
    """Map every column of some forms, and of the others what their format knows itself."""
    feeds = [Feed(table="responses", form=one.name, columns={}, items=one.columns) for one in forms]
    return [*feeds, Feed(table="responses")]


def _trial_feeds(file: Path, found: Recognized, scratch: Path) -> list[Feed]:
    if found.format.needs_feeds:
        forms = found.format.forms(file, found, scratch)
        columns: dict[str, str | Join] = dict(found.format.trial_columns or {})
        return [Feed(table="responses", form=form, columns=columns) for form in forms]
    has_place = file.suffix.lower() in WORKBOOK_SUFFIXES
    is_told = has_place or found.format.table_of(file.name, None)
    return [] if is_told else [Feed(table="responses")]


def _inspected(
    path: Path,
    found: Recognized,
    trial: Clinic,
    sources: list[Source],
    registry: Registry,
    con: duckdb.DuckDBPyConnection,
    client: str | None,
) -> Inspected:
    by_source = [(one, profiles(con, one)) for one in sources]
    everything = [column for _, columns in by_source for column in columns]
    guesses = [
        Guess("format", found.format.name, found.confidence, found.reason),
        *_dialect_guesses(found),
        decimal_sign(everything),
    ]
    notes = [one.text for source in sources for one in source.notes if one.kind == "missing"]
    if trial.options and trial.options == found.format.everything:
        notes.append("no response counts: all are tests, previews or unfinished, and left out")
    is_mapped = found.format.needs_feeds or any(feed.form for feed in trial.feeds)
    feeds: list[FeedDraft] = []
    instruments: list[str] = []
    if is_mapped:
        for source, columns in by_source:
            drafted = drafted_feeds(con, source, columns, found.format, registry, client)
            feeds += drafted.feeds
            guesses += drafted.guesses
            notes += drafted.notes
            instruments += drafted.instruments
        if not feeds:
            notes.append("no column looks like an answer: write the feeds yourself")
        elif not any(feed.is_active for feed in feeds):
            notes.append(_ALL_COMMENTS)
    elif trial.feeds:
        notes.append("canonical names, but the file's name belongs to no table")
        feeds = [FeedDraft({"table": "responses"})]
    if not is_mapped:
        guesses += _canonical_guesses(everything)
    keys = _top_keys(path, found, trial, guesses)
    notes = list(dict.fromkeys(notes))
    said_of_columns = [
        line
        for source, columns in by_source
        for line in column_report(
            source, columns, _about(feeds, source, found), found.format, client
        )
    ]
    draft = Draft(
        path.name,
        keys,
        tuple(feeds),
        tuple(notes),
        tuple(guesses),
        (*said_of_columns, *instruments) if is_mapped else (),
    )
    tables = tuple((one.place or path.name, one.n_rows, len(one.columns)) for one in sources)
    said = tuple(note.text for one in sources for note in one.notes)
    return Inspected(tables, tuple(guesses), said, draft)


def _about(feeds: list[FeedDraft], source: Source, found: Recognized) -> list[FeedDraft]:
    """Return the feeds that read a source: several forms or sheets have columns of one name."""
    key = found.format.feed_key
    return [feed for feed in feeds if not key or feed.keys.get(key) in (None, source.sheet)]


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
    keys: dict[str, object] = {"clinic": trial.clinic, "format": trial.format}
    keys["files"] = found.format.drafted_files(path)
    if trial.dictionary:
        keys["dictionary"] = file_pattern(trial.dictionary)
    if trial.delimiter:
        keys["delimiter"] = "tab" if trial.delimiter == "\t" else trial.delimiter
    if trial.header_row:
        keys["header_row"] = trial.header_row
    if any(one.what == "decimal" and one.value == "," for one in guesses):
        keys["decimal"] = ","
    block = found.format.block
    if block and trial.options and trial.options != found.format.everything:
        said = found.format.drafted_block(trial.options)
        keys |= {block.key: said} if said else {}
    return keys
