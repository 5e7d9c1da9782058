"""An end after the day of receipt is a plan or a stand-in for none: the episode is open."""

import duckdb
import pytest

from tests.dbt.rendered_models import rendered


@pytest.mark.parametrize(
    ("end", "reason", "expected"),
    [
        ("2025-05-04", "completed", ("2025-05-04", "completed")),
        ("2025-05-05", "completed", (None, None)),
        ("9999-12-31", None, (None, None)),
        ("1900-01-01", "dropout", ("1900-01-01", "dropout")),
        (None, "unknown", (None, "unknown")),
    ],
)
def test_an_end_counts_from_its_day_on(end, reason, expected):
    with duckdb.connect() as con:
        con.execute(
            "create table episodes as select 'north' as clinic_id, 'e1' as episode_key, "
            "'c1' as client_key, 't1' as therapist_key, ?::text as discharge_reason, "
            "null as modality, null as problem, null as step, null::date as referral_date, "
            "date '2025-01-01' as start_date, ?::date as end_date, 'f' as source_file, "
            "1 as source_line, 'f' as file_id, timestamp '2025-05-04 23:30' as received_at",
            [reason, end],
        )
        con.execute(
            "create table superseded_episodes as select null::text as row_key, "
            "null::text as file_id, null::int as source_line limit 0"
        )
        con.execute("create table merged_clients (client_key text, merged_into_key text)")
        query = rendered("stg_lake__episodes")

        assert (
            con.execute(f"select end_date::text, discharge_reason from ({query})").fetchone()
            == expected
        )
