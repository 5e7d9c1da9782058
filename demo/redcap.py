"""Write a clinic as a REDCap project: flat export with repeating instruments, data dictionary."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.answers import ITEM_MODELS
from demo.clinics import EXTRACT_DATE, MODALITIES
from demo.exports import (
    Edit,
    Layout,
    edit_lines,
    write_csv,
)
from demo.schedule import MISSED
from demo.tables import (
    EMPLOYMENT,
    GENDERS,
    STEPS,
    Tables,
)
from transforms.contract import DISCHARGE_REASONS

DATA_FILE = f"LakesideMBC_DATA_{EXTRACT_DATE}.csv"
DICTIONARY_FILE = f"LakesideMBC_DataDictionary_{EXTRACT_DATE}.csv"
FIRST_NAMES = (
    "Alma",
    "Boris",
    "Celia",
    "Dorian",
    "Edda",
    "Fabio",
    "Greta",
    "Hugo",
    "Ilse",
    "Joran",
)
LAST_NAMES = (
    "Ashdown", "Birkwood", "Caverley", "Dunmore", "Eastlake", "Fernhill", "Goswick", "Hartmoor",
    "Inglewood", "Jessop", "Kilbride", "Larkfield", "Marlowe", "Netherby",
)  # fmt: skip
DICTIONARY_HEADER = (
    "Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label",
    "Choices, Calculations, OR Slider Labels", "Field Note",
    "Text Validation Type OR Show Slider Number", "Text Validation Min", "Text Validation Max",
    "Identifier?", "Branching Logic (Show field only if...)", "Required Field?",
    "Custom Alignment", "Question Number (surveys only)", "Matrix Group Name", "Matrix Ranking?",
    "Field Annotation",
)  # fmt: skip


@dataclass(frozen=True)
class Question:
    """One field of the project. ``source`` is the canonical column that fills it."""

    name: str
    label: str
    source: str = ""
    choices: tuple[str, ...] = ()
    kind: str = "text"
    validation: str = ""
    low: str = ""
    high: str = ""
    is_identifier: bool = False


ATTENDANCE = ("attended", "late", *MISSED)

FORMS: dict[str, tuple[Question, ...]] = {
    "intake": (
        Question("first_name", "First name", is_identifier=True),
        Question("last_name", "Last name", is_identifier=True),
        Question("email", "E-mail", validation="email", is_identifier=True),
        Question("dob", "Date of birth", "birth_date", validation="date_ymd", is_identifier=True),
        Question("gender", "Gender", "gender", GENDERS, "radio"),
        Question("first_language", "First language", "first_language"),
        Question("employment", "Employment", "employment", EMPLOYMENT, "dropdown"),
        Question("deprivation", "Deprivation decile", "deprivation", validation="integer",
                 low="1", high="10"),
    ),
    "episode": (
        Question("episode_id", "Episode number", "episode_id"),
        Question("ep_therapist", "Therapist", "therapist_id"),
        Question("ep_referral_date", "Referred on", "referral_date", validation="date_ymd"),
        Question("ep_start_date", "Started on", "start_date", validation="date_ymd"),
        Question("ep_end_date", "Ended on", "end_date", validation="date_ymd"),
        Question("ep_discharge", "How it ended", "discharge_reason", DISCHARGE_REASONS, "radio"),
        Question("ep_modality", "Modality", "modality", MODALITIES, "radio"),
        Question("ep_problem", "Main problem", "problem"),
        Question("ep_step", "Step", "step", STEPS, "radio"),
    ),
    "session": (
        Question("session_id", "Session number", "session_id"),
        Question("sess_episode", "Episode number", "episode_id"),
        Question("sess_therapist", "Therapist", "therapist_id"),
        Question("sess_at", "Date and time", "session_at", validation="datetime_ymd"),
        Question("sess_attendance", "Attendance", "attendance", ATTENDANCE, "radio"),
        Question("sess_type", "Kind of session", "session_type"),
        Question("sess_minutes", "Minutes", "duration_min", validation="integer"),
        Question("sess_homework_set", "Homework agreed", "homework_set", kind="yesno"),
        Question("sess_homework_percent", "Homework done, percent", "homework_percent",
                 validation="integer", low="0", high="100"),
        Question("sess_feedback", "Feedback talked over", "feedback_reviewed", kind="yesno"),
    ),
}  # fmt: skip
REPEATING = ("episode", "session", "srs", "ors")
TABLE_OF_FORM = {"intake": "clients", "episode": "episodes", "session": "sessions"}


def survey_questions(instrument: str) -> tuple[Question, ...]:
    """Return the fields of a repeating survey: link to the session, lines, total."""
    lines = tuple(
        Question(f"{instrument}_{item}", f"Line {item}", f"item_{item}", validation="number_1dp",
                 low="0", high="10")
        for item in range(1, ITEM_MODELS[instrument].n_items + 1)
    )  # fmt: skip
    link = (Question(f"{instrument}_session", "Session number", "session_id"),)
    total = (Question("srs_total", "Total as shown", "submitted_total", validation="number_1dp"),)
    return link + lines + (total if instrument == "srs" else ())


def all_forms() -> dict[str, tuple[Question, ...]]:
    """Return every form of the project in order."""
    return FORMS | {"srs": survey_questions("srs"), "ors": survey_questions("ors")}


def write_redcap(tables: Tables, folder: Path, edits: Iterable[Edit] = ()) -> Layout:
    """Write the export and its dictionary; the therapists' table is not part of the project."""
    edits = list(edits)
    flat, layout = _flat(tables)
    path = folder / DATA_FILE
    write_csv(flat, path)
    _write_dictionary(folder / DICTIONARY_FILE)
    instruments = tables["responses"].column("instrument")
    translated = []
    for edit in edits:
        form = _form_of(edit, instruments)
        names = _names_in_file(form)
        changes = {names[column]: value for column, value in edit.changes.items()}
        translated.append((int(layout.line_of[edit.table][edit.row]), changes, edit.is_copy))
    layout.edited = edit_lines(path, translated)
    return layout


def _form_of(edit: Edit, instruments: pa.ChunkedArray) -> str:
    if edit.table == "responses":
        return str(instruments[int(edit.row)].as_py())
    return next(form for form, table in TABLE_OF_FORM.items() if table == edit.table)


def _names_in_file(form: str) -> dict[str, str]:
    names = {question.source: question.name for question in all_forms()[form] if question.source}
    return names | {"client_id": "record_id", "completed_at": f"{form}_timestamp"}


def _flat(tables: Tables) -> tuple[pa.Table, Layout]:
    parts, origins = [], []
    for place, (form, questions) in enumerate(all_forms().items()):
        table_name = TABLE_OF_FORM.get(form, "responses")
        rows = _rows_of(tables, form)
        parts.append(_form_table(tables[table_name].take(rows), form, questions, place))
        origins.append((table_name, rows))
    stacked = pa.concat_tables(parts, promote_options="default")
    order = pc.sort_indices(
        stacked,
        sort_keys=[(name, "ascending") for name in ("record_id", "_form", "_instance")],
    ).to_numpy()
    line = np.empty(len(order), dtype=np.int64)
    line[order] = np.arange(len(order)) + 2
    line_of = {name: np.zeros(tables[name].num_rows, np.int64) for name in tables}
    start = 0
    for table_name, rows in origins:
        line_of[table_name][rows] = line[start : start + len(rows)]
        start += len(rows)
    flat = stacked.take(pa.array(order)).select(_file_columns())
    return flat, Layout(dict.fromkeys(tables, DATA_FILE), line_of)


def _rows_of(tables: Tables, form: str) -> np.ndarray:
    if form in TABLE_OF_FORM:
        return np.arange(tables[TABLE_OF_FORM[form]].num_rows)
    is_form = pc.equal(tables["responses"].column("instrument"), form)
    return np.flatnonzero(is_form.to_numpy())


def _file_columns() -> list[str]:
    columns = ["record_id", "redcap_repeat_instrument", "redcap_repeat_instance"]
    for form, questions in all_forms().items():
        if form in ("srs", "ors"):
            columns.append(f"{form}_timestamp")
        columns += [question.name for question in questions]
        columns.append(f"{form}_complete")
    return columns


def _form_table(rows: pa.Table, form: str, questions: tuple[Question, ...], place: int) -> pa.Table:
    n = rows.num_rows
    record = rows.column("client_id").combine_chunks()
    instance = _instance(record)
    is_repeating = form in REPEATING
    columns: dict[str, pa.Array] = {
        "record_id": record,
        "redcap_repeat_instrument": pa.array([form if is_repeating else None] * n, pa.string()),
        "redcap_repeat_instance": pa.array(instance, mask=np.full(n, not is_repeating)),
        "_form": pa.array(np.full(n, place)),
        "_instance": pa.array(instance),
        f"{form}_complete": pa.array(np.full(n, 2)),
    }
    if form in ("srs", "ors"):
        columns[f"{form}_timestamp"] = rows.column("completed_at")
    invented = _identities(n) if form == "intake" else {}
    for question in questions:
        columns[question.name] = (
            _in_file(rows.column(question.source).combine_chunks(), question)
            if question.source
            else pa.array(invented[question.name])
        )
    return pa.table(columns)


def _instance(record: pa.Array) -> np.ndarray:
    """Number the rows of each record, 1, 2, 3 …, in the order they come."""
    codes = record.dictionary_encode().indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    number = np.empty(len(codes), dtype=np.int64)
    number[order] = np.arange(len(codes)) - np.searchsorted(ordered, ordered, side="left") + 1
    return number


def _in_file(values: pa.Array, question: Question) -> pa.Array:
    if question.choices:
        return pc.add(pc.index_in(values, pa.array(question.choices)), 1)
    if question.kind == "yesno":
        return values.cast(pa.int8())
    if question.validation == "datetime_ymd":
        return pc.strftime(values, format="%Y-%m-%d %H:%M")
    return values


def _identities(n: int) -> dict[str, list[str]]:
    first = [FIRST_NAMES[number % len(FIRST_NAMES)] for number in range(n)]
    last = [LAST_NAMES[number * 5 % len(LAST_NAMES)] for number in range(n)]
    email = [
        f"{one}.{two}{number}@example.org".lower()
        for number, (one, two) in enumerate(zip(first, last, strict=True))
    ]
    return {"first_name": first, "last_name": last, "email": email}


def _write_dictionary(path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(DICTIONARY_HEADER)
        record = Question("record_id", "Record ID")
        for form, questions in all_forms().items():
            for question in (record, *questions) if form == "intake" else questions:
                choices = " | ".join(
                    f"{code}, {word}" for code, word in enumerate(question.choices, start=1)
                )
                writer.writerow(
                    [
                        question.name, form, "", question.kind, question.label, choices, "",
                        question.validation, question.low, question.high,
                        "y" if question.is_identifier else "", *[""] * 7,
                    ]
                )  # fmt: skip
