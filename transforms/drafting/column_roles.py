"""Which columns of an export are the client, the therapist, the session and the day of a form.

Told from names and counts, never from one cell. A guess says how sure it is and why.
"""

from __future__ import annotations

from dataclasses import dataclass

from transforms.drafting import words
from transforms.drafting.column_profiles import Profile
from transforms.formats.source import plural

_ORDER = {"client_id": 7, "session_id": 2}


@dataclass(frozen=True)
class Guess:
    """One thing guessed. ``confidence``: high, medium, low or none."""

    what: str
    value: str
    confidence: str
    reason: str


def is_called(column: str, name: str) -> bool:
    """Whether a column's name is one of those a canonical column usually has."""
    return _rank(column, name) is not None


def _rank(column: str, name: str) -> int | None:
    """Return how well a name fits: 0 best; None if not. The last rank says next to nothing."""
    about, said = words.core(column), words.words_of(column)
    if name == "client_id":
        return _client_rank(column, about, said)
    if not about:
        return None
    tests = {
        "therapist_id": about[-1] in words.THERAPIST and not any(map(str.isdigit, said)),
        "session_id": about[-1] in words.SESSION and not words.is_other_day(column),
        "response_id": {*about} <= words.RESPONSE and {*said} & words.ID,
        "instrument": len(said) == 1 and {*about} <= words.INSTRUMENT,
        "rater": (len(said) == 1 and {*about} <= words.RATER) or said == ("rated", "by"),
    }
    if name == "session_id" and tests[name]:
        has_key = "id" in said or (said[-1] in words.SESSION and len(said) > 1)
        return 0 if has_key else 1 if {*about} <= words.SESSION else None
    return 0 if tests[name] else None


def _client_rank(column: str, about: tuple[str, ...], said: tuple[str, ...]) -> int | None:
    if words.STUDY & {*about}:
        return None
    joined = "".join(said)
    ranks = (
        bool(about) and {*about} <= words.CLIENT,
        joined in ("externalreference", "externaldatareference", "token"),
        bool(about) and {*about} <= words.PATIENT | words.CLIENT,
        bool(about) and {*about} <= words.CASE and bool({*said} & words.ID or "mrn" in about),
        column == "_row",
        joined == "customdata1",
        len(said) == 1 and joined in words.CODE,
        said in (("id",), ("nr",), ("no",), ("number",), ("nummer",)),
    )
    return next((rank for rank, fits in enumerate(ranks) if fits), None)


def role(
    columns: list[Profile], name: str, *, is_own: str | None = None
) -> tuple[str | None, Guess]:
    """Return the column that is a canonical one, such as client_id, by its name.

    Parameters
    ----------
    is_own : the column that is it by the system's own rule, if there is one
    """
    if is_own is not None and any(one.name == is_own for one in columns):
        return is_own, Guess(name, is_own, "high", "the system's own rule")
    fits = [(rank, one) for one in columns if (rank := _rank(one.name, name)) is not None]
    if name == "client_id":
        # One client may be all a file is about, but only a column called so says it.
        fits = [(rank, one) for rank, one in fits if not one.is_constant or rank == 0]
    filled = [(rank, one) for rank, one in fits if one.n_filled]
    if filled:
        best = min(rank for rank, _ in filled)
        some = [one for rank, one in filled if rank == best]
        alone = len(some) == 1 and best < _ORDER.get(name, 1)
        reason = "by its name" if alone else "by its name; others fit as well or it is unclear"
        if name == "client_id" and some[0].is_constant:
            alone, reason = False, "by its name, but every row has the same"
        return some[0].name, Guess(name, some[0].name, "high" if alone else "medium", reason)
    if fits and name == "client_id":
        found = fits[0][1].name
        return found, Guess(name, found, "low", "by its name, but it is empty here")
    return None, Guess(name, "-", "none", "no column is called like one")


def is_bare(column: str) -> bool:
    """Whether a name says no more than that it is a key: perhaps of a row, not of a client."""
    return _client_rank(column, words.core(column), words.words_of(column)) == _ORDER["client_id"]


def date_column(columns: list[Profile]) -> tuple[Profile | None, Guess]:
    """Return the column with the day a form was completed."""
    dates = [one for one in columns if one.is_date and not words.is_birth(one.name)]
    ranked = sorted(
        dates,
        key=lambda one: (
            words.is_other_day(one.name) and not words.is_completed(one.name),
            not words.is_completed(one.name),
            not words.is_plain_day(one.name),
            -one.n_filled,
        ),
    )
    if not ranked:
        return None, Guess("completed_at", "-", "none", "no column holds dates")
    best = ranked[0]
    called_so = [one for one in ranked if words.is_completed(one.name)]
    unclear = words.is_other_day(best.name) or (len(ranked) > 1 and len(called_so) != 1)
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
