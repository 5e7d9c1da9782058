"""What every reader takes and gives.

A reader turns a file into one or more temporary tables: every cell as text, every row with
its place in the file. It converts nothing and drops nothing but empty rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from transforms import sql
from transforms.errors import FileRefused

# Codes of a refusal. Reports count a refused file under the rule F01 or F02 of the catalogue.
REFUSALS = {
    "F01": "the file cannot be read: empty, binary, cut off, encrypted, unknown encoding, zip bomb",
    "F02": "a required column is missing",
    "F03": "the delimiter is not the one expected",
    "F04": "the header is missing, blank or ambiguous",
    "F05": "rows differ in their number of cells",
    "F06": "the file or sheet belongs to no canonical table",
    "F07": "labels or choice texts where codes are needed (REDCap, Qualtrics)",
    "F08": "what explains the export is missing or does not fit: REDCap's data dictionary, a FHIR "
    "Questionnaire, undeclared codes, a missing code that is an answer, two feeds that say the "
    "same of one row",
    "F09": "day and month cannot be told apart",
}
LINE = "_line"
WORKBOOK_SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
JSON_SUFFIXES = (".json", ".ndjson", ".jsonl")
CELLS_AT_ONCE = 500_000


@dataclass(frozen=True)
class Note:
    """Something worth knowing about a file that was read. Carries no cell value.

    kind : encoding, delimiter, no_rows, blank_rows, repeated_headers, blank_columns,
        unnamed_columns, doubled_columns, ignored_sheets, extra_columns, missing_columns,
        skipped_rows or timezone; of Qualtrics also personal_columns, unclear_columns,
        mapped_by_name, legacy; of FHIR also contradictions, decided, by_encounter, uncoded,
        unresolved, ignored_resources, stu3; of web surveys also personal_columns,
        unreadable_times; of wide and item rows sessions, unknown_items, differing_rows; of two
        files joined_rows.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class HeaderPlace:
    """Where the column names stand: ``row`` counted from 1 (None: the first), ``n_rows`` of them.

    Names in several rows are joined with blanks, top to bottom.
    """

    row: int | None = None
    n_rows: int = 1


@dataclass(frozen=True)
class ReadOptions:
    """How a file is to be read.

    delimiter : one character, or None to recognize , ; tab or | from the header.
    encoding : a codec's name, or None to recognize UTF-8, UTF-16 and Windows-1252.
    expected : column names that tell a right delimiter from a wrong one; may be empty.
    is_wanted : whether a sheet or form of this name is to be read.
    named : lowercase names of sheets the YAML names; those are read although hidden.
    header_of : where the header of a sheet stands; text files ask for the empty name.
    expected_of : the names expected in a sheet, which tell a header from a title.
    """

    delimiter: str | None = None
    encoding: str | None = None
    expected: frozenset[str] = frozenset()
    is_wanted: Callable[[str], bool] = lambda name: True
    named: frozenset[str] = frozenset()
    header_of: Callable[[str], HeaderPlace] = lambda name: HeaderPlace()
    expected_of: Callable[[str], frozenset[str]] = lambda name: frozenset()


@dataclass(frozen=True)
class Source:
    """One table read from a file; ``relation`` also has ``_line``, counted from 1.

    has_odd_spaces : whether values may be surrounded by more than blanks (tabs, line ends,
        no-break spaces), which is slower to trim.
    has_blanks : whether values may begin or end with blanks or be empty text; False spares
        trimming them.
    has_double_blanks : whether a value may hold two blanks in a row. Where neither, nor any
        character beyond ASCII, identifiers are what they look like.
    drops : statements that remove the relation and what it stands on.
    has_real_dates : whether typed dates were written as ISO whatever the clinic's format.
    has_texts : whether answers are choice texts, which capitals and blanks do not tell apart.
    feed : place in the clinic's YAML of the only feed that reads this source; None for any.
    member : file inside an archive that the table was read from.
    absent : those of ``columns`` that this file does not have, read as empty.
    second_names : those of ``columns`` that are another name of one of them.
    title : what the form is called, where the export or what explains it says it.
    labels : what the form shows people of a column, where the export or its dictionary says it.
    personal : names of columns that say who answered, and were not read.
    doubled : names, in lowercase, that several columns have: none of them may be mapped so.
    """

    sheet: str | None
    relation: str
    columns: tuple[str, ...]
    n_rows: int
    notes: tuple[Note, ...] = ()
    has_odd_spaces: bool = True
    has_blanks: bool = True
    has_double_blanks: bool = True
    has_real_dates: bool = False
    has_texts: bool = False
    feed: int | None = None
    drops: tuple[str, ...] = ()
    member: str | None = None
    absent: tuple[str, ...] = ()
    second_names: frozenset[str] = frozenset()
    doubled: frozenset[str] = frozenset()
    title: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    personal: tuple[str, ...] = ()

    def labels_of(self, columns: Iterable[str]) -> tuple[str, ...]:
        """Return what a form shows people of some columns; of those without a label nothing."""
        return tuple(dict.fromkeys(self.labels[one] for one in columns if self.labels.get(one)))

    @property
    def place(self) -> str | None:
        """Where in the file the table stands: its sheet, its file in an archive, or both."""
        return ": ".join(filter(None, (self.member, self.sheet))) or None

    def refused(self, refusal: FileRefused) -> FileRefused:
        """Return a refusal of this table that says which file of an archive is meant."""
        if self.member is None:
            return refusal
        return in_archive(self.member, refusal)

    def drop(self, con: duckdb.DuckDBPyConnection) -> None:
        """Free the memory of the source."""
        for statement in self.drops:
            con.execute(statement)


def in_archive(member: str, refusal: FileRefused) -> FileRefused:
    """Return a refusal that names the file of an archive it is about."""
    what = f"{member} in the archive: {refusal.what}"
    return FileRefused(refusal.code, what, refusal.remedy, refusal.missing)


def plural(number: int, noun: str) -> str:
    """Write a count with its noun: `1 row`, `3,000 rows`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def in_batches(rows: Iterable[tuple[Any, ...]], n_columns: int) -> Iterator[list[tuple[Any, ...]]]:
    """Cut rows into lists of about half a million cells."""
    size = max(1, CELLS_AT_ONCE // max(1, n_columns))
    batch: list[tuple[Any, ...]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def load_rows(
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
    columns: tuple[str, ...],
    rows: Iterable[tuple[Any, ...]],
) -> tuple[str, int]:
    """Load rows of (line, cell, cell, …) into a new temporary table; return name and count.

    They are handed over as a Parquet file in ``scratch``, readable by its owner only and
    deleted at once: DuckDB 2.0.0 reads frames wrongly.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(LINE, pa.int64()), *((column, pa.string()) for column in columns)])
    relation = sql.new_relation("source")
    path = scratch / f"{relation}.parquet"
    path.touch(mode=0o600)
    n_rows = 0
    try:
        with pq.ParquetWriter(path, schema, compression="snappy") as writer:
            for batch in in_batches(rows, len(columns)):
                n_rows += len(batch)
                arrays = [
                    pa.array(cells, type=kind.type)
                    for cells, kind in zip(zip(*batch, strict=True), schema, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
        kept = ", ".join(map(sql.name, (*columns, LINE)))
        parquet = f"read_parquet({sql.text(str(path))})"
        con.execute(f"create temp table {relation} as select {kept} from {parquet}")
    finally:
        path.unlink(missing_ok=True)
    return relation, n_rows
