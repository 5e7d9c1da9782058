"""Ages in whole years at a start, worked out from birth dates that never leave the vault."""

from __future__ import annotations

import uuid

import pytest

from pipeline.storage import lake
from pipeline.vault.ages import write_client_ages


def key(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


@pytest.fixture
def ages(con, home, stage):
    """Age at the start of each given episode of client a, born as the vault was told in turn."""

    def work_out(births: list[str | None], starts: list[str]) -> list[tuple]:
        lake.write_empty_tables(home)
        for number, birth in enumerate(births):
            folder = home.vault / "identities" / "clinic=harbor" / f"2026010{number}T000000"
            folder.mkdir(parents=True)
            con.execute(
                f"copy (select 'a' as client_id, '{key('a')}'::uuid as client_key, "
                f"{f'date {birth!r}' if birth else 'null::date'} as birth_date, "
                "null::varchar as therapist_id, null::uuid as therapist_key) "
                f"to '{folder}/f{number}.clients.parquet'"
            )
        rows = [
            {"episode_key": key(start), "client_key": key("a"), "start_date": start}
            for start in starts
        ]
        staged = stage("episodes", rows)
        target = home.lake / "episodes" / "clinic=harbor" / "f1.parquet"
        target.parent.mkdir(parents=True)
        target.write_bytes(staged.read_bytes())
        write_client_ages(con, home, "harbor")
        found = con.execute(
            f"select start_date::varchar, age_years from "
            f"read_parquet('{home.lake}/client_ages/**/*.parquet') order by all"
        )
        return found.fetchall()

    return work_out


def test_a_year_is_complete_on_the_birthday(ages):
    """17 on the eve of the eighteenth birthday, 18 on the day."""
    assert ages(["2000-03-15"], ["2018-03-14", "2018-03-15"]) == [
        ("2018-03-14", 17),
        ("2018-03-15", 18),
    ]


def test_born_on_the_29th_of_february_a_year_is_complete_on_the_first_of_march(ages):
    assert ages(["2000-02-29"], ["2018-02-28", "2018-03-01"]) == [
        ("2018-02-28", 17),
        ("2018-03-01", 18),
    ]


def test_an_impossible_age_is_left_out(ages):
    """0 and 120 are ages; a start before birth and 121 are wrong birth dates."""
    assert ages(["1900-01-01"], ["1899-12-31", "1900-01-01", "2020-12-31", "2021-01-01"]) == [
        ("1900-01-01", 0),
        ("2020-12-31", 120),
    ]


def test_the_latest_birth_date_received_counts(ages):
    assert ages(["1990-01-01", "1980-01-01"], ["2020-01-01"]) == [("2020-01-01", 40)]


def test_an_emptied_birth_date_does_not_erase_the_known_one(ages):
    assert ages(["1990-01-01", None], ["2020-01-01"]) == [("2020-01-01", 30)]


def test_without_a_birth_date_there_is_no_age(ages):
    assert ages([None], ["2020-01-01"]) == []


def test_no_birth_date_is_in_the_lake(ages, con, home):
    ages(["1990-01-01"], ["2020-01-01"])

    columns = con.execute(
        f"describe select * from read_parquet('{home.lake}/client_ages/**/*.parquet')"
    ).fetchall()
    assert [column[0] for column in columns] == ["client_key", "start_date", "age_years"]
