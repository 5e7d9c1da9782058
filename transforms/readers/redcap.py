"""REDCap flat exports: one wide file, cut into one table per form.

REDCap writes a row per record, event and repeat, with the columns of all forms side by side.
Which column belongs to which form stands in the data dictionary. A row belongs to a form if

* it repeats that form (`redcap_repeat_instrument` is the form), or
* it repeats no form and at least one field of the form was answered: a cell that is not blank,
  a checkbox that is ticked, or `<form>_complete` other than 0. Computed fields do not count:
  REDCap fills them for forms nobody opened.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from transforms import sql
from transforms.errors import FileRefused
from transforms.readers import delimited
from transforms.readers.source import LINE, Note, ReadOptions, Source, plural
from transforms.readers.text import as_utf8

EVENT = "redcap_event_name"
REPEAT = "redcap_repeat_instrument"
PLACE = (EVENT, REPEAT, "redcap_repeat_instance", "redcap_data_access_group")
SYSTEM = (*PLACE, "redcap_survey_identifier")
_CHOSEN = ("radio", "dropdown", "yesno", "truefalse")
_NO_ANSWER = ("calc", "descriptive")
_RAW = "In REDCap choose CSV / Microsoft Excel (raw data), not (labels)"


@dataclass(frozen=True)
class Field:
    """One field of the data dictionary. ``labels``: what a label export writes."""

    name: str
    form: str
    kind: str
    label: str = ""
    codes: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()


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
    """Read a data dictionary, as downloaded by hand or through the API.

    Raises
    ------
    FileRefused
        F08 if its columns are not those of a data dictionary.
    """
    text = as_utf8(path, scratch)
    try:
        with text.path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.reader(stream))
    finally:
        if text.path != path:
            text.path.unlink(missing_ok=True)
    header = [name.strip().lower() for name in rows[0]]
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
    codes, labels = _choices(kind, row[at["choices"]])
    return Field(
        row[at["name"]].strip(),
        row[at["form"]].strip(),
        kind,
        row[at["label"]].strip(),
        frozenset(codes),
        frozenset(labels),
    )


def _choices(kind: str, text: str) -> tuple[list[str], list[str]]:
    if kind == "yesno":
        return ["0", "1"], ["No", "Yes"]
    if kind == "truefalse":
        return ["0", "1"], ["False", "True"]
    if kind not in (*_CHOSEN, "checkbox"):
        return [], []
    pairs = [choice.partition(",") for choice in text.split("|")]
    return [code.strip() for code, _, _ in pairs], [label.strip() for _, _, label in pairs]


def read(
    path: Path,
    *,
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
    options: ReadOptions,
    dictionary: Dictionary,
) -> list[Source]:
    """Read an export; return one Source per form it has columns of.

    Every Source keeps the record id, event, repeat instance and data access group.

    Raises
    ------
    FileRefused
        Besides those of `delimited.read`: F07 labels as column names, F08 wrong dictionary.
    """
    whole = delimited.read(path, con=con, scratch=scratch, options=options)[0]
    _refuse_other_project(whole, dictionary)
    by_form, unknown = _columns_by_form(whole.columns, dictionary)
    notes = whole.notes
    if unknown:
        shown = ", ".join(unknown[:10])
        notes += (
            Note("extra_columns", f"{plural(len(unknown), 'column')} not in dictionary: {shown}"),
        )
    wanted = [form for form in by_form if options.is_wanted(form)]
    if not wanted:
        raise FileRefused(
            "F08",
            "The export has no column of any form the clinic's YAML names",
            "Export those forms, or correct `form` in the YAML",
        )
    sources = [_form_source(con, whole, form, by_form[form], dictionary) for form in wanted]
    # The whole file goes with the last form that reads it.
    last = replace(sources[-1], drops=(*sources[-1].drops, *whole.drops))
    sources = [*sources[:-1], last]
    return [replace(sources[0], notes=notes), *sources[1:]]


def _refuse_other_project(whole: Source, dictionary: Dictionary) -> None:
    if dictionary.record_id in whole.columns:
        return
    labels = {one.label for one in dictionary.fields.values()}
    if len(labels & set(whole.columns)) > 1:
        raise FileRefused("F07", "The export's columns are named by labels", _RAW)
    raise FileRefused(
        "F08",
        f"The export has no record id {dictionary.record_id}, the dictionary's first field",
        "Put the dictionary of the same project beside it",
    )


def _columns_by_form(
    columns: tuple[str, ...], dictionary: Dictionary
) -> tuple[dict[str, list[str]], list[str]]:
    by_form: dict[str, list[str]] = {form: [] for form in dictionary.forms}
    unknown = []
    for column in columns:
        form = _form_of(column, dictionary)
        if form:
            by_form[form].append(column)
        elif column not in SYSTEM and column != dictionary.record_id:
            unknown.append(column)
    return {form: names for form, names in by_form.items() if names}, unknown


def _form_of(column: str, dictionary: Dictionary) -> str | None:
    if column == dictionary.record_id:
        return None
    known = dictionary.fields.get(column) or dictionary.fields.get(column.split("___")[0])
    if known:
        return known.form
    for ending in ("_complete", "_timestamp"):
        form = column.removesuffix(ending)
        if form != column and form in dictionary.forms:
            return form
    return None


def _form_source(
    con: duckdb.DuckDBPyConnection,
    whole: Source,
    form: str,
    columns: list[str],
    dictionary: Dictionary,
) -> Source:
    place = [column for column in PLACE if column in whole.columns]
    kept = (dictionary.record_id, *place, *columns)
    view = sql.new_relation("source")
    con.execute(
        f"create temp view {view} as select {', '.join(map(sql.name, kept))}, {LINE} "
        f"from {whole.relation} where {_belongs(form, columns, dictionary, place)}"
    )
    (n_rows,) = con.execute(f"select count(*) from {view}").fetchone()
    return Source(
        form,
        view,
        kept,
        n_rows,
        has_odd_spaces=whole.has_odd_spaces,
        drops=(f"drop view {view}",),
    )


def _belongs(form: str, columns: list[str], dictionary: Dictionary, place: list[str]) -> str:
    filled = " or ".join(_is_answered(column, dictionary) for column in columns)
    if REPEAT not in place:
        return f"({filled})"
    repeat = sql.name(REPEAT)
    return f"case when {repeat} is null then ({filled}) else {repeat} = {sql.text(form)} end"


def _is_answered(column: str, dictionary: Dictionary) -> str:
    cell = sql.name(column)
    known = dictionary.fields.get(column)
    if known and known.kind in _NO_ANSWER:
        return "false"
    if known:
        return f"{cell} is not null"
    # What is left is a checkbox's column, the form's status, or its survey's time stamp.
    return f"coalesce({cell}, '0') not in ('0', 'Unchecked', 'Incomplete', '[not completed]')"


def refuse_labels(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    dictionary: Dictionary,
    columns: Iterable[str],
) -> None:
    """Refuse a form whose scored items hold the dictionary's labels instead of its codes.

    Raises
    ------
    FileRefused
        F07, with the number of columns and cells.
    """
    counts = []
    for column in columns:
        known = dictionary.fields.get(column)
        words = known.labels - known.codes if known and known.kind in _CHOSEN else frozenset()
        if words:
            counts.append(
                f"count(*) filter (where trim({sql.name(column)}) in ({sql.texts(sorted(words))}))"
            )
    if not counts:
        return
    found = con.execute(f"select {', '.join(counts)} from {source.relation}").fetchone()
    if any(found):
        n_columns = sum(bool(number) for number in found)
        raise FileRefused(
            "F07",
            f"Form {source.sheet}: {plural(n_columns, 'item')} hold labels instead of codes "
            f"({plural(sum(found), 'cell')})",
            _RAW,
        )
