"""REDCap's data dictionary: fields, their forms, and what their codes mean."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path

from transforms.errors import FileRefused
from transforms.formats.source import WORKBOOK_SUFFIXES
from transforms.formats.text.encoding import as_utf8
from transforms.formats.text.header import recognize_delimiter
from transforms.formats.workbook.reader import first_sheet

CHOSEN = ("radio", "dropdown", "yesno", "truefalse")


@dataclass(frozen=True)
class Field:
    """One field of the data dictionary. ``choices``: code and label, in order."""

    name: str
    form: str
    kind: str
    label: str = ""
    choices: tuple[tuple[str, str], ...] = ()

    @property
    def codes(self) -> frozenset[str]:
        """What a raw export writes."""
        return frozenset(code for code, _ in self.choices)

    @property
    def labels(self) -> frozenset[str]:
        """What a label export writes."""
        return frozenset(label for _, label in self.choices)


@dataclass(frozen=True)
class Dictionary:
    """The data dictionary: fields by name, in REDCap's order. The first is the record id."""

    fields: dict[str, Field] = field(default_factory=dict)

    @property
    def record_id(self) -> str:
        """Name of the record id's field."""
        return next(iter(self.fields))

    @property
    def forms(self) -> list[str]:
        """Forms in order."""
        return list(dict.fromkeys(one.form for one in self.fields.values()))


def read_dictionary(path: Path, scratch: Path) -> Dictionary:
    """Read a data dictionary, as downloaded by hand or through the API, or saved as a workbook.

    Raises
    ------
    FileRefused
        F08 if its columns are not those of a data dictionary.
    """
    is_workbook = path.suffix.lower() in WORKBOOK_SUFFIXES
    rows = _rows_of_workbook(path) if is_workbook else _rows_of_text(path, scratch)
    header = [name.strip().lower() for name in rows[0]] if rows else []
    at = {
        "name": _position(header, "variable / field name", "field_name"),
        "form": _position(header, "form name", "form_name"),
        "kind": _position(header, "field type", "field_type"),
        "label": _position(header, "field label", "field_label"),
        "choices": _position(
            header, "choices, calculations, or slider labels", "select_choices_or_calculations"
        ),
    }
    fields = [_field(row, at) for row in rows[1:] if len(row) > max(at.values())]
    if not fields:
        raise FileRefused("F08", "The data dictionary has no fields", "Download it again")
    return Dictionary({one.name: one for one in fields})


def _rows_of_workbook(path: Path) -> list[list[str]]:
    return [[cell or "" for cell in cells] for _, *cells in first_sheet(path)]


def _rows_of_text(path: Path, scratch: Path) -> list[list[str]]:
    text = as_utf8(path, scratch)
    try:
        with text.path.open(encoding="utf-8-sig", newline="") as stream:
            delimiter = recognize_delimiter(stream.readline())
            stream.seek(0)
            return list(csv.reader(stream, delimiter=delimiter))
    finally:
        if text.path != path:
            text.path.unlink(missing_ok=True)


def _position(header: list[str], *names: str) -> int:
    for name in names:
        if name in header:
            return header.index(name)
    raise FileRefused(
        "F08",
        f"The data dictionary has no column '{names[0]}'",
        "Download it in REDCap under Data Dictionary, as CSV",
    )


def _field(row: list[str], at: dict[str, int]) -> Field:
    kind = row[at["kind"]].strip().lower()
    return Field(
        row[at["name"]].strip(),
        row[at["form"]].strip(),
        kind,
        without_markup(row[at["label"]]),
        tuple(_choices(kind, row[at["choices"]])),
    )


def _choices(kind: str, text: str) -> list[tuple[str, str]]:
    if kind == "yesno":
        return [("1", "Yes"), ("0", "No")]
    if kind == "truefalse":
        return [("1", "True"), ("0", "False")]
    if kind not in (*CHOSEN, "checkbox"):
        return []
    pairs = [choice.partition(",") for choice in text.split("|")]
    return [(code.strip(), without_markup(label)) for code, _, label in pairs]


def without_markup(label: str) -> str:
    """Return a label as an export shows it: without HTML, with single blanks.

    Examples
    --------
    >>> without_markup("<b>How</b>  often? ")
    'How often?'
    """
    return " ".join(re.sub(r"<[^<>]+>", "", label).split())
