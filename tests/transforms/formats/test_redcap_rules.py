"""REDCap exports clause by clause: repeats, labels, batches, incomplete forms, keys, counts."""

from __future__ import annotations

import csv
import random
import traceback
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest

from transforms import sql
from transforms.clinics.clinic import Clinic
from transforms.errors import FileRefused
from transforms.formats.redcap import reader as redcap
from transforms.formats.source import ReadOptions
from transforms.intake.column_mapping import mappings_by_table
from transforms.intake.pseudonyms import GroupKey
from transforms.intake.read_file import read_export
from transforms.intake.stage import stage

KEY = GroupKey.derive(b"0123456789abcdef0123456789abcdef", "north")
DICTIONARY = """\
"Variable / Field Name","Form Name","Section Header","Field Type","Field Label","Choices, Calculations, OR Slider Labels"
record_id,intake,,text,"Record ID",
sex,intake,,radio,"Sex","1, Female | 2, Male"
support,intake,,checkbox,"<b>Support</b>","a, Family | b, Friends, or others"
mood_date,mood,,text,"Date",
mood_1,mood,,radio,"How often?","0, Never | 1, Now and then | 2, Often"
mood_2,mood,,dropdown,"How often?","0, Never | 1, Often | 2, Often"
weight,mood,,text,"Weight",
visit_date,visit,,text,"Date",
"""  # noqa: E501
# Record 007 repeats the form visit, and the whole event week; 008 does neither.
RAW = """\
record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,redcap_data_access_group,redcap_survey_identifier,sex,support___a,support___b,intake_complete,mood_timestamp,mood_date,mood_1,mood_2,weight,mood_complete,visit_date,visit_complete
007,start_arm_1,,,north,,1,0,1,2,,,,,,0,,
007,start_arm_1,visit,1,north,,,,,,,,,,,,2026-05-01,2
007,start_arm_1,visit,2,north,,,,,,,,,,,,2026-05-02,2
007,week_arm_1,,1,north,,,0,0,0,2026-05-08 09:00:00,2026-05-08,2,1,"71,5",2,,
007,week_arm_1,,2,north,,,0,0,0,[not completed],2026-05-09,1,0,70,0,,
008,week_arm_2,,,south,,,0,0,0,2026-05-10 09:00:00,2026-05-10,-99,0,,1,,
"""
LABELS = """\
Record ID,Event Name,Repeat Instrument,Repeat Instance,Data Access Group,Survey Identifier,Sex,Support (choice=Family),"Support (choice=Friends, or others)",Complete?,Survey Timestamp,Date,How often?,How often?,Weight,Complete?,Date,Complete?
007,Start (Arm 1: A),,,North,,Female,Unchecked,Checked,Complete,,,,,,Incomplete,,
007,Start (Arm 1: A),Visit,1,North,,,,,,,,,,,,2026-05-01,Complete
007,Start (Arm 1: A),Visit,2,North,,,,,,,,,,,,2026-05-02,Complete
007,Week (Arm 1: A),,1,North,,,Unchecked,Unchecked,Incomplete,2026-05-08 09:00:00,2026-05-08,Often,Never,"71,5",Complete,,
007,Week (Arm 1: A),,2,North,,,Unchecked,Unchecked,Incomplete,[not completed],2026-05-09,Now and then,Never,70,Incomplete,,
008,Week (Arm 2: B),,,South,,,Unchecked,Unchecked,Incomplete,2026-05-10 09:00:00,2026-05-10,-99,Never,,Unverified,,
"""  # noqa: E501
MOOD = {
    "table": "responses",
    "form": "mood",
    "set": {"instrument": "mood", "rater": "client"},
    "columns": {
        "client_id": "record_id",
        "completed_at": "mood_date",
        "session_id": {"join": ["record_id", "redcap_event_name", "redcap_repeat_instance"]},
    },
    "items": "mood_{n}",
    "submitted": {"total": "weight"},
}
VISIT = {
    "table": "sessions",
    "form": "visit",
    "set": {"attendance": "attended"},
    "columns": {
        "session_id": {"join": ["record_id", "redcap_repeat_instrument", "redcap_repeat_instance"]},
        "client_id": "record_id",
        "therapist_id": "redcap_data_access_group",
        "session_at": "visit_date",
    },
}


@pytest.fixture
def read(con, tmp_path):
    """Write an export and its dictionary and read them; return clinic and Sources by form."""

    def run(export: str | bytes, *feeds: dict, dictionary: str | bytes = DICTIONARY, **more):
        for name, content in (("data.csv", export), ("dictionary.csv", dictionary)):
            content = content.encode() if isinstance(content, str) else content
            (tmp_path / name).write_bytes(content)
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        config = {"missing_codes": ["-99"], "decimal": ","} | more
        clinic = Clinic(
            clinic="harbor", format="redcap", files="data.csv", dictionary="dictionary.csv",
            feeds=feeds or [MOOD], **config,
        )  # fmt: skip
        try:
            sources = read_export(tmp_path / "data.csv", clinic, con=con, scratch=scratch)
        finally:
            assert list(scratch.iterdir()) == []
        return clinic, sources

    return run


@pytest.fixture
def staged(con, tmp_path, read):
    """Read and stage; return chosen columns of one table by line."""

    def run(export: str | bytes, *columns: str, table="responses", feeds=(), **more) -> list[tuple]:
        clinic, sources = read(export, *feeds, **more)
        mappings = mappings_by_table(clinic, "data.csv", sources)[table]
        out = tmp_path / "staged.parquet"
        stage(
            con, table, mappings, clinic, file_id="f", source_file="data.csv",
            received_at=datetime(2026, 12, 1), key=KEY, registry_rows=[], out=out,
            identities=tmp_path / "identities.parquet",
        )  # fmt: skip
        chosen = f"select {', '.join(columns)} from '{out}' order by source_line"
        return con.execute(chosen).fetchall()

    return run


def rows(con, source, *columns: str) -> list[tuple]:
    chosen = ", ".join(map(sql.name, columns))
    return con.execute(f"select {chosen} from {source.relation} order by _line").fetchall()


def notes(sources) -> dict[str, str]:
    return {note.kind: note.text for source in sources for note in source.notes}


ANSWERS = ("completed_at::date", "item_1", "item_2", "submitted_total", "bad_cells", "source_line")


def test_repeating_forms_and_repeating_events_stand_in_one_file(read, con):
    _, sources = read(RAW, MOOD, VISIT)
    place = ("record_id", "redcap_event_name", "redcap_repeat_instance")

    by_form = {source.sheet: rows(con, source, *place) for source in sources}

    assert by_form["visit"] == [("007", "start_arm_1", "1"), ("007", "start_arm_1", "2")]
    assert by_form["mood"] == [
        ("007", "week_arm_1", "1"),
        ("007", "week_arm_1", "2"),
        ("008", "week_arm_2", None),
    ]


def test_record_event_and_instance_make_a_session_each(staged):
    keys = staged(RAW, "session_key", "client_key")

    assert len({session for session, _ in keys}) == 3
    assert len({client for _, client in keys}) == 2


def test_record_ids_keep_their_zeros(staged):
    assert staged(RAW, "client_key")[0] == (KEY.pseudonym_of("client|007"),)


def test_decimal_commas_and_missing_codes_are_read(staged):
    assert staged(RAW, *ANSWERS) == [
        (date(2026, 5, 8), 2, 1, 71.5, None, 5),
        (date(2026, 5, 9), 1, 0, 70, None, 6),
        (date(2026, 5, 10), None, 0, None, None, 7),
    ]


def test_a_missing_code_nobody_declared_is_an_answer_out_of_range_for_a_rule_to_find(staged):
    assert staged(RAW, "item_1", missing_codes=[])[2] == (-99,)


def test_a_data_access_group_can_be_mapped_and_chosen(staged):
    sessions = staged(RAW, "therapist_key", table="sessions", feeds=[VISIT])
    chosen = MOOD | {"when": {"redcap_data_access_group": ["south"]}}

    assert set(sessions) == {(KEY.pseudonym_of("therapist|north"),)}
    assert len(staged(RAW, "item_1", feeds=[chosen])) == 1


def test_a_survey_nobody_sent_off_has_no_time(staged):
    feed = MOOD | {"columns": MOOD["columns"] | {"completed_at": "mood_timestamp"}}

    assert staged(RAW, "completed_at", "bad_cells", feeds=[feed])[1] == (None, ["completed_at"])


def test_incomplete_forms_are_left_out_and_counted_where_the_yaml_says_so(read, con):
    _, sources = read(RAW, redcap={"incomplete": "drop"})

    assert rows(con, sources[0], "mood_date") == [("2026-05-08",), ("2026-05-10",)]
    assert notes(sources)["skipped_rows"] == "form mood: 1 incomplete form left out"


def test_a_survey_nobody_sent_off_is_incomplete_whatever_its_status(read):
    _, sources = read(RAW.replace("1,0,70,0,", "1,0,70,2,"), redcap={"incomplete": "drop"})

    assert sources[0].n_rows == 2


def test_a_label_export_is_mapped_to_codes_through_the_dictionary(staged):
    """`Often` is two codes of mood_2, and so nobody there answered it."""
    assert staged(LABELS, *ANSWERS, redcap={"labels": "map"}) == [
        (date(2026, 5, 8), 2, 0, 71.5, None, 5),
        (date(2026, 5, 9), 1, 0, 70, None, 6),
        (date(2026, 5, 10), None, 0, None, None, 7),
    ]


def test_forms_of_a_label_export_have_the_rows_of_the_raw_one(read):
    def counts(content, **more):
        _, sources = read(content, MOOD, VISIT, **more)
        return {source.sheet: source.n_rows for source in sources}

    assert counts(LABELS, redcap={"labels": "map"}) == counts(RAW) == {"mood": 3, "visit": 2}


@pytest.mark.parametrize("label", ["Sometimes", "1"])
def test_a_label_the_dictionary_does_not_have_is_a_finding(staged, label):
    dirty = LABELS.replace("Now and then", label)

    got = staged(dirty, "item_1", "bad_cells", redcap={"labels": "map"})

    assert got[1] == (None, ["item_1"])


def test_a_label_of_two_codes_is_a_finding(staged):
    dirty = LABELS.replace("Now and then,Never", "Now and then,Often")

    got = staged(dirty, "item_2", "bad_cells", redcap={"labels": "map"})

    assert got[1] == (None, ["item_2"])


def test_labels_under_raw_headings_are_mapped_too(staged):
    header, *_ = RAW.splitlines(keepends=True)
    _, *body = LABELS.splitlines(keepends=True)

    assert staged(header + "".join(body), "item_1", redcap={"labels": "map"})[:2] == [(2,), (1,)]


def test_a_raw_export_is_read_as_it_is_where_labels_are_mapped(staged):
    assert staged(RAW, *ANSWERS, redcap={"labels": "map"}) == staged(RAW, *ANSWERS)


def test_a_label_export_is_refused_with_the_remedy_where_nothing_is_said(read):
    with pytest.raises(FileRefused, match="named by labels") as refusal:
        read(LABELS)
    assert refusal.value.code == "F07"
    assert "raw data" in refusal.value.remedy
    assert "labels: map" in refusal.value.remedy


def test_two_columns_of_one_label_that_cannot_be_told_apart_are_refused(read):
    fewer = "\n".join(
        ",".join(row[:12] + row[13:])
        for row in csv.reader(LABELS.replace('"71,5"', "71").splitlines())
    )

    with pytest.raises(FileRefused, match="2 fields of the dictionary") as refusal:
        read(fewer.replace("Friends, or", "Friends or"), redcap={"labels": "map"})
    assert refusal.value.code == "F08"


def test_a_repeated_form_of_an_unknown_label_is_refused(read):
    with pytest.raises(FileRefused, match="2 rows repeat an instrument") as refusal:
        read(LABELS.replace(",Visit,", ",canary,"), redcap={"labels": "map"})
    assert "canary" not in str(refusal.value)


def without(*names: str) -> str:
    table = list(csv.reader(RAW.splitlines()))
    kept = [i for i, name in enumerate(table[0]) if name not in names]
    quoted = [[f'"{row[i]}"' for i in kept] for row in table]
    return "\n".join(map(",".join, quoted)) + "\n"


def test_an_item_one_batch_lacks_is_empty_there_and_said(read, staged):
    """The dictionary has mood_2: it is the same project, exported with fewer fields."""
    batch = without("mood_2", "mood_timestamp")

    _, sources = read(batch)

    assert notes(sources)["missing_columns"] == (
        "form mood: 1 mapped column not in this export, read as empty: mood_2"
    )
    assert staged(batch, "item_1", "item_2") == [(2, None), (1, None), (None, None)]


def test_a_column_more_in_one_batch_is_noted(read):
    header, *body = RAW.splitlines()
    more = "\n".join([f"{header},new_field", *(f"{line},1" for line in body)])

    _, sources = read(more)

    assert "new_field" in notes(sources)["extra_columns"]


def test_an_item_the_project_does_not_have_is_refused(read):
    with pytest.raises(FileRefused, match="mood_3") as refusal:
        read(RAW, MOOD | {"items": ["mood_1", "mood_3"]})
    assert refusal.value.code == "F02"


def test_a_dictionary_with_semicolons_and_a_mark_is_read(staged):
    """As spreadsheet programs save it in countries with decimal commas."""
    table = csv.reader(DICTIONARY.splitlines())
    quoted = "\n".join(";".join(f'"{cell}"' for cell in row) for row in table)

    assert len(staged(RAW, "item_1", dictionary=quoted.encode("utf-8-sig"))) == 3


def test_a_project_without_a_row_is_refused(read):
    with pytest.raises(FileRefused) as refusal:
        read("\n")
    assert refusal.value.code == "F04"


@pytest.mark.parametrize(("content", "mode"), [(RAW, "refuse"), (LABELS, "map")])
def test_damaged_exports_are_read_or_refused_and_never_quoted(read, con, content, mode):
    whole = content.replace("North", "canary").replace("north", "canary").encode()
    chance = random.Random(7)
    outcomes, said = {"read": 0, "refused": 0}, ""
    for _ in range(100):
        at = chance.randrange(len(whole))
        cut = whole[:at] if chance.random() < 0.5 else None
        dirty = cut if cut is not None else whole[:at] + b'"' + whole[at + 1 :]
        try:
            _, sources = read(dirty, redcap={"labels": mode})
            for source in sources:
                source.drop(con)
            outcomes["read"] += 1
        except FileRefused as refusal:
            outcomes["refused"] += 1
            said += "".join(traceback.format_exception(refusal))
    assert "canary" not in said
    assert min(outcomes.values()) > 0
    assert con.execute("select count(*) from duckdb_tables()").fetchone() == (0,)


def counted_with_csv(data: Path, dictionary: Path) -> dict[str, int]:
    """Count each form's rows with the csv module alone: repeats of it, or something answered."""
    with dictionary.open(encoding="utf-8-sig", newline="") as stream:
        rows_of_dictionary = list(csv.reader(stream))[1:]
    kinds = {row[0]: (row[1], row[3]) for row in rows_of_dictionary if len(row) > 3}
    record_id = next(iter(kinds))
    with data.open(encoding="utf-8-sig", newline="") as stream:
        exported = list(csv.DictReader(stream))
    forms = dict.fromkeys(form for form, _ in kinds.values())
    counts = {}
    for form in forms:
        columns = [
            column
            for column in exported[0]
            if column != record_id
            and (
                kinds.get(column.split("___")[0], ("", ""))[0] == form
                or column in (f"{form}_complete", f"{form}_timestamp")
            )
        ]
        if columns:
            counts[form] = sum(_holds(row, form, columns, kinds) for row in exported)
    return counts


def _holds(row: dict, form: str, columns: list[str], kinds: dict) -> bool:
    if row.get("redcap_repeat_instrument"):
        return row["redcap_repeat_instrument"] == form
    for column in columns:
        if column not in kinds and row[column] not in ("", "0", "[not completed]"):
            return True
        if column in kinds and kinds[column][1] not in ("calc", "descriptive") and row[column]:
            return True
    return False


PROJECTS = [
    ("REDCapR/checkboxes-1/data.csv", "REDCapR/checkboxes-1/dictionary.csv"),
    ("REDCapR/clinical-trial-1/data.csv", "REDCapR/clinical-trial-1/dictionary.csv"),
    ("REDCapR/decimal-comma/data.csv", "REDCapR/decimal-comma/dictionay.csv"),
    ("REDCapR/longitudinal/data.csv", "REDCapR/longitudinal/dictionary.csv"),
    ("REDCapR/repeating-instruments/data.csv", "REDCapR/repeating-instruments/dictionary.csv"),
    ("REDCapR/vignette-repeating/data.csv", "REDCapR/vignette-repeating/dictionary.csv"),
    ("REDCapTidieR/db_data_classic.csv", "REDCapTidieR/db_metadata_classic.csv"),
    ("REDCapTidieR/db_data_long.csv", "REDCapTidieR/db_metadata_long.csv"),
]


@pytest.mark.real
@pytest.mark.parametrize(("data", "dictionary"), PROJECTS)
def test_every_real_project_gives_the_rows_counted_with_the_csv_module(
    real_data, con, tmp_path, data, dictionary
):
    data, dictionary = real_data / "redcap" / data, real_data / "redcap" / dictionary

    sources = redcap.read(
        data,
        con=con,
        scratch=tmp_path,
        options=ReadOptions(),
        dictionary=redcap.read_dictionary(dictionary, tmp_path),
    )

    counts = {source.sheet: source.n_rows for source in sources}
    assert counts == counted_with_csv(data, dictionary)
    assert sum(counts.values()) > 0
    for source in sources:
        place = [name for name in source.columns if name.startswith("redcap_")]
        keys = rows(con, source, source.columns[0], *place)
        assert len(keys) == len(set(keys)), source.sheet


@pytest.mark.real
def test_a_real_project_without_answers_and_one_without_anything(real_data, con, tmp_path):
    folder = real_data / "redcap" / "REDCapR"

    def read(project: str):
        dictionary = redcap.read_dictionary(folder / project / "dictionary.csv", tmp_path)
        path = folder / project / "data.csv"
        return redcap.read(
            path, con=con, scratch=tmp_path, options=ReadOptions(), dictionary=dictionary
        )

    (form,) = read("validation-types-1")
    assert form.n_rows == 0
    with pytest.raises(FileRefused, match="first line is blank"):
        read("potentially-problematic-dictionary")


def test_a_dictionary_saved_as_a_workbook_is_read(con, tmp_path):
    book = openpyxl.Workbook()
    for row in csv.reader(DICTIONARY.splitlines()):
        book.active.append(row)
    book.save(tmp_path / "dictionary.xlsx")

    found = redcap.read_dictionary(tmp_path / "dictionary.xlsx", tmp_path)

    assert found.record_id == "record_id"
    assert found.forms == ["intake", "mood", "visit"]
    assert found.fields["mood_1"].codes == {"0", "1", "2"}


@pytest.mark.parametrize("content", ["\n", "\r\n", "\ufeff\n"])
def test_an_export_without_a_record_says_so(read, content):
    """REDCap writes no header either."""
    with pytest.raises(FileRefused, match="The export has no records") as refusal:
        read(content)
    assert refusal.value.code == "F04"


def test_a_header_alone_is_an_export_of_no_rows(read):
    _, sources = read(RAW.splitlines()[0] + "\n")

    assert [source.n_rows for source in sources] == [0]
    assert "no_rows" in notes(sources)


def test_a_questionnaire_may_be_spread_over_two_forms(read, con):
    """Columns a feed names one by one are read from the same row; repeated forms have their own."""
    feed = MOOD | {"items": ["mood_1", "mood_2", "sex"], "submitted": {}}

    rows = RAW.replace("007,week_arm_1,,1,north,,,0", "007,week_arm_1,,1,north,,2,0")
    _, (source,) = read(rows, feed)

    query = f"select mood_1, mood_2, sex from {source.relation} order by _line"
    assert con.execute(query).fetchall() == [("2", "1", "2"), ("1", "0", None), ("-99", "0", None)]


def test_an_item_pattern_stays_within_its_form(read):
    """`visit_date` of another form fits no pattern of this one, named or not."""
    _, (source,) = read(RAW, MOOD)

    assert "visit_date" not in source.columns
    assert "sex" not in source.columns


INTAKE = """\
"Variable / Field Name","Form Name","Field Type","Field Label","Choices, Calculations, OR Slider Labels"
pid,intake,text,Number,
counsellor,intake,text,Seen by,
seen_on,contact,text,Date,
how,contact,text,Place,
"""  # noqa: E501
CONTACTS = """\
pid,redcap_event_name,counsellor,intake_complete,seen_on,how,contact_complete
11,intake_arm_1,K4,2,,,0
11,week_4_arm_1,,0,2026-02-02,room,2
11,week_4_r_arm_1,,0,2026-02-05,phone,2
12,intake_arm_1,K4,2,,,0
12,again_arm_1,K5,2,,,0
12,week_4_arm_1,,0,2026-02-03,room,2
13,week_4_arm_1,,0,2026-02-04,room,2
"""
CONTACT = {
    "table": "sessions",
    "form": "contact",
    "set": {"attendance": "attended"},
    "columns": {
        "session_id": {"join": ["pid", "redcap_event_name"]},
        "client_id": "pid",
        "therapist_id": "counsellor",
        "session_at": "seen_on",
    },
}


def test_a_therapist_of_the_intake_form_is_that_of_the_records_sessions(staged):
    """Two therapists of one record are nobody's choice of ours; record 13 names none."""
    found = staged(
        CONTACTS, "therapist_key", table="sessions", feeds=[CONTACT], dictionary=INTAKE, decimal="."
    )

    assert found == [(KEY.pseudonym_of("therapist|K4"),)] * 2 + [(None,), (None,)]


def test_a_rows_own_therapist_comes_before_the_records(staged):
    export = CONTACTS.replace("12,week_4_arm_1,,0", "12,week_4_arm_1,K5,0")

    found = staged(
        export, "therapist_key", table="sessions", feeds=[CONTACT], dictionary=INTAKE, decimal="."
    )

    assert found[2] == (KEY.pseudonym_of("therapist|K5"),)


def test_the_intake_form_is_given_where_it_was_filled_in_only(read, con):
    """What a record says once does not make a form of every row."""
    intake = CONTACT | {"form": "intake", "columns": CONTACT["columns"] | {"session_at": "seen_on"}}

    _, sources = read(CONTACTS, CONTACT, intake, dictionary=INTAKE, decimal=".")

    by_form = {source.sheet: source.n_rows for source in sources}
    assert by_form == {"contact": 4, "intake": 3}


@pytest.mark.parametrize(
    ("events", "n_sessions"), [({}, 4), ({"week_4_r_arm_1": "week_4_arm_1"}, 3)]
)
def test_an_event_held_again_is_the_same_session_where_the_yaml_says_so(staged, events, n_sessions):
    keys = staged(
        *(CONTACTS, "session_key"),
        table="sessions",
        feeds=[CONTACT],
        dictionary=INTAKE,
        decimal=".",
        redcap={"events": events},
    )

    assert len(keys) == 4
    assert len({*keys}) == n_sessions
