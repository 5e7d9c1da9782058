"""Rows into the lake: duplicates, corrections, quarantine, and every row accounted for."""

from __future__ import annotations

import uuid
from datetime import datetime

import pytest

from pipeline.storage import lake
from transforms.contract import TABLES

NOBODY = "select null::uuid as row_key, null::bigint as source_line limit 0"
CLIENTS = TABLES["clients"]


def key(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


@pytest.fixture
def accept(con, home):
    lake.write_empty_tables(home)

    def call(staged, excluded=NOBODY, clinic="harbor", table=CLIENTS):
        return lake.accept(
            con,
            home,
            table,
            staged,
            clinic_id=clinic,
            excluded=excluded,
            marked_at=datetime(2026, 1, 2),
        )

    return call


def current(con, home, column="gender"):
    query = lake.current_rows(home, CLIENTS, "harbor")
    return con.execute(f"select {column} from ({query}) order by all").fetchall()


def test_a_first_delivery_lands_whole(con, home, stage, accept):
    staged = stage("clients", [{"client_key": key("a"), "gender": "f"}, {"client_key": key("b")}])

    counts = accept(staged)

    assert counts == lake.Accepted(n_received=2, n_accepted=2, n_duplicate=0, n_quarantined=0)
    assert current(con, home) == [("f",), (None,)]


def test_the_same_row_again_is_a_duplicate(con, home, stage, accept):
    accept(stage("clients", [{"client_key": key("a"), "gender": "f"}]))

    again = accept(stage("clients", [{"client_key": key("a"), "gender": "f"}], file_id="f2"))

    assert (again.n_accepted, again.n_duplicate) == (0, 1)
    assert current(con, home) == [("f",)]


def test_an_unanswered_cell_equals_an_unanswered_cell(con, home, stage, accept):
    """NULL twice is the same content, not an unknown comparison."""
    accept(stage("clients", [{"client_key": key("a")}]))

    assert accept(stage("clients", [{"client_key": key("a")}], file_id="f2")).n_duplicate == 1


def test_a_corrected_row_replaces_the_earlier_one_and_history_stays(con, home, stage, accept):
    accept(stage("clients", [{"client_key": key("a"), "gender": "f"}, {"client_key": key("b")}]))

    counts = accept(stage("clients", [{"client_key": key("a"), "gender": "m"}], file_id="f2"))

    assert counts.n_accepted == 1
    assert current(con, home) == [("m",), (None,)]
    everything = con.execute(
        f"select count(*) from read_parquet('{home.lake}/clients/clinic=harbor/*.parquet')"
    ).fetchone()[0]
    assert everything == 3
    marker = con.execute(
        "select file_id, source_line, by_file_id from "
        f"read_parquet('{home.lake}/superseded/clients/clinic=harbor/*.parquet')"
    ).fetchall()
    assert marker == [("f1", 2, "f2")]


def test_an_emptied_cell_is_a_correction_too(con, home, stage, accept):
    accept(stage("clients", [{"client_key": key("a"), "gender": "f"}]))
    accept(stage("clients", [{"client_key": key("a")}], file_id="f2"))

    assert current(con, home) == [(None,)]


def test_a_third_delivery_replaces_the_second_only(con, home, stage, accept):
    for number, gender in enumerate("fmf", start=1):
        row = {"client_key": key("a"), "gender": gender}
        accept(stage("clients", [row], file_id=f"f{number}"))

    assert current(con, home, "file_id") == [("f3",)]


@pytest.mark.parametrize("times", [2, 3])
def test_an_exact_repetition_within_a_file_counts_as_duplicate(stage, accept, times):
    rows = [{"client_key": key("a"), "gender": "f"} for _ in range(times)]

    counts = accept(stage("clients", rows))

    assert counts == lake.Accepted(
        n_received=times, n_accepted=1, n_duplicate=times - 1, n_quarantined=0
    )


def test_two_versions_in_one_file_are_never_called_duplicates(con, home, stage, accept):
    """Rule S01 quarantines them before; if it did not, the key test of dbt must see both."""
    rows = [{"client_key": key("a"), "gender": "f"}, {"client_key": key("a"), "gender": "m"}]

    assert accept(stage("clients", rows)).n_accepted == 2


def test_excluded_rows_stay_out(con, home, stage, accept):
    rows = [{"client_key": key(name), "gender": name} for name in "abc"]
    excluded = f"select '{key('b')}'::uuid as row_key, 3 as source_line"

    counts = accept(stage("clients", rows), excluded)

    assert counts == lake.Accepted(n_received=3, n_accepted=2, n_duplicate=0, n_quarantined=1)
    assert current(con, home) == [("a",), ("c",)]


def test_a_row_without_a_key_can_be_kept_out(con, home, stage, accept):
    """A missing identifier gives no key; NULL must still match NULL."""
    excluded = "select null::uuid as row_key, 3 as source_line"

    counts = accept(stage("clients", [{"client_key": key("a")}, {"gender": "f"}]), excluded)

    assert counts == lake.Accepted(n_received=2, n_accepted=1, n_duplicate=0, n_quarantined=1)
    assert current(con, home) == [(None,)]


def test_an_excluded_row_does_not_replace_the_good_one(con, home, stage, accept):
    accept(stage("clients", [{"client_key": key("a"), "gender": "f"}]))
    excluded = f"select '{key('a')}'::uuid as row_key, 2 as source_line"

    accept(stage("clients", [{"client_key": key("a"), "gender": "x"}], file_id="f2"), excluded)

    assert current(con, home) == [("f",)]


def test_accepting_a_file_twice_changes_nothing(con, home, stage, accept):
    """A run killed after the rows were written repeats the file, with or without a sweep."""
    staged = [{"client_key": key("a"), "gender": "f"}]
    accept(stage("clients", staged))

    counts = accept(stage("clients", staged))

    assert counts == lake.Accepted(n_received=1, n_accepted=1, n_duplicate=0, n_quarantined=0)
    assert current(con, home) == [("f",)]


def test_a_repeated_correction_still_replaces(con, home, stage, accept):
    """What the first attempt marked as replaced must not hide it from the second."""
    accept(stage("clients", [{"client_key": key("a"), "gender": "f"}]))
    corrected = [{"client_key": key("a"), "gender": "m"}]
    accept(stage("clients", corrected, file_id="f2"))

    lake.forget(home, "harbor", "f2")
    assert current(con, home) == [("f",)]
    accept(stage("clients", corrected, file_id="f2"))

    assert current(con, home) == [("m",)]


def test_sweep_removes_what_is_dead_and_nothing_else(con, home, stage, accept):
    accept(stage("clients", [{"client_key": key("a")}], file_id="known"))
    accept(stage("clients", [{"client_key": key("b")}], file_id="killed"))

    removed = lake.sweep(home, {("harbor", "killed"), ("summit", "known")})

    assert removed == 1
    assert current(con, home, "file_id") == [("known",)]
    assert lake.unknown(home, {("summit", "known")}) == [
        lake.lake_file(home, "clients", "harbor", "known.parquet")
    ]


def test_clinics_do_not_replace_each_others_rows(con, home, stage, accept):
    accept(stage("clients", [{"client_key": key("a"), "gender": "f"}]))
    row = {"client_key": key("a"), "gender": "m"}
    accept(stage("clients", [row], file_id="f2", clinic="summit"), clinic="summit")

    assert current(con, home) == [("f",)]


def test_every_table_reads_before_anything_was_delivered(con, home):
    lake.write_empty_tables(home)

    for table in TABLES.values():
        query = lake.current_rows(home, table)
        assert con.execute(f"select count(*) from ({query})").fetchone() == (0,)
