"""REDCap flat exports: one wide file, cut into one table per form.

REDCap writes a row per record, event and repeat, with the columns of all forms side by side.
Which column belongs to which form stands in the data dictionary. A row belongs to a form if

* it repeats that form (`redcap_repeat_instrument` is the form), or
* it repeats no form and at least one field of the form was answered: a cell that is not blank,
  a checkbox that is ticked, or `<form>_complete` other than 0. Computed fields do not count:
  REDCap fills them for forms nobody opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import duckdb

from transforms import sql
from transforms.errors import FileRefused
from transforms.formats.redcap.dictionary import Dictionary, read_dictionary
from transforms.formats.redcap.labels import (
    EVENT,
    PLACE,
    RAW,
    REPEAT,
    SYSTEM,
    decoded,
    label_header,
    read_with_label_header,
    refuse_labels,
)
from transforms.formats.redcap.options import RedcapOptions
from transforms.formats.source import (
    LINE,
    Note,
    ReadOptions,
    Source,
    plural,
)
from transforms.formats.text import reader as delimited

__all__ = ["Dictionary", "read", "read_dictionary", "refuse_labels"]

_NO_ANSWER = ("calc", "descriptive")
# An unticked checkbox, a form nobody saved, a survey nobody sent.
_NOTHING = ("0", "Unchecked", "Incomplete", "[not completed]")
_INCOMPLETE = ("0", "Incomplete")
_BY_LABELS = "The export's columns are named by labels"
_OR_MAP = f"{RAW}; or write `redcap: {{labels: map}}` into the clinic's YAML"


def read(
    path: Path,
    *,
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
    options: ReadOptions,
    dictionary: Dictionary,
    rules: RedcapOptions | None = None,
    missing_codes: tuple[str, ...] = (),
    mapped: frozenset[str] = frozenset(),
    named: Mapping[str | None, frozenset[str]] | None = None,
    of_record: frozenset[str] = frozenset(),
) -> list[Source]:
    """Read an export; return one Source per form it has columns of.

    Every Source keeps the record id, event, repeat instance and data access group.

    Parameters
    ----------
    rules : whether labels are mapped back to codes, and incomplete forms left out.
    missing_codes : texts that a label export may hold besides labels.
    mapped : columns the clinic's YAML reads. One that the dictionary has and this export does
        not is empty: batches of one project need not have the same columns.
    named : of each form the columns its feeds name one by one. One of another form is read from
        the same row: a questionnaire may be spread over two forms.
    of_record : those of them that are identifiers. Where the row has none, that of another form is
        the record's, filled in once (a therapist at intake), if all its rows agree.

    Raises
    ------
    FileRefused
        Besides those of `delimited.read`: F07 labels as column names, F08 wrong dictionary.
    """
    rules = rules or RedcapOptions()
    whole = _read_whole(path, con, scratch, options, dictionary, rules)
    try:
        _refuse_other_project(whole, dictionary)
        if rules.labels == "map":
            whole = decoded(con, whole, dictionary, missing_codes)
        of_record &= {name for name in whole.columns if _form_of(name, dictionary)}
        whole = _with_record(con, _in_events(con, whole, rules), dictionary, of_record)
        cells = {
            form: {one: _of_record(one) if one in of_record else sql.name(one) for one in names}
            for form, names in (named or {}).items()
        }
        return _forms(con, whole, options, dictionary, rules, mapped, cells)
    except FileRefused:
        whole.drop(con)
        raise


def _in_events(con: duckdb.DuckDBPyConnection, whole: Source, rules: RedcapOptions) -> Source:
    """Read rows of an event that is another one held again as rows of that event."""
    if not rules.events or EVENT not in whole.columns:
        return whole
    cell = sql.name(EVENT)
    cases = " ".join(f"when {sql.text(a)} then {sql.text(b)}" for a, b in rules.events.items())
    return _seen_through(con, whole, f"* replace (case {cell} {cases} else {cell} end as {cell})")


def _with_record(
    con: duckdb.DuckDBPyConnection, whole: Source, dictionary: Dictionary, columns: frozenset[str]
) -> Source:
    """Put what a record says once of itself beside its rows; what it says twice is nobody's."""
    if not columns:
        return whole
    same = f"over (partition by {sql.name(dictionary.record_id)})"
    cells = []
    for name in sorted(columns):
        cell = sql.name(name)
        agreed = f"case when min({cell}) {same} = max({cell}) {same} then min({cell}) {same} end"
        cells.append(f"coalesce({cell}, {agreed}) as {_of_record(name)}")
    return _seen_through(con, whole, f"*, {', '.join(cells)}")


def _of_record(column: str) -> str:
    return sql.name(f"{column} of the record")


def _seen_through(con: duckdb.DuckDBPyConnection, whole: Source, selected: str) -> Source:
    view = sql.new_relation("record")
    con.execute(f"create temp view {view} as select {selected} from {whole.relation}")
    return replace(whole, relation=view, drops=(f"drop view {view}", *whole.drops))


def _read_whole(
    path: Path,
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
    options: ReadOptions,
    dictionary: Dictionary,
    rules: RedcapOptions,
) -> Source:
    if rules.labels == "map" and label_header(path, scratch, options, dictionary):
        return read_with_label_header(path, con, scratch, options, dictionary)
    return delimited.read(path, con=con, scratch=scratch, options=options)[0]


def _forms(
    con: duckdb.DuckDBPyConnection,
    whole: Source,
    options: ReadOptions,
    dictionary: Dictionary,
    rules: RedcapOptions,
    mapped: frozenset[str],
    named: Mapping[str | None, Mapping[str, str]],
) -> list[Source]:
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
    notes += _unknown_repeat_notes(con, whole, dictionary)
    sources = [
        _form_source(
            con, whole, form, by_form[form], dictionary, rules, mapped, named.get(form, {})
        )
        for form in wanted
    ]
    # The whole file goes with the last form that reads it.
    last = replace(sources[-1], drops=(*sources[-1].drops, *whole.drops))
    sources = [*sources[:-1], last]
    return [replace(sources[0], notes=(*notes, *sources[0].notes)), *sources[1:]]


def _unknown_repeat_notes(
    con: duckdb.DuckDBPyConnection, whole: Source, dictionary: Dictionary
) -> tuple[Note, ...]:
    """Count the rows that repeat a form the dictionary does not have: no feed can read them."""
    if REPEAT not in whole.columns:
        return ()
    known = sql.texts(dictionary.forms)
    unknown = con.execute(
        f"select count(*) from {whole.relation} where {sql.name(REPEAT)} not in ({known})"
    )
    (n,) = sql.only_row(unknown)
    what = f"{plural(n, 'row')} of a repeated form that is not in the dictionary left out"
    return (Note("skipped_rows", what),) if n else ()


def _refuse_other_project(whole: Source, dictionary: Dictionary) -> None:
    if dictionary.record_id in whole.columns:
        return
    labels = {one.label for one in dictionary.fields.values()}
    if len(labels & set(whole.columns)) > 1:
        raise FileRefused("F07", _BY_LABELS, _OR_MAP)
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
    rules: RedcapOptions,
    mapped: frozenset[str],
    named: Mapping[str, str],
) -> Source:
    place = [column for column in PLACE if column in whole.columns]
    absent = [
        column
        for column in sorted(mapped)
        if _form_of(column, dictionary) == form and column not in columns
    ]
    own = {dictionary.record_id, *place, *columns}
    # A repeated form has rows of its own, in which those of another are empty.
    foreign = [name for name in whole.columns if name in named and name not in own]
    kept = (dictionary.record_id, *place, *columns, *foreign)
    cells = [sql.name(name) for name in (dictionary.record_id, *place, *columns)]
    cells += [f"{named[name]} as {sql.name(name)}" for name in foreign]
    cells += [f"null::varchar as {sql.name(name)}" for name in absent]
    belongs = _belongs(form, columns, dictionary, place)
    unfinished = _unfinished(form, columns) if rules.incomplete == "drop" else "false"
    view = sql.new_relation("source")
    con.execute(
        f"create temp view {view} as select {', '.join(cells)}, {LINE} "
        f"from {whole.relation} where ({belongs}) and not ({unfinished})"
    )
    counted = con.execute(
        f"select count(*) filter (where not ({unfinished})), count(*) filter (where {unfinished}) "
        f"from {whole.relation} where {belongs}"
    )
    n_rows, n_left_out = sql.only_row(counted)
    return Source(
        form,
        view,
        (*kept, *absent),
        n_rows,
        notes=tuple(_form_notes(form, absent, n_left_out)),
        has_odd_spaces=whole.has_odd_spaces,
        drops=(f"drop view {view}",),
        absent=tuple(absent),
        doubled=whole.doubled,
        labels={
            column: dictionary.fields[column].label
            for column in columns
            if column in dictionary.fields
        },
    )


def _form_notes(form: str, absent: list[str], n_left_out: int) -> Iterator[Note]:
    if n_left_out:
        yield Note("skipped_rows", f"form {form}: {plural(n_left_out, 'incomplete form')} left out")
    if absent:
        shown = ", ".join(absent[:10]) + (", …" if len(absent) > 10 else "")
        yield Note(
            "missing_columns",
            f"form {form}: {plural(len(absent), 'mapped column')} not in this export, read as "
            f"empty: {shown}",
        )


def _unfinished(form: str, columns: list[str]) -> str:
    """Return SQL for: the form is saved as incomplete, or its survey was never sent off."""
    tests = []
    if f"{form}_complete" in columns:
        cell = sql.name(f"{form}_complete")
        tests.append(f"coalesce({cell}, '0') in ({sql.texts(_INCOMPLETE)})")
    if f"{form}_timestamp" in columns:
        cell = sql.name(f"{form}_timestamp")
        tests.append(f"coalesce({cell}, '') = '[not completed]'")
    return " or ".join(tests) or "false"


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
    return f"coalesce({cell}, '0') not in ({sql.texts(_NOTHING)})"
