"""Wide rows: from one row per client to one row per client and session.

Every column that fits a pattern of the clinic's YAML belongs to a session; the others belong to
the client and are repeated. A session in which nothing was answered gives no row. Rows keep the
line of the row they come from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import duckdb

from transforms import sql
from transforms.cells import Reading, cleaned, converted
from transforms.errors import FileRefused
from transforms.formats.header import refuse_missing
from transforms.formats.shapes.options import SessionDates, Wide
from transforms.formats.source import (
    LINE,
    Note,
    Source,
    plural,
)

SESSION = "_session"
DATE = "_date"
_ITEM = r"(?P<item>0*[1-9]\d{0,2})"


@dataclass(frozen=True)
class Grid:
    """Which source column holds what in which session.

    cells : (name of the new column, session) to source column.
    answers : names of the columns whose filled cells make a session.
    """

    cells: dict[tuple[str, str], str]
    sessions: tuple[str, ...]
    names: tuple[str, ...]
    answers: tuple[str, ...]


def unfold(con: duckdb.DuckDBPyConnection, source: Source, wide: Wide, reading: Reading) -> Source:
    """Return one row per session in which something was answered.

    Parameters
    ----------
    reading : how the feed's values are written; missing codes are no answers.

    Returns
    -------
    Source
        The client's columns, `_session`, `_date` (where `dates` is declared), `item_<n>`,
        `submitted_<scale>` and the names of `per_session`.

    Raises
    ------
    FileRefused
        F02 no column fits, or a session lacks one; F04 two columns fit the same place.
    """
    grid = find_grid(source.columns, wide)
    used = set(grid.cells.values())
    others = [column for column in source.columns if column not in used]
    made = [SESSION, *([DATE] if wide.dates else []), *grid.names]
    _refuse_clash(others, made)
    _refuse_absent_start(wide.dates, source)
    parts = [
        _session_rows(source, grid, others, session, place, wide, reading)
        for place, session in enumerate(grid.sessions)
    ]
    relation = sql.new_relation("wide")
    sql.execute_quietly(
        con,
        f"create temp table {relation} as {' union all '.join(parts)}",
        step="reading wide rows",
    )
    (n_rows,) = sql.only_row(con.execute(f"select count(*) from {relation}"))
    n_empty = source.n_rows * len(grid.sessions) - n_rows
    note = Note(
        "sessions",
        f"{plural(source.n_rows, 'row')} with {plural(len(grid.sessions), 'session')} each; "
        f"{plural(n_empty, 'empty session')} left out",
    )
    return replace(
        source,
        relation=relation,
        columns=(*others, *made),
        has_blanks=True,
        n_rows=n_rows,
        notes=(note,),
        drops=(f"drop table {relation}",),
    )


def find_grid(columns: tuple[str, ...], wide: Wide) -> Grid:
    """Find the columns of every item, score and session.

    Examples
    --------
    >>> find_grid(("id", "bdi_s0", "bdi_s1"), Wide(submitted={"total": "bdi_s{session}"})).cells
    {('submitted_total', '0'): 'bdi_s0', ('submitted_total', '1'): 'bdi_s1'}
    """
    cells: dict[tuple[str, str], str] = {}
    taken: dict[str, str] = {}
    for target, pattern in _patterns(wide).items():
        fits = _compiled(pattern, wide.sessions)
        found = [(match, column) for column in columns if (match := fits.fullmatch(column))]
        if not found:
            raise FileRefused(
                "F02",
                f"No column fits the pattern {pattern}",
                "Correct `wide` in the clinic's YAML, or add the columns to the export",
            )
        for match, column in found:
            _refuse_overlap(taken, column, pattern)
            place = (_name(target, match), _session(match["session"], wide.sessions))
            if place in cells:
                raise FileRefused(
                    "F04",
                    f"Columns {cells[place]} and {column} both fit {pattern} in the same place",
                    "Give every column a name of its own",
                )
            cells[place] = column
    return _complete(cells, wide)


def fits_wide(column: str, wide: Wide) -> bool:
    """Whether a column belongs to a session, or holds the start of their dates."""
    is_start = wide.dates is not None and wide.dates.start == column
    patterns = _patterns(wide).values()
    return is_start or any(_compiled(one, wide.sessions).fullmatch(column) for one in patterns)


def _patterns(wide: Wide) -> dict[str, str]:
    patterns = {"item_": wide.items} if wide.items else {}
    patterns |= {f"submitted_{scale}": pattern for scale, pattern in wide.submitted.items()}
    return patterns | wide.per_session


def _compiled(pattern: str, sessions: list[str]) -> re.Pattern[str]:
    session = "|".join(map(re.escape, sorted(sessions, key=len, reverse=True))) or r"\d+"
    if sessions and all(map(str.isdecimal, sessions)):
        session = "|".join(f"0*{re.escape(str(int(one)))}" for one in sessions)
    parts = re.split(r"(\{item\}|\{session\})", pattern)
    known = {"{item}": _ITEM, "{session}": f"(?P<session>{session})"}
    return re.compile("".join(known.get(part) or re.escape(part) for part in parts))


def _name(target: str, match: re.Match[str]) -> str:
    return f"item_{int(match['item'])}" if target == "item_" else target


def _session(text: str, sessions: list[str]) -> str:
    return str(int(text)) if text.isdecimal() and text not in sessions else text


def _refuse_overlap(taken: dict[str, str], column: str, pattern: str) -> None:
    if taken.setdefault(column, pattern) != pattern:
        raise FileRefused(
            "F04",
            f"Column {column} fits two patterns, {taken[column]} and {pattern}",
            "Write more of the column's name into the patterns of `wide`",
        )


def _complete(cells: dict[tuple[str, str], str], wide: Wide) -> Grid:
    """Refuse a session that lacks what another has: its score would be of fewer items."""
    names = tuple(dict.fromkeys(name for name, _ in cells))
    names = tuple(sorted(names, key=_order))
    found = dict.fromkeys(session for _, session in cells)
    sessions = tuple(wide.sessions) or tuple(sorted(found, key=int))
    lacking = [
        f"{name} of session {session}"
        for session in sessions
        for name in names
        if (name, session) not in cells
    ]
    if lacking:
        shown = ", ".join(lacking[:5]) + (", …" if len(lacking) > 5 else "")
        raise FileRefused(
            "F02",
            f"{plural(len(lacking), 'column')} of `wide` missing: {shown}",
            "Add them to the export, or name the sessions to read in `wide.sessions`",
        )
    answers = tuple(name for name in names if name not in wide.per_session) or names
    return Grid(cells, sessions, names, answers)


def _order(name: str) -> tuple[int, int, str]:
    number = name.removeprefix("item_")
    return (0, int(number), "") if number != name and number.isdecimal() else (1, 0, name)


def _refuse_clash(others: list[str], made: list[str]) -> None:
    known = {column.lower() for column in others}
    clash = [name for name in made if name.lower() in known]
    if clash:
        raise FileRefused(
            "F04",
            f"The file already has {plural(len(clash), 'column')} called {', '.join(clash)}",
            "Name other columns under `wide.per_session`, or widen the patterns",
        )


def _refuse_absent_start(dates: SessionDates | None, source: Source) -> None:
    if dates and dates.start:
        absent = [dates.start] if dates.start not in source.columns else []
        refuse_missing(absent, source.columns, where="wide.dates: ")


def _session_rows(
    source: Source,
    grid: Grid,
    others: list[str],
    session: str,
    place: int,
    wide: Wide,
    reading: Reading,
) -> str:
    kept = [sql.name(column) for column in others]
    kept.append(f"{sql.text(session)} as {SESSION}")
    if wide.dates:
        number = int(session) if session.isdecimal() else place
        kept.append(f"{_date(wide.dates, number - wide.dates.first, reading)} as {DATE}")
    cells = {name: sql.name(grid.cells[name, session]) for name in grid.names}
    kept += [f"{cell} as {sql.name(name)}" for name, cell in cells.items()]
    filled = " or ".join(f"{cleaned(cells[name], reading)} is not null" for name in grid.answers)
    chosen = "true" if wide.keep_empty else filled
    return f"select {', '.join(kept)}, {LINE} from {source.relation} where {chosen}"


def _date(dates: SessionDates, n_intervals: int, reading: Reading) -> str:
    """Return SQL for a session's date as text, in the format the clinic's dates are read in."""
    if dates.start:
        text = cleaned(sql.name(dates.start), reading)
    elif dates.on:
        text = sql.text(dates.on)
    else:
        raise ValueError("dates by rule have a start, a column or a date")
    own = reading if dates.start else Reading()
    formats = own.date_formats or own.timestamp_formats
    start = converted(text, "timestamp", replace(own, date_formats=formats))
    moved = f"({start} + interval ({n_intervals * dates.days}) day)"
    formats = reading.date_formats or reading.timestamp_formats
    shown = f"strftime({moved}, {sql.text(formats[0])})" if formats else f"{moved}::varchar"
    # A start that cannot be read stays as it is, for a rule to find.
    return f"coalesce({shown}, {text})"
