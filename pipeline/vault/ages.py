"""Ages in whole years, worked out in the vault: the birth date itself never leaves it."""

from __future__ import annotations

import duckdb

from pipeline.home import Home
from pipeline.storage.lake import current_rows, lake_file
from pipeline.storage.parquet import copy_query
from pipeline.vault.identities import identities
from transforms.contract import TABLES

# 17 until the day before the eighteenth birthday; born on 29 February: until 1 March.
BIRTHS = "*.clients"  # only this table has birth dates
COMPLETE_YEARS = """(
    year(start_date) - year(birth_date)
    - case
        when month(start_date) * 100 + day(start_date) < month(birth_date) * 100 + day(birth_date)
        then 1 else 0
    end
)"""


def write_client_ages(con: duckdb.DuckDBPyConnection, home: Home, clinic_id: str) -> None:
    """Write ``lake/client_ages``: one row per client and start date with a known birth date.

    Start dates are those of the client's episodes and the client's first contact of any kind.
    An age outside 0 to 120 is left out: the birth date is wrong, not the client.
    """
    target = lake_file(home, "client_ages", clinic_id, "ages.parquet")
    with identities(con, home, clinic_id, BIRTHS) as births:
        if births is None:
            target.unlink(missing_ok=True)
            return
        copy_query(con, _ages_at_starts(home, clinic_id, births), target)


def born(births: str) -> str:
    """Return SQL for one birth date per client: files sort by receipt, the latest known counts."""
    return f"""
        select client_key, arg_max(birth_date, (file, birth_date)) as birth_date
        from {births}
        where birth_date is not null
        group by client_key
    """


def _ages_at_starts(home: Home, clinic_id: str, births: str) -> str:
    return f"""
            with
            born as ({born(births)}),
            contacts as (
                select client_key, min(start_date) as start_date
                from (
                    select client_key, start_date from ({_rows(home, "episodes", clinic_id)})
                    union all
                    select client_key, cast(session_at as date)
                    from ({_rows(home, "sessions", clinic_id)})
                    union all
                    select client_key, cast(completed_at as date)
                    from ({_rows(home, "responses", clinic_id)})
                )
                group by client_key
            ),
            starts as (
                select client_key, start_date from contacts
                union
                select client_key, start_date from ({_rows(home, "episodes", clinic_id)})
            )
            select
                client_key,
                start_date,
                cast({COMPLETE_YEARS} as integer) as age_years
            from starts
            inner join born using (client_key)
            where start_date is not null and {COMPLETE_YEARS} between 0 and 120
            order by client_key, start_date
    """


def _rows(home: Home, table: str, clinic_id: str) -> str:
    return current_rows(home, TABLES[table], clinic_id)
