"""What only identifiers and birth dates can tell, said without them: ages and odd therapist ids."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipeline.home import Home
from pipeline.storage.duckdb_session import quoted
from pipeline.storage.lake import lake_file
from pipeline.storage.parquet import copy_query
from pipeline.vault.ages import BIRTHS, COMPLETE_YEARS, born
from pipeline.vault.identities import identities
from transforms.intake.client_ids import spelling as client_spelling
from transforms.intake.therapist_ids import is_placeholder, spelling


def therapist_flags(con: duckdb.DuckDBPyConnection, home: Home, clinic_id: str, to: Path) -> None:
    """Write one row per therapist the clinic ever named whose identifier is odd.

    Columns: therapist_key, is_placeholder (it stands for nobody, such as TBC) and has_alias
    (another identifier of the clinic differs only in capitals, blanks, zeros or punctuation).
    Nothing is written where no identifier is odd.
    """
    to.unlink(missing_ok=True)
    with identities(con, home, clinic_id) as named:
        if named:
            _write_if_any(con, _odd_therapists(named), to)


def _odd_therapists(identified: str) -> str:
    return f"""
        with
        named as (
            select distinct therapist_key, therapist_id
            from {identified}
            where therapist_id is not null
        ),
        spelled as (
            select
                therapist_key,
                {is_placeholder("therapist_id")} as is_placeholder,
                count(distinct therapist_key) over (
                    partition by {spelling("therapist_id")}
                ) > 1 as has_alias
            from named
        )
        select
            therapist_key,
            bool_or(is_placeholder) as is_placeholder,
            bool_or(has_alias and not is_placeholder) as has_alias
        from spelled
        where is_placeholder or has_alias
        group by therapist_key
        order by therapist_key
    """


def client_aliases(con: duckdb.DuckDBPyConnection, home: Home, clinic_id: str, to: Path) -> None:
    """Write the keys of clients that another identifier of the clinic differs from in writing only.

    Column: client_key. Nothing is written where every client stands under one identifier.
    """
    to.unlink(missing_ok=True)
    with identities(con, home, clinic_id) as identified:
        if identified is None:
            return
        query = f"""
            with
            named as (
                select distinct client_key, {client_spelling("client_id")} as spelling
                from {identified}
                where client_id is not null
            ),
            shared as (select spelling from named group by spelling having count(*) > 1)
            select distinct client_key from named semi join shared using (spelling)
            order by client_key
        """
        _write_if_any(con, query, to)


def keep_therapist_flags(con: duckdb.DuckDBPyConnection, home: Home, clinic_id: str) -> None:
    """Write ``lake/therapist_flags`` of one clinic; rewritten whenever it delivers."""
    therapist_flags(
        con, home, clinic_id, lake_file(home, "therapist_flags", clinic_id, "all.parquet")
    )


def delivered_ages(
    con: duckdb.DuckDBPyConnection, home: Home, clinic_id: str, episodes: list[Path], to: Path
) -> None:
    """Write the age in whole years of every client at the start of each delivered episode.

    Columns: client_key, start_date, age_years; none for a client without a birth date. An
    impossible age is kept: the rule about it is judged with this.
    """
    if not episodes:
        return
    with identities(con, home, clinic_id, BIRTHS) as births:
        if births is None:
            return
        copy_query(
            con,
            f"""
                with born as ({born(births)})
                select distinct
                    client_key, start_date, cast({COMPLETE_YEARS} as integer) as age_years
                from read_parquet([{", ".join(map(quoted, episodes))}], union_by_name = true)
                inner join born using (client_key)
                where start_date is not null
            """,
            to,
        )


def _write_if_any(con: duckdb.DuckDBPyConnection, query: str, to: Path) -> None:
    if con.execute(f"select 1 from ({query}) limit 1").fetchone():
        copy_query(con, query, to)
