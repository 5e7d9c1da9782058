"""What follows from the rows a delivery refers to: courses, periods of therapists, ages, forms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from expectations.rows.delivery import Lake, parquet


def add_courses(con: duckdb.DuckDBPyConnection, client_ids: Sequence[Path] = ()) -> None:
    """Make ``context_course``, and give ``context_client`` its episodes and first contact.

    Parameters
    ----------
    client_ids : Parquet files (client_key), the clients whose identifier differs from another one
        of the clinic only in how it is written.
    """
    aliases = (
        f"select distinct client_key as the_key from {parquet(client_ids)}"
        if client_ids
        else "select null::uuid as the_key limit 0"
    )
    con.execute(
        """
        create or replace temp table context_course as
        with attended as (
            select the_key as session_key, in_episode, held_at, kind
            from context_session
            where is_attended and in_episode is not null
            union all
            -- A session that names no episode counts for the one its day lies in.
            select session.the_key, episode.the_key, held_at, kind
            from context_session as session
            inner join context_episode as episode
                on session.for_client = episode.for_client
                and session.held_at::date >= episode.begins_on - 7
                and session.held_at::date <= coalesce(episode.ends_on + 7, date '9999-12-31')
            where session.is_attended and session.in_episode is null
            qualify row_number() over (
                partition by session.the_key order by episode.starts_on desc, episode.the_key
            ) = 1
        )
        select
            in_episode as the_key, count(*) as n_attended,
            min(held_at) as first_attended_at, max(held_at) as last_attended_at,
            min(held_at) filter (where kind = 'assessment') as first_assessed_at,
            min(held_at) filter (where kind in ('treatment', 'group')) as first_treated_at
        from attended
        group by in_episode
        """
    )
    con.execute(
        f"""
        create or replace temp table context_client as
        select
            coalesce(known.the_key, courses.the_key, contacts.the_key, aliases.the_key) as the_key,
            aliases.the_key is not null as has_alias,
            known.is_accepted, coalesce(known.is_in_lake, false) as is_in_lake,
            known.employment,
            courses.n_episodes, courses.first_start, courses.last_end, courses.windows,
            contacts.first_attended_at
        from context_client as known
        full join (
            select
                for_client as the_key, count(*) as n_episodes, min(begins_on) as first_start,
                case when count(ends_on) = count(*) then max(ends_on) end as last_end,
                case when count(*) > 1
                    then list({{starts_on: begins_on, ends_on: ends_on}}) end as windows
            from context_episode
            where starts_on is not null and for_client is not null
            group by for_client
        ) as courses on known.the_key = courses.the_key
        full join (
            select for_client as the_key, min(held_at) as first_attended_at
            from context_session
            where is_attended and for_client is not null
            group by for_client
        ) as contacts on coalesce(known.the_key, courses.the_key) = contacts.the_key
        full join ({aliases}) as aliases
            on coalesce(known.the_key, courses.the_key, contacts.the_key) = aliases.the_key
        """
    )


def add_periods(con: duckdb.DuckDBPyConnection, lake: Lake, therapist_ids: Sequence[Path]) -> None:
    """Give ``context_therapist`` its periods, and what only the identifiers tell.

    Parameters
    ----------
    therapist_ids : Parquet files (therapist_key, is_placeholder, has_alias), one row per therapist
        that the clinic ever named. Without them nobody is a placeholder.
    """
    held = lake.rows(con, "therapists")
    columns = "therapist_key as the_key, valid_from, valid_to"
    periods = f"select {columns} from staged_therapists"
    if held:
        periods += f" union select {columns} from ({held})"
    told = (
        f"""
        select therapist_key as the_key, bool_or(is_placeholder) as is_placeholder,
            bool_or(has_alias) as has_alias
        from {parquet(therapist_ids)} group by therapist_key
        """
        if therapist_ids
        else "select null::uuid as the_key, null as is_placeholder, null as has_alias limit 0"
    )
    con.execute(
        f"""
        create or replace temp table context_therapist as
        with periods as (
            select
                the_key,
                min(coalesce(valid_from, date '0001-01-01')) as first_day,
                max(coalesce(valid_to, date '9999-12-31')) as last_day,
                case when count(*) > 1 then list({{
                    valid_from: coalesce(valid_from, date '0001-01-01'),
                    valid_to: coalesce(valid_to, date '9999-12-31')}}) end as windows
            from ({periods})
            where the_key is not null
            group by the_key
        )
        select
            coalesce(known.the_key, told.the_key) as the_key,
            known.is_accepted, coalesce(known.is_in_lake, false) as is_in_lake, known.profession,
            periods.first_day, periods.last_day, periods.windows,
            coalesce(told.is_placeholder, false) as is_placeholder,
            coalesce(told.has_alias, false) as has_alias
        from context_therapist as known
        full join ({told}) as told on known.the_key = told.the_key
        left join periods on coalesce(known.the_key, told.the_key) = periods.the_key
        """
    )


def build_ages(con: duckdb.DuckDBPyConnection, ages: Sequence[Path]) -> None:
    """Make ``context_age``, and tell whose forms are meant for other ages.

    Parameters
    ----------
    ages : Parquet files (client_key, start_date, age_years), one row per client and day an
        episode began. Birth dates stay in the vault.

    Notes
    -----
    A form without an age range is for people of 16 and over. Only whole years at the start are
    known, so a form is out of its range when it is by more than a year.
    """
    known = (
        f"select client_key, start_date, age_years from {parquet(ages)}"
        if ages
        else "select null::uuid as client_key, null::date as start_date, 0 as age_years limit 0"
    )
    con.execute(
        f"""
        create or replace temp table context_age as
        with known as ({known}),
        unfit as (
            select distinct known.client_key, known.start_date
            from known
            inner join staged_responses as form on known.client_key = form.client_key
            inner join (
                select distinct the_id, the_version, age_low, age_high from context_instrument
            ) as instrument
                on form.instrument_id = instrument.the_id and form.version = instrument.the_version
            where (age_years < 17 or age_high is not null or age_low > 17)
                and form.completed_at::date >= known.start_date
                and (
                    age_years + 1 + datediff('year', known.start_date, form.completed_at::date)
                        < coalesce(age_low, 17)
                    or age_years - 1 > age_high + datediff(
                        'year', known.start_date, form.completed_at::date)
                )
        )
        select
            known.client_key as the_key, known.start_date as the_day,
            known.age_years as years, unfit.client_key is not null as has_unfit_form
        from known left join unfit using (client_key, start_date)
        """
    )


def build_forms(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``context_form``: sessions nobody attended that an after-session form names."""
    con.execute(
        """
        create or replace temp table context_form as
        select distinct session_key as the_key, true as is_attached
        from staged_responses
        inner join (
            select distinct the_id, the_version from context_instrument
            where timing = 'after_session'
        ) as instrument
            on instrument_id = instrument.the_id and version = instrument.the_version
        where session_key in (select the_key from context_session where not is_attended)
        """
    )
