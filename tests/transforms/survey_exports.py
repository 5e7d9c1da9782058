"""Exports of four web surveys, written as the systems write them. No wording is anyone's."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import openpyxl

FREQUENCY = {"Never": "0", "Now and then": "1", "Mostly": "2", "Always": "3"}
CANARIES = ("canary", "192.0.2.7")


def text(rows: list[list[str]], delimiter: str = ",", end: str = "\r\n") -> str:
    """Delimited text with every cell quoted."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows(rows)
    return out.getvalue()


def workbook(path: Path, rows: list[list[object]]) -> Path:
    """One sheet with these rows."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def feed(**more) -> dict:
    """Map two questions of a made-up form of four-step frequencies."""
    return {
        "table": "responses",
        "set": {"instrument": "mood", "rater": "client"},
        "values": {"items": FREQUENCY},
    } | more


GOOGLE = [
    ["Timestamp", "Email Address", "Client code", "Rate [First]", "Rate [Second]", "Rate [Second]"],
    ["2026/11/22 3:04:05 PM GMT+1", "canary@example.org", "007", "Never", " always ", "Mostly"],
    [
        "2026/11/23 12:04:05 AM GMT+1",
        "canary@example.org",
        "008",
        "NOW  AND\u00a0THEN",
        "",
        "Never",
    ],
]
GOOGLE_FEED = feed(
    columns={"client_id": "Client code", "completed_at": "Timestamp"},
    items=["Rate [First]", "Rate [Second]#1", "column 6"],
)

MICROSOFT = [
    ["ID", "Start time", "Completion time", "Email", "Name", "Client\u00a0code", "First\u00a0",
     "Second"],
    ["1", "2026-11-22 09:00:00", "2026-11-22 09:05:00", "canary@example.org", "Canary", "007",
     "Never", "Always\u00a0"],
    ["2", "2026-11-22 10:00:00", "2026-11-22 10:05:00", "canary@example.org", "Canary", "008",
     "Mostly", ""],
]  # fmt: skip
MICROSOFT_FEED = feed(
    columns={"response_id": "ID", "client_id": "Client code", "completed_at": "Completion time",
             "started_at": "Start time"},
    items=["First", "Second"],
)  # fmt: skip

MONKEY = [
    ["Respondent ID", "Collector ID", "Date Created", "Date Modified", "IP Address",
     "Email Address", "First Name", "Custom Data 1", "How was it?", "", "Anything else?"],
    ["", "", "", "", "", "", "", "", "First", "Second", "Open-Ended Response"],
    ["11", "22", "11/22/2026 03:04:05 PM", "11/22/2026 03:09:05 PM", "192.0.2.7",
     "canary@example.org", "Canary", "007", "Never", "Always", "no,\nthanks"],
    ["12", "22", "11/22/2026 04:04:05 PM", "11/22/2026 04:09:05 PM", "192.0.2.7",
     "", "", "008", "", "now and then", ""],
]  # fmt: skip
MONKEY_FEED = feed(
    columns={"response_id": "Respondent ID", "client_id": "Custom Data 1",
             "completed_at": "Date Modified"},
    items=["How was it? [First]", "How was it? [Second]"],
    timestamp_format=["%m/%d/%Y %I:%M:%S %p"],
)  # fmt: skip

_LIME = {
    "id": "Response ID", "submitdate": "Date submitted", "lastpage": "Last page",
    "startlanguage": "Start language", "token": "Token", "startdate": "Date started",
    "ipaddr": "IP address", "G01Q01[SQ001]": "How was it? [First]",
    "G01Q01[SQ002]": "How was it? [Second]", "G02Q03": "Client number",
}  # fmt: skip
LIME_ROWS = [
    ["1", "2026-11-22 15:04:05", "2", "en", "canarytoken", "2026-11-22 15:00:00", "192.0.2.7",
     "A1", "A4", "007"],
    ["2", "", "1", "en", "canarytoken", "2026-11-22 16:00:00", "192.0.2.7", "A2", "", "008"],
    ["3", "1980-01-01 00:00:00", "2", "en", "", "", "192.0.2.7", "A2", "A3", "009"],
]  # fmt: skip
LIME_FEED = feed(
    columns={"response_id": "id", "client_id": "G02Q03", "completed_at": "submitdate"},
    items="G01Q01[SQ{n}]",
    values={"items": {"A1": "0", "A2": "1", "A3": "2", "A4": "3"}},
)


def limesurvey(heading: str = "code") -> list[list[str]]:
    """The same three responses under the headings LimeSurvey offers."""
    headings = {
        "code": list(_LIME),
        "underscore": [code.replace("[", "_").replace("]", "") for code in _LIME],
        "text": list(_LIME.values()),
        "code and text": [f"{code}. {words}" for code, words in _LIME.items()],
    }
    return [headings[heading], *LIME_ROWS]
