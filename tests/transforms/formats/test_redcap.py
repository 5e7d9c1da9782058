"""REDCap flat exports: one table per form, keyed by record, event and instance."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from transforms import sql
from transforms.clinics.clinic import Clinic
from transforms.errors import FileRefused
from transforms.formats.redcap import reader as redcap
from transforms.formats.source import ReadOptions
from transforms.intake.read_file import read_export

PROJECT = Path(__file__).resolve().parents[2] / "fixtures" / "redcap"


@pytest.fixture
def read_forms(con, tmp_path):
    """Read an export with its dictionary; return the Sources by form."""

    def read(export: Path, dictionary: Path) -> dict[str, redcap.Source]:
        fields = redcap.read_dictionary(dictionary, tmp_path)
        sources = redcap.read(
            export, con=con, scratch=tmp_path, options=ReadOptions(), dictionary=fields
        )
        return {source.sheet: source for source in sources}

    return read


@pytest.fixture
def rows_of(con):
    """Return chosen columns of a Source, by line."""

    def rows(source, *columns: str) -> list[tuple]:
        chosen = ", ".join(map(sql.name, columns))
        order = f"select {chosen}, _line from {source.relation} order by _line"
        return con.execute(order).fetchall()

    return rows


@pytest.fixture
def forms(read_forms):
    return read_forms(PROJECT / "export.csv", PROJECT / "dictionary.csv")


def test_a_repeated_form_has_its_instances_even_when_blank(forms, rows_of):
    rows = rows_of(forms["visit"], "record_id", "redcap_repeat_instance", "visit_date")

    assert rows == [("007", "1", "2026-05-01", 3), ("007", "2", None, 4)]


def test_a_form_has_the_rows_in_which_something_was_answered(forms, rows_of):
    """Line 6 has a date, line 8 a status of 2; a sum REDCap computed (lines 2, 7) is no answer."""
    rows = rows_of(forms["mood"], "record_id", "redcap_event_name", "mood_1", "mood_sum")

    assert rows == [
        ("007", "week_1_arm_1", "2", "3", 5),
        ("008", "start_arm_2", None, "0", 6),
        ("010", "start_arm_2", None, "0", 8),
    ]


def test_a_ticked_checkbox_is_an_answer_and_an_empty_one_is_not(forms, rows_of):
    rows = rows_of(forms["intake"], "record_id", "support___a", "support___b")

    assert rows == [("007", "0", "1", 2), ("010", "1", "0", 8)]


def test_rows_that_repeat_an_unknown_form_are_counted(read_forms, tmp_path, rows_of):
    """No feed can read them: they must not go without a word."""
    export = tmp_path / "export.csv"
    text = (PROJECT / "export.csv").read_text("utf-8")
    assert text.count(",visit,") == 2
    export.write_text(text.replace(",visit,2", ",visits,2"), "utf-8")

    forms = read_forms(export, PROJECT / "dictionary.csv")

    assert rows_of(forms["visit"], "redcap_repeat_instance") == [("1", 3)]
    notes = [note.text for form in forms.values() for note in form.notes]
    assert notes == ["1 row of a repeated form that is not in the dictionary left out"]


def test_every_form_keeps_its_place_in_the_project(forms):
    assert forms["mood"].columns == (
        "record_id",
        "redcap_event_name",
        "redcap_repeat_instrument",
        "redcap_repeat_instance",
        "redcap_data_access_group",
        "mood_date",
        "mood_1",
        "mood_2",
        "mood_sum",
        "mood_complete",
    )


CLINIC = {
    "clinic": "lakeside",
    "format": "redcap",
    "files": "export*.csv",
    "dictionary": "dictionary.csv",
    "feeds": [
        {
            "table": "responses",
            "form": "mood",
            "set": {"instrument": "mood", "rater": "client"},
            "columns": {"client_id": "record_id", "completed_at": "mood_date"},
            "items": "mood_{n}",
        }
    ],
}


@pytest.fixture
def landing(tmp_path) -> Path:
    """A landing folder with the project in it."""
    folder = tmp_path / "landing"
    shutil.copytree(PROJECT, folder)
    return folder


def refusal_of(con, landing: Path, **changes) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        read_export(landing / "export.csv", Clinic(**CLINIC | changes), con=con, scratch=landing)
    return caught.value


def test_only_forms_that_are_mapped_are_read(con, landing):
    sources = read_export(landing / "export.csv", Clinic(**CLINIC), con=con, scratch=landing)

    assert [(source.sheet, source.n_rows) for source in sources] == [("mood", 3)]


def test_labels_instead_of_codes_are_refused_for_scored_items(con, landing):
    export = landing / "export.csv"
    export.write_text(export.read_text().replace("2026-05-08,2,1", "2026-05-08,Often,Sometimes"))

    refusal = refusal_of(con, landing)

    assert refusal.code == "F07"
    assert refusal.what == "Form mood: 2 items hold labels instead of codes (2 cells)"
    assert "raw data" in refusal.remedy


def test_labels_as_column_names_are_refused(con, landing):
    export = landing / "export.csv"
    lines = export.read_text().splitlines(keepends=True)
    labels = lines[0].replace("record_id", "Record ID").replace("dob", "Date of birth")
    export.write_text(labels + "".join(lines[1:]))

    assert refusal_of(con, landing).code == "F07"


def test_a_missing_dictionary_is_refused(con, landing):
    (landing / "dictionary.csv").unlink()

    refusal = refusal_of(con, landing)

    assert refusal.code == "F08"
    assert "no data dictionary dictionary.csv beside the export" in refusal.what


def test_a_file_that_is_no_dictionary_is_refused(con, landing):
    shutil.copy(landing / "export.csv", landing / "dictionary.csv")

    assert "no column 'variable / field name'" in refusal_of(con, landing).what


def test_a_dictionary_of_another_project_is_refused(con, landing):
    dictionary = landing / "dictionary.csv"
    dictionary.write_text(dictionary.read_text().replace("record_id", "study_number"))

    assert "no record id study_number" in refusal_of(con, landing).what


def test_a_form_the_dictionary_does_not_have_is_refused(con, landing):
    feed = CLINIC["feeds"][0] | {"form": "moods"}

    refusal = refusal_of(con, landing, feeds=[feed])

    assert refusal.code == "F08"
    assert "no form moods" in refusal.what
    assert "intake, mood, visit" in refusal.remedy


@pytest.mark.real
@pytest.mark.parametrize(
    ("project", "dictionary", "expected"),
    [
        (
            "vignette-repeating",
            "dictionary.csv",
            {"intake": 2, "blood_pressure": 6, "laboratory": 4, "image": 5},
        ),
        ("repeating-instruments", "dictionary.csv", {"demographics": 2, "bp": 4}),
        ("checkboxes-1", "dictionary.csv", {"form_1": 0, "form_2": 3}),
        ("decimal-comma", "dictionay.csv", {"demographics": 4}),
        ("clinical-trial-1", "dictionary.csv", {"demographics": 500}),
    ],
)
def test_real_projects_give_their_forms(real_data, read_forms, project, dictionary, expected):
    folder = real_data / "redcap" / "REDCapR" / project

    forms = read_forms(folder / "data.csv", folder / dictionary)

    assert {name: source.n_rows for name, source in forms.items()} == expected


@pytest.mark.real
def test_every_row_of_a_real_longitudinal_project_belongs_to_a_form(real_data, read_forms, rows_of):
    """18 rows and 3 ids in the file; two arms with twelve events."""
    folder = real_data / "redcap" / "REDCapR" / "longitudinal"

    forms = read_forms(folder / "data.csv", folder / "dictionary.csv")

    rows = {
        (identifier, event, line)
        for source in forms.values()
        for identifier, event, line in rows_of(source, "study_id", "redcap_event_name")
    }
    assert len(rows) == 18
    assert len({identifier for identifier, _, _ in rows}) == 3
    assert {event.rsplit("_", 1)[1] for _, event, _ in rows} == {"1", "2"}


@pytest.mark.real
def test_a_real_api_export_with_repeats_and_events_is_read(real_data, read_forms, rows_of):
    folder = real_data / "redcap" / "REDCapTidieR"

    forms = read_forms(folder / "db_data_long.csv", folder / "db_metadata_long.csv")

    place = ("record_id", "redcap_event_name", "redcap_repeat_instance")
    keys = [row[:3] for row in rows_of(forms["repeated"], *place)]
    assert len(keys) == len(set(keys)) == 9
    assert ("1", "event_1_arm_1", "3") in keys


@pytest.mark.real
def test_a_dictionary_with_a_byte_order_mark_and_odd_quotes_is_read(real_data, tmp_path):
    folder = real_data / "redcap" / "REDCapR" / "potentially-problematic-dictionary"

    dictionary = redcap.read_dictionary(folder / "dictionary.csv", tmp_path)

    assert dictionary.record_id == "record_id"
    assert dictionary.forms == ["form_1"]
    assert dictionary.fields["v1"].codes == {"0", "1", "3"}
