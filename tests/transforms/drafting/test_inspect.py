"""`inspect` drafts a YAML that reads the file it was drafted from, unchanged or after one edit."""

from __future__ import annotations

import gzip
import json
import shutil
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import openpyxl
import pytest
import yaml

from demo import generate
from pipeline.home import REPOSITORY
from tests.transforms.drafting.comment_marks import taken_off
from tests.transforms.survey_exports import GOOGLE, MICROSOFT, MONKEY, limesurvey, text
from transforms.clinics.yaml_file import load_clinic
from transforms.drafting.column_profiles import Profile
from transforms.drafting.column_roles import date_column
from transforms.drafting.inspect import inspect_file
from transforms.drafting.yaml_text import draft_text
from transforms.errors import FileRefused
from transforms.instruments.registry import load_registry
from transforms.instruments.tables import registry_rows
from transforms.intake.column_mapping import mappings_by_table
from transforms.intake.pseudonyms import GroupKey
from transforms.intake.read_file import read_export
from transforms.intake.stage import stage

KEY = GroupKey.derive(b"0123456789abcdef0123456789abcdef", "north")
NO_DAY = ("YYYY-MM-DD", "2026-01-01")


@dataclass
class Drafted:
    """A draft, what is staged with it, and which items the first feed of responses reads."""

    text: str
    n_rows: dict[str, int]
    items: list[tuple[str, list[int]]]
    guesses: dict[str, str]


@pytest.fixture(scope="module")
def registry():
    return load_registry(REPOSITORY / "config" / "instruments")


@pytest.fixture
def drafted(tmp_path, con, registry):
    """Inspect a file, edit the draft, load it as the clinic's YAML, read and stage.

    Where no questionnaire is sure, all feeds are comments: their marks are taken off first.
    """

    def run(path: Path, *edit: str) -> Drafted:
        scratch, folder = tmp_path / "scratch", tmp_path / "config"
        scratch.mkdir()
        folder.mkdir()
        found = inspect_file(path, "fjord", registry, con=con, scratch=scratch)
        assert con.execute("select count(*) from duckdb_tables()").fetchone() == (0,)
        assert list(scratch.iterdir()) == []
        draft = draft_text(found.draft)
        feeds = found.draft.feeds
        if feeds and not any(one.is_active for one in feeds):
            draft = taken_off(draft)
        for old, new in zip(edit[::2], edit[1::2], strict=True):
            assert old in draft
            draft = draft.replace(old, new)
        (folder / "fjord.yml").write_text(draft, "utf-8")
        clinic = load_clinic(folder, "fjord")
        assert clinic.is_export(path.name)
        sources = read_export(path, clinic, con=con, scratch=scratch, registry=registry)
        mappings = mappings_by_table(clinic, path.name, sources)
        items = [
            (one.feed.constants.get("instrument", ""), list(one.items))
            for one in mappings.get("responses", [])
        ]
        n_rows = {
            table: stage(
                con,
                table,
                some,
                clinic,
                file_id="f1",
                source_file=path.name,
                received_at=datetime(2026, 11, 23),
                key=KEY,
                registry_rows=registry_rows(registry),
                out=tmp_path / f"{table}.parquet",
                identities=tmp_path / f"{table}_ids.parquet",
            ).n_rows
            for table, some in mappings.items()
        }
        return Drafted(draft, n_rows, items, {one.what: one.value for one in found.guesses})

    return run


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo")
    generate(root / "landing", root / "truth", n_sessions=300, seed=1)
    return root / "landing"


def n_lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines()) - 1


@pytest.mark.parametrize("name", ["responses", "sessions", "episodes", "clients", "therapists"])
def test_demo_a_canonical_file_works_unchanged(demo, drafted, name):
    path = demo / "harbor" / f"{name}.csv"

    assert drafted(path).n_rows == {name: n_lines(path)}


def test_demo_redcap_works_unchanged(demo, drafted):
    (path,) = (demo / "lakeside").glob("*_DATA_*.csv")
    with duckdb.connect() as other:
        query = "select count(*) from read_csv(?, all_varchar = true) where "
        forms = "redcap_repeat_instrument in ('ors', 'srs')"
        (n_forms,) = other.execute(query + forms, [str(path)]).fetchone()

    found = drafted(path)

    assert found.n_rows == {"responses": n_forms}
    assert sorted(found.items) == [("ors", [1, 2, 3, 4]), ("srs", [1, 2, 3, 4])]


def test_demo_a_workbook_of_all_tables_works_unchanged(demo, drafted):
    found = drafted(demo / "summit" / "summit_export.xlsx")

    assert set(found.n_rows) == {"responses", "sessions", "episodes", "clients", "therapists"}
    assert min(found.n_rows.values()) > 0


CLIENT = ("client_id: CHANGE_ME", "client_id: ExternalReference")
INSIGHTS_CLIENT = ("client_id: CHANGE_ME", "client_id: ExternalDataReference")
REAL = [
    # The instrument of norse's 102 questions is unknown: they are several questionnaires. The
    # second feed is the column pt_total_obs, which is called like a score.
    ("norse/synthetic_data.csv", ("CHANGE_ME, rater: client}", "norse_alliance, rater: client}"),
     2883 * 2, "norse_alliance", 102),
    ("redcap/REDCapR/vignette-repeating/data.csv", NO_DAY, 6, "CHANGE_ME", 2),
    # Four forms with numbered columns, then four with others.
    ("redcap/REDCapR/longitudinal/data.csv", NO_DAY, 10 + 4 + 6 + 3 + (3 + 3 + 4 + 2),
     "CHANGE_ME", 1),
    ("redcap/REDCapR/repeating-instruments/data.csv", (), 4, "CHANGE_ME", 2),
    ("redcap/REDCapTidieR/db_data_long.csv", NO_DAY, 2, "CHANGE_ME", 2),
    # Nobody was given a reference, by which Qualtrics knows a person.
    ("qualtrics/qualtRics_sample.csv", CLIENT, 1, "CHANGE_ME", 1),
    ("qualtrics/qualtRics_sample_legacy.csv", CLIENT, 1, "CHANGE_ME", 1),
    # All five responses of the pair are Qualtrics' own tests.
    ("qualtrics/Single_Answer_Matrix_Questions__Insights_.csv",
     ("feeds:", "qualtrics: {tests: keep}\nfeeds:", *INSIGHTS_CLIENT), 5 * 5, "CHANGE_ME", 3),
    ("qualtrics/Single_Answer_Matrix_Questions.csv",
     ("feeds:", "qualtrics: {tests: keep}\nfeeds:", *CLIENT), 2 * 5, "CHANGE_ME", 3),
    ("fhir/us_core/QuestionnaireResponse-phq-9-example.json", (), 1, "", 10),
    # 486 totals of sessions 0 to 12, 77 of two follow-ups.
    ("sudden_gains/sgdata.csv", NO_DAY, 486 + 77, "bdi2", 0),
    # 5,000 totals before and 4,500 after treatment; no items.
    ("therapist_effects/patients_5000.csv", NO_DAY, 5000 + 4500, "phq9", 0),
]  # fmt: skip


@pytest.mark.real
@pytest.mark.parametrize(("name", "edit", "n_rows", "instrument", "n_items"), REAL)
def test_real_files_are_read_whole_after_the_stated_edit(
    real_data, drafted, name, edit, n_rows, instrument, n_items
):
    """Rows: ../shared/data/README.md, or counted in the file; one per form where it has several."""
    found = drafted(real_data / name, *edit)

    assert found.n_rows == {"responses": n_rows}
    assert (found.items[0][0], len(found.items[0][1])) == (instrument, n_items)


@pytest.mark.parametrize(
    ("format_name", "rows"),
    [
        ("google_forms", GOOGLE),
        ("microsoft_forms", MICROSOFT),
        ("surveymonkey", MONKEY),
        ("limesurvey", limesurvey()),
    ],
)
def test_a_web_survey_is_recognized_and_no_cell_is_told(tmp_path, drafted, format_name, rows):
    path = tmp_path / "export.csv"
    path.write_text(text(rows), "utf-8")

    found = drafted(path)

    assert found.guesses["format"] == format_name
    assert found.n_rows == {"responses": 2}
    for cell in ("canary", "192.0.2.7", "007", "Never", "A1"):
        assert cell not in found.text


def test_a_draft_says_that_all_responses_are_left_out(tmp_path, drafted):
    names = ["EndDate", "Status", "Finished", "ResponseId", "ExternalReference", "Q1_1", "Q1_2"]
    ids = [
        "endDate",
        "status",
        "finished",
        "_recordId",
        "externalDataReference",
        "QID1_1",
        "QID1_2",
    ]
    import_ids = [f'{{"ImportId":"{one}"}}' for one in ids]
    preview = ["2026-05-01 09:00:00", "1", "1", "R_1", "007", "2", "3"]
    (tmp_path / "export.csv").write_text(text([names, names, import_ids, preview]), "utf-8")

    found = drafted(tmp_path / "export.csv")

    assert "# CHECK: no response counts" in found.text
    assert "QID1_{n}" in found.text
    assert found.n_rows == {"responses": 0}


PHQ = ";".join(f"phq9_{n}" for n in range(1, 10))


def test_a_dialect_is_recognized_and_the_draft_works_unchanged(tmp_path, drafted):
    """Title above the names, semicolons, Windows-1252, day first, and a table packed by gzip."""
    rows = [f"K\xf6{n};{n + 12}.05.2026;{';'.join('0123012301'[n : n + 9])}" for n in range(2)]
    content = "\n".join(["Bericht", f"Patient_ID;Datum;{PHQ}", *rows]) + "\n"
    path = tmp_path / "export_2026-05.csv.gz"
    path.write_bytes(gzip.compress(content.encode("cp1252")))

    found = drafted(path)

    assert found.n_rows == {"responses": 2}
    assert found.items == [("phq9", list(range(1, 10)))]
    assert 'files: "export_*.csv.gz"' in found.text
    assert found.guesses["date format"] == "%d.%m.%Y"
    assert found.guesses["header_row"] == "2"
    assert "K\xf6" not in found.text


@pytest.mark.parametrize(
    ("days", "expected", "is_said"),
    [
        (("03/04/2026", "31/04/2026"), "%d/%m/%Y", False),
        (("03/04/2026", "04/31/2026"), "%m/%d/%Y", False),
        (("03/04/2026", "04/12/2026"), "%d/%m/%Y", True),
        (("2026-04-03", "2026-04-04"), "ISO 8601", False),
    ],
)
def test_the_order_of_dates_is_counted_and_said_where_it_is_open(
    tmp_path, con, registry, days, expected, is_said
):
    path = tmp_path / "days.csv"
    path.write_text("client_id,day,gad_1,gad_2\n" + "".join(f"c1,{day},0,1\n" for day in days))

    found = inspect_file(path, "fjord", registry, con=con, scratch=tmp_path)

    assert {one.what: one.value for one in found.guesses}["date format"] == expected
    assert any("day or month first" in note for note in found.draft.notes) is is_said
    text = draft_text(found.draft)
    # A format nobody is sure of stands in the draft as a comment: the dates are then unreadable.
    assert ("# date_format: " in text) is is_said
    assert (yaml.safe_load(taken_off(text))["feeds"][0].get("date_format")) == (
        None if is_said or expected == "ISO 8601" else expected
    )


def test_a_row_per_answer_is_recognized(tmp_path, drafted):
    path = tmp_path / "long.csv"
    path.write_text(
        "client_id,date,item,value\n"
        + "".join(f"c1,2026-05-0{d},{n},2\n" for d in (1, 2) for n in (1, 2, 3))
    )

    found = drafted(path)

    assert found.n_rows == {"responses": 2}
    assert found.items == [("CHANGE_ME", [1, 2, 3])]


@pytest.mark.parametrize(
    ("n_items", "answers", "confidence"),
    [(9, "03", "high"), (9, "04", "low"), (8, "03", "none")],
)
def test_the_instrument_needs_name_count_and_range(
    tmp_path, con, registry, n_items, answers, confidence
):
    """PHQ-9: nine items, 0 to 3."""
    names = ",".join(f"phq9_{n}" for n in range(1, n_items + 1))
    rows = "".join(f"c1,2026-05-01{f',{answer}' * n_items}\n" for answer in answers)
    path = tmp_path / "one.csv"
    path.write_text(f"client_id,date,{names}\n{rows}")

    found = inspect_file(path, "fjord", registry, con=con, scratch=tmp_path)

    (guess,) = [one for one in found.guesses if "phq9_" in one.what]
    assert guess.confidence == confidence


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.csv", b"", "F01"),
        ("empty.csv.gz", b"", "F01"),
        ("image.csv", b"\x89PNG\r\n\x1a\n" + bytes(200), "F01"),
        ("noise.csv", bytes(range(256)) * 20, "F01"),
        ("book.xlsx", b"PK\x03\x04 cut off", "F01"),
        ("bundle.json", b'{"resourceType": "Bund', "F01"),
        ("x_DATA_1.csv", b"record_id,redcap_event_name,a_1\n1,e,2\n", "F08"),
        ("ragged.csv", b"a,b,c\n1,2,3\n1,2,3,4\n", "F05"),
    ],
)
def test_what_cannot_be_read_is_refused_in_the_readers_words(
    tmp_path, con, registry, name, content, code
):
    (tmp_path / name).write_bytes(content)
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    with pytest.raises(FileRefused) as refused:
        inspect_file(tmp_path / name, "fjord", registry, con=con, scratch=scratch)

    assert refused.value.code == code
    assert list(scratch.iterdir()) == []


def test_wide_items_are_recognized(tmp_path, drafted):
    """One row per client: nine items in three sessions; the third was not held."""
    names = [f"phq9_{n}_s{s}" for s in (1, 2, 3) for n in range(1, 10)]
    path = tmp_path / "wide.csv"
    path.write_text(
        f"client_id,{','.join(names)}\nc1{',1' * 18}{',' * 9}\nc2{',2' * 27}\n", encoding="utf-8"
    )

    found = drafted(path, *NO_DAY)

    assert found.n_rows == {"responses": 2 + 3}
    assert found.items == [("phq9", list(range(1, 10)))]


def test_german_names_are_known_and_a_birth_date_is_never_the_day_of_a_form(tmp_path, drafted):
    """The list of a practice; its birth dates come first and are filled as often."""
    names = ",".join(f"PHQ9_{n}" for n in range(1, 10))
    path = tmp_path / "praxis.csv"
    path.write_text(
        f"Pat.-Nr.,Geb.-Datum,Aufnahmedatum,Datum,Therapeut,{names}\n"
        f"P1,13.03.1980,14.02.2026,31.05.2026,T1{',1' * 9}\n",
        encoding="utf-8",
    )

    found = drafted(path)

    assert found.n_rows == {"responses": 1}
    assert found.guesses["client_id"] == "Pat.-Nr."
    assert found.guesses["completed_at"] == "Datum"
    assert found.guesses["therapist_id"] == "Therapeut"
    assert "# CHECK: completed_at is Datum" in found.text


@pytest.mark.parametrize("name", ["Geb.-Datum", "Geburtsdatum", "birth_date", "dob"])
def test_a_birth_date_alone_leaves_the_day_open(name):
    """`Ergebnisdatum`, the date of a result, holds the same three letters."""
    seen = {"n_filled": 9, "n_iso": 9, "n_short": 0}
    empty = dict.fromkeys(Profile.__dataclass_fields__, 0)
    birth, result = (Profile(**empty | seen | {"name": one}) for one in (name, "Ergebnisdatum"))

    assert date_column([birth])[0] is None
    assert date_column([birth, result])[0] == result


def test_a_short_name_finds_the_form_of_its_family_that_fits(tmp_path, con, registry):
    """WAI-SR: 12 items from 1 to 5; the WAI has 36, the WAI-S goes to 7."""
    path = tmp_path / "wai.csv"
    names = ",".join(f"wai{n}" for n in range(1, 13))
    path.write_text(f"client_id,date,{names}\nc1,2026-05-01{',1' * 12}\nc2,2026-05-01{',5' * 12}\n")

    found = inspect_file(path, "fjord", registry, con=con, scratch=tmp_path)

    (guess,) = [one for one in found.guesses if one.what == "items wai"]
    assert guess.value.startswith("wai_sr ")
    assert guess.confidence == "medium"
    assert "; wai_s, wai_srt as well" in guess.reason


@pytest.mark.parametrize(("own", "is_joined"), [("k1 k2 k3", False), ("x x x", True)])
def test_files_are_joined_by_row_only_without_a_key_of_their_own(
    tmp_path, con, registry, own, is_joined
):
    """Two exports of one folder often have as many rows and the same clients."""
    for name in ("a", "b"):
        rows = "".join(f"{one},{n % 2}\n" for n, one in enumerate(own.split()))
        (tmp_path / f"{name}.csv").write_text(f"who,{name}1\n{rows}")
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    found = inspect_file(tmp_path / "a.csv", "fjord", registry, con=con, scratch=scratch)

    assert ("beside" in found.draft.keys) is is_joined


def test_waves_called_by_words_are_drafted_with_the_day_of_each(tmp_path, drafted):
    """Twelve alliance items and a date, before, in the middle and after; one has no third."""
    names = [name for when in ("pre", "mid", "post")
             for name in (f"date_{when}", *(f"wai{n}_{when}" for n in range(1, 13)))]  # fmt: skip
    waves = [f",2026-0{month}-01{',1,5' * 6}" for month in (1, 2, 3)]
    path = tmp_path / "waves.csv"
    path.write_text(
        f"code,{','.join(names)}\nk1{''.join(waves)}\nk2{''.join(waves[:2])}{',' * 13}\n"
    )

    found = drafted(path)

    assert found.n_rows == {"responses": 3 + 2}
    assert found.items == [("wai_sr", list(range(1, 13)))]
    assert "sessions: [pre, mid, post]" in found.text
    assert 'per_session: {date: "date_{session}"}' in found.text
    with duckdb.connect() as con:
        query = f"select count(distinct completed_at) from '{tmp_path / 'responses.parquet'}'"
        assert con.execute(query).fetchone() == (3,)


def test_a_session_may_stand_before_the_questionnaire(tmp_path, drafted):
    names = [name for t in (1, 2, 3)
             for name in (f"T{t}_date", *(f"T{t}_PHQ{n}" for n in range(1, 10)))]  # fmt: skip
    waves = [f",2026-0{month}-01{',0' * 4}{',3' * 5}" for month in (1, 2, 3)]
    path = tmp_path / "waves.csv"
    path.write_text(f"code,{','.join(names)}\nk1{''.join(waves)}\n")

    found = drafted(path)

    assert found.n_rows == {"responses": 3}
    assert found.items == [("phq9", list(range(1, 10)))]


@pytest.mark.parametrize("names", [("phq9_t1", "phq9_t2"), ("a_fu1", "a_fu2"), ("x_1", "x_2")])
def test_two_columns_are_no_course_of_sessions(tmp_path, con, registry, names):
    """Two numbers may be items; a follow-up without a first measurement is none."""
    path = tmp_path / "few.csv"
    path.write_text(f"client_id,day,{','.join(names)}\nc1,2026-05-01,1,2\nc2,2026-05-01,1,2\n")

    found = inspect_file(path, "fjord", registry, con=con, scratch=tmp_path)

    assert not any(one.what.startswith("wide") for one in found.guesses)


def test_an_archive_is_drafted_from_the_export_in_it(tmp_path, drafted, demo):
    """REDCap and its data dictionary in one zip."""
    exports = list((demo / "lakeside").glob("*.csv"))
    path = tmp_path / "lakeside.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in exports:
            archive.write(one, one.name)

    found = drafted(path)

    assert found.guesses["format"] == "redcap"
    assert [name for name, _ in found.items] == ["srs", "ors"]


def test_numbers_that_are_no_answers_are_not_shown(tmp_path, con, registry):
    """The limits of a column are told only where it can be an item: not of telephone numbers."""
    path = tmp_path / "people.csv"
    path.write_text("client_id,day,contact_1,contact_2\nc1,2026-05-01,5550123,5550199\n")

    found = inspect_file(path, "fjord", registry, con=con, scratch=tmp_path)

    assert "5.55" not in draft_text(found.draft) + str(found.guesses)
    assert "5550" not in draft_text(found.draft) + str(found.guesses)


def test_sheets_with_titles_and_mixed_dates_are_told_one_by_one(tmp_path, drafted):
    """Two sheets: one with text dates, the other with real ones."""
    book = openpyxl.Workbook()
    book.active.title = "PHQ"
    book.active.append(["Client ID", "Date", *(f"PHQ-9 {n}" for n in range(1, 10))])
    book.active.append(["canary7", datetime(2026, 5, 1), *[1] * 9])
    sheet = book.create_sheet("GAD")
    sheet.append(["Client ID", "Date", *(f"GAD7_{n}" for n in range(1, 8))])
    sheet.append(["canary7", "31.12.2026", *[2] * 7])
    book.save(tmp_path / "book.xlsx")

    found = drafted(tmp_path / "book.xlsx")

    assert found.n_rows == {"responses": 2}
    assert [(name, len(items)) for name, items in found.items] == [("phq9", 9), ("gad7", 7)]
    assert 'date_format: "%d.%m.%Y"' in found.text
    assert "canary" not in found.text


def test_names_that_hold_yaml_or_a_placeholder_are_written_safely(tmp_path, drafted):
    path = tmp_path / "[odd] {n}.csv"
    path.write_text('client_id,day,"a: # ""q"" {n} 1","a: # ""q"" {n} 2"\nc1,2026-05-01,1,2\n')

    assert drafted(path).items == [("CHANGE_ME", [1, 2])]


@pytest.mark.real
def test_other_fhir_responses_beside_a_file_do_not_explain_it(tmp_path, real_data, drafted):
    source = real_data / "fhir" / "us_core"
    for name in ("QuestionnaireResponse-2026-05.json", "QuestionnaireResponse-2026-06.json"):
        shutil.copy(source / "QuestionnaireResponse-phq-9-example.json", tmp_path / name)
    shutil.copy(source / "Questionnaire-phq-9-example.json", tmp_path)

    found = drafted(tmp_path / "QuestionnaireResponse-2026-05.json")

    assert found.n_rows == {"responses": 1}
    assert 'companions: ["Questionnaire-phq-9-example.json"]' in found.text


def fhir(link: str, url: str) -> str:
    """Six responses with nine answers, as NDJSON; no Questionnaire, no LOINC."""
    return "\n".join(
        json.dumps(
            {
                "resourceType": "QuestionnaireResponse", "id": f"r{at}", "status": "completed",
                "questionnaire": f"{url}|1.0", "subject": {"reference": f"Patient/p{at % 2}"},
                "authored": f"2026-07-0{at + 1}T09:10:00+02:00",
                "item": [
                    {"linkId": link.format(n), "answer": [{"valueInteger": (at + n) % 4}]}
                    for n in range(1, 10)
                ],
            }
        )
        for at in range(6)
    )  # fmt: skip


def test_fhir_answers_alone_are_drafted_by_linkid_under_their_url(tmp_path, drafted):
    path = tmp_path / "export.ndjson"
    path.write_text(fhir("phq9-{}", "http://clinic.example/Questionnaire/Mood"), encoding="utf-8")

    found = drafted(path)

    assert 'form: "http://clinic.example/Questionnaire/Mood"' in found.text
    assert found.items == [("phq9", list(range(1, 10)))]
    assert found.n_rows == {"responses": 6}


def questionnaire(url: str, labels: list[str], title: str, **item) -> dict:
    """A Questionnaire of nine choices whose linkIds say nothing, after a heading and a note."""
    choices = [
        {"linkId": LINKS[at], "type": "choice", "text": label} | item
        for at, label in enumerate(labels)
    ]
    return {
        "resourceType": "Questionnaire", "url": url, "title": title, "status": "active",
        "item": [{"linkId": "head", "type": "display", "text": "In the last two weeks"},
                 *choices, {"linkId": "why", "type": "string", "text": "What else?"}],
    }  # fmt: skip


LINKS = ["c7", "aa", "x9", "b1", "zz", "k3", "m", "q", "a0"]
PHQ_URL = "http://clinic.example/Questionnaire/7f3a"


def answers_by_link(url: str) -> list[dict]:
    """Six responses; the second item is answered last, the fifth by nobody."""
    links = [LINKS[0], *LINKS[2:4], *LINKS[5:], LINKS[1]]
    return [
        {
            "resourceType": "QuestionnaireResponse", "id": f"r{at}", "status": "completed",
            "questionnaire": url, "subject": {"reference": f"Patient/p{at % 2}"},
            "authored": f"2026-07-0{at + 1}",
            "item": [{"linkId": link, "answer": [{"valueInteger": (at + n) % 4}]}
                     for n, link in enumerate(links)],
        }
        for at in range(6)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "title", "expected"),
    [
        # The order of the form; its name is in its title.
        (["Interest"] * 9, "Health questionnaire (PHQ-9)", LINKS),
        # Numbers of the texts go before the order of the form.
        ([f"{10 - n}. Question" for n in range(1, 10)], "PHQ-9", LINKS[::-1]),
        # A code of its own names form and number.
        ([f"PHQ9-{n} Question" for n in range(1, 10)], "Mood", LINKS),
    ],
)
@pytest.mark.parametrize("is_beside", [True, False])
def test_a_questionnaire_says_which_linkid_is_which_item(
    tmp_path, drafted, labels, title, expected, is_beside
):
    form, responses = questionnaire(PHQ_URL, labels, title), answers_by_link(PHQ_URL)
    path = tmp_path / "export.json"
    if is_beside:
        (tmp_path / "form.json").write_text(json.dumps(form), encoding="utf-8")
    resources = responses if is_beside else [*responses, form]
    entries = [{"resource": one} for one in resources]
    path.write_text(json.dumps({"resourceType": "Bundle", "entry": entries}), encoding="utf-8")

    found = drafted(path)

    (feed,) = yaml.safe_load(found.text)["feeds"]
    assert feed["set"]["instrument"] == "phq9"
    assert feed["items"] == expected
    assert found.n_rows == {"responses": 6}
    assert "not there" not in found.text
    assert "Question" not in found.text.replace("Questionnaire", "")


def test_codes_of_a_questionnaire_number_its_items(tmp_path, drafted):
    """Item codes of a clinic's own system, in another order than the form's."""
    form = questionnaire(PHQ_URL, ["Text"] * 9, "Mood")
    for at, item in enumerate(form["item"][1:-1]):
        item["code"] = [{"system": "urn:own", "code": f"PHQ9_{9 - at}"}]
    path = tmp_path / "export.ndjson"
    path.write_text("\n".join(map(json.dumps, [form, *answers_by_link(PHQ_URL)])), "utf-8")

    (feed,) = yaml.safe_load(drafted(path).text)["feeds"]

    assert feed["set"]["instrument"] == "phq9"
    assert feed["items"] == LINKS[::-1]


def test_a_missing_questionnaire_is_named_by_its_url(tmp_path, con, registry):
    path = tmp_path / "export.ndjson"
    path.write_text("\n".join(map(json.dumps, answers_by_link(f"{PHQ_URL}|2.0"))), "utf-8")
    (tmp_path / "other.json").write_text(
        json.dumps(questionnaire("http://clinic.example/other", ["x"] * 9, "PHQ-9"))
    )

    text = draft_text(inspect_file(path, "fjord", registry, con=con, scratch=tmp_path).draft)

    assert f"# CHECK: not there: the Questionnaire {PHQ_URL}: without it the items stand" in text
    assert yaml.safe_load(text)["feeds" if "\nfeeds:" in text else "clinic"] == "fjord"
    assert f'#    form: "{PHQ_URL}"' in text


def test_fhir_answers_that_only_count_and_range_speak_for_stay_comments(tmp_path, con, registry):
    path = tmp_path / "export.ndjson"
    path.write_text(fhir("zora.{}", "http://clinic.example/Questionnaire/zora"), encoding="utf-8")

    text = draft_text(inspect_file(path, "fjord", registry, con=con, scratch=tmp_path).draft)

    assert '#    form: "http://clinic.example/Questionnaire/zora"' in text
    assert '#    items: "zora.{n}"' in text
    assert "perhaps phq9" in text
