"""Mapping: typed, pseudonymized rows with their line; what cannot be converted is named."""

from __future__ import annotations

import stat
import traceback
import uuid
from datetime import date, datetime
from pathlib import Path

import duckdb
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transforms.clinics.clinic import Clinic, canonical_clinic
from transforms.contract import TABLES, lake_columns
from transforms.errors import BalanceError, FileRefused, RapportError
from transforms.intake.column_mapping import map_columns
from transforms.intake.pseudonyms import GroupKey
from transforms.intake.read_file import read_export
from transforms.intake.stage import Staged, stage

KEY = GroupKey.derive(b"0123456789abcdef0123456789abcdef", "north")
RECEIVED = datetime(2026, 6, 1, 4, 0)
REGISTRY = [
    {"instrument_id": name, "rater": rater, "version": version, "language": language,
     "is_default": is_default}
    for name, rater, version, language, is_default in [
        ("srs", "client", "v3", "en", True),
        ("srs", "client", "v3", "nb", False),
        ("srs", "client", "old", "de", False),
        ("phq9", "client", "9", "en", False),
        ("wai_sr", "client", "a", "en", False),
        ("wai_sr", "client", "b", "en", False),
    ]
]  # fmt: skip
RESPONSES = "client_id,instrument,rater,completed_at"


class Staging:
    """Deliver files to one clinic and read what was staged."""

    def __init__(self, con, folder: Path) -> None:
        self.con = con
        self.folder = folder
        self.notes: list[str] = []
        self.staged: dict[str, Staged] = {}

    def deliver(self, name: str, content: str | bytes, clinic: Clinic | None = None) -> None:
        """Write, read and stage one file."""
        clinic = clinic or canonical_clinic("harbor")
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        by_table: dict[str, list] = {}
        for source in read_export(path, clinic, con=self.con, scratch=self.folder):
            self.notes += [note.text for note in source.notes]
            for feed in clinic.feeds_for(name, source.sheet):
                by_table.setdefault(feed.table, []).append(map_columns(feed, source))
        for table, mappings in by_table.items():
            self.staged[table] = stage(
                self.con,
                table,
                mappings,
                clinic,
                file_id="f1",
                source_file=name,
                received_at=RECEIVED,
                key=KEY,
                registry_rows=REGISTRY,
                out=self.folder / "staged" / f"{table}.parquet",
                identities=self.folder / "vault" / f"{table}.parquet",
            )
            self.notes += [note.text for note in self.staged[table].notes]

    def rows(self, table: str, *columns: str) -> list[tuple]:
        """Return columns of the staged rows by line."""
        chosen = ", ".join(columns) or "*"
        path = self.folder / "staged" / f"{table}.parquet"
        ordered = f"select {chosen} from '{path}' order by source_line, {TABLES[table].key}"
        return self.con.execute(ordered).fetchall()

    def identities(self, table: str) -> list[tuple]:
        path = self.folder / "vault" / f"{table}.parquet"
        return self.con.execute(f"select * from '{path}' order by all").fetchall()


@pytest.fixture
def staging(con, tmp_path) -> Staging:
    return Staging(con, tmp_path)


def of(message: str) -> uuid.UUID:
    """Return the pseudonym Python's hmac gives."""
    return KEY.pseudonym_of(message)


@pytest.mark.parametrize("name", TABLES)
def test_staged_columns_are_the_lakes_in_order(staging, name):
    table = TABLES[name]
    extra = {"item_2": "DOUBLE", "submitted_total": "DOUBLE"} if name == "responses" else {}
    header = [*(column.name for column in table.columns), *extra]

    staging.deliver(f"{name}.csv", ",".join(header) + "\n" + ",".join("x" for _ in header) + "\n")

    path = staging.staged[name].path
    found = staging.con.execute(f"describe from '{path}'").fetchall()
    expected = lake_columns(table) | extra | {"bad_cells": "VARCHAR[]"}
    assert {row[0]: row[1] for row in found} == expected
    assert [row[0] for row in found] == list(expected)


def test_a_row_carries_where_it_came_from(staging):
    staging.deliver("clients.csv", "client_id\n7\n")

    place = "clinic_id, source_file, source_sheet, source_line, file_id, received_at"
    assert staging.rows("clients", place) == [("harbor", "clients.csv", None, 2, "f1", RECEIVED)]


def test_identifiers_become_pseudonyms_of_their_space(staging):
    staging.deliver(
        "sessions.csv",
        "session_id,episode_id,client_id,therapist_id,session_at,attendance\n"
        "S1,E1, 7 ,T1,2026-05-01 10:30,attended\n",
    )

    keys = staging.rows("sessions", "session_key, episode_key, client_key, therapist_key")
    assert keys == [
        (of("session|harbor|S1\x1f7"), of("episode|harbor|E1"), of("client|7"), of("therapist|T1"))
    ]


def test_a_response_refers_to_the_session_by_the_sessions_own_key(staging):
    staging.deliver(
        "sessions.csv",
        "session_id,client_id,therapist_id,session_at,attendance\nS1,7,T1,2026-05-01,attended\n",
    )
    staging.deliver(
        "responses.csv", f"{RESPONSES},session_id,therapist_id\n7,srs,client,2026-05-01,S1,T1\n"
    )

    keys = "session_key, client_key, therapist_key"
    assert staging.rows("responses", keys) == staging.rows("sessions", keys)


def test_surrounding_space_empty_cells_and_case_do_not_matter(staging):
    staging.deliver(
        "sessions.csv",
        "session_id,client_id,therapist_id,session_at,attendance,modality,duration_min\n"
        'S1,7,T1,"  2026-05-01 10:30 ", Attended ,  ,\u00a050\t\n',
    )

    values = "session_at, attendance, modality, duration_min, bad_cells"
    assert staging.rows("sessions", values) == [
        (datetime(2026, 5, 1, 10, 30), "attended", None, 50.0, None)
    ]


def test_text_that_cannot_be_converted_is_named_and_not_kept(staging):
    staging.deliver(
        "responses.csv",
        f"{RESPONSES},item_1,item_2,item_3,submitted_total\n"
        "7,srs,client,yesterday,3,nan,two,1e999\n"
        "7,srs,client,2026-05-01,3, ,,12\n",
    )

    values = "completed_at, item_1, item_2, item_3, submitted_total, bad_cells"
    assert staging.rows("responses", values) == [
        (None, 3.0, None, None, None, ["completed_at", "item_2", "item_3", "submitted_total"]),
        (datetime(2026, 5, 1), 3.0, None, None, 12.0, None),
    ]


@pytest.mark.parametrize(
    ("cell", "expected", "bad"),
    [
        ("1", True, None), ("0", False, None), ("Yes", True, None), ("no", False, None),
        ("TRUE", True, None), ("false", False, None), ("", None, None),
        ("2", None, ["homework_set"]), ("perhaps", None, ["homework_set"]),
    ],
)  # fmt: skip
def test_booleans_are_read_from_the_usual_words_only(staging, cell, expected, bad):
    staging.deliver(
        "sessions.csv",
        "session_id,client_id,therapist_id,session_at,attendance,homework_set\n"
        f"S1,7,T1,2026-05-01,attended,{cell}\n",
    )

    assert staging.rows("sessions", "homework_set, bad_cells") == [(expected, bad)]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2026-05-01", date(2026, 5, 1)),
        ("2026/05/01", date(2026, 5, 1)),
        ("1.5", None),
        ("45778", None),
        ("infinity", None),
        ("2026-02-30", None),
    ],
)
def test_only_iso_dates_are_read_unless_a_format_is_declared(staging, cell, expected):
    staging.deliver("episodes.csv", f"episode_id,client_id,start_date\nE1,7,{cell}\n")

    bad = None if expected else ["start_date"]
    assert staging.rows("episodes", "start_date, bad_cells") == [(expected, bad)]


def test_declared_formats_are_the_only_ones_read(staging):
    clinic = Clinic(clinic="harbor", date_format=["%d.%m.%Y"], timestamp_format=["%d.%m.%Y %H:%M"])
    staging.deliver(
        "responses.csv",
        f"{RESPONSES}\n7,srs,client,04.05.2026 10:30\n7,srs,client,04.05.2026\n"
        "7,srs,client,2026-05-04\n",
        clinic,
    )

    assert staging.rows("responses", "completed_at, bad_cells") == [
        (datetime(2026, 5, 4, 10, 30), None),
        (datetime(2026, 5, 4), None),
        (None, ["completed_at"]),
    ]


def test_missing_codes_are_no_values_in_any_column(staging):
    clinic = Clinic(clinic="harbor", missing_codes=["-9", "NA"])
    staging.deliver(
        "responses.csv",
        f"{RESPONSES},session_id,item_1,item_2\n7,srs,client,2026-05-01,NA, -9 ,-8\n",
        clinic,
    )

    assert staging.rows("responses", "session_key, item_1, item_2, bad_cells") == [
        (None, None, -8.0, None)
    ]


@pytest.mark.parametrize(
    ("decimal", "expected", "bad"), [(",", 9.1, None), (".", None, ["item_1"])]
)
def test_a_decimal_comma_is_read_only_where_declared(staging, decimal, expected, bad):
    clinic = Clinic(clinic="harbor", decimal=decimal)
    staging.deliver("responses.csv", f'{RESPONSES},item_1\n7,srs,client,2026-05-01,"9,1"\n', clinic)

    assert staging.rows("responses", "item_1, bad_cells") == [(expected, bad)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("srs,client,,", ("srs", "client", "v3", "en")),
        ("SRS , Client,,", ("srs", "client", "v3", "en")),
        ("srs,client,old,", ("srs", "client", "old", "de")),
        ("srs,client,v3,nb", ("srs", "client", "v3", "nb")),
        ("srs,therapist,,", ("srs", "therapist", None, None)),
        ("phq9,client,,", ("phq9", "client", "9", "en")),
        ("wai_sr,client,,", ("wai_sr", "client", None, None)),
        ("unheard_of,client,,", ("unheard_of", "client", None, None)),
    ],
)
def test_version_and_language_come_from_the_registrys_default(staging, given, expected):
    """The default version; else the only one there is; never a guess between two."""
    staging.deliver(
        "responses.csv",
        f"client_id,completed_at,instrument,rater,version,language\n7,2026-05-01,{given}\n",
    )

    assert staging.rows("responses", "instrument_id, rater, version, language") == [expected]


def test_version_and_language_are_filled_where_the_columns_are_missing(staging):
    staging.deliver("responses.csv", f"{RESPONSES}\n7,srs,client,2026-05-01\n")

    assert staging.rows("responses", "version, language") == [("v3", "en")]


def test_without_a_response_id_the_natural_key_tells_responses_apart(staging):
    rows = [
        "7,srs,client,2026-05-01,S1",
        "7,srs,client,2026-05-01 00:00,S1",
        "7,srs,client,2026-05-01,",
        "7,srs,therapist,2026-05-01,S1",
        "7,phq9,client,2026-05-01,S1",
        "8,srs,client,2026-05-01,S1",
        "7,srs,client,first of May,S1",
        "7,srs,client,second of May,S1",
    ]
    staging.deliver("responses.csv", "\n".join([f"{RESPONSES},session_id", *rows, ""]))

    keys = [key for (key,) in staging.rows("responses", "response_key")]
    assert (
        keys[0] == keys[1] == of("response|harbor|1:73:srs2:v36:client19:2026-05-01 00:00:002:S1")
    )
    assert len(set(keys[1:])) == 7


def test_a_response_id_alone_is_the_key_where_there_is_one(staging):
    staging.deliver(
        "responses.csv",
        f"response_id,{RESPONSES}\nR1,7,srs,client,2026-05-01\n,7,srs,client,2026-05-01\n",
    )

    first, second = staging.rows("responses", "response_key")
    assert first == (of("response|harbor|R1"),)
    assert second == (of("response|harbor|1:73:srs2:v36:client19:2026-05-01 00:00:00-"),)


WIDE = Clinic(
    clinic="harbor",
    format="delimited",
    missing_codes=["99"],
    feeds=[
        {
            "table": "responses",
            "set": {"instrument": name, "rater": "client"},
            "columns": {
                "response_id": "row",
                "client_id": "pid",
                "completed_at": "day",
                "session_id": {"join": ["pid", "visit"]},
            },
            "items": items,
            "submitted": {"total": f"{name}_total"},
            "when": {"status": ["done", "late"]},
            "skip_unanswered": name == "phq9",
        }
        for name, items in [("srs", "srs_{n}"), ("phq9", ["mood", "sleep"])]
    ],
)
WIDE_ROWS = """\
row,pid,day,visit,status,srs_02,srs_01,srs_x,srs_total,mood,sleep
1,007,2026-05-01,1,done,2,1,9,3,0,3
2,007,2026-05-08,2,done,4,3,9,7,99,
3,007,2026-05-15,3,open,4,3,9,7,1,1
"""


def test_a_wide_row_with_two_questionnaires_gives_two_responses(staging):
    staging.deliver("wide.csv", WIDE_ROWS, WIDE)

    values = "instrument_id, source_line, item_1, item_2, submitted_total"
    assert sorted(staging.rows("responses", values)) == [
        ("phq9", 2, 0.0, 3.0, None),
        ("srs", 2, 1.0, 2.0, 3.0),
        ("srs", 3, 3.0, 4.0, 7.0),
    ]
    keys = staging.rows("responses", "response_key")
    assert len(set(keys)) == 3
    assert "1 row without any answer left out" in staging.notes
    assert "1 column missing: phq9_total" in staging.notes
    assert staging.staged["responses"].n_rows == 3


def test_joined_columns_keep_leading_zeros_and_their_separator(staging):
    staging.deliver("wide.csv", WIDE_ROWS, WIDE)

    keys = {key for (key,) in staging.rows("responses", "session_key")}
    assert keys == {of(f"session|harbor|007-{n}\x1f007") for n in (1, 2)}


def test_a_couples_appointment_is_one_session_of_each(staging):
    staging.deliver(
        "sessions.csv",
        "session_id,client_id,therapist_id,session_at,attendance\n"
        "S1,7,T1,2026-05-01 10:30,attended\nS1,8,T1,2026-05-01 10:30,attended\n",
    )
    staging.deliver("responses.csv", f"{RESPONSES},session_id\n8,srs,client,2026-05-01,S1\n")

    sessions = dict(staging.rows("sessions", "client_key, session_key"))
    assert len({*sessions.values()}) == 2
    assert staging.rows("responses", "session_key") == [(sessions[of("client|8")],)]


def test_clients_of_one_appointment_share_a_group_and_nobody_else_does(staging):
    """S1 is a couple's; S2 stands twice for one client, who is no group; S3 names its own."""
    staging.deliver(
        "sessions.csv",
        "session_id,client_id,therapist_id,session_at,attendance,group_id\n"
        + "".join(
            f"{session},{client},T1,2026-05-01 10:30,attended,{group}\n"
            for session, client, group in (
                *(("S1", 7, ""), ("S1", 8, ""), ("S2", 9, ""), ("S2", 9, "")),
                *(("S3", 7, "G9"), ("S3", 8, "G9")),
            )
        ),
    )

    assert [key for (key,) in staging.rows("sessions", "group_key")] == [
        *[of("group|harbor|S1")] * 2,
        *[None] * 2,
        *[of("group|harbor|G9")] * 2,
    ]


def test_a_placeholder_is_no_client_and_is_named(staging):
    """The cell's text goes nowhere; a session called NULL is none."""
    staging.deliver(
        "responses.csv",
        f"{RESPONSES},session_id\nAnonymous,srs,client,2026-05-01,NULL\n"
        "A\u200b1,srs,client,2026-05-02,S1\n",
    )

    assert staging.rows("responses", "client_key, bad_cells, session_key is null") == [
        (None, ["client_id"], True),
        (of("client|A1"), None, False),
    ]


def test_codes_become_words_and_unknown_codes_stay_for_a_rule(staging):
    clinic = Clinic(
        clinic="harbor",
        format="delimited",
        feeds=[
            {
                "table": "responses",
                "set": {"instrument": "srs", "rater": "client"},
                "columns": {"client_id": "pid", "completed_at": "day", "mode": "how"},
                "items": {3: "a", 1: "b"},
                "values": {
                    "mode": {"1": "paper"},
                    "items": {"never": "0", "often": "3"},
                    "item_3": {"never": "3", "often": "0"},
                },
            }
        ],
    )
    rows = "pid,day,how,a,b\n7,2026-05-01,1,never,never\n7,2026-05-02,5,often,hardly\n"
    staging.deliver("forms.csv", rows, clinic)

    assert staging.rows("responses", "mode, item_1, item_3, bad_cells") == [
        ("paper", 0.0, 3.0, None),
        ("5", None, 0.0, ["item_1"]),
    ]


def test_birth_dates_stay_in_the_vault(staging):
    staging.deliver(
        "clients.csv", "client_id,birth_date,gender\n7,1980-04-05,f\n8,,m\n9,05.04.1980,x\n7,,f\n"
    )

    assert staging.identities("clients") == sorted(
        [
            ("7", of("client|7"), date(1980, 4, 5), None, None),
            ("8", of("client|8"), None, None, None),
            ("9", of("client|9"), None, None, None),
        ]
    )
    assert staging.rows("clients", "gender, bad_cells") == [
        ("f", None),
        ("m", None),
        ("x", ["birth_date"]),
        ("f", None),
    ]
    path = staging.staged["clients"].path
    assert "birth_date" not in [
        row[0] for row in staging.con.execute(f"describe from '{path}'").fetchall()
    ]


def test_the_vault_gets_every_client_and_therapist_once_and_only_the_owner_reads_it(staging):
    staging.deliver(
        "responses.csv",
        f"{RESPONSES},therapist_id\n7,srs,client,2026-05-01,T1\n7,srs,client,2026-05-02,T1\n",
    )

    assert staging.identities("responses") == [
        ("7", of("client|7"), None, None, None),
        (None, None, None, "T1", of("therapist|T1")),
    ]
    for path in (staging.folder / "vault" / "responses.parquet", staging.staged["responses"].path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("client_id,instrument,rater", "responses: 1 column missing: completed_at"),
        (
            "patient_id,instrument,rater,completed_on",
            "responses: 2 columns missing: client_id (found patient_id), "
            "completed_at (found completed_on)",
        ),
    ],
)
def test_a_missing_column_is_named_with_what_resembles_it(staging, header, what):
    cells = ",".join("x" for _ in header.split(","))

    with pytest.raises(FileRefused) as caught:
        staging.deliver("responses.csv", f"{header}\n{cells}\n")

    assert (caught.value.code, caught.value.what) == ("F02", what)


def test_a_missing_item_column_is_refused(staging):
    with pytest.raises(FileRefused) as caught:
        staging.deliver("wide.csv", WIDE_ROWS.replace("sleep", "sleeping"), WIDE)

    assert caught.value.what == "responses, items: 1 column missing: sleep (found sleeping)"


def test_a_file_of_no_table_is_refused(staging):
    with pytest.raises(FileRefused) as caught:
        staging.deliver("report.csv", "client_id\n7\n")

    assert caught.value.code == "F06"


def test_extra_columns_are_named_and_left_out(staging):
    staging.deliver("clients.csv", "client_id,shoe_size,Gender\n7,42,f\n")

    assert staging.notes == ["1 column not used: shoe_size"]
    assert staging.rows("clients", "gender") == [("f",)]


def test_rows_lost_on_the_way_stop_the_run(staging, monkeypatch):
    monkeypatch.setattr("transforms.intake.stage._count", lambda *_: (3, 3))

    with pytest.raises(BalanceError, match="clients: 3 rows read but 1 written"):
        staging.deliver("clients.csv", "client_id\n7\n")


def test_no_table_outlives_its_file(staging):
    staging.deliver("clients.csv", "client_id\n7\n")

    tables = [name for (name,) in staging.con.execute("show tables").fetchall()]
    assert [name for name in tables if not name.startswith(("source", "cells"))] == []


CANARY = "Zebedee-Quillfeather-1961"


def test_what_a_patient_wrote_reaches_neither_staged_rows_nor_messages(staging):
    """Canaries stand in every identifier, in the birth date and in every number."""
    for name, table in TABLES.items():
        header = [column.name for column in table.columns if column.kind != "text"]
        header += [column.name for column in table.columns if column.kind == "text"]
        header += ["item_1", "submitted_total", "surname"] if name == "responses" else ["surname"]
        cells = ["x" if _is_free_text(table, column) else CANARY for column in header]
        staging.deliver(f"{name}.csv", ",".join(header) + "\n" + ",".join(cells) + "\n")

        path = staging.staged[name].path
        rows = staging.con.execute(f"select * from '{path}'").fetchall()
        assert len(rows) == 1
        assert CANARY not in repr(rows)
        assert CANARY.encode() not in path.read_bytes()
    assert CANARY not in repr(staging.notes)
    assert any(CANARY in repr(row) for row in staging.identities("clients"))


def _is_free_text(table, column: str) -> bool:
    names = {known.name: known for known in table.columns}
    return column in names and names[column].kind == "text"


def test_duckdbs_own_message_never_gets_out(staging, monkeypatch):
    monkeypatch.setattr(
        "transforms.intake.projection.bad_cells", lambda tests: f"error('{CANARY}')::varchar[]"
    )

    with pytest.raises(RapportError) as caught:
        staging.deliver("clients.csv", "client_id\n7\n")

    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert "InvalidInputException" in str(caught.value)
    assert caught.value.__context__ is None


NUMBERS = st.one_of(st.none(), st.integers(0, 10), st.decimals(0, 10, places=1).map(float))
ROWS = st.lists(
    st.tuples(
        st.integers(1, 9),
        st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)).map(
            lambda moment: moment.replace(microsecond=0)
        ),
        NUMBERS,
        NUMBERS,
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=ROWS)
def test_csv_and_workbook_give_the_same_canonical_rows(tmp_path_factory, rows):
    header = [*RESPONSES.split(","), "item_1", "item_2"]
    table = [[row[0], "srs", "client", *row[1:]] for row in rows]
    folder = tmp_path_factory.mktemp("formats")
    book = openpyxl.Workbook()
    book.active.title = "responses"
    for cells in [header, *table]:
        book.active.append(cells)
    book.save(folder / "book.xlsx")
    as_text = [",".join("" if cell is None else str(cell) for cell in cells) for cells in table]

    with duckdb.connect() as con:
        staging = Staging(con, folder)
        columns = "response_key, client_key, completed_at, item_1, item_2, bad_cells, source_line"
        staging.deliver("responses.csv", "\n".join([",".join(header), *as_text, ""]))
        from_csv = staging.rows("responses", columns)
        staging.deliver("all.xlsx", (folder / "book.xlsx").read_bytes())
        from_workbook = staging.rows("responses", columns)

    assert from_csv == from_workbook
    assert [row[3:6] for row in from_csv] == [(row[2], row[3], None) for row in rows]


NORSE = Clinic(
    clinic="norse",
    format="delimited",
    feeds=[
        {
            "table": "responses",
            "set": {"instrument": "norse_alliance", "rater": "client"},
            "columns": {"client_id": "anon_id", "completed_at": "date"},
            "items": ["Q11", "Q12", "Q13", "Q14"],
            "submitted": {"total": "alliance"},
        }
    ],
)


@pytest.mark.real
def test_every_row_of_a_real_feedback_export_lands(real_data, staging):
    """2,883 sessions of 500 patients; `alliance` in the file is the mean of Q11..Q14."""
    raw = (real_data / "norse" / "synthetic_data.csv").read_bytes()

    staging.deliver("synthetic_data.csv", raw, NORSE)

    found = staging.con.execute(
        "select count(*), count(distinct response_key), count(distinct client_key), "
        "count(bad_cells), min(source_line), max(source_line), "
        "max(abs((item_1 + item_2 + item_3 + item_4) / 4 - submitted_total)) "
        f"from '{staging.staged['responses'].path}'"
    ).fetchone()
    assert found[:6] == (2883, 2883, 500, 0, 2, 2884)
    assert found[6] < 1e-9
