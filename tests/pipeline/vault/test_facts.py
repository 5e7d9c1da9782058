"""Ages and odd identifiers: told by the vault, without telling who."""

from datetime import date

import pyarrow.parquet as pq
import pytest

from pipeline.storage.duckdb_session import quoted
from pipeline.vault.facts import delivered_ages, therapist_flags


@pytest.fixture
def vault(home, con):
    """Return a function that puts identities of clinic north into the vault."""

    def put(name, rows):
        folder = home.vault / "identities" / "clinic=north" / "20260101T000000"
        folder.mkdir(parents=True, exist_ok=True)
        con.execute(
            "create or replace temp table identities (client_id varchar, client_key uuid,"
            " birth_date date, therapist_id varchar, therapist_key uuid)"
        )
        con.executemany("insert into identities values (?, ?, ?, ?, ?)", rows)
        con.execute(f"copy identities to {quoted(folder / name)} (format parquet)")

    return put


def _key(number):
    return f"00000000-0000-0000-0000-0000000000{number:02}"


def test_placeholders_and_aliases_are_told_by_key(home, con, vault, tmp_path):
    names = ["TBC", "T-007", "t7", "T8", "Duty 1", "duty-1"]
    vault(
        "a.sessions.parquet",
        [(None, None, None, name, _key(n)) for n, name in enumerate(names)],
    )

    therapist_flags(con, home, "north", tmp_path / "flags.parquet")

    rows = pq.read_table(tmp_path / "flags.parquet").to_pydict()
    told = dict(zip(map(str, rows["therapist_key"]), rows["is_placeholder"], strict=True))
    assert list(rows) == ["therapist_key", "is_placeholder", "has_alias"]
    assert sum(told.values()) == 3
    # A placeholder written in two ways is still nobody: no alias.
    assert sum(rows["has_alias"]) == 2
    assert len(told) == 5


def test_nothing_odd_is_written_nowhere(home, con, vault, tmp_path):
    vault("a.sessions.parquet", [(None, None, None, "T1", _key(1))])

    therapist_flags(con, home, "north", tmp_path / "flags.parquet")

    assert not (tmp_path / "flags.parquet").exists()


def test_an_age_is_in_whole_years_at_the_start(home, con, vault, tmp_path):
    """Sixteen until the day before the seventeenth birthday; an impossible age is kept."""
    vault(
        "a.clients.parquet",
        [
            ("c1", _key(1), date(2009, 3, 2), None, None),
            ("c2", _key(2), date(1890, 1, 1), None, None),
        ],
    )
    episodes = tmp_path / "episodes.parquet"
    con.execute(
        f"""
        copy (
            select '{_key(1)}'::uuid as client_key, unnest(
                [date '2026-03-01', date '2026-03-02', null]) as start_date
            union all select '{_key(2)}'::uuid, date '2026-01-01'
            union all select '{_key(3)}'::uuid, date '2026-01-01'
        ) to {quoted(episodes)} (format parquet)
        """
    )

    delivered_ages(con, home, "north", [episodes], tmp_path / "ages.parquet")

    rows = pq.read_table(tmp_path / "ages.parquet").to_pylist()
    assert sorted((row["start_date"], row["age_years"]) for row in rows) == [
        (date(2026, 1, 1), 136),
        (date(2026, 3, 1), 16),
        (date(2026, 3, 2), 17),
    ]
    assert set(rows[0]) == {"client_key", "start_date", "age_years"}
