"""Qualtrics exports: columns by question id, people left out, times in UTC."""

from __future__ import annotations

import csv
import io
import traceback
from contextlib import suppress
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transforms import sql
from transforms.clinics.clinic import Clinic
from transforms.clinics.yaml_file import read_clinic_yaml
from transforms.errors import ConfigError, FileRefused
from transforms.formats.qualtrics import reader as qualtrics
from transforms.formats.time_zones import ZonedTimes
from transforms.intake.read_file import read_export

NAMES = [
    "StartDate", "EndDate", "Status", "IPAddress", "Progress", "Finished", "ResponseId",
    "RecipientLastName", "RecipientEmail", "ExternalReference", "LocationLatitude",
    "DistributionChannel", "phq_1", "phq_2", "why", "topics",
]  # fmt: skip
LABELS = ["Anfangsdatum", "Enddatum", "Antworttyp", *NAMES[3:12], "one", "two", "why", "which"]
IDS = [
    "startDate", "endDate", "status", "ipAddress", "progress", "finished", "_recordId",
    "recipientLastName", "recipientEmail", "externalDataReference", "locationLatitude",
    "distributionChannel", "QID5_1", "QID5_2", "QID6_TEXT", "QID7",
]  # fmt: skip
PERSONAL = {"IPAddress", "RecipientLastName", "RecipientEmail", "LocationLatitude"}
FEED = {
    "table": "responses",
    "set": {"instrument": "phq9", "rater": "client"},
    "columns": {"client_id": "ExternalReference", "completed_at": "EndDate"},
    "items": "QID5_{n}",
}


def response(client: str, *, answers=("1", "2"), why="", topics="", **changed: str) -> list[str]:
    """One response as Qualtrics writes it."""
    cells = {
        "StartDate": "2026-07-01 09:00:00", "EndDate": "2026-07-01 09:10:00", "Status": "0",
        "IPAddress": "192.0.2.7", "Progress": "100", "Finished": "1", "ResponseId": f"R_{client}",
        "RecipientLastName": "Canaryson", "RecipientEmail": "canary@example.org",
        "ExternalReference": client, "LocationLatitude": "59.9139",
        "DistributionChannel": "email", "phq_1": answers[0], "phq_2": answers[1], "why": why,
        "topics": topics,
    } | changed  # fmt: skip
    return [cells[name] for name in NAMES]


def import_ids(timezone: str = "", ids: list[str] = IDS) -> list[str]:
    """The third header row."""
    zone = f',"timeZone":"{timezone}"' if timezone else ""
    dated = ("startDate", "endDate")
    return [f'{{"ImportId":"{one}"{zone if one in dated else ""}}}' for one in ids]


def text(rows: list[list[str]], delimiter: str = ",") -> str:
    """Delimited text with Qualtrics' quoting."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return out.getvalue()


def clinic(*feeds: dict, **more) -> Clinic:
    """A clinic that sends Qualtrics exports."""
    return Clinic(clinic="harbor", format="qualtrics", feeds=feeds or [FEED], **more)


@pytest.fixture
def read(con, tmp_path):
    """Write and read an export; return its Source."""

    def run(content: str | bytes | list[list[str]], config: Clinic | None = None, name="e.csv"):
        content = text(content) if isinstance(content, list) else content
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        (source,) = read_export(path, config or clinic(), con=con, scratch=scratch)
        assert list(scratch.iterdir()) == []
        return source

    return run


@pytest.fixture
def rows(con):
    """Return chosen columns of a Source in the order of lines."""

    def select(source, *columns: str) -> list[tuple]:
        chosen = ", ".join(map(sql.name, columns))
        return con.execute(f"select {chosen} from {source.relation} order by _line").fetchall()

    return select


def export(*responses: list[str], **header) -> list[list[str]]:
    return [NAMES, LABELS, import_ids(**header), *responses]


def notes(source) -> dict[str, str]:
    return {note.kind: note.text for note in source.notes}


def test_columns_are_called_by_question_id_and_by_name_besides(read, rows):
    source = read(export(response("c1", answers=("3", "0"))))

    assert rows(source, "QID5_1", "phq_1", "QID5_2", "ResponseId") == [("3", "3", "0", "R_c1")]


def test_a_mapping_survives_a_renamed_question(read, rows):
    renamed = [[*NAMES[:12], "mood", "sleep", *NAMES[14:]], LABELS, import_ids(), response("c1")]

    assert rows(read(renamed), "QID5_1", "QID5_2") == [("1", "2")]


def test_a_name_may_be_mapped_and_is_noted(read):
    source = read(export(response("c1")), clinic(FEED | {"items": ["phq_1", "phq_2"]}))

    assert notes(source)["mapped_by_name"].startswith("2 questions mapped by a name")


def test_a_name_two_questions_have_is_no_alias(read):
    twice = [[*NAMES[:13], "phq_1", *NAMES[14:]], LABELS, import_ids(), response("c1")]

    with pytest.raises(FileRefused, match="phq_1") as refusal:
        read(twice, clinic(FEED | {"items": ["phq_1"]}))
    assert refusal.value.code == "F02"


def test_a_question_renamed_like_another_id_is_not_taken_for_it(read):
    """A question called QID9 is not question QID9."""
    renamed = [[*NAMES[:12], "QID9_1", *NAMES[13:]], LABELS, import_ids(), response("c1")]

    assert "QID9_1" not in read(renamed).columns


def test_people_and_places_are_not_read(read, con):
    source = read(export(response("c1")))

    assert PERSONAL.isdisjoint(source.columns)
    (found,) = con.execute(f"select count(*) from {source.relation} s where s::varchar like "
                           "'%anary%' or s::varchar like '%192.0%' or s::varchar like '%59.9%'")\
        .fetchone()  # fmt: skip
    assert found == 0
    assert notes(source)["personal_columns"] == "4 personal columns not read"


def test_a_client_cannot_be_told_by_e_mail(read):
    by_mail = FEED | {"columns": {"client_id": "RecipientEmail", "completed_at": "EndDate"}}

    with pytest.raises(FileRefused, match="RecipientEmail, which is never read") as refusal:
        read(export(response("c1")), clinic(by_mail))
    assert refusal.value.code == "F02"


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"Status": "1"}, "previews"),
        ({"Status": "17"}, "previews"),
        ({"Status": "Survey Preview"}, "previews"),
        ({"DistributionChannel": "preview"}, "previews"),
        ({"Status": "2"}, "tests"),
        ({"DistributionChannel": "test"}, "tests"),
        ({"Status": "8"}, "spam"),
        ({"Status": "12"}, "spam"),
        ({"Finished": "0"}, "unfinished"),
        ({"Finished": "False"}, "unfinished"),
        ({"Finished": "Falsch", "Progress": "99"}, "unfinished"),
    ],
)
def test_what_does_not_count_is_left_out_unless_it_is_kept(read, rows, changed, kind):
    """Status: 1 preview, 2 test, 4 imported, 8 spam, 16 offline, and their sums."""
    content = export(response("c1"), response("c2", **changed))
    keeping = clinic(qualtrics={kind: "keep"})

    assert rows(read(content), "ExternalReference") == [("c1",)]
    assert rows(read(content, keeping), "ExternalReference") == [("c1",), ("c2",)]
    assert notes(read(content))["skipped_rows"].startswith("1 ")


@pytest.mark.parametrize(
    "changed",
    [
        {"Status": "4"},
        {"Status": "16"},
        {"Status": "IP Address"},
        {"Status": "IP-Adresse"},
        {"Finished": "True"},
        {"Finished": "Wahr"},
    ],
)
def test_imported_offline_and_translated_responses_count(read, rows, changed):
    assert rows(read(export(response("c1", **changed))), "ExternalReference") == [("c1",)]


def test_lines_are_those_of_the_file_despite_line_breaks_in_cells(read, rows):
    labels = [*LABELS[:-1], "which\nof\nthese"]
    content = [NAMES, labels, import_ids(), response("c1", why="a\nb\r\nc"), response("c2")]

    assert rows(read(content), "_line", "ExternalReference") == [(6, "c1"), (9, "c2")]


def test_text_answers_keep_their_line_breaks(read, rows):
    assert rows(read(export(response("c1", why="a\nb"))), "QID6_TEXT") == [("a\nb",)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_csv_and_tsv_are_the_same_table(read, rows, encoding, delimiter):
    content = text(export(response("c1", why="Übung, \t;"), response("c2")), delimiter)
    source = read(content.encode(encoding))

    assert rows(source, "_line", "QID5_1", "QID5_2", "QID6_TEXT") == [
        (4, "1", "2", "Übung, \t;"),
        (5, "1", "2", None),
    ]


def test_a_workbook_is_the_same_table(read, rows, tmp_path):
    book = openpyxl.Workbook()
    for row in export(response("c1"), response("c2", answers=("3", "0"))):
        book.active.append([int(cell) if cell.isdecimal() else cell for cell in row])
    book.save(tmp_path / "e.xlsx")
    source = read((tmp_path / "e.xlsx").read_bytes(), name="e.xlsx")

    assert rows(source, "_line", "ExternalReference", "QID5_1", "QID5_2") == [
        (4, "c1", "1", "2"),
        (5, "c2", "3", "0"),
    ]
    assert PERSONAL.isdisjoint(source.columns)


def test_times_stay_as_written_without_a_zone_and_say_so(read, rows):
    source = read(export(response("c1"), timezone="America/Denver"))

    assert rows(source, "EndDate") == [("2026-07-01 09:10:00",)]
    assert notes(source)["timezone"].startswith("times kept as written")


def test_times_of_a_declared_zone_say_its_offset(read, rows):
    """Oslo is two hours ahead of UTC in July."""
    source = read(export(response("c1")), clinic(qualtrics={"timezone": "Europe/Oslo"}))

    assert rows(source, "StartDate", "EndDate") == [
        ("2026-07-01 09:00:00+02:00", "2026-07-01 09:10:00+02:00")
    ]


def test_the_zone_a_file_states_is_moved_to_the_declared_one(read, rows):
    """09:10 in Denver, six hours behind UTC in July, is ten past five in Oslo."""
    config = clinic(qualtrics={"timezone": "Europe/Oslo"})
    source = read(export(response("c1"), timezone="America/Denver"), config)

    assert rows(source, "EndDate") == [("2026-07-01 17:10:00+02:00",)]
    assert "America/Denver, stated in the file" in notes(source)["timezone"]


def test_times_in_a_declared_format_keep_the_day_and_say_the_offset(read, rows):
    config = clinic(qualtrics={"timezone": "Europe/Oslo"}, timestamp_format="%d.%m.%Y %H:%M")
    source = read(export(response("c1", EndDate="01.07.2026 09:10")), config)

    assert rows(source, "EndDate") == [("2026-07-01 09:10:00+02:00",)]


def test_a_declared_format_comes_before_iso_8601():
    """2026-02-01 is the second of January where the clinic writes the day before the month."""
    clock = ZonedTimes("UTC", formats=("%Y-%d-%m %H:%M",))

    assert clock.local("2026-02-01 09:10") == "2026-01-02 09:10:00+00:00"


def test_a_time_that_cannot_be_read_cannot_pass_for_utc(read, rows):
    """DuckDB would read 2026-7-1, which is not ISO 8601, as a time of no zone."""
    config = clinic(qualtrics={"timezone": "Europe/Oslo"})

    assert rows(read(export(response("c1", EndDate="2026-7-1 9:10")), config), "EndDate") == [
        ("unreadable time",)
    ]


def test_a_day_and_month_that_may_be_exchanged_stays_for_the_check_of_dates(read, rows):
    """`transforms.intake.date_order` refuses the file with the lines; see test_survey."""
    config = clinic(qualtrics={"timezone": "Europe/Oslo"})

    assert rows(read(export(response("c1", EndDate="7/1/2026 9:10")), config), "EndDate") == [
        ("7/1/2026 9:10",)
    ]


@pytest.mark.parametrize(
    ("written", "local"),
    [
        ("2026-03-29 00:59:59", "2026-03-29 00:59:59+00:00"),
        ("2026-03-29 01:30:00", "2026-03-29 02:30:00+01:00"),  # does not exist
        ("2026-03-29 02:00:00", "2026-03-29 02:00:00+01:00"),
        ("2026-10-25 01:30:00", "2026-10-25 01:30:00+01:00"),  # twice: the first
        ("2026-10-25 02:00:00", "2026-10-25 02:00:00+00:00"),
    ],
)
def test_hours_the_clock_change_doubles_or_skips(written, local):
    """London goes forward at 01:00 UTC on 29 March 2026, back at 01:00 UTC on 25 October."""
    assert ZonedTimes("Europe/London").local(written) == local


def test_a_zone_nobody_knows_is_refused_without_naming_it(read):
    config = clinic(qualtrics={"timezone": "Europe/Oslo"})
    content = export(response("c1"), timezone="Canary/Cage")
    with pytest.raises(FileRefused, match="time zone that is not known") as refusal:
        read(content, config)
    assert "Canary" not in "".join(traceback.format_exception(refusal.value))


def test_choice_text_for_scored_items_is_refused_with_the_remedy(read):
    words = export(response("c1", answers=("Not at all", "Several days")), response("c2"))

    with pytest.raises(FileRefused, match=r"1 item .* numeric values") as refusal:
        read([*words, response("c3", answers=("Not at all", "1"))])
    assert refusal.value.code == "F07"


def test_half_the_answers_as_text_are_left_to_the_rules_of_rows(read):
    content = export(response("c1", answers=("Not at all", "1")), response("c2"))

    assert read(content).n_rows == 2


def test_choice_text_is_read_when_values_map_it(read):
    mapped = FEED | {"values": {"items": {"Not at all": "0", "Several days": "1"}}}
    content = export(response("c1", answers=("Not at all", "Several days")))

    assert read(content, clinic(mapped)).n_rows == 1


def test_multi_select_in_one_column_becomes_a_column_per_code(read, rows):
    config = clinic(qualtrics={"multi_select": {"QID7": ["1", "2", "13"]}})
    source = read(export(response("c1", topics="1,13"), response("c2")), config)

    assert rows(source, "QID7_1", "QID7_2", "QID7_13") == [("1", None, "1"), (None, None, None)]


def test_multi_select_split_by_qualtrics_has_the_same_columns(read, rows):
    names = [*NAMES[:-1], "topics_1", "topics_2"]
    third = [*import_ids()[:-1], '{"ImportId":"QID7","choiceId":"1"}',
             '{"ImportId":"QID7","choiceId":"2"}']  # fmt: skip
    source = read([names, names, third, [*response("c1")[:-1], "", "1"]])

    assert rows(source, "QID7_1", "QID7_2") == [(None, "1")]


def test_a_code_that_is_not_declared_is_refused(read):
    config = clinic(qualtrics={"multi_select": {"QID7": ["1"]}})
    with pytest.raises(FileRefused, match="1 cell of QID7") as refusal:
        read(export(response("c1", topics="1,2")), config)
    assert refusal.value.code == "F08"


def legacy(*answers: list[str], names=("Q5_1", "Q5_2"), labels=("one", "two")) -> list[list[str]]:
    """A legacy export: two header rows, a column without name at the end."""
    head = ["ResponseID", "ExternalDataReference", "IPAddress", "Status", "EndDate", "Finished"]
    first = [f"V{i}" for i in range(1, 7)]
    fixed = ["R_1", "c1", "192.0.2.7", "0", "2026-07-01 09:10:00", "1"]
    return [
        [*first, *names, "LocationLatitude", ""],
        [*head, *labels, "LocationLatitude", ""],
        *([*fixed, *one, "59.9139", ""] for one in answers),
    ]


def test_a_legacy_export_has_qualtrics_own_columns_under_the_same_names(read, rows):
    source = read(legacy(["1", "2"]), clinic(FEED | {"items": ["Q5_1", "Q5_2"]}))

    assert source.columns[:7] == (
        "ResponseId", "ExternalReference", "Status", "EndDate", "Finished", "Q5_1", "Q5_2",
    )  # fmt: skip
    assert rows(source, "_line", "ExternalReference", "Q5_2") == [(3, "c1", "2")]
    assert "legacy" in notes(source)


def test_legacy_columns_that_cannot_be_told_apart_are_left_out(read):
    config = clinic(FEED | {"items": ["Q6"]})
    source = read(legacy(["1", "2", "3"], names=("q", "q", "Q6"), labels=("a", "b", "c")), config)

    assert "q" not in source.columns
    assert notes(source)["unclear_columns"].startswith("2 columns")


def test_a_three_row_export_beside_it_gives_a_legacy_file_its_ids(read, rows, tmp_path):
    """The names differ, the labels tell which column is which, in any order."""
    (tmp_path / "reference.csv").write_text(text(export()), encoding="utf-8")
    config = clinic(dictionary="reference*.csv")
    source = read(legacy(["2", "1"], names=("q", "q"), labels=("Two", " one")), config)

    assert rows(source, "QID5_1", "QID5_2") == [("1", "2")]


TWICE = ("How tired were you this week-Mornings", "How tired were you this week-Nights")
COLON = ("How tired were you this week : Mornings", "How tired were you this week : Nights")


@pytest.mark.parametrize(
    ("names", "labels", "expected"),
    [
        # Two questions with rows of the same texts: told apart by their names.
        (("Q3_1", "Q3_2", "Q4_1", "Q4_2"), TWICE * 2, "1 2 3 4"),
        # Another order of the columns, and another separator.
        (("Q4_2", "Q4_1", "Q3_2", "Q3_1"), COLON[::-1] * 2, "4 3 2 1"),
        # Legacy files cut long labels off.
        (("Q4_1", "Q3_1", "Q3_2", "Q4_2"), tuple(f"{TWICE[0][:28]}..." for _ in "1234"), "2 3 1 4"),
        # The names are ids themselves.
        (("QID4-1", "QID4-2", "QID3-1", "QID3-2"), ("a", "b", "c", "d"), "3 4 1 2"),
    ],
)
def test_questions_of_the_same_label_are_paired_by_name_or_id(
    read, rows, tmp_path, names, labels, expected
):
    """``expected``: which of the four answers, written 1 to 4 in the file's order, is whose."""
    reference = [
        [*NAMES[:12], "Q3_1", "Q3_2", "Q4_1", "Q4_2"],
        [*LABELS[:12], *TWICE, *TWICE],
        import_ids(ids=[*IDS[:12], "QID3-1", "QID3-2", "QID4-1", "QID4-2"]),
    ]
    (tmp_path / "reference.csv").write_text(text(reference), encoding="utf-8")
    ids = ["QID3_1", "QID3_2", "QID4_1", "QID4_2"]
    content = legacy(["1", "2", "3", "4"], names=names, labels=labels)

    source = read(content, clinic(FEED | {"items": ids}, dictionary="reference*.csv"))

    assert rows(source, *ids) == [tuple(expected.split())]


def test_a_name_alone_pairs_nothing(read, tmp_path):
    """Another question may have been given the name since."""
    (tmp_path / "reference.csv").write_text(text(export()), encoding="utf-8")
    content = legacy(["1", "2"], names=("phq_1", "phq_2"), labels=("sleep", "eat"))

    with pytest.raises(FileRefused, match="no column fits the item pattern"):
        read(content, clinic(dictionary="reference*.csv"))


def test_a_workbook_with_two_header_rows_gets_its_ids_from_a_reference(read, rows, tmp_path):
    """Excel exports lack the row of ImportIds; labels may be in any language."""
    (tmp_path / "reference.csv").write_text(text(export()), encoding="utf-8")
    book = openpyxl.Workbook()
    for row in [NAMES, LABELS, response("c1"), response("c2", Status="1")]:
        book.active.append(row)
    book.save(tmp_path / "e.xlsx")
    content = (tmp_path / "e.xlsx").read_bytes()
    source = read(content, clinic(dictionary="reference*.csv"), name="e.xlsx")

    assert rows(source, "_line", "ResponseId", "QID5_1", "phq_2") == [(3, "R_c1", "1", "2")]
    assert PERSONAL.isdisjoint(source.columns)
    assert read(content, clinic(FEED | {"items": ["phq_1"]}), name="e.xlsx").n_rows == 1


@pytest.mark.parametrize(
    "header",
    [
        [NAMES],
        [NAMES, import_ids()],
        [NAMES, LABELS, [*import_ids()[:-1], "QID7"]],
        [[name.replace("ResponseId", "Id") for name in NAMES], LABELS],
        [LABELS, import_ids(), response("canary")],
        [[], []],
    ],
)
def test_a_file_without_the_header_rows_is_refused(read, header):
    with pytest.raises(FileRefused, match="header rows") as refusal:
        read([*header, response("canary")])
    assert refusal.value.code == "F04"
    assert "canary" not in str(refusal.value)


def test_ragged_rows_are_refused_by_line(read):
    with pytest.raises(FileRefused, match=r"1 row without exactly 16 cells \(line 5\)") as refusal:
        read(export(response("c1"), response("c2")[:-3]))
    assert refusal.value.code == "F05"


def test_a_file_cut_off_inside_a_quoted_cell_is_refused(read):
    content = text(export(response("c1", why="a\ncanary")))
    with pytest.raises(FileRefused, match="From line 4 on the quotation marks") as refusal:
        read(content[: content.index("\ncanary") + 5])
    assert refusal.value.code == "F05"


def test_no_message_holds_what_stands_in_a_cell(read):
    """A canary in every cell of every row, through each way to be refused and noted."""
    canaries = [f"canary{i}" for i in range(len(NAMES))]
    kept = ["2026-07-01 09:00:00"] * 2
    contents = [
        export(canaries),
        export([*kept, *canaries[2:]]),
        export(canaries[:-1]),
        legacy(["canary1", "canary2"]),
    ]
    for content in contents:
        for config in (clinic(), clinic(qualtrics={"timezone": "UTC"})):
            message = everything_said(read, content, config)
            assert message
            assert "canary" not in message


def everything_said(read, content, config) -> str:
    """Return the notes, or the refusal with all that is chained to it."""
    try:
        return " ".join(notes(read(content, config)).values())
    except FileRefused as refusal:
        return "".join(traceback.format_exception(refusal))


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_mutated_file_is_read_whole_or_refused(read, data):
    """Bytes flipped, cut out, doubled or cut off: never another error, never a lost row."""
    raw = bytearray(text(export(response("c1", why="a\nb"), response("c2"))).encode())
    at = data.draw(st.integers(0, len(raw) - 1))
    length = data.draw(st.integers(1, 40))
    kind = data.draw(st.sampled_from(["flip", "cut", "double"]))
    if kind == "flip":
        raw[at] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        del raw[at : at + length]
    else:
        raw[at:at] = raw[at : at + length]
    source = None
    with suppress(FileRefused):
        source = read(bytes(raw))
    if source:
        skipped = sum(int(n.text.split()[0]) for n in source.notes if n.kind == "skipped_rows")
        with suppress(UnicodeDecodeError):
            records = csv.reader(io.StringIO(bytes(raw).decode(), newline=""))
            assert source.n_rows + skipped == sum(any(record) for record in records) - 3


def test_a_misspelled_option_is_refused_with_the_right_one(tmp_path):
    path = tmp_path / "harbor.yml"
    path.write_text("clinic: harbor\nformat: qualtrics\nqualtrics: {preview: keep}\n", "utf-8")
    with pytest.raises(ConfigError, match=r"harbor\.yml:3: .*Did you mean previews"):
        read_clinic_yaml(path)


def test_a_zone_that_does_not_exist_is_refused_when_the_yaml_is_read():
    with pytest.raises(ValueError, match="is no time zone"):
        clinic(qualtrics={"timezone": "Oslo"})


SURVEYS = {
    "Multiple_Answer_MC_Questions": 22,
    "Single_Answer_Matrix_Questions": 16,
}


@pytest.mark.real
@pytest.mark.parametrize(("survey", "n_questions"), SURVEYS.items())
def test_a_legacy_and_an_insights_export_give_the_same_answers(
    con, real_data, tmp_path, rows, survey, n_questions
):
    """../shared/data/README.md. The responses were generated by Qualtrics: Status 2."""
    folder = real_data / "qualtrics"
    feed = FEED | {
        "columns": {"client_id": "ResponseId", "completed_at": "EndDate"},
        "items": ["QID2_1", "QID2_2", "QID2_3"],
    }
    config = clinic(feed, dictionary="*Insights*.csv", qualtrics={"tests": "keep"})
    old, new = (
        read_export(folder / f"{survey}{ending}.csv", config, con=con, scratch=tmp_path)[0]
        if "Insights" in ending
        else _beside(folder, survey, tmp_path, config, con)
        for ending in ("", "__Insights_")
    )
    questions = sorted(column for column in new.columns if column.startswith("QID"))
    questions = [column for column in questions if "-" not in column]

    assert len(questions) == n_questions
    shared = ["ResponseId", "StartDate", "EndDate", "Status", "Finished", *questions]
    assert rows(old, *shared) == rows(new, *shared)
    assert old.n_rows == new.n_rows == 5


def _beside(folder: Path, survey: str, tmp_path: Path, config: Clinic, con):
    """Read the legacy file with only its own survey's reference beside it."""
    for ending in ("", "__Insights_"):
        name = f"{survey}{ending}.csv"
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    return read_export(tmp_path / f"{survey}.csv", config, con=con, scratch=tmp_path)[0]


@pytest.mark.real
def test_the_german_sample_and_its_legacy_form_give_the_same_answer(con, real_data, tmp_path, rows):
    config = clinic(
        FEED | {"columns": {"client_id": "ResponseId", "completed_at": "EndDate"}, "items": ["Q1"]}
    )
    sources = [
        read_export(real_data / "qualtrics" / name, config, con=con, scratch=tmp_path)[0]
        for name in ("qualtRics_sample.csv", "qualtRics_sample_legacy.csv")
    ]

    for source in sources:
        assert rows(source, "ResponseId", "EndDate", "Q1", "Q2") == [
            ("R_2YPOQ602ER1jkf1", "2017-07-18 08:28:48", "2", "Hello World!")
        ]
        assert not {c for c in source.columns if "IP" in c or "Recipient" in c or "Loc" in c}


@pytest.mark.slow
def test_ten_thousand_responses_are_read_in_seconds(read):
    content = export(*(response(f"c{i}") for i in range(10_000)))

    assert read(content).n_rows == 10_000


def test_read_header_reads_the_header_only(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text(text(export(response("c1")[:-5])), encoding="utf-8")

    assert qualtrics.read_header(path, tmp_path).labels["two"] == "QID5_2"


def test_the_example_of_the_docs_page_is_a_valid_yaml(tmp_path):
    page = (Path(__file__).resolve().parents[3] / "docs/formats/qualtrics.md").read_text("utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    path = tmp_path / "harbor.yml"
    path.write_text(example, encoding="utf-8")

    assert read_clinic_yaml(path).qualtrics.timezone == "Europe/Oslo"
