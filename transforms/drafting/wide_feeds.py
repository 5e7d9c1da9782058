"""The feeds of a file with a row per client: columns whose names differ in the session only."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from transforms.drafting.column_profiles import Profile
from transforms.drafting.column_roles import Guess
from transforms.drafting.instruments import (
    CHANGE_ME,
    ItemGroup,
    instrument_of,
    named_like,
)
from transforms.drafting.yaml_text import FeedDraft, Value
from transforms.formats.source import plural
from transforms.instruments.definition import Instrument
from transforms.instruments.registry import Registry

FEWEST_NUMBERS = 3  # `phq9_1`, `phq9_2` alone are items; three sessions or more are a course.
_MARK = r"(?:s|t|w|sess|session|visit|week|wave|time)[_ -]?"
_WORDS = "baseline|intake|pre|mid|post|end|discharge|follow_?up|fu[1-9]?"
_SESSION = (
    re.compile(rf"(?P<before>.+[_ .-]{_MARK})(?P<session>\d+)(?P<after>.*)", re.I),
    re.compile(rf"(?P<before>{_MARK})(?P<session>\d+)(?P<after>[_ .-].+)", re.I),
    re.compile(rf"(?P<before>.+[_ .-])(?P<session>{_WORDS})(?P<after>)", re.I),
)
_FIRST_WORDS = ("baseline", "intake", "pre")


@dataclass(frozen=True)
class Waves:
    """Columns of one questionnaire at several sessions.

    pattern : holds {session}, and {item} where there are items
    sessions : as written, in the order of the columns
    low, high : limits of the numbers in them
    """

    pattern: str
    sessions: tuple[str, ...]
    n_items: int
    low: float | None
    high: float | None

    @property
    def stem(self) -> str:
        """What names the questionnaire: what stands before the item, without the session."""
        before = self.pattern.partition("{item}")[0] if self.n_items else self.pattern
        return (before.rpartition("{session}")[2] if self.n_items else before).strip("_ .-")


def waves(columns: list[Profile]) -> list[Waves]:
    """Return the questionnaires whose columns a session's number or word tells apart."""
    series = {
        pattern: some
        for pattern, some in _by_session([one for one in columns if one.is_number]).items()
        if _is_course(some)
    }
    numbered: dict[str, dict[int, str]] = defaultdict(dict)
    for pattern in series:
        for match in re.finditer(r"\d+", pattern):
            whole = f"{pattern[: match.start()]}{{item}}{pattern[match.end() :]}"
            numbered[whole].setdefault(int(match[0]), pattern)
    found, taken = [], set()
    for whole, items in sorted(numbered.items(), key=lambda one: -len(one[1])):
        if len(items) > 1 and not taken & {*items.values()} and "}{" not in whole:
            taken |= {*items.values()}
            found.append(_waves(whole, [series[pattern] for pattern in items.values()], len(items)))
    return found + [
        _waves(pattern, [some], 0) for pattern, some in series.items() if pattern not in taken
    ]


def wide_feeds(
    found: list[Waves], columns: list[Profile], people: dict[str, Value], registry: Registry
) -> tuple[list[FeedDraft], list[Guess]]:
    """Return a feed per questionnaire, with the date of each session where there is one."""
    dates = _by_session([one for one in columns if one.is_date])
    feeds, guesses = [], []
    for one in found:
        instrument, guess = _instrument(one, registry)
        guesses.append(guess)
        day = next((p for p, some in dates.items() if {*one.sessions} <= {*some}), None)
        is_low = guess.confidence == "low"
        notes = () if guess.confidence == "high" else (f"instrument: {guess.reason}",)
        if is_low:
            notes = (f"instrument: perhaps {guess.value}, by chance: {guess.reason}",)
            instrument = None
        if day is None:
            notes += ("one date for all sessions: see `dates` and `per_session` in docs/formats",)
        feeds.append(
            FeedDraft(
                _keys(one, instrument, day, people),
                notes,
                is_active=not is_low,
                rank=2 if instrument else 1,
            )
        )
    return feeds, guesses


def _by_session(columns: list[Profile]) -> dict[str, dict[str, Profile]]:
    """Return the columns by name with {session} in place of the session, then by session."""
    found: dict[str, dict[str, Profile]] = defaultdict(dict)
    for one in columns:
        match = next(filter(None, (form.fullmatch(one.name) for form in _SESSION)), None)
        if match:
            found[f"{match['before']}{{session}}{match['after']}"][match["session"]] = one
    return found


def _is_course(some: dict[str, Profile]) -> bool:
    words = {session.lower() for session in some if not session.isdigit()}
    return bool(words & {*_FIRST_WORDS}) if words else len(some) >= FEWEST_NUMBERS


def _waves(pattern: str, series: list[dict[str, Profile]], n_items: int) -> Waves:
    profiles = [one for some in series for one in some.values()]
    sessions = tuple(dict.fromkeys(session for some in series for session in some))
    lows = [one.low for one in profiles if one.low is not None]
    highs = [one.high for one in profiles if one.high is not None]
    return Waves(pattern, sessions, n_items, min(lows, default=None), max(highs, default=None))


def _instrument(one: Waves, registry: Registry) -> tuple[Instrument | None, Guess]:
    what = f"wide {one.pattern}"
    sessions = plural(len(one.sessions), "session")
    if one.n_items:
        names = tuple(f"{one.stem}{number}" for number in range(1, one.n_items + 1))
        numbers = tuple(range(1, one.n_items + 1))
        group = ItemGroup(f"{one.stem}{{n}}", names, numbers, one.low, one.high)
        instrument, guess = instrument_of(group, registry)
        return instrument, Guess(what, guess.value, guess.confidence, f"{guess.reason}; {sessions}")
    named = named_like(one.stem, [other for other in registry.instruments if other.is_default])
    instrument = named[0] if len({other.instrument_id for other in named}) == 1 else None
    if instrument is None:
        return None, Guess(what, CHANGE_ME, "none", f"no known name; {sessions}")
    return instrument, Guess(what, instrument.instrument_id, "medium", f"by name; {sessions}")


def _keys(
    one: Waves, instrument: Instrument | None, day: str | None, people: dict[str, Value]
) -> dict[str, Value]:
    client = people["columns"]["client_id"]
    mapped: dict[str, Value] = {
        "client_id": client,
        "session_id": {"join": [client, "_session"]},
    }
    if "therapist_id" in people["columns"]:
        mapped["therapist_id"] = people["columns"]["therapist_id"]
    shape: dict[str, Value] = {}
    if one.n_items:
        shape["items"] = one.pattern
    else:
        shape["submitted"] = {instrument.primary_scale if instrument else "total": one.pattern}
    if not all(session.isdigit() for session in one.sessions):
        shape["sessions"] = list(one.sessions)
    constants: dict[str, Value] = {
        "instrument": instrument.instrument_id if instrument else CHANGE_ME
    }
    if instrument:
        constants |= {"version": instrument.version}
    constants |= {"rater": instrument.rater if instrument else "client"}
    if day:
        shape["per_session"] = {"date": day}
        mapped["completed_at"] = "date"
    elif "completed_at" in people["columns"]:
        mapped["completed_at"] = people["columns"]["completed_at"]
    else:
        constants |= people.get("set", {})
    extra = {key: value for key, value in people.items() if key not in ("columns", "set")}
    return {"table": "responses", "set": constants, "columns": mapped, "wide": shape} | extra
