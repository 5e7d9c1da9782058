"""Item rows: from one row per answer to one row per response.

Rows that agree in the declared key are one response; it keeps the line of its first row, and the
first value in every other column. An answer given twice is taken once if it is the same; if not,
or if nobody declared the item, the cell is marked so that a rule finds it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import duckdb

from transforms import sql
from transforms.cells import Reading, cleaned
from transforms.errors import FileRefused
from transforms.formats.header import refuse_missing
from transforms.formats.shapes.options import Long
from transforms.formats.source import (
    LINE,
    Note,
    Source,
    plural,
)

# Stand in a cell for what cannot be told, so that it cannot pass for an answer.
CONFLICT = "conflicting answers"
UNKNOWN = "answer to an unknown item"
MOST_CODES = 5_000
_SHOWN = 5


@dataclass(frozen=True)
class _Places:
    """Which column each code of the item column fills; None where nobody declared it.

    has_blank : whether some rows have no code at all.
    """

    columns: dict[str, str | None]
    has_blank: bool

    @property
    def known(self) -> list[str]:
        """Columns in order, items first."""
        found = {column for column in self.columns.values() if column}
        return sorted(found, key=lambda name: (not name.startswith("item_"), len(name), name))

    @property
    def made(self) -> list[str]:
        """All columns: the known ones, and where there is need one for unknown items."""
        return [*self.known, *([self.after_last] if self.has_unknown else [])]

    @property
    def has_unknown(self) -> bool:
        """Whether a row has an item nobody declared."""
        return self.has_blank or None in self.columns.values()

    @property
    def after_last(self) -> str:
        """The item after the last known one."""
        numbers = [int(name.removeprefix("item_")) for name in self.known if name[:5] == "item_"]
        return f"item_{max(numbers, default=0) + 1}"

    def is_unknown(self, code: str) -> str:
        """Return SQL for: the code is blank, or nobody declared it."""
        declared = [text for text, column in self.columns.items() if column]
        return f"coalesce({code} not in ({sql.texts(declared)}), true)" if declared else "true"


def fold(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    long: Long,
    reading: Reading,
    when: dict[str, list[str]],
) -> Source:
    """Return one row per response.

    Parameters
    ----------
    when : only rows with one of these values are looked at.

    Returns
    -------
    Source
        All columns but the item's and the answer's, then `item_<n>` and `submitted_<scale>`.
        Rows of unknown items fill the item after the last one, with a mark for an answer.

    Raises
    ------
    FileRefused
        F02 a declared column is missing; F08 no row has a declared item.
    """
    needed = [*long.key, long.item, long.value]
    absent = [name for name in (*needed, *when) if name not in source.columns]
    refuse_missing(absent, source.columns, where="long: ")
    plain = replace(reading, missing_codes=())
    chosen = [
        f"{cleaned(sql.name(column), plain)} in ({sql.texts(wanted)})"
        for column, wanted in when.items()
    ]
    if long.ignore:
        code = cleaned(sql.name(long.item), plain)
        chosen.append(f"coalesce({code} not in ({sql.texts(long.ignore)}), true)")
    rows = f"(select * from {source.relation} where {' and '.join(chosen) or 'true'})"
    places = _places(con, rows, long, plain)
    others = [name for name in source.columns if name not in (long.item, long.value)]
    _refuse_clash(others, places)
    relation, n_rows = _pivot(con, rows, long, places, others, reading)
    notes = [*_unknown_notes(con, rows, long, places, plain)]
    notes += _difference_notes(con, rows, long, others, plain)
    return replace(
        source,
        relation=relation,
        columns=(*others, *places.made),
        has_blanks=True,
        n_rows=n_rows,
        notes=tuple(notes),
        drops=(f"drop table {relation}",),
    )


def _places(con: duckdb.DuckDBPyConnection, rows: str, long: Long, reading: Reading) -> _Places:
    code = cleaned(sql.name(long.item), reading)
    found = sql.execute_quietly(
        con,
        f"select distinct {code} from {rows} limit {MOST_CODES + 1}",
        step="looking for item codes",
    ).fetchall()
    codes = sorted(text for (text,) in found if text is not None)
    if len(codes) > MOST_CODES:
        raise FileRefused(
            "F08",
            f"More than {MOST_CODES:,} different items",
            "Check that `long.item` names the column with the item's number or code",
        )
    places = {text: _place(text, long) for text in codes}
    if isinstance(long.items, dict):
        # An item nobody answered has its column all the same.
        places |= {text: f"item_{number}" for text, number in long.items.items()}
    if codes and not any(places[text] for text in codes):
        raise FileRefused(
            "F08",
            "No row has an item that `long.items` declares",
            "Declare the codes of the items, or correct `when`, in the clinic's YAML",
        )
    return _Places(places, any(text is None for (text,) in found))


def _place(code: str, long: Long) -> str | None:
    scale = next((scale for scale, text in long.submitted.items() if text == code), None)
    if scale:
        return f"submitted_{scale}"
    if isinstance(long.items, dict):
        return f"item_{long.items[code]}" if code in long.items else None
    before, after = (long.items or "{n}").split("{n}")
    match = re.fullmatch(re.escape(before) + r"0*([1-9]\d{0,2})" + re.escape(after), code)
    return f"item_{match[1]}" if match else None


def _refuse_clash(others: list[str], places: _Places) -> None:
    known = {column.lower() for column in others}
    clash = [name for name in places.made if name in known]
    if clash:
        raise FileRefused(
            "F04",
            f"The file already has {plural(len(clash), 'column')} called {', '.join(clash)}",
            "Map it as it is, without `long`, or rename it",
        )


def _pivot(
    con: duckdb.DuckDBPyConnection,
    rows: str,
    long: Long,
    places: _Places,
    others: list[str],
    reading: Reading,
) -> tuple[str, int]:
    plain = replace(reading, missing_codes=())
    code = cleaned(sql.name(long.item), plain)
    keys = [cleaned(sql.name(name), plain) for name in long.key]
    kept = [f"arg_min({sql.name(name)}, {LINE}) as {sql.name(name)}" for name in others]
    # Numbers are compared as numbers: 2 and 2.0 are the same answer.
    answer = cleaned(sql.name(long.value), reading)
    compared = f"coalesce(try_cast({answer} as double)::varchar, {answer})"
    for column in places.known:
        codes = [text for text, name in places.columns.items() if name == column]
        these = f"filter (where {code} in ({sql.texts(codes)}))"
        kept.append(
            f"case when count(distinct {compared}) {these} > 1 then {sql.text(CONFLICT)} "
            f"else arg_min({answer}, {LINE}) {these} end as {column}"
        )
    if places.has_unknown:
        kept.append(
            f"case when bool_or({places.is_unknown(code)}) then {sql.text(UNKNOWN)} end "
            f"as {places.after_last}"
        )
    relation = sql.new_relation("long")
    sql.execute_quietly(
        con,
        f"create temp table {relation} as select {', '.join(kept)}, min({LINE}) as {LINE} "
        f"from {rows} group by {', '.join(keys)}",
        step="joining item rows",
    )
    (n_rows,) = sql.only_row(con.execute(f"select count(*) from {relation}"))
    return relation, n_rows


def _unknown_notes(
    con: duckdb.DuckDBPyConnection, rows: str, long: Long, places: _Places, reading: Reading
) -> list[Note]:
    """Say where undeclared items stand; their codes may be anything and are not shown."""
    code = cleaned(sql.name(long.item), reading)
    unknown = con.execute(
        f"select count(*), list({LINE} order by {LINE})[1:{_SHOWN}] from {rows} "
        f"where {places.is_unknown(code)}"
    )
    n, lines = sql.only_row(unknown)
    if not n:
        return []
    more = ", …" if n > _SHOWN else ""
    shown = f"line {', '.join(map(str, lines))}{more}"
    return [Note("unknown_items", f"{plural(n, 'row')} with an item nobody declared ({shown})")]


def _difference_notes(
    con: duckdb.DuckDBPyConnection, rows: str, long: Long, others: list[str], reading: Reading
) -> list[Note]:
    """Name the columns in which rows of one response differ: the first value is taken."""
    carried = [name for name in others if name not in long.key]
    if not carried:
        return []
    keys = ", ".join(cleaned(sql.name(name), reading) for name in long.key)
    counts = ", ".join(
        f"count(distinct {sql.name(name)}) as c{i}" for i, name in enumerate(carried)
    )
    totals = ", ".join(f"count(*) filter (where c{i} > 1)" for i in range(len(carried)))
    found = sql.only_row(
        con.execute(f"select {totals} from (select {counts} from {rows} group by {keys})")
    )
    return [
        Note(
            "differing_rows",
            f"{plural(n, 'response')} whose rows differ in {name}: the first value is taken",
        )
        for name, n in zip(carried, found, strict=True)
        if n
    ]
