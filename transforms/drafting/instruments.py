"""Which columns are a questionnaire's items, and which questionnaire, from names and counts.

`CHANGE_ME` stands where nothing could be guessed: a file mapped so is refused or held back, never
loaded under a wrong name.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

from transforms.drafting.column_profiles import Profile
from transforms.drafting.column_roles import Guess
from transforms.formats.personal import asks_who
from transforms.formats.source import plural
from transforms.instruments.definition import Instrument
from transforms.instruments.registry import Registry

CHANGE_ME = "CHANGE_ME"
WIDEST = 100  # No item has a higher answer: a higher number may be a telephone number.
FEWEST_ITEMS = 5  # Below that, count and range of the answers fit too many questionnaires.
_NUMBER = re.compile(r"\d+")
_PART = re.compile(r"[a-z]+|\d+")


@dataclass(frozen=True)
class ItemGroup:
    """Columns whose names differ in a number only. ``pattern`` is None for a plain list."""

    pattern: str | None
    columns: tuple[str, ...]
    numbers: tuple[int, ...]
    low: float | None
    high: float | None

    @property
    def span(self) -> tuple[float, float] | None:
        """Lowest and highest answer; None where they are no numbers."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def stem(self) -> str:
        """What the names have in common."""
        return (self.pattern or "").partition("{n}")[0]

    @property
    def is_whole(self) -> bool:
        """Whether the numbers run from 1 without a hole."""
        return self.numbers == tuple(range(1, len(self.numbers) + 1))


def item_groups(columns: list[Profile], *, texts: bool = False) -> list[ItemGroup]:
    """Return the columns that are numbered alike, the largest group first; each in one group.

    Parameters
    ----------
    texts : whether answers may be texts, as in exports of web surveys
    """
    usable = {one.name: one for one in columns if _may_be_item(one, texts)}
    by_pattern: dict[str, dict[int, str]] = defaultdict(dict)
    for name in usable:
        for match in _NUMBER.finditer(name):
            number = int(match[0])
            if 1 <= number <= 999:
                pattern = f"{name[: match.start()]}{{n}}{name[match.end() :]}"
                by_pattern[pattern].setdefault(number, name)
    found: list[ItemGroup] = []
    taken: set[str] = set()
    ranked = sorted(by_pattern.items(), key=lambda one: _rank(one, usable))
    for pattern, numbered in ranked:
        if len(numbered) < 2 or taken & set(numbered.values()):
            continue
        taken |= set(numbered.values())
        found.append(_group(pattern, dict(sorted(numbered.items())), usable))
    return sorted(found, key=lambda one: (-len(one.columns), list(usable).index(one.columns[0])))


def plain_group(columns: list[Profile], *, texts: bool = False) -> ItemGroup | None:
    """Return all columns that may be answers as one list; None if there are none."""
    names = {one.name: one for one in columns if _may_be_item(one, texts)}
    numbered = dict(enumerate(names, 1))
    return _group(None, numbered, names) if names else None


def _rank(one: tuple[str, dict[int, str]], usable: dict[str, Profile]) -> tuple[bool, int, int]:
    """Numbers at the end of a name count items; those before them, mostly questions."""
    pattern, numbered = one
    is_inner = _NUMBER.search(pattern.partition("{n}")[2]) is not None
    return is_inner, -len(numbered), list(usable).index(next(iter(numbered.values())))


def _may_be_item(one: Profile, texts: bool) -> bool:
    if "___" in one.name or _is_bookkeeping(one.name) or asks_who(one.name):
        return False
    return one.is_number or (texts and not one.is_date)


def _is_bookkeeping(name: str) -> bool:
    """Whether a column is a system's own or a person's, not an answer."""
    own = r"(location(latitude|longitude|accuracy)|duration.*|progress|status|finished|age|sex|"
    own += r"gender|female|male|phone.*|.*zip.*|.*mrn.*|.*ssn.*|.+_id|birth ?year|year.*|redcap_.*|"
    own += r".*_complete|submitted_.*|.*_TEXT|responseset)"
    return re.fullmatch(own, name, re.I) is not None


def _group(pattern: str | None, numbered: dict[int, str], by_name: dict[str, Profile]) -> ItemGroup:
    columns = [by_name[name] for name in numbered.values()]
    lows = [one.low for one in columns if one.low is not None]
    highs = [one.high for one in columns if one.high is not None]
    return ItemGroup(
        pattern,
        tuple(numbered.values()),
        tuple(numbered),
        min(lows, default=None),
        max(highs, default=None),
    )


def instrument_of(group: ItemGroup, registry: Registry) -> tuple[Instrument | None, Guess]:
    """Return the questionnaire whose name, number of items and answers fit a group."""
    with_items = [one for one in registry.instruments if one.items]
    named = named_like(group.stem, with_items)
    n = len(group.columns)
    shown = f"{plural(n, 'column')}, answers {_span(group)}"
    fits = [one for one in with_items if _fits(one, group)]
    both = [one for one in fits if one in named]
    if both:
        both = [one for one in both if one.grid.n == n] or both
        # A form with a lower highest answer would have been used to its end.
        nearest = min(one.grid.max for one in both)
        one = _default([one for one in both if one.grid.max == nearest], registry)
        others = sorted({other.instrument_id for other in both} - {one.instrument_id})
        more = f"; {', '.join(others)} as well" if others else ""
        sure = "medium" if others else "high"
        return one, _instrument_guess(group, one, sure, f"name, {shown} fit{more}")
    if named and not any(one.grid.n == n for one in named):
        reason = f"by name only; {shown} do not fit its {named[0].grid.n} items"
        return None, Guess(group.stem, CHANGE_ME, "none", reason)
    if named:
        one = _default(named, registry)
        reason = f"by name; {shown}, but the registry has {one.grid.min:g} to {one.grid.max:g}"
        return one, _instrument_guess(group, one, "low", reason)
    exactly = [one for one in fits if one.grid.n == n]
    ids = sorted({one.instrument_id for one in exactly})
    span = group.span
    is_scale = span is not None and span[1] > span[0] and n >= FEWEST_ITEMS
    if is_scale and group.is_whole and len(ids) == 1:
        one = _default(exactly, registry)
        return one, _instrument_guess(group, one, "low", f"{shown} fit no other questionnaire")
    most = max(one.grid.n_columns or one.grid.n for one in with_items)
    if n > most and group.pattern:
        shown += "; more than any one questionnaire has: give each a feed with a list of its items"
    many = f"; fits {', '.join(ids)}" if group.low is not None and group.is_whole and ids else ""
    return None, Guess(f"items {group.stem}", CHANGE_ME, "none", f"no known name; {shown}{many}")


def named_like(stem: str, some: list[Instrument]) -> list[Instrument]:
    """Return those a name begins like: with their number, else all forms of that family."""
    exact = [one for one in some if is_named(one.instrument_id, stem, whole=True)]
    return exact or [
        one
        for one in some
        if is_named(one.instrument_id, stem) or is_named(one.instrument_id.split("_")[0], stem)
    ]


def is_named(instrument_id: str, stem: str, *, whole: bool = False) -> bool:
    """Whether a column's name begins like a questionnaire; ``whole``: with its number too.

    Examples
    --------
    >>> is_named("phq9", "PHQ-9 ["), is_named("bdi2", "bdi_s"), is_named("phq9", "Q")
    (True, True, False)
    """
    wanted = "".join(_PART.findall(instrument_id.lower()))
    words = _PART.findall(stem.lower())
    joined = ["".join(words[:length]) for length in range(1, len(words) + 1)]
    bare = wanted.rstrip("0123456789")
    return wanted in joined or (not whole and len(bare) > 2 and bare in joined)


def _span(group: ItemGroup) -> str:
    """Write the range of the answers; of columns that may be no answers at all, nothing."""
    if group.span is None:
        return "not numbers"
    low, high = group.span
    if group.pattern is None or max(-low, high) > WIDEST:
        return "not a questionnaire's, perhaps"
    return f"{low:g} to {high:g}"


def _fits(one: Instrument, group: ItemGroup) -> bool:
    if len(group.columns) not in (one.grid.n, one.grid.n_columns):
        return False
    if group.span is None:
        return True
    return one.grid.min <= group.span[0] and group.span[1] <= one.grid.max


def _default(some: list[Instrument], registry: Registry) -> Instrument:
    """Return the one to propose of several forms: the client's, of the default version."""
    most = Counter(one.instrument_id for one in some).most_common()[0][0]
    default = registry.find(most)
    return default if default in some else next(one for one in some if one.instrument_id == most)


def _instrument_guess(group: ItemGroup, one: Instrument, sure: str, reason: str) -> Guess:
    value = f"{one.instrument_id} {one.version}, {one.rater}"
    return Guess(f"items {group.stem or group.columns[0]}", value, sure, reason)
