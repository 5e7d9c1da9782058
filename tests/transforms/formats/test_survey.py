"""LimeSurvey, Google Forms, Microsoft Forms and SurveyMonkey: read, named, and nobody named."""

from __future__ import annotations

import random
import traceback
from datetime import datetime
from pathlib import Path

import pytest

from tests.transforms.survey_exports import (
    CANARIES,
    GOOGLE,
    GOOGLE_FEED,
    LIME_FEED,
    MICROSOFT,
    MICROSOFT_FEED,
    MONKEY,
    MONKEY_FEED,
    limesurvey,
    text,
    workbook,
)
from transforms import sql
from transforms.clinics.clinic import Clinic
from transforms.clinics.yaml_file import read_clinic_yaml
from transforms.errors import ConfigError, FileRefused
from transforms.formats.survey_times import SurveyTimes
from transforms.intake.column_mapping import map_columns
from transforms.intake.pseudonyms import GroupKey
from transforms.intake.read_file import read_export
from transforms.intake.stage import stage

KEY = GroupKey.derive(b"0123456789abcdef0123456789abcdef", "north")
EXPORTS = {
    "google_forms": (GOOGLE, GOOGLE_FEED),
    "microsoft_forms": (MICROSOFT, MICROSOFT_FEED),
    "surveymonkey": (MONKEY, MONKEY_FEED),
    "limesurvey": (limesurvey(), LIME_FEED),
}


@pytest.fixture
def read(con, tmp_path):
    """Write and read an export; return its Source."""

    def run(form: str, rows: list[list[str]] | bytes | None = None, feed=None, **more):
        content = EXPORTS[form][0] if rows is None else rows
        path = tmp_path / "export.csv"
        path.write_bytes(content if isinstance(content, bytes) else text(content).encode())
        return read_path(con, path, form, feed, **more)

    return run


def read_path(con, path: Path, form: str, feed=None, **more):
    scratch = path.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    feed = EXPORTS[form][1] if feed is None else feed
    clinic = Clinic(clinic="harbor", format=form, feeds=[feed], **more)
    try:
        (source,) = read_export(path, clinic, con=con, scratch=scratch)
    finally:
        assert list(scratch.iterdir()) == []
    return source


@pytest.fixture
def staged(con, tmp_path):
    """Stage the rows of a Source; return chosen columns by line."""

    def call(source, form: str, *columns: str, feed=None, **more) -> list[tuple]:
        clinic = Clinic(clinic="harbor", format=form, feeds=[feed or EXPORTS[form][1]], **more)
        out = tmp_path / "staged.parquet"
        stage(
            con,
            "responses",
            [map_columns(clinic.feeds[0], source)],
            clinic,
            file_id="f",
            source_file="export.csv",
            received_at=datetime(2026, 12, 1),
            key=KEY,
            registry_rows=[],
            out=out,
            identities=tmp_path / "identities.parquet",
        )
        chosen = f"select {', '.join(columns)} from '{out}' order by source_line"
        return con.execute(chosen).fetchall()

    return call


def rows(con, source, *columns: str) -> list[tuple]:
    chosen = ", ".join(map(sql.name, columns))
    return con.execute(f"select {chosen} from {source.relation} order by _line").fetchall()


def notes(source) -> dict[str, str]:
    return {note.kind: note.text for note in source.notes}


ANSWERS = "completed_at", "item_1", "item_2", "bad_cells", "source_line"


def test_google_forms_are_staged_with_codes_and_the_times_of_their_clock(read, staged):
    got = staged(read("google_forms"), "google_forms", *ANSWERS[:3], "item_3", *ANSWERS[3:])

    assert got == [
        (datetime(2026, 11, 22, 15, 4, 5), 0, 3, 2, None, 2),
        (datetime(2026, 11, 23, 0, 4, 5), 1, None, 0, None, 3),
    ]


def test_microsoft_forms_are_staged_whatever_blanks_surround_the_texts(read, staged):
    got = staged(read("microsoft_forms"), "microsoft_forms", *ANSWERS)

    assert got == [
        (datetime(2026, 11, 22, 9, 5), 0, 3, None, 2),
        (datetime(2026, 11, 22, 10, 5), 2, None, None, 3),
    ]


def test_surveymonkey_is_staged_from_two_header_rows(read, staged):
    """The second response begins on line 5: a cell before it holds a line break."""
    got = staged(read("surveymonkey"), "surveymonkey", *ANSWERS)

    assert got == [
        (datetime(2026, 11, 22, 15, 9, 5), 0, 3, None, 3),
        (datetime(2026, 11, 22, 16, 9, 5), None, 1, None, 5),
    ]


@pytest.mark.parametrize("heading", ["code", "underscore", "code and text"])
def test_limesurvey_is_staged_by_question_code(read, staged, heading):
    """Nobody finished the second; the third comes from a survey that keeps no dates."""
    source = read("limesurvey", limesurvey(heading))

    assert staged(source, "limesurvey", *ANSWERS) == [
        (datetime(2026, 11, 22, 15, 4, 5), 0, 3, None, 2),
        (None, 1, 2, None, 4),
    ]
    assert notes(source)["skipped_rows"] == "1 unfinished response left out"


def test_limesurvey_is_staged_by_question_text(read, staged):
    feed = LIME_FEED | {
        "columns": LIME_FEED["columns"] | {"client_id": "Client number"},
        "items": ["How was it? [First]", "How was it? [Second]"],
    }
    source = read("limesurvey", limesurvey("text"), feed)

    assert staged(source, "limesurvey", *ANSWERS[1:3], feed=feed) == [(0, 3), (1, 2)]


def test_unfinished_limesurvey_responses_can_be_kept(read):
    assert read("limesurvey", survey={"unfinished": "keep"}).n_rows == 3


def test_limesurvey_without_the_date_of_sending_is_refused(read):
    without = [[row[0], *row[2:]] for row in limesurvey()]

    with pytest.raises(FileRefused, match="submitdate") as refusal:
        read("limesurvey", without, LIME_FEED)
    assert refusal.value.code == "F02"


def test_an_access_code_is_read_only_where_it_is_the_clients_id(read):
    feed = LIME_FEED | {"columns": LIME_FEED["columns"] | {"client_id": "token"}}

    assert "token" not in read("limesurvey").columns
    assert "token" in read("limesurvey", feed=feed).columns


@pytest.mark.parametrize("form", EXPORTS)
def test_an_unknown_text_is_a_bad_cell_and_never_null_in_silence(read, staged, form):
    content = EXPORTS[form][0]
    first = {"Never": "Sometimes", "A1": "A9"}
    dirty = [[first.get(cell, cell) for cell in row] for row in content]

    got = staged(read(form, dirty), form, "item_1", "bad_cells")

    assert got[0] == (None, ["item_1"])


@pytest.mark.parametrize("form", EXPORTS)
def test_nobody_is_named_in_what_was_read_or_said(read, con, form):
    source = read(form)

    everything = str(con.execute(f"from {source.relation}").fetchall()) + str(source.notes)
    assert not [word for word in CANARIES if word in everything.lower()]
    assert "personal column" in notes(source)["personal_columns"]


@pytest.mark.parametrize(
    ("form", "column"),
    [("google_forms", "Email Address"), ("microsoft_forms", "Name"),
     ("surveymonkey", "IP Address"), ("limesurvey", "ipaddr")],
)  # fmt: skip
def test_a_personal_column_cannot_be_mapped(read, form, column):
    feed = EXPORTS[form][1]
    feed = feed | {"columns": feed["columns"] | {"client_id": column}}

    with pytest.raises(FileRefused, match="never read") as refusal:
        read(form, feed=feed)
    assert refusal.value.code == "F02"


@pytest.mark.parametrize(
    "question", ["E-mail", "What is your name?", "Your phone number:", "Vorname", "IP-Address"]
)
def test_a_question_for_a_name_or_address_is_not_read(read, question):
    asked = [[*GOOGLE[0], question], *([*row, "canary"] for row in GOOGLE[1:])]

    assert question not in read("google_forms", asked).columns


@pytest.mark.parametrize("code", ["Name", "firstname", "EMAIL"])
def test_a_limesurvey_code_for_a_name_is_not_read(read, code):
    asked = [[*row, code if i == 0 else "canary"] for i, row in enumerate(limesurvey())]

    source = read("limesurvey", asked)

    assert code.lower() not in map(str.lower, source.columns)


def test_an_item_about_names_is_read(read):
    asked = [[*GOOGLE[0], "I forget names"], *([*row, "Never"] for row in GOOGLE[1:])]

    assert "I forget names" in read("google_forms", asked).columns


def test_a_doubled_question_text_alone_is_no_column(read):
    feed = GOOGLE_FEED | {"items": ["Rate [First]", "Rate [Second]"]}
    source = read("google_forms", feed=feed)

    with pytest.raises(FileRefused, match=r"Rate \[Second\]") as refusal:
        map_columns(Clinic(clinic="h", format="google_forms", feeds=[feed]).feeds[0], source)
    assert refusal.value.code == "F02"


def test_several_answers_in_one_cell_become_a_column_per_option(read, con):
    asked = [
        [*GOOGLE[0], "Support"],
        [*GOOGLE[1], "Family;A friend"],
        [*GOOGLE[2], "a friend;"],
    ]
    rules = {"multi_select": {"Support": {"Family": "1", "A friend": "2"}}}
    source = read("google_forms", asked, survey=rules)

    assert rows(con, source, "Support_1", "Support_2") == [("1", "1"), (None, "1")]


def test_an_option_nobody_declared_refuses_the_file_without_quoting_it(read):
    asked = [[*GOOGLE[0], "Support"], [*GOOGLE[1], "canary"]]
    rules = {"multi_select": {"Support": {"Family": "1"}}}

    with pytest.raises(FileRefused, match="1 cell of Support") as refusal:
        read("google_forms", asked, survey=rules)
    assert refusal.value.code == "F08"
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize("form", ["microsoft_forms", "google_forms", "surveymonkey"])
def test_a_workbook_gives_what_the_text_gives(read, con, tmp_path, form):
    content = EXPORTS[form][0]
    path = workbook(tmp_path / "export.xlsx", content)
    columns = [*EXPORTS[form][1]["columns"].values(), *EXPORTS[form][1]["items"]]

    from_workbook = rows(con, read_path(con, path, form), *columns)

    assert from_workbook == rows(con, read(form), *columns)


def test_real_dates_of_a_workbook_are_read(con, tmp_path):
    content = [list(row) for row in MICROSOFT]
    content[1][2] = datetime(2026, 11, 22, 9, 5)
    path = workbook(tmp_path / "export.xlsx", content)

    source = read_path(con, path, "microsoft_forms")

    assert rows(con, source, "Completion time")[0] == ("2026-11-22 09:05:00",)


@pytest.mark.parametrize(
    ("text", "zone", "formats", "expected"),
    [
        ("2026/11/22 3:04:05 PM GMT+1", None, (), "2026-11-22 15:04:05+01:00"),
        ("2026/11/22 12:04:05 AM GMT+5:30", None, (), "2026-11-22 00:04:05+05:30"),
        ("2026/11/22 12:04:05 PM GMT-8", None, (), "2026-11-22 12:04:05-08:00"),
        ("2026/11/22 3:04:05 PM UTC", "Europe/Oslo", (), "2026-11-22 16:04:05+01:00"),
        ("2026/07/22 3:04:05 nachm. MESZ", None, (), "2026-07-22 15:04:05+02:00"),
        ("2026/11/22 15:04:05", "Europe/Oslo", (), "2026-11-22 15:04:05+01:00"),
        ("2026/07/22 15:04:05", "Europe/Oslo", (), "2026-07-22 15:04:05+02:00"),
        ("2026-11-22T15:04:05+02:00", None, (), "2026-11-22 15:04:05+02:00"),
        ("2026-11-22 15:04:05", None, (), "2026-11-22 15:04:05"),
        ("22.11.2026 15:04:05", None, ("%d.%m.%Y %H:%M:%S",), "2026-11-22 15:04:05"),
        ("11/22/2026 3:04:05 PM GMT+1", None, ("%m/%d/%Y %I:%M:%S %p",),
         "2026-11-22 15:04:05+01:00"),
        ("2026-12-11 15:04:05", None, ("%Y-%d-%m %H:%M:%S",), "2026-11-12 15:04:05"),
        # Stays, so that the file can be refused with the lines of such dates.
        ("11/12/2026 15:04:05", "Europe/Oslo", (), "11/12/2026 15:04:05"),
        ("2026/11/22 3:04:05 PM GMT+99", None, (), "unreadable time"),
        ("0001-01-01 00:00:00", "Asia/Tokyo", (), "unreadable time"),
        ("canary", None, (), "unreadable time"),
    ],
)  # fmt: skip
def test_a_time_is_read_or_marked_never_guessed(text, zone, formats, expected):
    assert SurveyTimes(zone, formats).read(text) == expected


@pytest.mark.parametrize("zone", [None, "Europe/Oslo"])
def test_times_in_an_undeclared_order_refuse_the_file_with_their_lines(read, staged, zone):
    feed = {key: value for key, value in MONKEY_FEED.items() if key != "timestamp_format"}
    more = {"survey": {"timezone": zone}} if zone else {}
    source = read("surveymonkey", feed=feed, **more)

    assert notes(source)["unreadable_times"].startswith("4 times could not be read")
    with pytest.raises(FileRefused) as caught:
        staged(source, "surveymonkey", "completed_at", feed=feed, **more)
    assert caught.value.code == "F09"
    assert "is written month first, as lines 3, 5 show" in caught.value.what
    assert '`timestamp_format: "%d/%m/%Y %H:%M"`' in caught.value.remedy


@pytest.mark.parametrize("form", EXPORTS)
def test_a_file_of_another_system_is_refused(read, form):
    with pytest.raises(FileRefused) as refusal:
        read(form, [["", "b"], ["1", "2"]])
    assert refusal.value.code == "F04"


@pytest.mark.parametrize("form", EXPORTS)
def test_a_row_of_another_width_refuses_the_file(read, form):
    content = EXPORTS[form][0]

    with pytest.raises(FileRefused) as refusal:
        read(form, [*content, ["canary"]])
    assert refusal.value.code == "F05"
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings_and_semicolons_make_no_difference(read, con, encoding):
    content = text(MICROSOFT, delimiter=";", end="\n").encode(encoding)

    assert rows(con, read("microsoft_forms", content), "First", "Second") == [
        ("Never", "Always"),
        ("Mostly", None),
    ]


@pytest.mark.parametrize("form", EXPORTS)
def test_damaged_files_are_read_or_refused_and_never_quoted(con, tmp_path, form):
    """Bytes flipped, cut off, doubled: no other error than a refusal, nothing left behind."""
    whole = text(EXPORTS[form][0]).encode()
    chance = random.Random(form)
    outcomes, said = {"read": 0, "refused": 0}, ""
    for _ in range(150):
        path = tmp_path / "export.csv"
        path.write_bytes(damaged(whole, chance))
        try:
            read_path(con, path, form).drop(con)
            outcomes["read"] += 1
        except FileRefused as refusal:
            outcomes["refused"] += 1
            said += "".join(traceback.format_exception(refusal)).lower()
    assert "canary" not in said
    assert min(outcomes.values()) > 0
    assert con.execute("select count(*) from duckdb_tables()").fetchone() == (0,)


def damaged(whole: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(whole))
    kind = chance.choice(["flip", "cut", "splice", "quote"])
    if kind == "cut":
        return whole[:at]
    if kind == "splice":
        return whole[:at] + whole[chance.randrange(len(whole)) :]
    byte = b'"' if kind == "quote" else bytes([chance.randrange(256)])
    return whole[:at] + byte + whole[at + 1 :]


def test_two_texts_that_are_read_as_one_must_mean_the_same(tmp_path):
    path = tmp_path / "harbor.yml"
    path.write_text(
        "clinic: harbor\nformat: google_forms\nfeeds:\n  - table: responses\n"
        "    set: {instrument: phq9, rater: client}\n"
        "    columns: {client_id: Code, completed_at: Timestamp}\n"
        "    values:\n      items:\n        Not at all: 0\n        not  at All: 1\n"
    )

    with pytest.raises(ConfigError, match=r"harbor\.yml:10.*capitals and blanks only"):
        read_clinic_yaml(path)
