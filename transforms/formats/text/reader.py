"""Delimited text: from a file to one temporary table of text cells with line numbers.

The fast way lets DuckDB read the file in parallel; a row's line is then its position. It
holds while every physical line is one row, which is checked by counting. Where it does not
(quoted line breaks, blank lines, old line ends) or DuckDB refuses, Python's csv module reads
the file, knows the true lines, and names what is wrong.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from transforms import sql
from transforms.errors import FileRefused
from transforms.formats.header import repeated_note, shown_lines, told_columns
from transforms.formats.source import (
    LINE,
    Note,
    ReadOptions,
    Source,
    load_rows,
    plural,
)
from transforms.formats.text.encoding import TextFile, as_utf8
from transforms.formats.text.header import (
    TextHeader,
    called,
    find_header,
    reordered_refusal,
)

# What a cell that looks empty may hold; the mark is that of a file appended to another.
_BLANKS = " \t\r\n\ufeff\u00a0"
_SHOWN = 5


def read(
    path: Path, *, con: duckdb.DuckDBPyConnection, scratch: Path, options: ReadOptions
) -> list[Source]:
    """Read one delimited file.

    Returns
    -------
    list of one Source
        Rows in the file's order; rows without any cell and rows that repeat the header are
        left out and noted.

    Raises
    ------
    FileRefused
        F01 unreadable, F03 delimiter, F04 header, F05 ragged rows.
    """
    text = as_utf8(path, scratch, encoding=options.encoding)
    try:
        return [_read_text(text, con, scratch, options)]
    finally:
        if text.path != path:
            text.path.unlink(missing_ok=True)


def _read_text(
    text: TextFile, con: duckdb.DuckDBPyConnection, scratch: Path, options: ReadOptions
) -> Source:
    header = find_header(text, options)
    loaded = None if text.has_odd_line_ends else _load_in_parallel(con, text, header)
    has_odd_spaces = text.has_odd_spaces or loaded is None
    if loaded is None:
        loaded = _load_row_by_row(con, scratch, text, header)
    told = told_columns(con, loaded.relation, header.names)
    return Source(
        None,
        told.relation,
        told.names,
        loaded.n_rows,
        notes=(*_dialect_notes(text, header, loaded), *told.notes),
        has_odd_spaces=has_odd_spaces,
        has_blanks=has_odd_spaces
        or not text.is_ascii
        or _has_blanks(con, told.relation, told.names),
        has_double_blanks=text.has_double_blanks,
        drops=(*told.drops, *loaded.drops),
        second_names=told.second_names,
        doubled=told.doubled,
    )


@dataclass(frozen=True)
class _Loaded:
    relation: str
    n_rows: int
    n_blank: int
    drops: tuple[str, ...]
    n_headers: int = 0
    header_lines: tuple[int, ...] = ()


def _load_in_parallel(
    con: duckdb.DuckDBPyConnection, text: TextFile, header: TextHeader
) -> _Loaded | None:
    """Let DuckDB read the file; None if a row is not always one line, or it refuses."""
    relation = sql.new_relation("cells")
    typed = ", ".join(f"{sql.text(name)}: 'VARCHAR'" for name in header.names)
    statement = f"""
        create temp table {relation} as
        select * from read_csv(
            {sql.text(str(text.path))}, header = false, skip = {header.last_line},
            auto_detect = false, strict_mode = true,
            delim = {sql.text(header.delimiter)}, quote = '"', escape = '"', nullstr = '',
            columns = {{{typed}}}
        )
    """
    try:
        con.execute("set preserve_insertion_order = true")  # rowid must be the line's order
        con.execute(statement)
    except (duckdb.IOException, duckdb.OutOfMemoryException):
        raise
    except duckdb.Error:
        return None
    return _with_lines(con, relation, header, text.n_lines)


def _with_lines(
    con: duckdb.DuckDBPyConnection, relation: str, header: TextHeader, n_lines: int
) -> _Loaded | None:
    """Give the rows their lines, without blank rows and repeated headers; None if a row is not one.

    Parameters
    ----------
    n_lines : lines of the file, with those of its header
    """
    first = header.last_line + 1
    is_blank = " and ".join(_is_blank_cell(name) for name in header.names)
    repeats, reordered = _repeat_conditions(header)
    is_odd = f"({reordered}) and not ({repeats})"
    counts = ", ".join(f"count(*) filter (where {kind})" for kind in (is_blank, repeats, is_odd))
    counted = con.execute(f"select count(*), {counts} from {relation}")
    n_rows, n_blank, n_headers, n_odd = sql.only_row(counted)
    if n_rows + header.last_line != n_lines:
        con.execute(f"drop table {relation}")
        return None
    if n_odd:
        odd_lines = _lines_where(con, relation, is_odd, first)
        con.execute(f"drop table {relation}")
        raise reordered_refusal(odd_lines, n_odd)
    lines = _lines_where(con, relation, repeats, first) if n_headers else []
    left_out = [f"not ({is_blank})"] * bool(n_blank) + [f"not ({repeats})"] * bool(n_headers)
    kept = f"where {' and '.join(left_out)}" if left_out else ""
    view = sql.new_relation("source")
    con.execute(
        f"create temp view {view} as select *, rowid + {first} as {LINE} from {relation} {kept}"
    )
    drops = (f"drop view {view}", f"drop table {relation}")
    n_kept = n_rows - n_blank - n_headers
    return _Loaded(view, n_kept, n_blank, drops, n_headers, tuple(lines))


def _lines_where(
    con: duckdb.DuckDBPyConnection, relation: str, condition: str, first: int
) -> list[int]:
    """Return the first few lines of the rows that fit."""
    found = con.execute(
        f"select rowid + {first} from {relation} where {condition} order by rowid limit {_SHOWN}"
    )
    return [line for (line,) in found.fetchall()]


def _trimmed(name: str) -> str:
    return f"coalesce(trim({sql.name(name)}, {sql.text(_BLANKS)}), '')"


def _is_blank_cell(name: str) -> str:
    cell = sql.name(name)
    # Only what begins with no printable ASCII is worth trimming, which takes four times as long.
    return f"({cell} is null or ({cell} < '!' or {cell} > '~') and {_trimmed(name)} = '')"


def _repeat_conditions(header: TextHeader) -> tuple[str, str]:
    """Return SQL for rows that repeat the header, and for those that hold its names only."""
    last = f"coalesce({sql.name(header.names[-1])}, '')"
    # One cell decides for nearly every row, whatever the number of columns.
    is_name = f"{last} in ({sql.texts(sorted({*header.cells, *header.trimmed}))})"
    row = ", ".join(map(_trimmed, header.names))
    same = f"[{row}] = [{sql.texts(header.trimmed)}]"
    shuffled = f"list_sort([{row}]) = [{sql.texts(sorted(header.trimmed))}]"
    return f"({is_name} and {same})", f"({is_name} and {shuffled})"


def _has_blanks(con: duckdb.DuckDBPyConnection, relation: str, columns: tuple[str, ...]) -> bool:
    """Whether a value of ASCII text begins or ends with a blank or is empty."""
    # Comparing with the first printable character and the last byte is far faster than trimming.
    found = " or ".join(
        f"{cell} < '!' or ends_with({cell}, ' ')" for cell in map(sql.name, columns)
    )
    query = f"select 1 from {relation} where {found} limit 1"
    return con.execute(query).fetchone() is not None


def _load_row_by_row(
    con: duckdb.DuckDBPyConnection, scratch: Path, text: TextFile, header: TextHeader
) -> _Loaded:
    rows = _Rows(text, header)
    relation, n_rows = load_rows(con, scratch, header.names, rows.read())
    refusal = rows.refusal()
    if refusal:
        con.execute(f"drop table {relation}")
        raise refusal
    return _Loaded(
        relation,
        n_rows,
        rows.n_blank,
        (f"drop table {relation}",),
        rows.repeated.total,
        tuple(rows.repeated.lines),
    )


class _Lines:
    """Counts lines and remembers the first few."""

    def __init__(self) -> None:
        self.total = 0
        self.lines: list[int] = []

    def add(self, line: int) -> None:
        self.total += 1
        if len(self.lines) < _SHOWN:
            self.lines.append(line)


class _Rows:
    """Rows of a file as (line, cell, …), counting what does not fit."""

    def __init__(self, text: TextFile, header: TextHeader) -> None:
        self.text = text
        self.header = header
        self.n_columns = len(header.names)
        self.names, self.sorted_names = list(header.trimmed), sorted(header.trimmed)
        self.n_blank = 0
        self.ragged, self.repeated, self.reordered = _Lines(), _Lines(), _Lines()
        self.is_broken = False
        self.line = header.last_line + 1

    def read(self) -> Iterator[tuple[Any, ...]]:
        with self.text.path.open(encoding="utf-8-sig", newline="") as stream:
            for _ in islice(stream, self.header.last_line):
                pass
            reader = csv.reader(stream, delimiter=self.header.delimiter, strict=True)
            try:
                for cells in reader:
                    if row := self._row(cells):
                        yield row
                    self.line = self.header.last_line + reader.line_num + 1
            except csv.Error:
                self.is_broken = True

    def _row(self, cells: list[str]) -> tuple[Any, ...] | None:
        trimmed = [cell.strip(_BLANKS) for cell in cells]
        if not any(trimmed):
            self.n_blank += 1
            return None
        if len(cells) < self.n_columns or any(trimmed[self.n_columns :]):
            self.ragged.add(self.line)
            return None
        if self._is_header(trimmed[: self.n_columns]):
            return None
        return (self.line, *(cell or None for cell in cells[: self.n_columns]))

    def _is_header(self, trimmed: list[str]) -> bool:
        """Whether a row repeats the header; remembers it, also one in another order."""
        if trimmed == self.names:
            self.repeated.add(self.line)
            return True
        if sorted(trimmed) == self.sorted_names:
            self.reordered.add(self.line)
        return False

    def refusal(self) -> FileRefused | None:
        """Return what is wrong with the file, once all of it was read."""
        if self.is_broken:
            return FileRefused(
                "F05",
                f"From line {self.line} on the quotation marks do not pair up",
                "Export it again; a quotation mark inside a cell must be doubled",
            )
        if self.ragged.total:
            return FileRefused(
                "F05",
                f"{plural(self.ragged.total, 'row')} without exactly "
                f"{plural(self.n_columns, 'cell')} "
                f"({shown_lines(self.ragged.lines, self.ragged.total)})",
                "The file may be cut off, or a cell may hold an unquoted delimiter. "
                "Export it again",
            )
        if self.reordered.total:
            return reordered_refusal(self.reordered.lines, self.reordered.total)
        return None


def _dialect_notes(text: TextFile, header: TextHeader, loaded: _Loaded) -> tuple[Note, ...]:
    notes = []
    if text.encoding != "utf-8":
        notes.append(Note("encoding", f"read as {text.encoding}"))
    if header.delimiter != ",":
        notes.append(Note("delimiter", f"delimiter is {called(header.delimiter)}"))
    if loaded.n_blank:
        notes.append(
            Note("blank_rows", f"{plural(loaded.n_blank, 'row')} without any cell left out")
        )
    if loaded.n_headers:
        again = repeated_note(list(loaded.header_lines), loaded.n_headers)
        notes.append(Note("repeated_headers", again))
    if loaded.n_rows == 0:
        notes.append(Note("no_rows", "a header but no rows"))
    return tuple(notes)
