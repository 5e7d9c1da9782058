"""Qualtrics and FHIR exports through the intake of a night: staged, scored, and nobody named."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from pipeline.home import REPOSITORY, Home
from pipeline.steps.intake import intake, read_results, staged_folder
from pipeline.storage.configuration import write_registry
from pipeline.storage.landing import new_deliveries
from pipeline.storage.ledger import Ledger
from tests.transforms.survey_exports import (
    GOOGLE,
    GOOGLE_FEED,
    LIME_FEED,
    MICROSOFT,
    MICROSOFT_FEED,
    MONKEY,
    MONKEY_FEED,
    limesurvey,
)
from tests.transforms.survey_exports import (
    text as quoted,
)

QUALTRICS = """\
clinic: harbor
format: qualtrics
files: "e*.csv"
qualtrics: {timezone: Europe/Oslo}
feeds:
  - table: responses
    set: {instrument: phq9, rater: client}
    columns: {response_id: ResponseId, client_id: ExternalReference, completed_at: EndDate}
    items: "QID5_{n}"
"""
FHIR = """\
clinic: fjord
format: fhir
files: "e*.ndjson"
fhir: {companions: ["patients*"], client_identifier: "urn:mrn"}
"""
NAMES = ["EndDate", "Status", "Finished", "ResponseId", "RecipientEmail", "ExternalReference"]
IDS = ["endDate", "status", "finished", "_recordId", "recipientEmail", "externalDataReference"]
PHQ9 = ["44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3",
        "44260-8"]  # fmt: skip


def qualtrics_export() -> str:
    items = [f"phq_{n}" for n in range(1, 10)]
    ids = [*IDS, *(f"QID5_{n}" for n in range(1, 10))]
    cells = ["2026-07-01 01:10:00", "0", "1", "R_1", "canary@example.org", "canary7"]
    rows = [[*NAMES, *items]] * 2
    rows.append([json.dumps({"ImportId": one}).replace('"', "'") for one in ids])
    rows.append([*cells, *"222211200"])
    return "\n".join(",".join(row) for row in rows) + "\n"


def fhir_export(contradicts: bool) -> str:
    items = [{"linkId": f"/{code}", "answer": [{"valueInteger": 1}]} for code in PHQ9]
    items.append({"linkId": "/44261-6", "answer": [{"valueDecimal": 9}]})
    if contradicts:
        items[0]["answer"][0]["extension"] = [{"url": "itemWeight", "valueDecimal": 0}]
    response = {
        "resourceType": "QuestionnaireResponse", "id": "r1", "status": "completed",
        "subject": {"reference": "Patient/p1", "display": "canary"},
        "authored": "2026-07-01T01:10:00+02:00", "item": items,
    }  # fmt: skip
    return json.dumps(response) + "\n"


PATIENT = {
    "resourceType": "Patient", "id": "p1", "name": [{"family": "canary"}],
    "identifier": [{"system": "urn:mrn", "value": "canary7"}],
}  # fmt: skip


@pytest.fixture
def take_in(tmp_path):
    """Deliver files to one clinic and take them in; return home and results by file name."""

    def run(clinic: str, config: str, files: dict[str, str]):
        shutil.copytree(REPOSITORY / "config", tmp_path / "config")
        (tmp_path / "config" / "clinics" / f"{clinic}.yml").write_text(config, encoding="utf-8")
        home = Home(tmp_path / "home", tmp_path / "config")
        home.root.mkdir()
        home.prepare()
        (home.landing / clinic).mkdir()
        for name, text in files.items():
            (home.landing / clinic / name).write_text(text, encoding="utf-8")
        write_registry(home)
        deliveries = new_deliveries(home, Ledger(home), datetime(2026, 8, 1), "f")
        intake(home, "r1", clinic, deliveries)
        results = read_results(home, "r1", clinic)
        return home, {one.source_file: results[one.file_id] for one in deliveries}

    return run


def staged(con, home: Home, clinic: str, *columns: str) -> list[tuple]:
    pattern = staged_folder(home, "r1", clinic) / "responses" / "*.parquet"
    return con.execute(f"select {', '.join(columns)} from '{pattern}'").fetchall()


# The first of July for the clinic, the last of June in UTC.
TIMES = ("completed_at", "completed_at_utc")
LOCAL, INSTANT = datetime(2026, 7, 1, 1, 10), datetime(2026, 6, 30, 23, 10)


def outside_the_door(home: Home) -> list[Path]:
    """Return every file that is neither in landing nor in the vault."""
    closed = (home.landing, home.root / "vault")
    return [
        path
        for path in home.root.rglob("*")
        if path.is_file() and not any(path.is_relative_to(one) for one in closed)
    ]


def test_a_qualtrics_export_is_staged_by_question_id_on_the_clinics_day(con, take_in):
    home, results = take_in("harbor", QUALTRICS, {"e.csv": qualtrics_export()})
    (row,) = staged(con, home, "harbor", *TIMES, "item_1", "item_9", "source_line")

    assert results["e.csv"].refusal == ""
    assert "1 personal column not read" in results["e.csv"].notes
    assert row == (LOCAL, INSTANT, 2.0, 0.0, 4)
    assert not [path for path in outside_the_door(home) if b"canary" in path.read_bytes()]


def test_a_fhir_export_is_staged_by_loinc_with_its_companion(con, take_in):
    files = {"e.ndjson": fhir_export(False), "patients.ndjson": json.dumps(PATIENT)}
    home, results = take_in("fjord", FHIR, files)
    columns = ("instrument_id", "version", "item_9", "submitted_total", "client_key is not null")
    (row,) = staged(con, home, "fjord", *columns, "bad_cells", *TIMES)

    assert [results[name].refusal for name in files] == ["", ""]
    assert row == ("phq9", "standard", 1.0, 9.0, True, None, LOCAL, INSTANT)
    assert not [path for path in outside_the_door(home) if b"canary" in path.read_bytes()]


def test_a_contradicting_answer_is_marked_by_the_rules_and_never_zero(con, take_in):
    files = {"e.ndjson": fhir_export(True), "patients.ndjson": json.dumps(PATIENT)}
    home, _ = take_in("fjord", FHIR, files)

    assert staged(con, home, "fjord", "item_1", "bad_cells") == [(None, ["item_1"])]
    marks = con.execute(
        f"select distinct column_name from '{home.work('r1')}/marks/fjord.parquet'"
    ).fetchall()
    assert ("item_1",) in marks


@pytest.mark.parametrize(
    ("system", "rows", "feed"),
    [
        ("google_forms", GOOGLE, GOOGLE_FEED),
        ("microsoft_forms", MICROSOFT, MICROSOFT_FEED),
        ("surveymonkey", MONKEY, MONKEY_FEED),
        ("limesurvey", limesurvey(), LIME_FEED),
    ],
)
def test_nobody_who_answered_a_web_survey_is_named_behind_the_door(
    con, take_in, system, rows, feed
):
    clinic = {"clinic": "harbor", "format": system, "files": "e*.csv", "feeds": [feed]}
    home, results = take_in("harbor", json.dumps(clinic), {"e.csv": quoted(rows)})

    assert results["e.csv"].refusal == ""
    assert staged(con, home, "harbor", "item_1", "item_2")[0] == (0, 3)
    leaks = [path.name for path in outside_the_door(home) if b"canary" in path.read_bytes().lower()]
    assert leaks == []
