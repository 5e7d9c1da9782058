"""Which columns of an export are the client, the therapist, the session and the day of a form.

Told from names and counts, never from one cell. A guess says how sure it is and why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from transforms.drafting.column_profiles import Profile
from transforms.formats.source import plural

_ROLES: dict[str, tuple[str, ...]] = {
    "client_id": (
        r"client[ _-]?(id|no|nr|code|number|key)?", r"externalreference|externaldatareference",
        r"(patient(in)?|pat\.?|pt|participant|subject|anon|person|pseudonym|klient(in)?|proband(in)?|"
        r"teilnehmer(in)?|paciente|pasient)[ ._-]*(id|no|nr|code|number|nummer|kennung)?\.?",
        r"(record|study|case|fall)[ ._-]?(id|nr\.?|nummer)", r"_row", r"custom data 1",
        r"code|chiffre|k(ü|ue)rzel", r"id",
    ),
    "therapist_id": (
        r".*(therapist|clinician|counsell?or|practitioner|provider|therapeut(in)?|behandler(in)?|"
        r"terapeut(a)?|thérapeute)[ ._-]*(id|no|nr|code|number)?\.?",
    ),
    "session_id": (
        r".*(session|sess|appointment|visit)[ _-]?(id)", r".+_session",
        r"(session|appointment|visit|sitzung|termin)s?[ ._-]?(no|nr|number|code|nummer|id)?\.?",
    ),
    "response_id": (r"response[ _-]?id", r"respondent[ _-]?id", r"submission[ _-]?id"),
    "instrument": (r"instrument|questionnaire|form|measure|scale",),
    "rater": (r"rater|rated[ _-]?by|informant",),
}  # fmt: skip
_NOT_COMPLETED = re.compile(
    r"birth|dob|born|first|enrol|start|refer|created|modified|upload|review|death|discharge", re.I
)
_BIRTH = re.compile(
    r"birth|dob\b|born|death|geburt|(?<![a-z])geb(?![a-z])|naiss|nacim|fødsel|fodsel", re.I
)
_COMPLETED = re.compile(
    r"complet|submit|enddate|end date|sent|timestamp|answered|ausgefüllt|ausgefuellt|abgeschickt",
    re.I,
)
_PLAIN_DAY = re.compile(r"(date|day|datum|tag|dato|fecha|data)", re.I)


@dataclass(frozen=True)
class Guess:
    """One thing guessed. ``confidence``: high, medium, low or none."""

    what: str
    value: str
    confidence: str
    reason: str


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
            not _PLAIN_DAY.fullmatch(one.name.strip()),
            -one.n_filled,
        ),
    )
    if not ranked:
        return None, Guess("completed_at", "-", "none", "no column holds dates")
    best = ranked[0]
    called_so = [one for one in ranked if _COMPLETED.search(one.name)]
    unclear = bool(_NOT_COMPLETED.search(best.name)) or (len(ranked) > 1 and len(called_so) != 1)
    reason = f"{best.n_filled:,} filled cells are dates"
    if len(ranked) > 1:
        reason += f"; {plural(len(ranked) - 1, 'other column')} as well"
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
