"""Exports of every format the product reads, with a canary in every cell.

Each export holds sound rows; then, for each of its columns, a sound row with a canary in that one
cell; then a row of canaries only. So do cells nobody maps. Where a heading is free text it holds a
canary of its own kind: the names of columns are kept, to tell when an export changes its form.
All of it is made up, and no wording is anyone's.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import openpyxl
from openpyxl.comments import Comment

# No words of the product, its configuration or its documents.
MARK = "Quillfeather"
HEADING = "Thistledown"
N_SOUND = 150
N_ITEMS = 4
STEPS = ("Never", "Now and then", "Mostly", "Always")


_NUMBERS = itertools.count(1)


def canary() -> str:
    """Return a text that stands in one cell only."""
    return f"{MARK}{next(_NUMBERS)}"


def heading() -> str:
    """Return a text that stands in one name of a column only."""
    return f"{HEADING}{next(_NUMBERS)}"


@dataclass
class Export:
    """What one clinic delivers.

    Attributes
    ----------
    files : name in the landing folder to content
    config : the clinic's YAML; empty where none is needed
    answers : (file, line, column): the answers that are a canary and so no number
    """

    files: dict[str, bytes]
    config: str = ""
    answers: list[tuple[str, int, str]] = field(default_factory=list)


def moment(number: int) -> datetime:
    """Return the time of a form: one a day."""
    return datetime(2025, 1, 6, 10) + timedelta(days=number)


def planted(sound: Callable[[int], list[str]]) -> list[list[str]]:
    """Return sound rows, one row per column with a canary in it, and a row of canaries."""
    rows = [sound(number) for number in range(N_SOUND)]
    for column in range(len(rows[0])):
        row = sound(N_SOUND + column)
        row[column] = canary()
        rows.append(row)
    return [*rows, [canary() for _ in rows[0]]]


def delimited(rows: Sequence[Sequence[str]], delimiter: str = ",") -> bytes:
    """Write rows as text, every cell quoted."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    return out.getvalue().encode()


def workbook(sheets: dict[str, list[list[Any]]]) -> bytes:
    """Write sheets, with canaries in all that a workbook holds beside its cells."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
        sheet["A1"].comment = Comment(canary(), canary())
    hidden = book.create_sheet("Scratch")
    hidden.sheet_state = "hidden"
    hidden.append([canary(), canary()])
    book.properties.creator = book.properties.title = canary()
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    """Write files into an archive with a comment."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.comment = canary().encode()
    return out.getvalue()


def broken_answers(file: str, header: Sequence[str], items: Sequence[str], first_line: int):
    """Return where the canaries are that stand alone in the cell of an answer."""
    return [
        (file, first_line + N_SOUND + list(header).index(name), f"item_{number}")
        for number, name in enumerate(items, start=1)
    ]


ITEMS = [f"item_{number}" for number in range(1, N_ITEMS + 1)]
CANONICAL = {
    "therapists": (
        ["therapist_id", "profession", "orientation", "years_practising", "valid_from", "valid_to"],
        lambda n: [f"t{n}", "psychologist", "cbt", "7", "2020-01-01", ""],
    ),
    "clients": (
        ["client_id", "birth_date", "gender", "first_language", "employment", "deprivation"],
        lambda n: [f"c{n}", "1980-02-03", "female", "en", "employed", "3"],
    ),
    "episodes": (
        ["episode_id", "client_id", "therapist_id", "referral_date", "start_date", "end_date",
         "discharge_reason", "modality", "problem", "step"],
        lambda n: [f"e{n}", f"c{n}", f"t{n}", "2024-12-01", "2025-01-02", "", "", "cbt",
                   "depression", "low"],
    ),
    "sessions": (
        ["session_id", "episode_id", "client_id", "therapist_id", "session_at", "attendance",
         "session_type", "duration_min", "modality", "homework_set", "homework_percent",
         "feedback_reviewed", "session_number", "group_id"],
        lambda n: [f"s{n}", f"e{n}", f"c{n}", f"t{n}", f"{moment(n)}", "attended", "treatment",
                   "50", "cbt", "yes", "50", "no", "1", ""],
    ),
    "responses": (
        ["response_id", "client_id", "instrument", "version", "rater", "completed_at",
         "started_at", "session_id", "episode_id", "therapist_id", "language", "mode", *ITEMS,
         "submitted_total", "remarks"],
        lambda n: [f"r{n}", f"c{n}", "phq4", "standard", "client", f"{moment(n)}", f"{moment(n)}",
                   f"s{n}", f"e{n}", f"t{n}", "en", "paper", "0", "1", "2", str(n % 4),
                   str(3 + n % 4), canary()],
    ),
}  # fmt: skip


def tables() -> dict[str, list[list[str]]]:
    """Return the five canonical tables, header first."""
    return {name: [header, *planted(sound)] for name, (header, sound) in CANONICAL.items()}


def canonical() -> Export:
    """Canonical CSV files; and one whose every row but the header holds canaries only."""
    files = {f"{name}.csv": delimited(rows) for name, rows in tables().items()}
    header = CANONICAL["responses"][0]
    files["responses_all.csv"] = delimited([header, *([canary() for _ in header] for _ in "123")])
    files["responses_no_header.csv"] = delimited([[canary() for _ in header] for _ in "123"])
    files["responses_ragged.csv"] = delimited([header, [canary() for _ in header[1:]]])
    files["responses_odd_header.csv"] = delimited([[*header, heading()], *planted(lambda n: [
        *CANONICAL["responses"][1](n + 1000), canary()])])  # fmt: skip
    files["responses.csv.manifest.json"] = json.dumps({"rows": canary(), canary(): 1}).encode()
    return Export(files, "", broken_answers("responses.csv", header, ITEMS, 2))


def excel() -> Export:
    """The canonical tables as one workbook."""
    header = CANONICAL["responses"][0]
    return Export(
        {"export.xlsx": workbook(tables())}, "", broken_answers("export.xlsx", header, ITEMS, 2)
    )


def archive() -> Export:
    """The canonical tables in a zip, and questionnaires alone in a gz."""
    header = CANONICAL["responses"][0]
    inside = {f"{name}.csv": delimited(rows) for name, rows in tables().items()}
    packed = gzip.compress(delimited([header, *planted(lambda n: [
        f"g{n}", *CANONICAL["responses"][1](n)[1:5], f"{moment(n + 400)}", *[""] * 6,
        *CANONICAL["responses"][1](n)[12:]])]))  # fmt: skip
    return Export(
        {"january.zip": zipped(inside), "responses_2.csv.gz": packed},
        "",
        [
            *broken_answers("january.zip", header, ITEMS, 2),
            *broken_answers("responses_2.csv.gz", header, ITEMS, 2),
        ],
    )


def mapped(clinic: str, file: str, form: str, items: str, columns: str, extra: str = "") -> str:
    """Return the YAML of a clinic that sends one questionnaire."""
    return f"""
clinic: {clinic}
format: {form}
files: "{file}"
{extra}
feeds:
  - table: responses
    set: {{instrument: phq4, rater: client}}
    columns: {columns}
    items: {items}
"""


def text() -> Export:
    """Delimited text with a decimal comma, a title above the header, and a column nobody maps."""
    names = ["Q 1", "Q 2", "Q 3", "Q 4"]
    header = ["Client", "Day", "Name", *names, f"Remarks on {heading()}"]
    rows = planted(lambda n: [f"c{n}", f"{moment(n):%d.%m.%Y}", canary(), *"0123", canary()])
    title = [canary(), *[""] * (len(header) - 1)]
    config = mapped(
        "text", "e*.csv", "delimited", '"Q {n}"', "{client_id: Client, completed_at: Day}",
        'delimiter: ";"\ndecimal: ","\ndate_format: "%d.%m.%Y"\nheader_row: 2',
    )  # fmt: skip
    content = delimited([title, header, *rows], ";")
    return Export({"e.csv": content}, config, broken_answers("e.csv", header, names, 3))


def sheets() -> Export:
    """A mapped workbook: titles above, a second sheet nobody reads."""
    names = ["PHQ 1", "PHQ 2", "PHQ 3", "PHQ 4"]
    header = ["Client", "Date", *names, f"Remarks on {heading()}"]
    rows = planted(lambda n: [f"c{n}", f"{moment(n):%d.%m.%Y}", *"0123", canary()])
    book = {"Forms": [[canary()], header, *rows], "Notes": [[canary(), canary()], [canary()]]}
    config = """
clinic: sheets
format: workbook
feeds:
  - table: responses
    sheet: Forms
    header_row: 2
    set: {instrument: phq4, rater: client}
    columns: {client_id: Client, completed_at: Date}
    items: "PHQ {n}"
    date_format: "%d.%m.%Y"
"""
    return Export(
        {"forms.xlsx": workbook(book)}, config, broken_answers("forms.xlsx", header, names, 3)
    )


def redcap() -> Export:
    """REDCap and its dictionary, whose labels and notes are free text."""
    names = [f"phq_{number}" for number in range(1, 5)]
    fields = {"record_id": "text", "day": "text", **dict.fromkeys(names, "radio"), "said": "notes"}
    head = ["Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label",
            "Choices, Calculations, OR Slider Labels", "Field Note"]  # fmt: skip
    choices = "0, Never | 1, Now and then | 2, Mostly | 3, Always"
    dictionary = [
        [name, "mood", canary(), kind, canary(), choices if kind == "radio" else "", canary()]
        for name, kind in fields.items()
    ]
    header = [*fields, "mood_complete"]
    rows = planted(lambda n: [f"{n:03}", f"{moment(n):%Y-%m-%d}", *"0123", canary(), "2"])
    config = """
clinic: redcap
format: redcap
files: "data*.csv"
dictionary: "dictionary*.csv"
feeds:
  - table: responses
    form: mood
    set: {instrument: phq4, rater: client}
    columns: {client_id: record_id, completed_at: day}
    items: "phq_{n}"
"""
    files = {
        "data.csv": delimited([header, *rows]),
        "dictionary.csv": delimited([head, *dictionary]),
    }
    return Export(files, config, broken_answers("data.csv", header, names, 2))


def qualtrics() -> Export:
    """Three header rows, of which the second is free text; e-mail and place of everybody."""
    ids = ["endDate", "status", "finished", "_recordId", "recipientEmail", "ipAddress",
           "externalDataReference", *(f"QID5_{n}" for n in range(1, 5)), "QID6_TEXT"]  # fmt: skip
    names = ["EndDate", "Status", "Finished", "ResponseId", "RecipientEmail", "IPAddress",
             "ExternalReference", "q_1", "q_2", "q_3", "q_4", f"said_{heading()}"]  # fmt: skip
    labels = [heading() for _ in ids]
    marks = [json.dumps({"ImportId": one}) for one in ids]
    rows = planted(lambda n: [f"{moment(n)}", "0", "1", f"R_{n}", canary(), canary(), f"c{n}",
                              *"0123", canary()])  # fmt: skip
    columns = "{response_id: ResponseId, client_id: ExternalReference, completed_at: EndDate}"
    config = mapped("qualtrics", "e*.csv", "qualtrics", '"QID5_{n}"', columns)
    content = delimited([names, labels, marks, *rows])
    items = ids[7:11]
    return Export({"e.csv": content}, config, broken_answers("e.csv", ids, items, 4))


VALUES = "values: {items: {Never: 0, Now and then: 1, Mostly: 2, Always: 3}}"


def survey(clinic: str, header: list[str], rows: list[list[str]], items: list[str], columns: str,
           extra: str = "", above: Sequence[list[str]] = ()) -> Export:  # fmt: skip
    """Return the export of a web survey whose answers are texts."""
    config = mapped(clinic, "e*.csv", clinic, json.dumps(items), columns, extra) + f"    {VALUES}\n"
    content = delimited([header, *above, *rows])
    asked = [header.index(name) for name in items] if set(items) <= set(header) else None
    places = asked or list(range(len(header) - 1 - N_ITEMS, len(header) - 1))
    answers = [
        ("e.csv", 2 + len(above) + N_SOUND + place, f"item_{number}")
        for number, place in enumerate(places, start=1)
    ]
    return Export({"e.csv": content}, config, answers)


def limesurvey() -> Export:
    """LimeSurvey: codes and the questions' texts in the headings, the address of everybody."""
    codes = [f"G01Q01[SQ00{n}]" for n in range(1, 5)]
    header = ["id", "submitdate", "lastpage", "startlanguage", "token", "ipaddr", "G02Q03",
              *(f"{code}. {heading()}" for code in codes), f"G03. {heading()}"]  # fmt: skip
    rows = planted(lambda n: [str(n + 1), f"{moment(n)}", "2", "en", canary(), canary(), f"c{n}",
                              *STEPS, canary()])  # fmt: skip
    columns = "{response_id: id, client_id: G02Q03, completed_at: submitdate}"
    return survey("limesurvey", header, rows, codes, columns)


def google_forms() -> Export:
    """Google Forms: every heading is a question's text."""
    items = [f"Rate {heading()} [{n}]" for n in range(1, 5)]
    header = ["Timestamp", "Email Address", "Client code", *items, f"Say {heading()}"]
    rows = planted(lambda n: [f"{moment(n):%Y/%m/%d %I:%M:%S %p} GMT+1", canary(), f"c{n}", *STEPS,
                              canary()])  # fmt: skip
    columns = "{client_id: Client code, completed_at: Timestamp}"
    return survey("google_forms", header, rows, items, columns)


def microsoft_forms() -> Export:
    """Microsoft Forms: who answered stands in two columns of every row."""
    items = [f"Rate {n}" for n in range(1, 5)]
    header = ["ID", "Start time", "Completion time", "Email", "Name", "Client code", *items,
              f"Say {heading()}"]  # fmt: skip
    rows = planted(lambda n: [str(n + 1), f"{moment(n)}", f"{moment(n)}", canary(), canary(),
                              f"c{n}", *STEPS, canary()])  # fmt: skip
    columns = "{response_id: ID, client_id: Client code, completed_at: Completion time}"
    return survey("microsoft_forms", header, rows, items, columns)


def surveymonkey() -> Export:
    """SurveyMonkey: two header rows, and who answered from where."""
    header = ["Respondent ID", "Collector ID", "Date Created", "Date Modified", "IP Address",
              "Email Address", "First Name", "Custom Data 1", "Rate it", "", "", "",
              f"Say {heading()}"]  # fmt: skip
    below = [*[""] * 8, *"1234", "Open-Ended Response"]
    rows = planted(lambda n: [str(n + 1), "22", *[f"{moment(n):%m/%d/%Y %I:%M:%S %p}"] * 2,
                              canary(), canary(), canary(), f"c{n}", *STEPS, canary()])  # fmt: skip
    columns = "{response_id: Respondent ID, client_id: Custom Data 1, completed_at: Date Modified}"
    return survey(
        "surveymonkey", header, rows, [f"Rate it [{n}]" for n in range(1, 5)], columns,
        'timestamp_format: "%m/%d/%Y %I:%M:%S %p"', [below],
    )  # fmt: skip


def wide() -> Export:
    """One row per client, two sessions."""
    columns = [f"phq_{item}_s{session}" for session in (1, 2) for item in range(1, 5)]
    header = ["id", "date_s1", "date_s2", *columns, f"said {heading()}"]
    rows = planted(lambda n: [f"c{n}", f"{moment(n)}", f"{moment(n + 7)}", *"01230123", canary()])
    config = """
clinic: wide
format: delimited
files: "e*.csv"
feeds:
  - table: responses
    set: {instrument: phq4, rater: client}
    wide: {items: "phq_{item}_s{session}", per_session: {date: "date_s{session}"}}
    columns: {client_id: id, completed_at: date, session_id: {join: [id, _session]}}
"""
    items = columns[:N_ITEMS]
    return Export(
        {"e.csv": delimited([header, *rows])}, config, broken_answers("e.csv", header, items, 2)
    )


def long() -> Export:
    """One row per answer."""
    header = ["client", "day", "question", "answer", "said"]
    rows = [
        [f"c{n}", f"{moment(n):%Y-%m-%d}", str(item), str(item - 1), canary()]
        for n in range(N_SOUND)
        for item in range(1, N_ITEMS + 1)
    ]
    answers = []
    for column in range(len(header)):
        for item in range(1, N_ITEMS + 1):
            row = [f"c{500 + column * 10 + item}", "2025-03-01", str(item), "1", "said"]
            row[column] = canary()
            rows.append(row)
            if header[column] == "answer":
                answers.append(("e.csv", len(rows) + 1, f"item_{item}"))
    rows.append([canary() for _ in header])
    config = """
clinic: long
format: delimited
files: "e*.csv"
feeds:
  - table: responses
    set: {instrument: phq4, rater: client}
    long: {key: [client, day], item: question, value: answer}
    columns: {client_id: client, completed_at: day}
"""
    return Export({"e.csv": delimited([header, *rows])}, config, answers)


def beside() -> Export:
    """Answers in one file, who gave them in another, joined by row."""
    names = [f"D{n}" for n in range(1, 5)]
    header = [*names, f"said {heading()}"]
    rows = planted(lambda n: [*"0123", canary()])
    people = [["name", "day"], *([canary(), f"{moment(n)}"] for n in range(len(rows)))]
    columns, extra = "{client_id: _row, completed_at: day}", 'beside: {file: "people*.csv"}'
    config = mapped("beside", "answers*.csv", "delimited", '"D{n}"', columns, extra)
    files = {"answers.csv": delimited([header, *rows]), "people.csv": delimited(people)}
    return Export(files, config, broken_answers("answers.csv", header, names, 2))


PHQ9 = ("44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3",
        "44260-8")  # fmt: skip
FHIR = """
clinic: fhir
format: fhir
files: "e*.ndjson"
fhir: {companions: ["patients*"], client_identifier: "urn:mrn"}
"""


def resource(number: int) -> dict[str, Any]:
    """Return one sound PHQ-9 with texts beside the codes."""
    return {
        "resourceType": "QuestionnaireResponse", "id": f"r{number}", "status": "completed",
        "text": {"status": "generated", "div": canary()},
        "subject": {"reference": f"Patient/p{number}", "display": canary()},
        "author": {"reference": "Practitioner/d1", "display": canary()},
        "encounter": {"reference": f"Encounter/e{number}"},
        "identifier": {"system": "urn:forms", "value": canary()},
        "authored": f"{moment(number).isoformat()}+00:00",
        "item": [
            {"linkId": f"/{code}", "text": canary(), "answer": [{"valueInteger": 1}]}
            for code in PHQ9
        ],
    }  # fmt: skip


def leaves(node: Any, path: tuple = ()) -> Iterator[tuple]:
    """Yield the path of every value of a JSON document."""
    if isinstance(node, dict | list):
        pairs = node.items() if isinstance(node, dict) else enumerate(node)
        for name, value in pairs:
            yield from leaves(value, (*path, name))
    else:
        yield path


def fhir() -> Export:
    """A file with sound responses; and for every value of one, a file with a canary there."""
    sound = [resource(number) for number in range(20)]
    patients = [
        {"resourceType": "Patient", "id": f"p{n}", "birthDate": canary(),
         "name": [{"family": canary(), "given": [canary()]}],
         "identifier": [{"system": "urn:mrn", "value": f"mrn{n}"},
                        {"system": "urn:other", "value": canary()}]}
        for n in (*range(19), *range(100, 200))
    ]  # fmt: skip
    files = {
        "e.ndjson": "\n".join(map(json.dumps, sound)).encode(),
        "patients.ndjson": "\n".join(map(json.dumps, patients)).encode(),
    }
    answers = []
    for number, path in enumerate(leaves(resource(0)), start=1):
        broken = resource(100 + number)
        at = broken
        for name in path[:-1]:
            at = at[name]
        at[path[-1]] = canary()
        files[f"e{number}.ndjson"] = json.dumps(broken).encode()
        if path[-1] == "valueInteger":
            answers.append((f"e{number}.ndjson", 1, f"item_{path[1] + 1}"))
    files["e_text.ndjson"] = canary().encode()
    files["e_names.ndjson"] = json.dumps({canary(): canary()}).encode()
    return Export(files, FHIR, answers)


FORMATS: dict[str, Callable[[], Export]] = {
    make.__name__: make
    for make in (
        canonical, excel, archive, text, sheets, redcap, qualtrics, limesurvey, google_forms,
        microsoft_forms, surveymonkey, wide, long, beside, fhir,
    )
}  # fmt: skip
