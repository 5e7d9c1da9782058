"""Column names as a file brings them: trimmed, unique, and really names.

Messages give positions, not names: in a file without a header the first line is a patient.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from difflib import get_close_matches

import duckdb

from transforms import sql
from transforms.errors import FileRefused
from transforms.formats.source import LINE, Note, plural

# What a column without a name is called.
UNNAMED = "column {position}"
MOST_COLUMNS = 5_000
_NUMBERED = re.compile(r"(.+)#\d+")
_VALUE = re.compile(r"[-+]?\d+([.,]\d+)?|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}.*")


def tidy(text: str) -> str:
    """Return a text with single blanks for all white space, no-break spaces included.

    Examples
    --------
    >>> tidy(" Not\\u00a0at  all\\n")
    'Not at all'
    """
    return " ".join(text.replace("\u200b", "").replace("\ufeff", "").split())


def checked_header(cells: list[str]) -> tuple[str, ...]:
    """Return trimmed names, all different: blank ones by place, those that occur twice numbered.

    Raises
    ------
    FileRefused
        F04: cells that look like data, a reserved name, or far too many.

    Examples
    --------
    >>> checked_header(["client_id ", "score", "", "score"])
    ('client_id', 'score#1', 'column 3', 'score#2')
    """
    if len(cells) > MOST_COLUMNS:
        raise FileRefused(
            "F04",
            f"The header has {len(cells):,} columns, more than {MOST_COLUMNS:,}",
            "Delete what stands far beside the table, or export fewer forms at once",
        )
    names = [cell.strip() for cell in cells]
    _refuse_data(names)
    names = [name or UNNAMED.format(position=i) for i, name in enumerate(names, 1)]
    told = distinct_names(names)
    _refuse_duplicates(told)
    return tuple(told)


def distinct_names(names: list[str]) -> list[str]:
    """Number names that occur more than once; capitals make no difference. Blanks stay blank.

    Examples
    --------
    >>> distinct_names(["Mood", "Sleep", "mood"])
    ['Mood#1', 'Sleep', 'mood#2']
    """
    total = Counter(name.lower() for name in names)
    seen: Counter[str] = Counter()
    told = []
    for name in names:
        seen[name.lower()] += 1
        is_twice = name and total[name.lower()] > 1
        told.append(f"{name}#{seen[name.lower()]}" if is_twice else name)
    return told


def joined_names(rows: list[list[str]]) -> list[str]:
    """Join the names of a header of several rows, top to bottom; the same name once.

    Examples
    --------
    >>> joined_names([["client", "PHQ-9", "PHQ-9"], ["client", "1", "2"]])
    ['client', 'PHQ-9 1', 'PHQ-9 2']
    """
    width = max(map(len, rows))
    filled = [[*row, *[""] * (width - len(row))] for row in rows]
    return [
        " ".join(dict.fromkeys(filter(None, (part.strip() for part in parts))))
        for parts in zip(*filled, strict=True)
    ]


def columns_fitting(pattern: str, columns: tuple[str, ...]) -> dict[int, str]:
    """Return the columns that fit an item pattern, by item number.

    Examples
    --------
    >>> columns_fitting("srs_{n}", ("srs_1", "srs_02", "srs_total"))
    {1: 'srs_1', 2: 'srs_02'}
    """
    before, after = pattern.split("{n}", 1)
    fits = re.compile(re.escape(before) + r"0*([1-9]\d{0,2})" + re.escape(after))
    matches = ((fits.fullmatch(column), column) for column in columns)
    return {int(match[1]): column for match, column in matches if match}


def _refuse_data(names: list[str]) -> None:
    n_values = sum(bool(_VALUE.fullmatch(name)) for name in names)
    if n_values * 3 >= len(names):
        raise FileRefused(
            "F04",
            f"The first line is not a header: {n_values} of its {plural(len(names), 'cell')} "
            f"are numbers or dates",
            "The first line must hold the column names",
        )


def _refuse_duplicates(names: list[str]) -> None:
    # DuckDB's names ignore case, so two names must differ by more than that.
    first_at: dict[str, int] = {LINE: 0}
    for position, name in enumerate(names, 1):
        if (first := first_at.setdefault(name.lower(), position)) == position:
            continue
        what = f"Columns {first} and {position} have the same name"
        if first == 0:
            what = f"Column {position} is called {LINE}, which is reserved"
        raise FileRefused("F04", what, "Give every column a name of its own")


@dataclass(frozen=True)
class ToldColumns:
    """The columns of a table as they can be mapped.

    doubled : names, in lowercase, that several columns of different content have
    second_names : names that columns of equal content share
    drops : statements that remove what was made for them
    """

    relation: str
    names: tuple[str, ...]
    notes: tuple[Note, ...] = ()
    doubled: frozenset[str] = frozenset()
    second_names: frozenset[str] = frozenset()
    drops: tuple[str, ...] = ()


def told_columns(
    con: duckdb.DuckDBPyConnection, relation: str, names: tuple[str, ...]
) -> ToldColumns:
    """Leave out columns without name and content; give back the name of columns that are equal.

    Columns of one name are called `name#1`, `name#2`; by the name alone only while they hold the
    same, so that a mapping never takes one of two by chance.
    """
    kept, notes = _without_empty_unnamed(con, relation, names)
    by_name: dict[str, list[str]] = defaultdict(list)
    for name in kept:
        if match := _NUMBERED.fullmatch(name):
            by_name[match[1].lower()].append(name)
    twice = {name: some for name, some in by_name.items() if len(some) > 1}
    if not twice:
        return ToldColumns(relation, kept, notes)
    notes += tuple(_doubled_note(some, names) for some in twice.values())
    unequal = {name for name, some in twice.items() if not _are_equal(con, relation, some)}
    equal = {
        some[0].rpartition("#")[0]: some[0]
        for name, some in twice.items()
        if name not in unequal and name not in {one.lower() for one in kept}
    }
    if not equal:
        return ToldColumns(relation, kept, notes, frozenset(unequal))
    view = sql.new_relation("source")
    also = ", ".join(f"{sql.name(first)} as {sql.name(name)}" for name, first in equal.items())
    con.execute(f"create temp view {view} as select *, {also} from {relation}")
    drops = (f"drop view {view}",)
    return ToldColumns(view, (*kept, *equal), notes, frozenset(unequal), frozenset(equal), drops)


def _doubled_note(some: list[str], names: tuple[str, ...]) -> Note:
    places = " and ".join(str(names.index(name) + 1) for name in some)
    said = f"columns {places} have the same name: map them as name#1, name#2"
    return Note("doubled_columns", said)


def _are_equal(con: duckdb.DuckDBPyConnection, relation: str, some: list[str]) -> bool:
    first, *others = map(sql.name, some)
    differ = " or ".join(f"{first} is distinct from {other}" for other in others)
    return con.execute(f"select 1 from {relation} where {differ} limit 1").fetchone() is None


def _without_empty_unnamed(
    con: duckdb.DuckDBPyConnection, relation: str, names: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[Note, ...]]:
    unnamed = [
        (position, name)
        for position, name in enumerate(names, 1)
        if name == UNNAMED.format(position=position)
    ]
    if not unnamed:
        return names, ()
    counts = ", ".join(f"count({sql.name(name)})" for _, name in unnamed)
    filled = sql.only_row(con.execute(f"select {counts} from {relation}"))
    dropped = {name for (_, name), n in zip(unnamed, filled, strict=True) if not n}
    notes: tuple[Note, ...] = ()
    if dropped:
        said = f"{plural(len(dropped), 'column')} without name and content"
        notes = (Note("blank_columns", said),)
    held = [name for _, name in unnamed if name not in dropped]
    if held:
        said = f"{plural(len(held), 'column')} without a name: map it as {', '.join(held[:5])}"
        notes += (Note("unnamed_columns", said),)
    return tuple(name for name in names if name not in dropped), notes


def refuse_missing(missing: list[str], columns: tuple[str, ...], *, where: str = "") -> None:
    """Refuse (F02) if columns are missing; show only names that resemble what is missing."""
    if not missing:
        return
    similar = {
        name: next(iter(get_close_matches(name, columns, n=1, cutoff=0.7)), None)
        for name in missing
    }
    described = [f"{name} (found {now})" if now else name for name, now in similar.items()]
    raise FileRefused(
        "F02",
        f"{where}{plural(len(missing), 'column')} missing: {', '.join(described)}",
        "Add them to the export, or map them in the clinic's YAML",
        similar,
    )


def title_refusal(what: str, number: int, header: int) -> FileRefused:
    """Return the refusal of a table whose names stand below a title."""
    return FileRefused(
        "F04",
        f"{what} {number} is a title, it seems: the column names stand in {what.lower()} {header}",
        f"Write `header_row: {header}` into the clinic's YAML, or delete what stands above",
    )


def shown_lines(lines: list[int], total: int) -> str:
    """Write line numbers: `line 3`, `lines 3, 9, …`."""
    more = ", …" if total > len(lines) else ""
    return f"line{'s' if total > 1 else ''} {', '.join(map(str, lines))}{more}"


def repeated_note(lines: list[int], total: int) -> str:
    """Say which rows repeated the header and were left out."""
    return f"{plural(total, 'repeated header row')} left out ({shown_lines(lines, total)})"
