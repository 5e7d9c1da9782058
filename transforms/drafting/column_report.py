"""What a draft does with every column of a file: used, personal, the system's own, or unknown.

Names and counts of distinct values only.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from functools import partial

from transforms.drafting import words
from transforms.drafting.column_profiles import Profile
from transforms.drafting.yaml_text import FeedDraft, Value
from transforms.formats.format import Format
from transforms.formats.personal import asks_who
from transforms.formats.source import Source, plural

_WIDTH = 96
_PLACE = re.compile(r"\\\{(n|item|session)\\\}")


def column_report(
    source: Source,
    columns: list[Profile],
    feeds: Iterable[FeedDraft],
    format_: Format,
    client: str | None = None,
) -> Iterator[str]:
    """Yield lines that name every column of a source once.

    Parameters
    ----------
    client : the column that is the client by the system's own rule
    """
    feeds = list(feeds)
    live = _mapped((feed for feed in feeds if feed.is_active), columns)
    idle = _mapped((feed for feed in feeds if not feed.is_active), columns)
    idle |= {one.value for feed in feeds for one in feed.idle if isinstance(one.value, str)}
    groups: dict[str, list[str]] = {}
    for one in columns:
        is_key = one.name == client and one.name not in live | idle
        what, shown = (_CLIENT, one.name) if is_key else _place(one, live, idle, format_)
        groups.setdefault(what, []).append(shown)
    if source.personal:
        groups.setdefault(_PERSONAL, []).extend(source.personal)
    place = f" of {source.place}" if source.place else ""
    yield f"All {plural(len(columns) + len(source.personal), 'column')}{place}:"
    for what in _ORDER:
        if found := groups.get(what):
            text = f"{what}: {', '.join(' '.join(one.split()) for one in found)}"
            yield from textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ",
                                     break_long_words=False, break_on_hyphens=False)  # fmt: skip


_USED, _IDLE = "used", "in feeds or keys that are comments"
_CLIENT = "the client"
_PERSONAL = "about a person or the study, left out"
_SYSTEM = "the system's own, not needed"
_ATTENDANCE = "attendance, perhaps: for a feed of sessions"
_EMPTY, _UNKNOWN = "empty", "not understood, left out"
_ORDER = (_USED, _IDLE, _CLIENT, _ATTENDANCE, _PERSONAL, _SYSTEM, _EMPTY, _UNKNOWN)


def _place(one: Profile, live: set[str], idle: set[str], format_: Format) -> tuple[str, str]:
    tests = (
        (_USED, one.name in live),
        (_IDLE, one.name in idle),
        (_SYSTEM, format_.is_own_column(one.name)),
        (_PERSONAL, asks_who(one.name) or words.is_personal_name(one.name)),
        (_EMPTY, one.n_filled == 0),
        (_ATTENDANCE, bool(words.ATTENDANCE & {*words.words_of(one.name)})),
        (_PERSONAL, words.is_demographic(one.name)),
    )
    found = next((what for what, holds in tests if holds), None)
    if found:
        return found, one.name
    return _UNKNOWN, f"{one.name} ({one.n_distinct:,} distinct)"


def _mapped(feeds: Iterable[FeedDraft], columns: list[Profile]) -> set[str]:
    """Return the columns that feeds name, by themselves or by a pattern."""
    found: set[str] = set()
    for feed in feeds:
        sessions = feed.keys.get("wide", {}).get("sessions", [])
        session = "|".join(map(re.escape, sessions)) or r"\d+"
        for text in (*_texts(feed.keys), *feed.keys.get("when", {})):
            fits = re.compile(_PLACE.sub(partial(_filled, session), re.escape(text)))
            found |= {one.name for one in columns if fits.fullmatch(one.name)}
    return found


def _filled(session: str, place: re.Match[str]) -> str:
    return f"(?:{session})" if place[1] == "session" else r"\d+"


def _texts(value: Value) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
