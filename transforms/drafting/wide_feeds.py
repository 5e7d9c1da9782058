"""The feeds of a file with a row per client: columns whose names differ in the session only."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace

from transforms.drafting import words
from transforms.drafting.column_profiles import Profile
from transforms.drafting.column_roles import Guess
from transforms.drafting.instruments import (
    CHANGE_ME,
    ItemGroup,
    instrument_of,
    named_like,
)
from transforms.drafting.row_order import order_of_sessions
from transforms.drafting.yaml_text import FeedDraft, Keys
from transforms.formats.source import plural
from transforms.instruments.definition import Instrument
from transforms.instruments.registry import Registry

FEWEST_NUMBERS = 3  # `phq9_1`, `phq9_2` alone are items; three sessions or more are a course.
_MARK = rf"(?:{'|'.join(sorted(words.SESSION_MARKS, key=len, reverse=True))})[_ -]?"
_WORDS = "|".join(sorted(words.PHASES, key=len, reverse=True)) + r"|follow_?up\d?|fu\d"
_SESSION = (
    re.compile(rf"(?P<before>.+[_ .-]{_MARK})(?P<session>\d+)(?P<after>.*)", re.I),
    re.compile(rf"(?P<before>{_MARK})(?P<session>\d+)(?P<after>[_ .-].+)", re.I),
    re.compile(rf"(?P<before>.+[_ .-])(?P<session>{_WORDS})(?P<after>)", re.I),
)


@dataclass(frozen=True)
class Waves:
    """Columns of one questionnaire at several sessions.

    pattern : holds {session}, and {item} where there are items
    sessions : as written, in the order of the columns
    low, high : limits of the numbers in them
    rest : columns of the questionnaire at sessions that the pattern does not fit
    """

    pattern: str
    sessions: tuple[str, ...]
    n_items: int
    low: float | None
    high: float | None
    rest: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """What names the questionnaire: what stands before the item, without the session."""
        before = self.pattern.partition("{item}")[0] if self.n_items else self.pattern
        return (before.rpartition("{session}")[2] if self.n_items else before).strip("_ .-")


def waves(columns: list[Profile]) -> list[Waves]:
    """Return the questionnaires whose columns a session's number or word tells apart."""
    numbers = [one for one in columns if one.is_number and not words.is_birth(one.name)]
    series = {pattern: some for pattern, some in _by_session(numbers).items() if _is_course(some)}
    spelled = _spelled_otherwise(numbers, series)
    taken = {one.name for wave in spelled for one in wave.columns}
    series = {
        pattern: some
        for pattern, some in series.items()
        if not taken & {one.name for one in some.values()}
    }
    numbered: dict[str, dict[int, str]] = defaultdict(dict)
    for pattern in series:
        for match in re.finditer(r"\d+", pattern):
            whole = f"{pattern[: match.start()]}{{item}}{pattern[match.end() :]}"
            numbered[whole].setdefault(int(match[0]), pattern)
    found = [wave.waves() for wave in spelled]
    done: set[str] = set()
    for whole, items in sorted(numbered.items(), key=lambda one: -len(one[1])):
        if len(items) > 1 and not done & {*items.values()} and "}{" not in whole:
            done |= {*items.values()}
            found.append(_waves(whole, [series[pattern] for pattern in items.values()], len(items)))
    return found + [
        _waves(pattern, [some], 0) for pattern, some in series.items() if pattern not in done
    ]


@dataclass(frozen=True)
class _Spelled:
    """Scores of one questionnaire whose sessions are written in several ways, in their order."""

    before: str
    columns: tuple[Profile, ...]

    def waves(self) -> Waves:
        fits = [one for one in self.columns if one.name.lower().startswith(self.before.lower())]
        fits = [one for one in fits if one.name.startswith(self.before)]
        sessions = {one.name.removeprefix(self.before): one for one in fits}
        rest = tuple(one.name for one in self.columns if one not in fits)
        return replace(_waves(f"{self.before}{{session}}", [sessions], 0), rest=rest)


def _spelled_otherwise(
    columns: list[Profile], series: dict[str, dict[str, Profile]]
) -> list[_Spelled]:
    """Return the scores whose sessions no single spelling has all of."""
    by_core: dict[tuple[str, ...], list[tuple[tuple[int, int], Profile]]] = defaultdict(list)
    for one in columns:
        if found := words.session_of(one.name):
            core, place = found
            by_core[core].append((place, one))
    whole = [{one.name for one in some.values()} for some in series.values()]
    letters = Counter(_letters(core) for core in by_core)
    spelled = []
    for core, members in by_core.items():
        names = {one.name for _, one in members}
        has_first = any(place[0] == 0 for place, _ in members)
        is_course = len(members) >= FEWEST_NUMBERS or (has_first and len(members) > 1)
        # Cores that differ in a number only are items of one questionnaire.
        if is_course and letters[_letters(core)] == 1 and names not in whole:
            ordered = [one for _, one in sorted(members, key=lambda member: member[0])]
            spelled.append(_Spelled(_common_start([one.name for one in ordered]), tuple(ordered)))
    return [one for one in spelled if one.before]


def _letters(core: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in core if not word.isdigit())


def _common_start(names: list[str]) -> str:
    """Return what most names begin with: the questionnaire, and the mark all of them have."""
    starts = Counter(found[0] for name in names if (found := re.match(r"[A-Za-z]*\d*", name)))
    start, _ = starts.most_common(1)[0]
    own = [name for name in names if name.startswith(start)]
    return start + ("_" if all(name[len(start) :].startswith("_") for name in own) else "")


def wide_feeds(
    found: list[Waves], columns: list[Profile], people: Keys, registry: Registry
) -> tuple[list[FeedDraft], list[Guess]]:
    """Return a feed per questionnaire, with the date of each session where there is one."""
    dates = _by_session([one for one in columns if one.is_date])
    feeds, guesses = [], []
    for one in found:
        instrument, guess = _instrument(one, registry)
        guesses.append(guess)
        day = next((p for p, some in dates.items() if {*one.sessions} <= {*some}), None)
        day = day or _day_spelled_alike(one, columns)
        is_sure = guess.confidence in ("high", "medium")
        notes: tuple[str, ...] = ()
        if guess.confidence != "high":
            notes = (f"instrument: {guess.reason}",)
        if guess.confidence == "low":
            notes = (f"instrument: perhaps {guess.value}, by chance: {guess.reason}",)
            instrument = None
        if one.rest:
            notes += (f"not among its sessions, spelled otherwise: {', '.join(one.rest)}",)
        if day is None:
            notes += ("one date for all sessions: see `dates` and `per_session` in docs/formats",)
        drafted = FeedDraft(_keys(one, instrument, day, people), notes, is_active=is_sure)
        feeds.append(order_of_sessions(drafted))
    return feeds, guesses


def _day_spelled_alike(one: Waves, columns: list[Profile]) -> str | None:
    """Return the pattern of dates whose names end as the sessions of a questionnaire do."""
    names = {column.name for column in columns if column.is_date}
    first = one.sessions[0]
    for name in names:
        before = name.removesuffix(first)
        if before != name and all(f"{before}{session}" in names for session in one.sessions):
            return f"{before}{{session}}"
    return None


def _by_session(columns: list[Profile]) -> dict[str, dict[str, Profile]]:
    """Return the columns by name with {session} in place of the session, then by session."""
    found: dict[str, dict[str, Profile]] = defaultdict(dict)
    for one in columns:
        match = next(filter(None, (form.fullmatch(one.name) for form in _SESSION)), None)
        if match:
            found[f"{match['before']}{{session}}{match['after']}"][match["session"]] = one
    return found


def _is_course(some: dict[str, Profile]) -> bool:
    said = {words.folded(session) for session in some if not session.isdigit()}
    if not said:
        return len(some) >= FEWEST_NUMBERS
    return any(words.PHASES.get(word) == 0 for word in said)


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


def _keys(one: Waves, instrument: Instrument | None, day: str | None, people: Keys) -> Keys:
    client = people["columns"]["client_id"]
    mapped: Keys = {
        "client_id": client,
        "session_id": {"join": [client, "_session"]},
    }
    if "therapist_id" in people["columns"]:
        mapped["therapist_id"] = people["columns"]["therapist_id"]
    shape: Keys = {}
    if one.n_items:
        shape["items"] = one.pattern
    else:
        shape["submitted"] = {instrument.primary_scale if instrument else "total": one.pattern}
    if not all(session.isdigit() for session in one.sessions):
        shape["sessions"] = list(one.sessions)
    constants: Keys = {"instrument": instrument.instrument_id if instrument else CHANGE_ME}
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
