"""The feeds of a draft: which columns of one source go where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import duckdb

from transforms.drafting import words
from transforms.drafting.answer_texts import answer_texts, codes_of
from transforms.drafting.column_profiles import Profile
from transforms.drafting.column_roles import (
    Guess,
    date_column,
    date_format,
    is_bare,
    role,
)
from transforms.drafting.evidence import Evidence
from transforms.drafting.instrument_draft import instrument_lines
from transforms.drafting.instruments import (
    CHANGE_ME,
    ItemGroup,
    instrument_of,
    is_named,
    item_groups,
    labelled_group,
    named_like,
    plain_group,
)
from transforms.drafting.long_feeds import long_feeds, long_rows
from transforms.drafting.row_order import row_order
from transforms.drafting.wide_feeds import waves, wide_feeds
from transforms.drafting.yaml_text import FeedDraft, Idle, Keys
from transforms.formats.format import Format
from transforms.formats.source import Source
from transforms.instruments.definition import Instrument
from transforms.instruments.registry import Registry

DAY = "YYYY-MM-DD"
_CAPITALS = re.compile(r"\b[A-Z][A-Z-]+[A-Z0-9-]*\b")
MOST_ANSWERS = 12  # Different texts in a column of answers.


@dataclass(frozen=True)
class Drafted:
    """What is drafted of one source.

    notes : what the whole file lacks. instruments : lines of YAML for questionnaires nobody knows
    """

    feeds: list[FeedDraft]
    guesses: list[Guess]
    notes: list[str]
    instruments: list[str]


def drafted_feeds(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    columns: list[Profile],
    format_: Format,
    registry: Registry,
    own_client: str | None = None,
) -> Drafted:
    """Return the feeds, the guesses behind them and what the whole file lacks.

    Parameters
    ----------
    own_client : the column that is the client by the system's own rule, if it has one
    """
    dated = _without_other_dates(columns, format_.time_column(source.sheet))
    wide = waves(columns) if format_.has_any_shape else []
    people, guesses, notes, idle = _people(dated, format_.response_column, own_client, bool(wide))
    used = {one for name, one in people["columns"].items() if name != "session_id"}
    free = [one for one in columns if not format_.is_own_column(one.name)]
    order = row_order(con, source, free, date=_day(dated, people), used=used)
    long = long_rows(columns, people) if format_.has_any_shape else None
    instruments: list[str] = []
    if long:
        column = order.column if order else None
        feeds, more = long_feeds(con, source, long, people, registry, column)
    elif wide:
        feeds, more = wide_feeds(wide, columns, people, registry)
        if any("per_session" in feed.keys["wide"] for feed in feeds):
            notes = [note for note in notes if not note.startswith("completed_at")]
            guesses = [one for one in guesses if one.what != "completed_at"]
    else:
        known = [one for one in columns if not order or one.name != order.column]
        table = Table(con, source, known, people, format_, registry)
        feeds, more, instruments = _flat_feeds(table)
    if order and not (wide and not long):
        feeds = [order.on(feed) for feed in feeds]
        guesses = [*guesses, order.guess]
    feeds = [replace(feed, idle=(*feed.idle, *idle)) for feed in feeds]
    if format_.feed_key and source.sheet:
        feeds = [_placed(feed, format_.feed_key, source.sheet) for feed in feeds]
        about = f"{source.sheet}: completed_at is"
        notes = [note.replace("completed_at is", about, 1) for note in notes]
        guesses, more = (
            [Guess(f"{source.sheet}: {one.what}", *_rest(one)) for one in some]
            for some in (guesses, more)
        )
    if not feeds:
        return Drafted([], [], [], [])
    return Drafted(feeds, [*guesses, *more], notes, instruments)


def _without_other_dates(columns: list[Profile], own: str | None) -> list[Profile]:
    """Leave out other dates where the format says itself when a form was sent off."""
    said = [one for one in columns if one.name == own and one.is_date]
    return [one for one in columns if not one.is_date or one in said] if said else columns


def _rest(guess: Guess) -> tuple[str, str, str]:
    return guess.value, guess.confidence, guess.reason


def _placed(feed: FeedDraft, key: str, value: str) -> FeedDraft:
    table, *others = feed.keys.items()
    return replace(feed, keys=dict([table, (key, value), *others]))


def _day(columns: list[Profile], people: Keys) -> Profile | None:
    called = people["columns"].get("completed_at")
    return next((one for one in columns if one.name == called), None)


def _people(
    columns: list[Profile], own_response: str | None, own_client: str | None, is_wide: bool
) -> tuple[Keys, list[Guess], list[str], tuple[Idle, ...]]:
    """Return the keys every feed shares: columns, dates and their format."""
    mapped, guesses, notes = _client(columns, own_response, own_client, is_wide)
    for name in ("session_id", "therapist_id", "response_id", "instrument", "rater"):
        column, guess = role([one for one in columns if not one.is_date], name)
        if column and name not in mapped and column not in mapped.values():
            mapped[name] = column
            guesses.append(guess)
    day, guess = date_column(columns)
    guesses.append(guess)
    if day and guess.confidence != "high":
        notes.append(f"completed_at is {day.name}: {guess.reason}")
    keys: Keys = {"columns": mapped}
    if day is None:
        return keys | {"set": {"completed_at": DAY}}, guesses, [*notes, _no_date()], ()
    mapped["completed_at"] = day.name
    written, guess = date_format(day)
    guesses.append(guess)
    if written is None:
        return keys, guesses, notes, ()
    option = "timestamp_format" if "%H" in written or "%I" in written else "date_format"
    if guess.confidence != "low":
        return keys | {option: written}, guesses, notes, ()
    notes.append(f"day or month first in {day.name}: the dates do not say. Take in {option}")
    why = f"perhaps; {guess.reason}"
    return keys, guesses, notes, (Idle(option, written, why),)


def _client(
    columns: list[Profile], own_response: str | None, own_client: str | None, is_wide: bool
) -> tuple[Keys, list[Guess], list[str]]:
    """Tell the client's column from the number of a response, which is no person."""
    usable = [one for one in columns if not one.is_date and one.name != own_response]
    column, guess = role(usable, "client_id", is_own=own_client)
    unique = {one.name for one in columns if one.is_unique}
    mapped: Keys = {"client_id": column or CHANGE_ME}
    if own_response and any(one.name == own_response for one in columns):
        mapped["response_id"] = own_response
    if column is None and is_wide and (record := _record_of_each_row(usable)):
        guess = Guess(
            "client_id", record, "medium", "each row has its own, and sessions are columns"
        )
        return mapped | {"client_id": record}, [guess], [f"client_id is {record}: {guess.reason}"]
    if column is None:
        note = "no column names the client: write the right one for client_id"
        return mapped, [guess], [note]
    if guess.confidence == "low":
        note = f"client_id is perhaps {column}: {guess.reason}. Write the right one"
        return mapped | {"client_id": CHANGE_ME}, [guess], [note]
    if column != own_client and column in unique and not is_wide and is_bare(column):
        reason = f"{column} differs in every row: it numbers responses, not clients"
        none = Guess("client_id", CHANGE_ME, "none", reason)
        note = f"{reason}. Write the client's column for client_id"
        return {"client_id": CHANGE_ME, "response_id": column}, [none], [note]
    if guess.confidence != "high":
        return mapped, [guess], [f"client_id is {column}: {guess.reason}"]
    return mapped, [guess], []


def _record_of_each_row(columns: list[Profile]) -> str | None:
    """Return the column called like a record or a case that differs in every row, if one does."""
    found = [one.name for one in columns if one.is_unique and words.is_about(one.name, words.CASE)]
    return found[0] if len(found) == 1 else None


def _no_date() -> str:
    return f"no column holds dates: replace {DAY} by the day, or map a column to completed_at"


@dataclass(frozen=True)
class Table:
    """A table to draft feeds for: its columns, the keys all feeds share, what names it."""

    con: duckdb.DuckDBPyConnection
    source: Source
    columns: list[Profile]
    people: Keys
    format: Format
    registry: Registry

    @property
    def free(self) -> list[Profile]:
        """Columns that may still hold answers."""
        used = {one for one in self.people["columns"].values() if isinstance(one, str)}
        return [
            one
            for one in self.columns
            if one.name not in used and not self.format.is_own_column(one.name)
        ]

    @property
    def called(self) -> tuple[str, ...]:
        """What names the whole table besides its columns: a form or its URL's end, a sheet."""
        title, sheet = self.source.title, self.source.sheet or ""
        names = (sheet, sheet.rpartition("/")[2], title, *_abbreviations((title,)))
        return tuple(dict.fromkeys(filter(None, names)))


def _flat_feeds(table: Table) -> tuple[list[FeedDraft], list[Guess], list[str]]:
    """One feed per questionnaire; groups nobody knows are comments where one is known."""
    # FHIR answers are codes of any kind; so are the choices of a web survey.
    texts = table.format.has_texts or not table.format.needs_feeds
    groups = item_groups(table.free, texts=texts) or _groups_of_texts(table)
    labelled = labelled_group(table.free, table.source.labels, texts=texts)
    if labelled and not any(len(one.columns) >= len(labelled.columns) for one in groups):
        groups = [labelled]
    plain = plain_group(table.free, texts=texts) if not groups else None
    feeds, guesses, drafted = [], [], set()
    instruments: list[str] = []
    known = [*table.registry.instruments]
    for group in [*groups, *filter(None, [plain])]:
        instrument, guess = instrument_of(
            group,
            table.registry,
            called=(*table.called, *_abbreviations(table.source.labels_of(group.columns))),
            evidence=Evidence(table.con, table.source),
        )
        guesses.append(guess)
        if guess.confidence in ("low", "none") and not named_like(group.stem, known):
            instruments += instrument_lines(group)
        feed = _flat_feed(table, group, instrument, guess)
        key = instrument.key if instrument else None
        is_first = key is None or key not in drafted
        if feed.is_active:
            drafted.add(key)
        feeds.append(replace(feed, is_active=feed.is_active and is_first))
    used = {one for group in [*groups, *filter(None, [plain])] for one in group.columns}
    totals, more = _total_feeds(table, used, feeds)
    return [*feeds, *totals], [*guesses, *more], instruments


def _abbreviations(labels: tuple[str, ...]) -> Iterator[str]:
    """Yield the words in capitals: `CES-D` names a questionnaire, `Scared?` is one of its items."""
    for label in labels:
        yield from _CAPITALS.findall(label)


def _groups_of_texts(table: Table) -> list[ItemGroup]:
    """Return columns of texts that a questionnaire's name or a known response set speaks for."""
    if not table.format.has_any_shape:
        return []
    few = [one for one in table.free if 0 < one.n_distinct <= MOST_ANSWERS and not one.is_date]
    defaults = [one for one in table.registry.instruments if one.is_default]
    return [
        group
        for group in item_groups(few, texts=True)
        if named_like(group.stem, defaults)
        or answer_texts(table.con, table.source, group.columns, table.registry.known.response_sets)
    ]


def _flat_feed(
    table: Table, group: ItemGroup, instrument: Instrument | None, guess: Guess
) -> FeedDraft:
    """Write a feed; a guess below medium is a comment, its questionnaire not written into it."""
    is_sure = guess.confidence in ("high", "medium")
    notes = () if guess.confidence == "high" else (f"instrument: {guess.reason}",)
    if guess.confidence == "low":
        notes = (f"instrument: perhaps {guess.value}, by chance: {guess.reason}",)
    likely = instrument if is_sure else None
    keys = _flat_keys(table, group, likely)
    if group.pattern is None and table.format.has_any_shape and not group.stem:
        notes = (*notes, "a list of appointments? See the last example of docs/clinic-yaml.md")
    if group.low is None:
        notes = (*notes, _map_texts(table, group, likely, keys))
    if keys.get("missing_codes"):
        notes = (*notes, "missing_codes: found among the answers, far from the others")
    # Where a column names the instrument of each row, nothing is guessed.
    return FeedDraft(keys, notes, is_active=is_sure or "instrument" in keys["columns"])


def _map_texts(table: Table, group: ItemGroup, instrument: Instrument | None, keys: Keys) -> str:
    """Map answers of a known response set to the codes of a questionnaire; say what is left."""
    sets = table.registry.known.response_sets
    found = answer_texts(table.con, table.source, group.columns, sets)
    codes = codes_of(found, instrument) if instrument else None
    if codes:
        keys["values"] = {"items": codes}
        return "answers are texts of a known response set: check each code under `values`"
    if found:
        return "answers are texts of a known response set: map them under `values: {items: …}`"
    return "answers are texts: map each to its code under `values: {items: …}`"


def _total_feeds(
    table: Table, used: set[str], feeds: list[FeedDraft]
) -> tuple[list[FeedDraft], list[Guess]]:
    """Draft totals that no feed with items holds as scores the clinic computed."""
    taken = {one for feed in feeds for one in feed.keys.get("submitted", {}).values()}
    defaults = [one for one in table.registry.instruments if one.is_default]
    found, guesses = [], []
    for one in table.free:
        is_score = words.is_total(one.name) and one.is_number and not one.is_constant
        if not is_score or one.name in used | taken:
            continue
        named = named_like(one.name, defaults)
        is_known = len({other.instrument_id for other in named}) == 1
        instrument = named[0] if is_known else None
        value = instrument.instrument_id if instrument else CHANGE_ME
        sure = "medium" if instrument else "none"
        guess = Guess(f"score {one.name}", value, sure, "by its name; no items beside it")
        keys = _response_keys(table, instrument)
        keys["submitted"] = {instrument.primary_scale if instrument else "total": one.name}
        guesses.append(guess)
        notes = (f"a score the clinic computed: {guess.reason}",)
        keys |= _dialect(table.people)
        found.append(FeedDraft(keys, notes, is_active=is_known))
    return found, guesses


def _flat_keys(table: Table, group: ItemGroup, instrument: Instrument | None) -> Keys:
    keys = _response_keys(table, instrument)
    keys["items"] = group.pattern if _is_pattern(group) else list(group.columns)
    if total := _submitted(table.free, group, instrument):
        keys["submitted"] = {instrument.primary_scale if instrument else "total": total}
    by_name = {one.name: one for one in table.columns}
    codes = dict.fromkeys(code for name in group.columns for code in by_name[name].missing)
    if codes:
        keys["missing_codes"] = list(codes)
    return keys | _dialect(table.people)


def _response_keys(table: Table, instrument: Instrument | None) -> Keys:
    mapped = dict(table.people["columns"])
    constants = _constants(instrument, mapped) | dict(table.people.get("set", {}))
    mapped |= _row_key(table.source, mapped, table.format)
    return {"table": "responses", "set": constants, "columns": mapped}


def _dialect(people: Keys) -> Keys:
    return {name: one for name, one in people.items() if name not in ("columns", "set")}


def _is_pattern(group: ItemGroup) -> bool:
    return group.pattern is not None and group.pattern.count("{n}") == 1


def _constants(instrument: Instrument | None, mapped: Keys) -> Keys:
    name = instrument.instrument_id if instrument else CHANGE_ME
    constants: Keys = {} if "instrument" in mapped else {"instrument": name}
    if instrument and "instrument" in constants:
        constants["version"] = instrument.version
    if "rater" not in mapped:
        constants["rater"] = instrument.rater if instrument else "client"
    return constants


def _row_key(source: Source, mapped: Keys, format_: Format) -> Keys:
    """Tell the rows of a client apart by what the format writes for that, such as an event."""
    parts = [name for name in format_.row_parts if name in source.columns]
    if not parts or "response_id" in mapped:
        return {}
    return {"response_id": {"join": [mapped["client_id"], *parts]}}


def _submitted(
    columns: list[Profile], group: ItemGroup, instrument: Instrument | None
) -> str | None:
    found = [
        one.name
        for one in columns
        if one.name not in group.columns
        and one.is_number
        and words.is_total(one.name)
        and (
            (instrument is not None and is_named(instrument.instrument_id, one.name))
            or (group.stem != "" and one.name.startswith(group.stem))
        )
    ]
    return found[0] if len(found) == 1 else None
