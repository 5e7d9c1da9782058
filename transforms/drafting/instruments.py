"""Which columns are a questionnaire's items, and which questionnaire, from names and counts.

`CHANGE_ME` stands where nothing could be guessed: a file mapped so is refused or held back, never
loaded under a wrong name.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from transforms.drafting import words
from transforms.drafting.column_profiles import Profile
from transforms.drafting.column_roles import Guess
from transforms.drafting.evidence import Evidence
from transforms.formats.personal import asks_who
from transforms.formats.source import plural
from transforms.instruments.definition import Instrument
from transforms.instruments.registry import Registry

CHANGE_ME = "CHANGE_ME"
WIDEST = 100  # No item has a higher answer: a higher number may be a telephone number.
MANY_ROWS = 10
HIGHEST_OF_FEW = 20  # A number of a row soon exceeds it.
FEWEST_ITEMS = 5  # Below that, count and range of the answers fit too many questionnaires.
NEAR = 0.02  # Two keys whose alpha differs by less cannot be told apart.
FEW_OUTSIDE = 0.05  # Slips of the pen; more are another form.
_NUMBERED = re.compile(
    r"(?P<stem>[A-Za-z][\w-]*[^\W\d]|[A-Za-z][\w-]*[-_.])?(?P<number>[1-9]\d{0,2})(?=[.):\s])"
)
_NUMBER = re.compile(r"\d+")
_PART = re.compile(r"[a-z]+|\d+")


@dataclass(frozen=True)
class ItemGroup:
    """Columns whose names differ in a number only. ``pattern`` is None for a plain list.

    label_stem : what the labels have before their numbers; None where they do not number it
    """

    pattern: str | None
    columns: tuple[str, ...]
    numbers: tuple[int, ...]
    low: float | None
    high: float | None
    label_stem: str | None = None

    @property
    def span(self) -> tuple[float, float] | None:
        """Lowest and highest answer; None where they are no numbers."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def stem(self) -> str:
        """What the names have in common."""
        return (self.pattern or "").partition("{n}")[0] or self.label_stem or ""

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
    places = {name: at for at, name in enumerate(usable)}
    by_pattern: dict[str, dict[int, str]] = defaultdict(dict)
    for name in usable:
        for match in _NUMBER.finditer(name):
            number = int(match[0])
            # `score#2` is the second column of a name, not a second item.
            if 1 <= number <= 999 and not name[: match.start()].endswith("#"):
                pattern = f"{name[: match.start()]}{{n}}{name[match.end() :]}"
                by_pattern[pattern].setdefault(number, name)
    found: list[ItemGroup] = []
    taken: set[str] = set()
    ranked = sorted(by_pattern.items(), key=lambda one: _rank(one, places))
    for pattern, numbered in ranked:
        if len(numbered) < 2 or taken & set(numbered.values()):
            continue
        if all(usable[name].is_constant for name in numbered.values()):
            continue
        taken |= set(numbered.values())
        found.append(_group(pattern, dict(sorted(numbered.items())), usable))
    return sorted(found, key=lambda one: (-len(one.columns), places[one.columns[0]]))


def labelled_group(
    columns: list[Profile], labels: Mapping[str, str], *, texts: bool = False
) -> ItemGroup | None:
    """Return the columns whose labels number them: by a code (`PHQ9-3 …`) or a text (`3. …`).

    None unless all labels have one stem, or none, and run from 1 without a hole.
    """
    names = {one.name: one for one in columns if _may_be_item(one, texts) and labels.get(one.name)}
    found = {name: match for name in names if (match := _NUMBERED.match(labels[name]))}
    numbered = {int(match["number"]): name for name, match in found.items()}
    stems = {match["stem"] or "" for match in found.values()}
    if len(found) < max(2, len(names)) or len(stems) != 1 or len(numbered) < len(found):
        return None
    group = _group(None, dict(sorted(numbered.items())), names)
    return replace(group, label_stem=stems.pop()) if group.is_whole else None


def plain_group(columns: list[Profile], *, texts: bool = False) -> ItemGroup | None:
    """Return all columns that may be answers as one list; None if there are none."""
    names = {
        one.name: one
        for one in columns
        if _may_be_item(one, texts) and not one.is_constant and not _is_key(one)
    }
    numbered = dict(enumerate(names, 1))
    return _group(None, numbered, names) if names else None


def _rank(one: tuple[str, dict[int, str]], places: dict[str, int]) -> tuple[bool, int, int]:
    """Numbers at the end of a name count items; those before them, mostly questions."""
    pattern, numbered = one
    is_inner = _NUMBER.search(pattern.partition("{n}")[2]) is not None
    return is_inner, -len(numbered), places[next(iter(numbered.values()))]


def _may_be_item(one: Profile, texts: bool) -> bool:
    if "___" in one.name or _is_bookkeeping(one.name) or asks_who(one.name):
        return False
    if words.is_total(one.name):
        return False
    return one.is_number or (texts and not one.is_date)


def _is_bookkeeping(name: str) -> bool:
    """Whether a column is a system's own or a person's, not an answer."""
    own = r"(location(latitude|longitude|accuracy)|duration.*|progress|status|finished|.*phone.*|"
    own += r".*zip.*|.*mrn.*|.*ssn.*|birth ?year|year.*|redcap_.*|.*_complete|submitted_.*|"
    own += r".*_TEXT|responseset)"
    if re.fullmatch(own, name, re.I):
        return True
    return words.is_demographic(name) or words.is_identifier(name) or words.is_personal_name(name)


def _is_key(one: Profile) -> bool:
    """Whether a column of whole numbers differs in every row and goes further than answers do."""
    goes_on = one.high is not None and one.high > HIGHEST_OF_FEW
    return one.is_unique and one.n_rows >= MANY_ROWS and goes_on and not one.n_points + one.n_commas


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


def instrument_of(
    group: ItemGroup,
    registry: Registry,
    *,
    called: tuple[str, ...] = (),
    evidence: Evidence | None = None,
) -> tuple[Instrument | None, Guess]:
    """Return the questionnaire whose name, number of items and answers fit a group.

    Parameters
    ----------
    called : what else names the columns: their form, their labels
    evidence : the answers, where there is a column for each item
    """
    with_items = [one for one in registry.instruments if one.items]
    named = named_like(group.stem, with_items)
    other = words.other_questionnaire((group.stem, *called), registry.known.other_questionnaires)
    if not named and not other:
        named = next(filter(None, (named_like(one, with_items) for one in called)), [])
    n = len(group.columns)
    shown = f"{plural(n, 'column')}, answers {_span(group)}"
    if other and not named:
        reason = f"the name is that of another questionnaire, {other}, which the registry lacks"
        return None, Guess(f"items {group.stem}", CHANGE_ME, "none", f"{reason}; {shown}")
    fits = [one for one in with_items if _fits(one, group)]
    both = [one for one in fits if one in named]
    if both:
        return _named_and_fitting(group, both, registry, shown, evidence)
    if named:
        return _named_only(group, named, registry, shown, evidence)
    return _fitting_only(group, fits, registry, shown, evidence)


def _named_and_fitting(
    group: ItemGroup,
    both: list[Instrument],
    registry: Registry,
    shown: str,
    evidence: Evidence | None,
) -> tuple[Instrument, Guess]:
    n = len(group.columns)
    both = [one for one in both if one.grid.n == n] or both
    # A form with a lower highest answer would have been used to its end.
    nearest = min(one.grid.max for one in both)
    one = _default([one for one in both if one.grid.max == nearest], registry)
    others = sorted({other.instrument_id for other in both} - {one.instrument_id})
    more = f"; {', '.join(others)} as well" if others else ""
    if _best_keyed(group, [one], evidence, or_none=True) == []:
        reason = f"name, {shown} fit, but its items go together better without its reversed ones"
        return one, _instrument_guess(group, one, "medium", reason)
    sure = "medium" if others else "high"
    return one, _instrument_guess(group, one, sure, f"name, {shown} fit{more}")


def _named_only(
    group: ItemGroup,
    named: list[Instrument],
    registry: Registry,
    shown: str,
    evidence: Evidence | None,
) -> tuple[Instrument | None, Guess]:
    counted = [one for one in named if one.grid.n == len(group.columns)]
    if not counted:
        reason = f"by name only; {shown} do not fit its {named[0].grid.n} items"
        return None, Guess(group.stem, CHANGE_ME, "none", reason)
    one = _default(counted, registry)
    if evidence and group.low is not None:
        n_outside, n = evidence.n_outside(group.columns, one.grid.min, one.grid.max)
        if n_outside <= FEW_OUTSIDE * n:
            reason = f"name and {plural(len(group.columns), 'column')} fit; "
            reason += f"{plural(n_outside, 'answer')} of {n:,} outside {one.grid.min:g} to "
            return one, _instrument_guess(group, one, "medium", f"{reason}{one.grid.max:g}")
    reason = f"by name; {shown}, but the registry has {one.grid.min:g} to {one.grid.max:g}"
    return one, _instrument_guess(group, one, "low", reason)


def _fitting_only(
    group: ItemGroup,
    fits: list[Instrument],
    registry: Registry,
    shown: str,
    evidence: Evidence | None,
) -> tuple[Instrument | None, Guess]:
    n = len(group.columns)
    exactly = [one for one in fits if one.grid.n == n]
    is_scale = group.span is not None and group.span[1] > group.span[0] and n >= FEWEST_ITEMS
    if is_scale and group.is_whole and exactly:
        keyed = _best_keyed(group, exactly, evidence)
        if len({one.instrument_id for one in keyed}) == 1:
            one = _default(keyed, registry)
            why = "fit no other questionnaire"
            if len(keyed) < len(exactly):
                why = "and the items that run opposite fit no other questionnaire"
            return one, _instrument_guess(group, one, "low", f"{shown} {why}")
    ids = sorted({one.instrument_id for one in exactly})
    with_items = [one for one in registry.instruments if one.items]
    most = max(one.grid.n_columns or one.grid.n for one in with_items)
    if n > most and group.pattern:
        shown += "; more than any one questionnaire has: give each a feed with a list of its items"
    many = f"; fits {', '.join(ids)}" if group.low is not None and group.is_whole and ids else ""
    return None, Guess(f"items {group.stem}", CHANGE_ME, "none", f"no known name; {shown}{many}")


def _best_keyed(
    group: ItemGroup, some: list[Instrument], evidence: Evidence | None, *, or_none: bool = False
) -> list[Instrument]:
    """Return those whose reversed items make the answers go together best.

    Parameters
    ----------
    or_none : whether no reversed item at all is one of the possible keys
    """
    keys = {one.grid.reverse for one in some} | ({()} if or_none else set())
    if len(keys) < 2 or evidence is None or group.low is None or not group.is_whole:
        return some
    alphas = {key: evidence.alpha(group.columns, key) for key in keys}
    found = {key: alpha for key, alpha in alphas.items() if alpha is not None}
    if len(found) < len(alphas):
        return some
    best = max(found.values())
    return [one for one in some if found[one.grid.reverse] >= best - NEAR]


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
    if (group.pattern is None and group.label_stem is None) or max(-low, high) > WIDEST:
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
