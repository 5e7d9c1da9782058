"""How many rows a damaged file ought to give, counted without any of Rapport's readers."""

from __future__ import annotations

import csv
import io
import json
import re

from benchmarks.export_writers import Export

Row = list[str]
_LEFT_OUT = re.compile(r"(\d[\d,]*) [^;]* (?:left out|of other types not used)")


def n_left_out(notes: list[str]) -> int:
    """Return how many rows the notes say were left out, rows of blanks not among them."""
    said = (_LEFT_OUT.search(note) for note in notes if "without any cell" not in note)
    return sum(int(found[1].replace(",", "")) for found in said if found)


def n_expected(kind: str, export: Export) -> int:
    """Return the rows to be staged or said to be left out."""
    if kind == "fhir":
        return n_resources(export.content)
    rows = filled_rows(export)
    return _COUNTS.get(kind, below_one)(rows)


def filled_rows(export: Export) -> list[Row]:
    """Return the rows that hold anything, as Python's csv module sees them."""
    text = decoded(export.content, export.clinic.encoding)
    delimiter = export.clinic.delimiter or ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [row for row in rows if any(map(_tidy, row))]


def decoded(content: bytes, declared: str | None) -> str:
    if declared:
        return content.decode(declared)
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16")
    if b"\0" in content:
        is_big = content[::2].count(0) > content[1::2].count(0)
        return content.decode("utf-16-be" if is_big else "utf-16-le")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def n_resources(content: bytes) -> int:
    """Return the resources of NDJSON; blank lines are none."""
    lines = decoded(content, None).split("\n")
    resources = [json.loads(line) for line in lines if line.strip()]
    return sum("resourceType" in one for one in resources)


def below_one(rows: list[Row]) -> int:
    return len(rows) - 1


def below_two(rows: list[Row]) -> int:
    return len(rows) - 2


def below_three(rows: list[Row]) -> int:
    return len(rows) - 3


def of_the_form(rows: list[Row]) -> int:
    """Rows that repeat a form, or hold an answer of the one that is not repeated."""
    header, *body = rows
    names = [name.strip() for name in header]
    form = [at for at, name in enumerate(names) if name.startswith("srs_")]
    repeat, status = (
        names.index(name) if name in names else None
        for name in ("redcap_repeat_instrument", "srs_complete")
    )

    def belongs(row: Row) -> bool:
        cells = row + [""] * (len(header) - len(row))
        if repeat is not None and cells[repeat]:
            return cells[repeat] != "intake"
        return any(cells[at] for at in form if at != status or cells[at] != "0")

    return sum(map(belongs, body))


def of_sessions(rows: list[Row]) -> int:
    """Rows times the sessions their columns are called after."""
    sessions = [name for name in rows[0] if re.fullmatch(r"\s*srs_0*1_s\d+\s*", name)]
    return len(sessions) * (len(rows) - 1)


def of_responses(rows: list[Row]) -> int:
    """Different clients and times; a header that comes again is none."""
    header, *body = rows
    names = [name.strip() for name in header]
    key = [names.index("client"), names.index("when")]
    n_again = sum(row == header for row in body)
    return n_again + len({tuple(row[at].strip() for at in key) for row in body if row != header})


def _tidy(cell: str) -> str:
    return " ".join(cell.replace("\u200b", "").replace("\ufeff", "").split())


_COUNTS = {
    "redcap": of_the_form,
    "qualtrics": below_three,
    "surveymonkey": below_two,
    "wide": of_sessions,
    "long": of_responses,
}
