"""REDCap label exports: headings and cells by label, mapped back through the data dictionary.

Only where the clinic's YAML asks for it; otherwise scored items that hold labels refuse the file.
A label the dictionary does not have, or has for two codes, is marked so that a rule finds it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

import duckdb

from transforms import sql
from transforms.errors import FileRefused
from transforms.formats.header import checked_header, told_columns
from transforms.formats.redcap.dictionary import (
    CHOSEN,
    Dictionary,
    Field,
    without_markup,
)
from transforms.formats.source import (
    ReadOptions,
    Source,
    load_rows,
    plural,
)
from transforms.formats.tables.records import Records, Widths

EVENT = "redcap_event_name"
REPEAT = "redcap_repeat_instrument"
PLACE = (EVENT, REPEAT, "redcap_repeat_instance", "redcap_data_access_group")
SYSTEM = (*PLACE, "redcap_survey_identifier")
RAW = "In REDCap choose CSV / Microsoft Excel (raw data), not (labels)"
# Stands in a cell for a label nobody knows, so that it cannot pass for an answer.
UNKNOWN = "unknown label"
_SYSTEM_LABELS = {
    "Event Name": EVENT,
    "Repeat Instrument": REPEAT,
    "Repeat Instance": "redcap_repeat_instance",
    "Data Access Group": "redcap_data_access_group",
    "Survey Identifier": "redcap_survey_identifier",
}
_TICKED = (("1", "Checked"), ("0", "Unchecked"))
_STATUS = (("0", "Incomplete"), ("1", "Unverified"), ("2", "Complete"))


def label_header(path: Path, scratch: Path, options: ReadOptions, dictionary: Dictionary) -> bool:
    """Whether the header names fields by their labels."""
    with Records(path, scratch, delimiter=options.delimiter, encoding=options.encoding) as records:
        cells = [cell for _, row in islice(records, 1) for cell in row]
    if dictionary.record_id in (cell.strip() for cell in cells):
        return False
    labels = {one.label for one in dictionary.fields.values()} | set(_SYSTEM_LABELS)
    return len(labels & {without_markup(cell) for cell in cells}) > 1


def read_with_label_header(
    path: Path,
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
    options: ReadOptions,
    dictionary: Dictionary,
) -> Source:
    """Read an export whose columns are called by labels; call them by the fields' names.

    Raises
    ------
    FileRefused
        F01, F05 as other text; F08 two columns of one label cannot be told apart.
    """
    with Records(path, scratch, delimiter=options.delimiter, encoding=options.encoding) as records:
        rows = iter(records)
        _, header = next(rows)
        names = checked_header(names_of(header, dictionary))
        widths = Widths(len(names))
        relation, n_rows = load_rows(
            con,
            scratch,
            names,
            (
                (line, *(cell or None for cell in cells[: len(names)]))
                for line, cells in rows
                if widths.fits(line, cells)
            ),
        )
    drops = (f"drop table {relation}",)
    try:
        widths.refuse_ragged()
    except FileRefused:
        con.execute(drops[0])
        raise
    told = told_columns(con, relation, names)
    return Source(
        None,
        told.relation,
        told.names,
        n_rows,
        told.notes,
        drops=(*told.drops, *drops),
        second_names=told.second_names,
        doubled=told.doubled,
    )


def names_of(header: list[str], dictionary: Dictionary) -> list[str]:
    """Return the field names of a header of labels; what nobody knows keeps its label.

    Raises
    ------
    FileRefused
        F08: a label several fields have, in another number of columns than there are fields.
    """
    labels = [without_markup(cell) for cell in header]
    candidates = _candidates(dictionary)
    total = Counter(labels)
    seen: Counter[str] = Counter()
    names: list[str] = []
    for position, label in enumerate(labels, 1):
        known = candidates.get(label, [])
        if known and total[label] != len(known):
            raise FileRefused(
                "F08",
                f"Column {position}: {plural(len(known), 'field')} of the dictionary have its "
                f"label, but {plural(total[label], 'column')} of the export",
                f"Export all fields, or {RAW[0].lower()}{RAW[1:]}",
            )
        names.append(known[seen[label]] if known else _SYSTEM_LABELS.get(label, label))
        seen[label] += 1
    return _with_status(names, dictionary)


def _candidates(dictionary: Dictionary) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in dictionary.fields.values():
        if one.kind == "checkbox":
            for code, label in one.choices:
                heading = f"{one.label} (choice={label})"
                found.setdefault(heading, []).append(f"{one.name}___{code}")
        elif one.kind != "descriptive":
            found.setdefault(one.label, []).append(one.name)
    return found


def _with_status(names: list[str], dictionary: Dictionary) -> list[str]:
    """Call `Complete?` by the form before it, and `Survey Timestamp` by the form after it."""
    forms = [_form(name, dictionary) for name in names]
    named = list(names)
    for i, name in enumerate(names):
        before = next((form for form in reversed(forms[:i]) if form), None)
        after = next((form for form in forms[i:] if form), None)
        if name == "Complete?" and before:
            named[i] = f"{before}_complete"
        if name == "Survey Timestamp" and after:
            named[i] = f"{after}_timestamp"
    return named


def _form(name: str, dictionary: Dictionary) -> str | None:
    if name == dictionary.record_id:
        return None
    known = dictionary.fields.get(name) or dictionary.fields.get(name.split("___")[0])
    return known.form if known else None


def decoded(
    con: duckdb.DuckDBPyConnection,
    whole: Source,
    dictionary: Dictionary,
    missing_codes: Collection[str],
) -> Source:
    """Return a label export with the dictionary's codes; a raw export as it is.

    Raises
    ------
    FileRefused
        F08: a repeat instrument that is no form's name, whatever its spelling.
    """
    choices = {column: pairs for column in whole.columns if (pairs := _choices(column, dictionary))}
    if not _n_labels(con, whole, choices):
        return whole
    replaced = [
        f"{_code(column, pairs, missing_codes)} as {sql.name(column)}"
        for column, pairs in choices.items()
    ]
    if REPEAT in whole.columns:
        _refuse_unknown_repeats(con, whole, dictionary)
        replaced.append(f"{_plain_name(REPEAT)} as {REPEAT}")
    view = sql.new_relation("source")
    con.execute(
        f"create temp view {view} as select * replace ({', '.join(replaced)}) from {whole.relation}"
    )
    drops = (f"drop view {view}", *whole.drops)
    return replace(whole, relation=view, has_blanks=True, drops=drops)


def _choices(column: str, dictionary: Dictionary) -> tuple[tuple[str, str], ...]:
    known = dictionary.fields.get(column)
    if known:
        return known.choices if known.kind in CHOSEN else ()
    if _form(column, dictionary):
        return _TICKED
    form = column.removesuffix("_complete")
    return _STATUS if form != column and form in dictionary.forms else ()


def _n_labels(
    con: duckdb.DuckDBPyConnection,
    whole: Source,
    choices: Mapping[str, Collection[tuple[str, str]]],
) -> int:
    counts = [
        f"count(*) filter (where trim({sql.name(column)}) in ({sql.texts(sorted(words))}))"
        for column, pairs in choices.items()
        if (words := {label for _, label in pairs} - {code for code, _ in pairs})
    ]
    if not counts:
        return 0
    query = f"select {' + '.join(counts)} from {whole.relation}"
    (n,) = sql.only_row(sql.execute_quietly(con, query, step="looking for labels"))
    return int(n)


def _code(column: str, pairs: Iterable[tuple[str, str]], missing_codes: Collection[str]) -> str:
    """Return SQL for a cell's code. A label of two codes means neither."""
    pairs = list(pairs)
    n_codes = Counter(label for label, _ in {(label, code) for code, label in pairs})
    whens = " ".join(
        f"when {sql.text(label)} then {sql.text(code)}"
        for code, label in pairs
        if n_codes[label] == 1 and label
    )
    cell = f"trim({sql.name(column)})"
    kept = f"when {cell} in ({sql.texts(missing_codes)}) then {cell} " if missing_codes else ""
    coded = f"case {cell} {whens} else {sql.text(UNKNOWN)} end" if whens else sql.text(UNKNOWN)
    return f"case when coalesce({cell}, '') = '' then null {kept}else {coded} end"


def _plain_name(column: str) -> str:
    """Return SQL for a form's name made from its label the way REDCap makes it."""
    lower = f"regexp_replace(lower(trim({sql.name(column)})), '[^a-z0-9]+', '_', 'g')"
    return f"nullif(trim({lower}, '_'), '')"


def _refuse_unknown_repeats(
    con: duckdb.DuckDBPyConnection, whole: Source, dictionary: Dictionary
) -> None:
    known = sql.texts(dictionary.forms)
    unknown = con.execute(
        f"select count(*) from {whole.relation} where {_plain_name(REPEAT)} not in ({known})"
    )
    (n,) = sql.only_row(unknown)
    if n:
        raise FileRefused(
            "F08",
            f"{plural(n, 'row')} repeat an instrument whose label is not like any form's name",
            RAW,
        )


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
        words = _words(known) if known else frozenset()
        if words:
            counts.append(
                f"count(*) filter (where trim({sql.name(column)}) in ({sql.texts(sorted(words))}))"
            )
    if not counts:
        return
    found = sql.only_row(con.execute(f"select {', '.join(counts)} from {source.relation}"))
    if any(found):
        n_columns = sum(bool(number) for number in found)
        raise FileRefused(
            "F07",
            f"Form {source.sheet}: {plural(n_columns, 'item')} hold labels instead of codes "
            f"({plural(sum(found), 'cell')})",
            f"{RAW}; or write `redcap: {{labels: map}}` into the clinic's YAML",
        )


def _words(known: Field) -> frozenset[str]:
    return known.labels - known.codes if known.kind in CHOSEN else frozenset()
