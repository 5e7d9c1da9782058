"""The same responses written the way four web surveys export them, as in `export_writers`."""

from __future__ import annotations

from benchmarks.export_writers import N_ITEMS, PLAIN, SET, Dialect, Export, Response
from transforms.clinics.clinic import Clinic


def limesurvey(responses: list[Response], dialect: Dialect = PLAIN) -> Export:
    """A LimeSurvey export with question codes in brackets."""
    header = ["id", "submitdate", "lastpage", "startlanguage", "G01Q01"]
    header += [f"G01Q02[SQ{n:03}]" for n in range(1, N_ITEMS + 1)]
    rows = [
        [str(n), r.completed_at.isoformat(" "), "2", "en", r.client_id]
        + [dialect.number(v) for v in r.items]
        for n, r in enumerate(responses, 1)
    ]
    columns = {"client_id": "G01Q01", "completed_at": "submitdate"}
    feed = {"table": "responses", "set": SET, "columns": columns, "items": "G01Q02[SQ{n}]"}
    clinic = Clinic(clinic="harbor", format="limesurvey", feeds=[feed], **dialect.options)
    return Export("results-survey.csv", dialect.written([header, *rows]), clinic)


def google_forms(responses: list[Response], dialect: Dialect = PLAIN) -> Export:
    """A Google Forms export of a grid question, with times as it writes them in England."""
    header = ["Timestamp", "Client code", *(f"Rate [{n}]" for n in range(1, N_ITEMS + 1))]
    rows = [
        [r.completed_at.strftime("%d/%m/%Y %H:%M:%S"), r.client_id]
        + [dialect.number(v) for v in r.items]
        for r in responses
    ]
    feed = {
        "table": "responses",
        "set": SET,
        "columns": {"client_id": "Client code", "completed_at": "Timestamp"},
        "items": "Rate [{n}]",
        "timestamp_format": "%d/%m/%Y %H:%M:%S",
    }
    clinic = Clinic(clinic="harbor", format="google_forms", feeds=[feed], **dialect.options)
    return Export("Session form.csv", dialect.written([header, *rows]), clinic)


def microsoft_forms(responses: list[Response], dialect: Dialect = PLAIN) -> Export:
    """A Microsoft Forms export saved as CSV on an American computer."""
    header = ["ID", "Start time", "Completion time", "Email", "Name", "Client code"]
    header += [f"Question {n}" for n in range(1, N_ITEMS + 1)]
    rows = []
    for n, r in enumerate(responses, 1):
        at = r.completed_at.strftime("%m/%d/%Y %H:%M")
        items = map(dialect.number, r.items)
        rows.append([str(n), at, at, "anonymous", "", r.client_id, *items])
    feed = {
        "table": "responses",
        "set": SET,
        "columns": {"client_id": "Client code", "completed_at": "Completion time"},
        "items": "Question {n}",
        "timestamp_format": "%m/%d/%Y %H:%M",
    }
    clinic = Clinic(clinic="harbor", format="microsoft_forms", feeds=[feed], **dialect.options)
    return Export("Session form.csv", dialect.written([header, *rows]), clinic)


def surveymonkey(responses: list[Response], dialect: Dialect = PLAIN) -> Export:
    """A SurveyMonkey export with two header rows and the client's code as custom data."""
    own = ["Respondent ID", "Collector ID", "Date Created", "Date Modified", "Custom Data 1"]
    first = [*own, "How was it?", *[""] * (N_ITEMS - 1)]
    second = [""] * len(own) + [f"Row {n}" for n in range(1, N_ITEMS + 1)]
    rows = []
    for n, r in enumerate(responses, 1):
        at = r.completed_at.strftime("%m/%d/%Y %I:%M:%S %p")
        items = map(dialect.number, r.items)
        rows.append([str(n), "1", at, at, r.client_id, *items])
    feed = {
        "table": "responses",
        "set": SET,
        "columns": {"client_id": "Custom Data 1", "completed_at": "Date Modified"},
        "items": "How was it? [Row {n}]",
        "timestamp_format": "%m/%d/%Y %I:%M:%S %p",
    }
    clinic = Clinic(clinic="harbor", format="surveymonkey", feeds=[feed], **dialect.options)
    return Export("Session form.csv", dialect.written([first, second, *rows]), clinic)
