"""The feeds of a draft: which columns of one source go where."""

from __future__ import annotations

import re
from dataclasses import replace

from transforms.drafting.column_profiles import Profile
from transforms.drafting.column_roles import (
    Guess,
    date_column,
    date_format,
    role,
)
from transforms.drafting.instruments import (
    CHANGE_ME,
    ItemGroup,
    instrument_of,
    is_named,
    item_groups,
    plain_group,
)
from transforms.drafting.wide_feeds import waves, wide_feeds
from transforms.drafting.yaml_text import FeedDraft, Keys
from transforms.formats.format import Format
from transforms.formats.source import Source
from transforms.instruments.definition import Instrument
from transforms.instruments.registry import Registry

DAY = "YYYY-MM-DD"
_TOTAL = re.compile(r"total|sum|score", re.I)
Drafted = tuple[list[FeedDraft], list[Guess], list[str]]


def drafted_feeds(
    source: Source, columns: list[Profile], format_: Format, registry: Registry
) -> Drafted:
    """Return the feeds, the guesses behind them and what the whole file lacks."""
    dated = _without_other_dates(columns, format_.time_column(source.sheet))
    people, guesses, notes = _people(dated)
    wide = waves(columns) if format_.has_any_shape else []
    long = _long(columns, people) if format_.has_any_shape else None
    if long:
        feeds, more = _long_feeds(long, people)
    elif wide:
        feeds, more = wide_feeds(wide, columns, people, registry)
        if any("per_session" in feed.keys["wide"] for feed in feeds):
            notes = [note for note in notes if not note.startswith("completed_at")]
            guesses = [one for one in guesses if one.what != "completed_at"]
    else:
        feeds, more = _flat_feeds(source, columns, people, format_, registry)
    if format_.feed_key and source.sheet:
        feeds = [_placed(feed, format_.feed_key, source.sheet) for feed in feeds]
        about = f"{source.sheet}: completed_at is"
        notes = [note.replace("completed_at is", about, 1) for note in notes]
        guesses, more = (
            [Guess(f"{source.sheet}: {one.what}", *_rest(one)) for one in some]
            for some in (guesses, more)
        )
    return (feeds, [*guesses, *more], notes) if feeds else ([], [], [])


def _without_other_dates(columns: list[Profile], own: str | None) -> list[Profile]:
    """Leave out other dates where the format says itself when a form was sent off."""
    said = [one for one in columns if one.name == own and one.is_date]
    return [one for one in columns if not one.is_date or one in said] if said else columns


def _rest(guess: Guess) -> tuple[str, str, str]:
    return guess.value, guess.confidence, guess.reason


def _placed(feed: FeedDraft, key: str, value: str) -> FeedDraft:
    table, *others = feed.keys.items()
    return replace(feed, keys=dict([table, (key, value), *others]))


def _people(columns: list[Profile]) -> tuple[Keys, list[Guess], list[str]]:
    """Return the keys every feed shares: columns, dates and their format."""
    mapped: Keys = {}
    guesses, notes = [], []
    for name in ("client_id", "session_id", "therapist_id", "response_id", "instrument", "rater"):
        column, guess = role([one for one in columns if not one.is_date], name)
        if column and column not in mapped.values():
            mapped[name] = column
            guesses.append(guess)
        elif name == "client_id":
            guesses.append(guess)
            mapped[name] = CHANGE_ME
            notes.append("no column names the client: write the right one for client_id")
    dated, guess = date_column(columns)
    guesses.append(guess)
    if dated and guess.confidence != "high":
        notes.append(f"completed_at is {dated.name}: {guess.reason}")
    keys: Keys = {"columns": mapped}
    if dated is None:
        return keys | {"set": {"completed_at": DAY}}, guesses, [*notes, _no_date()]
    mapped["completed_at"] = dated.name
    written, guess = date_format(dated)
    guesses.append(guess)
    if written:
        option = "timestamp_format" if "%H" in written or "%I" in written else "date_format"
        keys[option] = written
        if guess.confidence == "low":
            notes.append(f"day or month first in {dated.name}: the dates do not say ({written})")
    return keys, guesses, notes


def _no_date() -> str:
    return f"no column holds dates: replace {DAY} by the day, or map a column to completed_at"


def _flat_feeds(
    source: Source,
    columns: list[Profile],
    people: Keys,
    format_: Format,
    registry: Registry,
) -> tuple[list[FeedDraft], list[Guess]]:
    """One feed per questionnaire; groups nobody knows are comments where one is known."""
    texts = format_.has_texts
    used = {one for one in people["columns"].values() if isinstance(one, str)}
    free = [one for one in columns if one.name not in used]
    groups = item_groups(free, texts=texts)
    plain = plain_group(free, texts=texts) if not groups else None
    feeds, guesses, drafted = [], [], set()
    found = [
        (group, *instrument_of(group, registry)) for group in [*groups, *filter(None, [plain])]
    ]
    for group, instrument, guess in found:
        guesses.append(guess)
        key = instrument.key if instrument else None
        is_active = key is None or key not in drafted
        rank = 2 if key else int(group.pattern is not None)
        drafted.add(key)
        notes = () if guess.confidence == "high" else (f"instrument: {guess.reason}",)
        keys = _flat_keys(source, free, group, instrument, people, format_)
        if group is plain and format_.has_any_shape:
            notes = (*notes, "a list of appointments? See the last example of docs/clinic-yaml.md")
        if texts and group.low is None:
            notes = (*notes, "answers are texts: map each to its code under `values: {items: …}`")
        feeds.append(FeedDraft(keys, notes, is_active, rank))
    return feeds, guesses


def _flat_keys(
    source: Source,
    columns: list[Profile],
    group: ItemGroup,
    instrument: Instrument | None,
    people: Keys,
    format_: Format,
) -> Keys:
    mapped = dict(people["columns"])
    constants = _constants(instrument, mapped) | dict(people.get("set", {}))
    mapped |= _row_key(source, mapped, format_)
    keys: Keys = {"table": "responses", "set": constants, "columns": mapped}
    keys["items"] = group.pattern if _is_pattern(group) else list(group.columns)
    if instrument and (total := _submitted(columns, group, instrument)):
        keys["submitted"] = {instrument.primary_scale: total}
    return keys | {name: one for name, one in people.items() if name not in ("columns", "set")}


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


def _submitted(columns: list[Profile], group: ItemGroup, instrument: Instrument) -> str | None:
    found = [
        one.name
        for one in columns
        if one.name not in group.columns
        and one.is_number
        and _TOTAL.search(one.name)
        and (is_named(instrument.instrument_id, one.name) or one.name.startswith(group.stem))
    ]
    return found[0] if len(found) == 1 else None


def _long(columns: list[Profile], people: Keys) -> tuple[Profile, Profile] | None:
    """Return the columns with the item and with the answer of a file with a row per answer."""
    found = []
    for wanted in (r"item([ _-]?(id|no|nr|code|number))?|question([ _-]?(id|code))?",
                   r"value|answer|response|result|score"):  # fmt: skip
        fits = [one for one in columns if re.fullmatch(wanted, one.name.strip(), re.I)]
        if len(fits) != 1 or fits[0].name in people["columns"].values():
            return None
        found.append(fits[0])
    return found[0], found[1]


def _long_feeds(long: tuple[Profile, Profile], people: Keys) -> tuple[list[FeedDraft], list[Guess]]:
    item, answer = long
    mapped = dict(people["columns"])
    key = [mapped[name] for name in ("client_id", "completed_at", "session_id") if name in mapped]
    shape: Keys = {"key": key, "item": item.name, "value": answer.name}
    notes: tuple[str, ...] = ("which columns together are one response: `key`",)
    if not item.is_number:
        shape["items"] = f"{CHANGE_ME}{{n}}"
        notes = (*notes, "items: write the items' codes with {n} for the number")
    constants = _constants(None, mapped) | dict(people.get("set", {}))
    keys: Keys = {"table": "responses", "columns": mapped, "long": shape}
    if constants:
        keys["set"] = constants
    extra = {k: v for k, v in people.items() if k not in ("columns", "set")}
    guess = Guess("a row per answer", f"{item.name}, {answer.name}", "medium", "by their names")
    return [FeedDraft(keys | extra, notes)], [guess]
