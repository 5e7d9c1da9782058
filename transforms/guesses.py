"""What each column of an export may be, from its name and from counts; never from one cell.

A guess says how sure it is and why. `CHANGE_ME` stands where nothing could be guessed: a file
mapped so is refused or held back, never loaded under a wrong name.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

from transforms.column_profiles import Profile
from transforms.instrument import Instrument
from transforms.readers.source import plural
from transforms.readers.survey_header import is_personal
from transforms.registry import Registry

CHANGE_ME = "CHANGE_ME"
WIDEST = 100  # No item has a higher answer: a higher number may be a telephone number.
FEWEST_ITEMS = 5  # Below that, count and range of the answers fit too many questionnaires.
_NUMBER = re.compile(r"\d+")
_PART = re.compile(r"[a-z]+|\d+")
_ROLES: dict[str, tuple[str, ...]] = {
    "client_id": (
        r"client[ _-]?(id|no|nr|code|number|key)?", r"externalreference|externaldatareference",
        r"(patient|pt|participant|subject|anon|person|pseudonym)[ _-]?(id|no|nr|code|number)?",
        r"(record|study|case)[ _-]?id", r"_row", r"custom data 1", r"id",
    ),
    "therapist_id": (
        r".*(therapist|clinician|counsell?or|practitioner|provider)[ _-]?(id|no|code|number)?",
    ),
    "session_id": (
        r".*(session|sess|appointment|visit)[ _-]?(id)", r".+_session",
        r"(session|appointment|visit)[ _-]?(no|nr|number|code)?",
    ),
    "response_id": (r"response[ _-]?id", r"respondent[ _-]?id", r"submission[ _-]?id"),
    "instrument": (r"instrument|questionnaire|form|measure|scale",),
    "rater": (r"rater|rated[ _-]?by|informant",),
}  # fmt: skip
_NOT_COMPLETED = re.compile(
    r"birth|dob|born|first|enrol|start|refer|created|modified|upload|review|death|discharge", re.I
)
_BIRTH = re.compile(r"birth|dob\b|born|death", re.I)
_COMPLETED = re.compile(r"complet|submit|enddate|end date|sent|timestamp|answered", re.I)


@dataclass(frozen=True)
class Guess:
    """One thing guessed. ``confidence``: high, medium, low or none."""

    what: str
    value: str
    confidence: str
    reason: str


@dataclass(frozen=True)
class ItemGroup:
    """Columns whose names differ in a number only. ``pattern`` is None for a plain list."""

    pattern: str | None
    columns: tuple[str, ...]
    numbers: tuple[int, ...]
    low: float | None
    high: float | None

    @property
    def stem(self) -> str:
        """What the names have in common."""
        return (self.pattern or "").partition("{n}")[0]

    @property
    def is_whole(self) -> bool:
        """Whether the numbers run from 1 without a hole."""
        return self.numbers == tuple(range(1, len(self.numbers) + 1))


def is_called(column: str, name: str) -> bool:
    """Whether a column's name is one of those a canonical column usually has."""
    return any(re.fullmatch(pattern, column.strip(), re.I) for pattern in _ROLES[name])


def role(columns: list[Profile], name: str) -> tuple[str | None, Guess]:
    """Return the column that is a canonical one, such as client_id, by its name."""
    for rank, pattern in enumerate(_ROLES[name]):
        fits = [one for one in columns if re.fullmatch(pattern, one.name.strip(), re.I)]
        filled = [one for one in fits if one.n_filled]
        if filled:
            alone = len(filled) == 1 and rank < max(1, len(_ROLES[name]) - 1)
            reason = "by its name" if alone else "by its name; others fit as well or it is unclear"
            return filled[0].name, Guess(
                name, filled[0].name, "high" if alone else "medium", reason
            )
    fits = [one for one in columns if is_called(one.name, name)]
    if fits and name == "client_id":
        return fits[0].name, Guess(name, fits[0].name, "low", "by its name, but it is empty here")
    return None, Guess(name, "-", "none", "no column is called like one")


def date_column(columns: list[Profile]) -> tuple[Profile | None, Guess]:
    """Return the column with the day a form was completed."""
    dates = [one for one in columns if one.is_date and not _BIRTH.search(one.name)]
    ranked = sorted(
        dates,
        key=lambda one: (
            bool(_NOT_COMPLETED.search(one.name)) and not _COMPLETED.search(one.name),
            not _COMPLETED.search(one.name),
            -one.n_filled,
        ),
    )
    if not ranked:
        return None, Guess("completed_at", "-", "none", "no column holds dates")
    best = ranked[0]
    unclear = bool(_NOT_COMPLETED.search(best.name)) or len(ranked) > 1
    reason = f"{best.n_filled:,} filled cells are dates" + ("; not the only column" * unclear)
    return best, Guess("completed_at", best.name, "medium" if unclear else "high", reason)


def date_format(column: Profile) -> tuple[str | None, Guess]:
    """Return the strptime format of a column's dates; None for ISO 8601."""
    order = column.order
    if order == "iso":
        return None, Guess("date format", "ISO 8601", "high", "year, month, day")
    mark = column.mark or "/"
    year = "%y" if column.n_two_digit_years * 2 > column.n_filled else "%Y"
    parts = ("%m", "%d", year) if order == "month first" else ("%d", "%m", year)
    clock = ""
    if column.n_minutes * 2 > column.n_filled:
        hours = "%I" if column.n_halves * 2 > column.n_filled else "%H"
        seconds = ":%S" if column.n_seconds * 2 > column.n_filled else ""
        clock = f" {hours}:%M{seconds}" + (" %p" if hours == "%I" else "")
    found = mark.join(parts) + clock
    sure = "high" if order in ("day first", "month first") else "low"
    counts = f"{column.n_day_first:,} dates fit day first only, {column.n_month_first:,} "
    counts += "month first only"
    return found, Guess("date format", found, sure, counts)


def decimal_sign(columns: list[Profile]) -> Guess:
    """Tell a decimal comma from a point by counting both."""
    commas, points = (sum(getattr(one, n) for one in columns) for n in ("n_commas", "n_points"))
    sign = "," if commas > points else "."
    reason = f"{commas:,} numbers with a comma, {points:,} with a point"
    sure = "medium" if commas and points else "high"
    return Guess("decimal", sign, sure, reason)


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
    found, taken = [], set()
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
    if "___" in one.name or _is_bookkeeping(one.name) or is_personal(one.name):
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
        one = _default(both, registry)
        return one, _instrument_guess(group, one, "high", f"name, {shown} fit")
    if named and not any(one.items.n == n for one in named):
        reason = f"by name only; {shown} do not fit its {named[0].items.n} items"
        return None, Guess(group.stem, CHANGE_ME, "none", reason)
    if named:
        one = _default(named, registry)
        reason = f"by name; {shown}, but the registry has {one.items.min:g} to {one.items.max:g}"
        return one, _instrument_guess(group, one, "low", reason)
    exactly = [one for one in fits if one.items.n == n]
    ids = sorted({one.instrument_id for one in exactly})
    is_scale = group.low is not None and group.high > group.low and n >= FEWEST_ITEMS
    if is_scale and group.is_whole and len(ids) == 1:
        one = _default(exactly, registry)
        return one, _instrument_guess(group, one, "low", f"{shown} fit no other questionnaire")
    many = f"; fits {', '.join(ids)}" if group.low is not None and group.is_whole and ids else ""
    return None, Guess(f"items {group.stem}", CHANGE_ME, "none", f"no known name; {shown}{many}")


def named_like(stem: str, some: list[Instrument]) -> list[Instrument]:
    """Return those a name begins like: with their number, else without it."""
    exact = [one for one in some if is_named(one.instrument_id, stem, whole=True)]
    return exact or [one for one in some if is_named(one.instrument_id, stem)]


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
    if group.low is None:
        return "not numbers"
    if group.pattern is None or max(-group.low, group.high) > WIDEST:
        return "not a questionnaire's, perhaps"
    return f"{group.low:g} to {group.high:g}"


def _fits(one: Instrument, group: ItemGroup) -> bool:
    if len(group.columns) not in (one.items.n, one.items.n_columns):
        return False
    if group.low is None:
        return True
    return one.items.min <= group.low and group.high <= one.items.max


def _default(some: list[Instrument], registry: Registry) -> Instrument:
    """Return the one to propose of several forms: the client's, of the default version."""
    most = Counter(one.instrument_id for one in some).most_common()[0][0]
    default = registry.find(most)
    return default if default in some else next(one for one in some if one.instrument_id == most)


def _instrument_guess(group: ItemGroup, one: Instrument, sure: str, reason: str) -> Guess:
    value = f"{one.instrument_id} {one.version}, {one.rater}"
    return Guess(f"items {group.stem or group.columns[0]}", value, sure, reason)
