"""The same responses written the way every system exports them, with the YAML that reads them.

For the bench and for the proofs that all formats give the same rows. Four items of 0 to 10 with
one decimal; nothing here is a person.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from transforms.clinics.clinic import Clinic

N_ITEMS = 4
ITEMS = [f"item_{n}" for n in range(1, N_ITEMS + 1)]
SET = {"instrument": "srs", "version": "v3", "rater": "client"}
QUESTIONNAIRE = "http://clinic.example/Questionnaire/srs"
_CANONICAL = ["client_id", "instrument", "version", "rater", "completed_at", *ITEMS]


@dataclass(frozen=True)
class Response:
    """One questionnaire: None stands for an item nobody answered."""

    client_id: str
    completed_at: datetime
    items: tuple[float | None, ...]


@dataclass(frozen=True)
class Export:
    """A file, the clinic that sends it, and what lies beside it."""

    name: str
    content: bytes
    clinic: Clinic
    beside: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Dialect:
    """How delimited text is written."""

    encoding: str = "utf-8"
    delimiter: str = ","
    line_end: str = "\n"
    decimal: str = "."

    @property
    def options(self) -> dict:
        """Return what the clinic's YAML has to say about it."""
        # Bytes alone do not tell these from UTF-16 with a mark, or from Windows-1252.
        declared = self.encoding in ("utf-16-le", "utf-16-be", "latin-1", "cp1252")
        return {
            "delimiter": self.delimiter,
            "decimal": self.decimal,
            "encoding": self.encoding if declared else None,
        }

    def written(self, rows: Iterable[Iterable[str]]) -> bytes:
        """Return rows of cells as the bytes of a file."""
        text = io.StringIO(newline="")
        # Python's writer leaves a line feed unquoted in a file whose lines end with CR.
        quoting = csv.QUOTE_ALL if self.line_end == "\r" else csv.QUOTE_MINIMAL
        csv.writer(
            text, delimiter=self.delimiter, lineterminator=self.line_end, quoting=quoting
        ).writerows(rows)
        return text.getvalue().encode(self.encoding)

    def number(self, value: float | None) -> str:
        """Return an answer as a cell."""
        return "" if value is None else f"{value:g}".replace(".", self.decimal)


PLAIN = Dialect()


def delimited(responses: list[Response], dialect: Dialect = PLAIN) -> Export:
    """Canonical columns as delimited text."""
    rows = [
        [r.client_id, *SET.values(), r.completed_at.isoformat(" "), *map(dialect.number, r.items)]
        for r in responses
    ]
    content = dialect.written([_CANONICAL, *rows])
    return Export("responses.csv", content, Clinic(clinic="harbor", **dialect.options))


def zipped(export: Export) -> Export:
    """The same export in a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(export.name), export.content, zipfile.ZIP_DEFLATED)
    return Export("export.zip", out.getvalue(), export.clinic, export.beside)


def gzipped(export: Export) -> Export:
    """The same export in a gzip."""
    packed = gzip.compress(export.content, mtime=0)
    return Export(f"{export.name}.gz", packed, export.clinic, export.beside)


def workbook(responses: list[Response], *, as_text: bool = False) -> Export:
    """A sheet below a title, with real dates and numbers or all of them as text."""
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Forms")
    sheet.append(["Session ratings"])
    sheet.append([])
    sheet.append(["Client", "When", *ITEMS])
    for r in responses:
        when = r.completed_at.strftime("%d.%m.%Y %H:%M") if as_text else r.completed_at
        items = [str(v) if as_text and v is not None else v for v in r.items]
        sheet.append([r.client_id, when, *items])
    out = io.BytesIO()
    book.save(out)
    feed = {
        "table": "responses",
        "sheet": "Forms",
        "header_row": 3,
        "set": SET,
        "columns": {"client_id": "Client", "completed_at": "When"},
        "items": "item_{n}",
        "timestamp_format": "%d.%m.%Y %H:%M",
    }
    clinic = Clinic(clinic="harbor", format="workbook", feeds=[feed])
    return Export("forms.xlsx", out.getvalue(), clinic)


def redcap(responses: list[Response], dialect: Dialect = PLAIN) -> Export:
    """A REDCap project with one repeating form, and its data dictionary."""
    names = [f"srs_{n}" for n in range(1, N_ITEMS + 1)]
    header = ["record_id", "redcap_repeat_instrument", "redcap_repeat_instance", "srs_at", *names]
    rows = [
        [r.client_id, "srs", str(n), r.completed_at.strftime("%Y-%m-%d %H:%M")]
        + [dialect.number(v) for v in r.items]
        + ["2"]
        for n, r in enumerate(responses, 1)
    ]
    fields = [("record_id", "intake"), ("srs_at", "srs"), *((name, "srs") for name in names)]
    dictionary = [
        ["Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label",
         "Choices, Calculations, OR Slider Labels", "Field Note"],
        *([name, form, "", "text", name, "", ""] for name, form in fields),
    ]  # fmt: skip
    feed = {
        "table": "responses",
        "form": "srs",
        "set": SET,
        "columns": {"client_id": "record_id", "completed_at": "srs_at"},
        "items": "srs_{n}",
    }
    clinic = Clinic(
        clinic="harbor", format="redcap", dictionary="dict*.csv", feeds=[feed], **dialect.options
    )
    content = dialect.written([[*header, "srs_complete"], *rows])
    return Export("export.csv", content, clinic, {"dictionary.csv": PLAIN.written(dictionary)})


def qualtrics(responses: list[Response], dialect: Dialect = PLAIN) -> Export:
    """A Qualtrics export with three header rows."""
    names = ["EndDate", "Status", "Finished", "ResponseId", "ExternalReference"]
    ids = ["endDate", "status", "finished", "_recordId", "externalDataReference"]
    names += [f"srs_{n}" for n in range(1, N_ITEMS + 1)]
    ids += [f"QID5_{n}" for n in range(1, N_ITEMS + 1)]
    rows = [
        [r.completed_at.isoformat(" "), "0", "1", f"R_{n}", r.client_id]
        + [dialect.number(v) for v in r.items]
        for n, r in enumerate(responses)
    ]
    imports = [json.dumps({"ImportId": one}) for one in ids]
    feed = {
        "table": "responses",
        "set": SET,
        "columns": {"client_id": "ExternalReference", "completed_at": "EndDate"},
        "items": "QID5_{n}",
    }
    clinic = Clinic(clinic="harbor", format="qualtrics", feeds=[feed], **dialect.options)
    return Export("survey.csv", dialect.written([names, names, imports, *rows]), clinic)


def fhir(responses: list[Response]) -> Export:
    """FHIR R4 QuestionnaireResponses as NDJSON, answers by linkId."""
    lines = []
    for n, r in enumerate(responses):
        items = [
            {"linkId": f"srs.{k}", "answer": [{"valueDecimal": v}]}
            for k, v in enumerate(r.items, 1)
            if v is not None
        ]
        one = {
            "resourceType": "QuestionnaireResponse",
            "id": f"r{n}",
            "status": "completed",
            "questionnaire": QUESTIONNAIRE,
            "subject": {"reference": f"Patient/{r.client_id}"},
            "authored": r.completed_at.isoformat() + "Z",
            "item": items,
        }
        lines.append(json.dumps(one))
    feed = {
        "table": "responses",
        "form": QUESTIONNAIRE,
        "set": SET,
        "items": {k: f"srs.{k}" for k in range(1, N_ITEMS + 1)},
    }
    clinic = Clinic(clinic="harbor", format="fhir", feeds=[feed])
    return Export("export.ndjson", "\n".join([*lines, ""]).encode(), clinic)


def wide(responses: list[Response], dialect: Dialect = PLAIN) -> Export:
    """One row per client, one block of columns per session."""
    by_client: dict[str, list[Response]] = {}
    for r in responses:
        by_client.setdefault(r.client_id, []).append(r)
    n_sessions = max(map(len, by_client.values()))
    header = ["client"]
    for s in range(1, n_sessions + 1):
        header += [f"when_s{s}", *(f"srs_{n}_s{s}" for n in range(1, N_ITEMS + 1))]
    rows = []
    for client, own in by_client.items():
        cells = [client]
        for r in own:
            cells += [r.completed_at.isoformat(" "), *map(dialect.number, r.items)]
        rows.append(cells + [""] * (len(header) - len(cells)))
    feed = {
        "table": "responses",
        "set": SET,
        "wide": {"items": "srs_{item}_s{session}", "per_session": {"when": "when_s{session}"}},
        "columns": {"client_id": "client", "completed_at": "when"},
    }
    clinic = Clinic(clinic="harbor", format="delimited", feeds=[feed], **dialect.options)
    return Export("wide.csv", dialect.written([header, *rows]), clinic)


def long(responses: list[Response], dialect: Dialect = PLAIN) -> Export:
    """One row per answer."""
    rows = [
        [r.client_id, r.completed_at.isoformat(" "), f"Q{n}", dialect.number(value)]
        for r in responses
        for n, value in enumerate(r.items, 1)
        if value is not None
    ]
    feed = {
        "table": "responses",
        "set": SET,
        "long": {"key": ["client", "when"], "item": "q", "value": "a", "items": "Q{n}"},
        "columns": {"client_id": "client", "completed_at": "when"},
    }
    clinic = Clinic(clinic="harbor", format="delimited", feeds=[feed], **dialect.options)
    return Export("long.csv", dialect.written([["client", "when", "q", "a"], *rows]), clinic)
