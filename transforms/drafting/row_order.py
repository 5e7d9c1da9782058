"""Which column puts a client's rows in order where no date does: session, visit, day or week.

Told from names, counts and limits. Visit codes such as `V1` or `baseline` are shown only where
every cell is one.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

import duckdb

from transforms import sql
from transforms.contract import ORDER
from transforms.drafting import words
from transforms.drafting.column_profiles import Profile
from transforms.drafting.column_roles import Guess
from transforms.drafting.instruments import MANY_ROWS
from transforms.drafting.yaml_text import FeedDraft, Idle
from transforms.formats.source import Source

MOST_CODES = 40  # Different visit codes of one course.
_HIGHEST = next(column.high for column in ORDER if column.name == "occasion") or 0


@dataclass(frozen=True)
class RowOrder:
    """A column that may put rows in order.

    codes : text: number, where its cells are words; empty for numbers
    date : the column whose dates order the rows already; None where no date does
    """

    column: str
    guess: Guess
    codes: dict[str, str]
    date: str | None = None

    def on(self, feed: FeedDraft) -> FeedDraft:
        """Write it into a feed; as a comment where dates order the rows."""
        values = {"values": feed.keys.get("values", {}) | {"occasion": self.codes}}
        keys = {"order": self.column, **(values if self.codes else {})}
        if self.date is None:
            note = f"order is {self.column}: {self.guess.reason}"
            return replace(feed, keys=feed.keys | keys, notes=(*feed.notes, note))
        why = f"{self.date} orders the rows: take it where several forms share a date without time"
        idle = tuple(Idle(key, value, why) for key, value in keys.items())
        return replace(feed, idle=(*feed.idle, *idle))


def row_order(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    columns: list[Profile],
    *,
    date: Profile | None,
    used: Collection[str],
) -> RowOrder | None:
    """Return the column that says the order best: the session before the day and the week.

    Parameters
    ----------
    date : the day of a form. One that is the same in every row orders nothing.
    used : columns that say something else, such as who the client is
    """
    fits = []
    for one in columns:
        rank = words.order_rank(one.name)
        if rank is not None and one.name not in used and not (one.is_date or one.is_constant):
            codes = {} if one.is_number else _visit_codes(con, source, one)
            if codes or _counts(one):
                fits.append((rank, bool(codes), one.name, codes))
    if not fits:
        return None
    _, _, column, codes = min(fits, key=lambda fit: fit[:2])
    orders = date is not None and not date.is_constant
    why = f"{date.name} is the same in every row" if date else "no column holds dates"
    why = f"{date.name} orders the rows already" if date and orders else why
    more = "; others fit as well" if len(fits) > 1 else ""
    guess = Guess("order", column, "medium" if more else "high", f"by its name{more}; {why}")
    return RowOrder(column, guess, codes, date.name if date and orders else None)


def _counts(one: Profile) -> bool:
    """Whether a column holds the whole numbers of a course, not a number of every row."""
    if not one.is_number or one.low is None or one.high is None or one.n_points + one.n_commas:
        return False
    is_key = one.is_unique and one.n_rows >= MANY_ROWS
    return 0 <= one.low < one.high <= _HIGHEST and not is_key


def _visit_codes(con: duckdb.DuckDBPyConnection, source: Source, one: Profile) -> dict[str, str]:
    """Return the code of every visit with its place; empty unless every cell is such a code."""
    if not 1 < one.n_distinct <= MOST_CODES:
        return {}
    cell = f"trim({sql.name(one.name)})"
    query = f"select distinct {cell} from {source.relation} where coalesce({cell}, '') <> ''"
    found = sql.execute_quietly(con, query, step="comparing texts with visit codes").fetchall()
    places = {text: place for (text,) in found if (place := words.visit_place(text)) is not None}
    if len(places) < len(found):
        return {}
    ranks = {place: at for at, place in enumerate(sorted({*places.values()}))}
    ordered = sorted(places, key=lambda text: (places[text], text))
    return {text: f"{ranks[places[text]]}" for text in ordered}


def order_of_sessions(feed: FeedDraft) -> FeedDraft:
    """Put the sessions of a wide feed in the order of their columns, where they have no dates."""
    shape = feed.keys["wide"]
    sessions = shape.get("sessions", [])
    codes = {session: f"{at}" for at, session in enumerate(sessions)}
    date = shape.get("per_session", {}).get("date")
    reason = "the sessions in the order of their columns; no date of their own"
    if all(re.fullmatch(r"\d+", session) for session in sessions):
        codes, reason = {}, "the session's number; no date of its own"
    return RowOrder("_session", Guess("order", "_session", "high", reason), codes, date).on(feed)
