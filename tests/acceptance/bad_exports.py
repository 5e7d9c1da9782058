"""Exports that stop themselves beside some that are sound, each from a clinic of its own."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import datetime

import openpyxl

from tests.acceptance.canary_exports import sheets, text

GOOD = (
    "response_id,client_id,instrument,rater,completed_at,item_1,item_2,item_3,item_4,item_5,"
    "item_6,item_7,item_8,item_9\n"
    "r1,c1,phq9,client,2026-01-05 10:00,1,1,1,1,1,1,1,1,1\n"
    "r2,c1,phq9,client,2026-01-12 10:00,0,1,0,1,0,1,0,1,0\n"
)
CONFLICT = GOOD.replace("r2,", "r1,")
HEADER_WITHOUT_ID = GOOD.replace("client_id,", "").replace(",c1,", ",")
# Written into every bad file; must come out nowhere.
CANARY = "Zebedee-Quillfeather-1961"
BOOK = """
clinic: book
format: workbook
feeds:
  - table: responses
    sheet: PHQ 2026
    header_row: 3
    header_rows: 2
    set: {instrument: phq9, rater: client}
    columns: {client_id: Client, completed_at: Date}
    items: "PHQ-9 {n}"
    date_format: "%d.%m.%Y"
"""
LONG = """
clinic: long
format: delimited
files: "long*.csv"
feeds:
  - table: responses
    set: {instrument: phq9, rater: client}
    long: {key: [client, day], item: question, value: answer}
    columns: {client_id: client, completed_at: day}
"""


def workbook() -> bytes:
    """Titles, names merged over nine columns, a real date, and a date and numbers as text."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "PHQ 2026"
    rows = [
        ["Questionnaires of the year"],
        [],
        ["Client", "Date", "PHQ-9", *[None] * 8],
        [None, None, *range(1, 10)],
        ["b1", datetime(2026, 1, 5), *[1] * 9],
        ["b2", "12.01.2026", *"232323232"],
    ]
    for row in rows:
        sheet.append(row)
    for block in ("A3:A4", "B3:B4", "C3:K3"):
        sheet.merge_cells(block)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def zipped(**members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"exports/{name}.csv", content)
    return out.getvalue()


SESSIONS = "session_id,client_id,therapist_id,session_at,attendance\ns1,c1,t1,2026-01-05,attended\n"
SLASHES = GOOD.replace("2026-01-05", "05/01/2026").replace("2026-01-12", "31/01/2026")
# An item 11 of a questionnaire that has nine, and one that is not scored.
ANSWERS = "client,day,question,answer\n" + "".join(
    f"c1,2026-01-05,{number},1\n" for number in range(1, 12)
)


# Two clinics with a canary in every cell; test_nothing_leaks has every format, and is slow.
CANARIES = {"text": text(), "sheets": sheets()}
CONFIGS = {"book": BOOK, "long": LONG} | {name: one.config for name, one in CANARIES.items()}


def bad_exports() -> dict[str, bytes]:
    """Return the content of every file by its place under landing/."""
    files = {
        "good/responses.csv": GOOD.encode(),
        "empty/responses.csv": b"",
        "binary/responses.csv": bytes(range(256)) * 40 + CANARY.encode(),
        "truncated/export.xlsx": b"PK\x03\x04" + CANARY.encode() * 20,
        "noid/responses.csv": HEADER_WITHOUT_ID.replace("r1", CANARY).encode(),
        "delimiter/responses.csv": GOOD.replace(",", ";").replace("r1", CANARY).encode(),
        "ragged/responses.csv": (GOOD + f"{CANARY},c2,phq9\n").encode(),
        "nameless/whatever.csv": GOOD.encode(),
        "conflict/responses.csv": CONFLICT.encode(),
        "packed/january.zip": zipped(responses=GOOD, sessions=SESSIONS),
        "gzipped/responses.csv.gz": gzip.compress(GOOD.encode()),
        "unclear/january.zip": zipped(sessions=SESSIONS, responses_1=GOOD, responses_2=SLASHES),
        "book/forms.xlsx": workbook(),
        "long/long.csv": ANSWERS.encode(),
    }
    for clinic, export in CANARIES.items():
        files |= {f"{clinic}/{file}": content for file, content in export.files.items()}
    return files
