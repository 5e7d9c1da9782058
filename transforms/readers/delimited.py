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
from pathlib import Path

import duckdb

from transforms import sql
from transforms.errors import FileRefused
from transforms.readers.header import checked_header, without_empty_unnamed
from transforms.readers.source import LINE, Note, ReadOptions, Source, load_rows, plural
from transforms.readers.text import TextFile, as_utf8

DELIMITERS = (",", ";", "\t", "|")
_UNUSUAL = ("^", "~", ":", "#", " ")
LONGEST_HEADER = 1_000_000
_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a pipe", " ": "a space"}


def read(
    path: Path, *, con: duckdb.DuckDBPyConnection, scratch: Path, options: ReadOptions
) -> list[Source]:
    """Read one delimited file.

    Returns
    -------
    list of one Source
        Rows in the file's order; rows without any cell are left out and noted.

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
    line = _header_line(text)
    delimiter = options.delimiter or recognize_delimiter(line)
    _refuse_wrong_delimiter(line, delimiter, options)
    names = checked_header(_split(line, delimiter))
    loaded = None if text.has_odd_line_ends else _load_in_parallel(con, text, delimiter, names)
    has_odd_spaces = text.has_odd_spaces or loaded is None
    if loaded is None:
        loaded = _load_row_by_row(con, scratch, text, delimiter, names)
    notes = _dialect_notes(text, delimiter, loaded)
    columns, more = without_empty_unnamed(con, loaded.relation, names)
    return Source(
        None,
        loaded.relation,
        columns,
        loaded.n_rows,
        notes=(*notes, *more),
        has_odd_spaces=has_odd_spaces,
        drops=loaded.drops,
    )


@dataclass(frozen=True)
class _Loaded:
    relation: str
    n_rows: int
    n_blank: int
    drops: tuple[str, ...]


def recognize_delimiter(header_line: str) -> str:
    """Return the delimiter that cuts the header into most names; comma if none does.

    Examples
    --------
    >>> recognize_delimiter("client_id;completed_at;item_1")
    ';'
    """
    return max(DELIMITERS, key=lambda mark: (len(_split(header_line, mark)), mark == ","))


def _header_line(text: TextFile) -> str:
    with text.path.open(encoding="utf-8-sig", newline=None) as stream:
        line = stream.readline(LONGEST_HEADER)
        # A quoted name may hold line breaks: read on until the quotation marks pair up.
        while line.count('"') % 2 and len(line) < LONGEST_HEADER:
            more = stream.readline(LONGEST_HEADER)
            if not more:
                break
            line += more
    line = line.rstrip("\n")
    if not line.strip():
        raise FileRefused(
            "F04", "The first line is blank", "The first line must hold the column names"
        )
    return line


def _split(line: str, delimiter: str) -> list[str]:
    return next(csv.reader(line.splitlines(keepends=True), delimiter=delimiter), [])


def _refuse_wrong_delimiter(line: str, delimiter: str, options: ReadOptions) -> None:
    """Refuse if another delimiter finds expected names that this one does not."""
    if not options.expected and len(_split(line, delimiter)) > 1:
        return
    marks = (*DELIMITERS, *_UNUSUAL) if options.expected else DELIMITERS
    found = {
        mark: _n_expected(line, mark, options) for mark in {delimiter: None, **dict.fromkeys(marks)}
    }
    better = max(found, key=lambda mark: found[mark])
    if found[better] <= found[delimiter]:
        return
    raise FileRefused(
        "F03",
        f"The delimiter is {_called(better)}, not {_called(delimiter)}",
        f'Export with {_called(delimiter)}, or write `delimiter: "{_escaped(better)}"` into the '
        "clinic's YAML",
    )


def _n_expected(line: str, delimiter: str, options: ReadOptions) -> int:
    names = {name.strip() for name in _split(line, delimiter)}
    # A lone name is found with any delimiter and proves nothing.
    if len(names) < 2:
        return 0
    return len(names & options.expected) if options.expected else len(names)


def _called(delimiter: str) -> str:
    return _NAMES.get(delimiter, f"'{delimiter}'")


def _escaped(delimiter: str) -> str:
    return "\\t" if delimiter == "\t" else delimiter


def _load_in_parallel(
    con: duckdb.DuckDBPyConnection, text: TextFile, delimiter: str, names: tuple[str, ...]
) -> _Loaded | None:
    """Let DuckDB read the file; None if a row is not always one line, or it refuses."""
    relation = sql.new_relation("cells")
    typed = ", ".join(f"{sql.text(name)}: 'VARCHAR'" for name in names)
    statement = f"""
        create temp table {relation} as
        select * from read_csv(
            {sql.text(str(text.path))}, header = true, auto_detect = false, strict_mode = true,
            delim = {sql.text(delimiter)}, quote = '"', escape = '"', nullstr = '',
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
    (n_rows,) = con.execute(f"select count(*) from {relation}").fetchone()
    if n_rows + 1 != text.n_lines:
        con.execute(f"drop table {relation}")
        return None
    return _with_lines(con, relation, names, n_rows)


def _with_lines(
    con: duckdb.DuckDBPyConnection, relation: str, names: tuple[str, ...], n_rows: int
) -> _Loaded:
    is_blank = " and ".join(f"{sql.name(name)} is null" for name in names)
    (n_blank,) = con.execute(f"select count(*) from {relation} where {is_blank}").fetchone()
    kept = f"where not ({is_blank})" if n_blank else ""
    view = sql.new_relation("source")
    con.execute(f"create temp view {view} as select *, rowid + 2 as {LINE} from {relation} {kept}")
    drops = (f"drop view {view}", f"drop table {relation}")
    return _Loaded(view, n_rows - n_blank, n_blank, drops)


def _load_row_by_row(
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
    text: TextFile,
    delimiter: str,
    names: tuple[str, ...],
) -> _Loaded:
    rows = _Rows(text, delimiter, len(names))
    relation, n_rows = load_rows(con, scratch, names, rows.read())
    if rows.n_ragged or rows.is_broken:
        con.execute(f"drop table {relation}")
        raise rows.refusal(len(names))
    return _Loaded(relation, n_rows, rows.n_blank, (f"drop table {relation}",))


class _Rows:
    """Rows of a file as (line, cell, …), counting what does not fit."""

    def __init__(self, text: TextFile, delimiter: str, n_columns: int) -> None:
        self.text = text
        self.delimiter = delimiter
        self.n_columns = n_columns
        self.n_blank = self.n_ragged = 0
        self.is_broken = False
        self.line = 1
        self.ragged_lines: list[int] = []

    def read(self) -> Iterator[tuple]:
        with self.text.path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=self.delimiter, strict=True)
            try:
                next(reader)
                self.line = reader.line_num + 1
                for cells in reader:
                    if row := self._row(cells):
                        yield row
                    self.line = reader.line_num + 1
            except csv.Error:
                self.is_broken = True

    def _row(self, cells: list[str]) -> tuple | None:
        if not any(cells):
            self.n_blank += 1
            return None
        if len(cells) < self.n_columns or any(cells[self.n_columns :]):
            self.n_ragged += 1
            self.ragged_lines = [*self.ragged_lines, self.line][:5]
            return None
        return (self.line, *(cell or None for cell in cells[: self.n_columns]))

    def refusal(self, n_columns: int) -> FileRefused:
        if self.is_broken:
            return FileRefused(
                "F05",
                f"From line {self.line} on the quotation marks do not pair up",
                "Export it again; a quotation mark inside a cell must be doubled",
            )
        more = ", …" if self.n_ragged > len(self.ragged_lines) else ""
        lines = f"line{'s' if self.n_ragged > 1 else ''} {', '.join(map(str, self.ragged_lines))}"
        return FileRefused(
            "F05",
            f"{plural(self.n_ragged, 'row')} without exactly {plural(n_columns, 'cell')} "
            f"({lines}{more})",
            "The file may be cut off, or a cell may hold an unquoted delimiter. Export it again",
        )


def _dialect_notes(text: TextFile, delimiter: str, loaded: _Loaded) -> tuple[Note, ...]:
    notes = []
    if text.encoding != "utf-8":
        notes.append(Note("encoding", f"read as {text.encoding}"))
    if delimiter != ",":
        notes.append(Note("delimiter", f"delimiter is {_called(delimiter)}"))
    if loaded.n_blank:
        notes.append(
            Note("blank_rows", f"{plural(loaded.n_blank, 'row')} without any cell left out")
        )
    if loaded.n_rows == 0:
        notes.append(Note("no_rows", "a header but no rows"))
    return tuple(notes)
