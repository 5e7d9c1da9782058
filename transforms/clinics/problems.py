"""What can be wrong in a clinic's YAML beyond single values: keys that do not fit each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches

from transforms.clinics.clinic import (
    ITEM,
    SUBMITTED,
    Clinic,
    Feed,
)
from transforms.clinics.date_formats import conflicting_formats
from transforms.contract import TABLES
from transforms.formats.format import Problem
from transforms.formats.recognition.registry import blocks, formats


def problems(clinic: Clinic) -> Iterator[Problem]:
    """Yield what is wrong beyond single values: (path of keys, what, remedy)."""
    yield from clinic.own_format.problems(clinic)
    for block in blocks():
        if block.is_optional and getattr(clinic, block.key) and block != clinic.own_format.block:
            owners = ", ".join(one.name for one in formats() if one.block == block)
            yield (block.key,), f"is for `format: {owners}`", "Leave it out"
    if clinic.own_format.needs_feeds and not clinic.feeds:
        yield ("format",), f"{clinic.format} needs `feeds`", "Say which table each source fills"
    yield from _date_problems(clinic)
    for number, feed in enumerate(clinic.feeds):
        for path, what, remedy in _feed_problems(clinic, feed):
            yield ("feeds", number, *path), what, remedy


def unregistered(clinic: Clinic, instruments: Collection[str]) -> Iterator[str]:
    """Say which instruments the feeds name that nobody defined; their rows would be held back."""
    for number, feed in enumerate(clinic.feeds, 1):
        given = (feed.constants.get("instrument"), *feed.values.get("instrument", {}).values())
        for name in filter(None, given):
            if name not in instruments:
                similar = get_close_matches(name, sorted(instruments), n=1)
                remedy = f"Did you mean {similar[0]}" if similar else "docs/instruments lists them"
                where = f"{clinic.clinic}.yml: feeds.{number}"
                yield f"{where}: {name} is not in config/instruments. {remedy}."


def _date_problems(clinic: Clinic) -> Iterator[Problem]:
    """Formats that read one text as two days: which one holds would be guessed row by row."""
    dialects = [((), clinic), *((("feeds", n), feed) for n, feed in enumerate(clinic.feeds))]
    for path, one in dialects:
        dates = one.date_format or clinic.date_format
        times = one.timestamp_format or clinic.timestamp_format
        conflict = conflicting_formats((*times, *dates))
        if conflict:
            key = "date_format" if one.date_format else "timestamp_format"
            yield (*path, key), f"{' and '.join(conflict)} read one text as two days", "Keep one"


def _feed_problems(clinic: Clinic, feed: Feed) -> Iterator[Problem]:
    table = TABLES[feed.table]
    known = {column.name for column in table.columns}
    for key in ("constants", "columns"):
        for column in getattr(feed, key) or {}:
            if column not in known:
                yield _unknown_column("set" if key == "constants" else key, column, feed)
    for column in feed.values:
        if column != "items" and column not in known and not ITEM.fullmatch(column):
            yield _unknown_column("values", column, feed)
    for column in feed.constants:
        if column in known and table.column(column).kind == "id":
            yield ("set", column), f"{column} cannot be the same in all rows", "Map a source column"
    yield from _missing_and_misplaced(feed, table.required)
    yield from _shape_problems(clinic, feed)


def _missing_and_misplaced(feed: Feed, required: tuple[str, ...]) -> Iterator[Problem]:
    given = {*(feed.columns or {}), *feed.constants}
    # A misspelt one is told once.
    given |= {near for column in given if (near := _closest_name(column, feed))}
    missing = [] if feed.is_canonical else [column for column in required if column not in given]
    if missing:
        yield (), f"{feed.table} gets no {', '.join(missing)}", "Add it to `columns` or `set`"
    if feed.table != "responses":
        for key in ("items", "submitted", "skip_unanswered"):
            if getattr(feed, key):
                yield (key,), f"{feed.table} has no answers", "Move it to a feed of responses"
    if isinstance(feed.items, str) and "{n}" not in feed.items:
        yield ("items",), "the pattern has no {n}", "Write {n} where the item's number stands"
    for scale in feed.submitted:
        if not SUBMITTED.fullmatch(f"submitted_{scale}"):
            yield ("submitted", scale), "not a scale's name", "Use lowercase letters, digits and _"


def _shape_problems(clinic: Clinic, feed: Feed) -> Iterator[Problem]:
    shape = feed.wide or feed.long
    if shape is None:
        return
    key = "wide" if feed.wide else "long"
    if feed.wide and feed.long:
        yield ("long",), "a feed has `wide` or `long`, not both", "Keep one"
    if feed.is_canonical:
        yield (key,), "needs `columns`", "Say which source column is the client's id, and so on"
    for other in ("items", "submitted"):
        if getattr(feed, other):
            yield (other,), f"stands in `{key}` already", f"Move it into `{key}`"
    if not clinic.own_format.may_be_reshaped:
        yield (key,), f"{clinic.format} exports have a row per response", "Leave it out"
    if feed.table != "responses" and (feed.long or shape.items or shape.submitted):
        yield (key,), f"{feed.table} has no answers", "Move it to a feed of responses"
    for scale in shape.submitted:
        if not SUBMITTED.fullmatch(f"submitted_{scale}"):
            yield (key, "submitted", scale), "not a scale's name", "Use lowercase letters and _"


def _unknown_column(key: str, column: str, feed: Feed) -> Problem:
    known = ", ".join(one.name for one in TABLES[feed.table].columns)
    closest = _closest_name(column, feed)
    remedy = f"Did you mean {closest}" if closest else f"Known are {known}"
    return (key, column), f"{feed.table} has no column {column}", remedy


def _closest_name(column: str, feed: Feed) -> str | None:
    """Return the canonical column that a misspelt one resembles."""
    names = [one.name for one in TABLES[feed.table].columns]
    return next(iter(get_close_matches(column, names, n=1, cutoff=0.8)), None)
