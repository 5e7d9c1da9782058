"""A form that names no session belongs to the nearest one its instrument's timing allows."""

import duckdb
import pytest

from tests.dbt.rendered_models import rendered

# wai_sr is filled in after sessions, phq9 before them; a mood diary at any time.
TIMINGS = [("wai_sr", "after_session"), ("phq9", "before_session"), ("diary", "any")]
# Monday: two sessions back to back; Tuesday: one; Thursday: one that ends after midnight.
SESSIONS = [
    ("first", "2025-03-03 09:00", 45),
    ("second", "2025-03-03 10:00", None),
    ("next_day", "2025-03-04 16:00", 50),
    ("late", "2025-03-06 23:30", 50),
    ("after_it", "2025-03-07 09:00", 50),
]


@pytest.fixture
def linked():
    """A function: the session of a form by instrument and moment, and whether it is ambiguous."""
    with duckdb.connect() as con:
        con.execute(
            "create table stg_lake__instruments (instrument_id text, rater text, family text, "
            "timing text)"
        )
        con.executemany("insert into stg_lake__instruments values (?, 'client', null, ?)", TIMINGS)
        con.execute(
            "create table stg_lake__episodes (clinic_id text, episode_key text, client_key text, "
            "referral_date date, start_date date, end_date date)"
        )
        con.execute("create table int_derived_forms (response_key text, session_key text)")

        con.execute(
            "insert into stg_lake__episodes values ('north', 'ended', 'c1', null, "
            "'2025-03-01', '2025-04-30'), ('north', 'waited', 'c1', '2025-04-20', "
            "'2025-06-02', null)"
        )

        def link(instrument: str, moment: str, sessions=SESSIONS) -> tuple:
            con.execute(
                "create or replace table int_sessions as select 'north' as clinic_id, "
                "session_key, session_key as given_session_key, 'c1' as client_key, "
                "'t1' as therapist_key, null::text as episode_key, session_at, "
                "session_at::date as session_date, null::timestamp as session_at_utc, "
                "true as is_attended, duration_min "
                "from (select unnest(?) as session_key, unnest(?)::timestamp as session_at, "
                "unnest(?)::double as duration_min)",
                [list(column) for column in zip(*sessions, strict=True)],
            )
            con.execute(
                "create or replace table stg_lake__responses as select 'north' as clinic_id, "
                "'r1' as response_key, 'c1' as client_key, null::text as session_key, "
                "null::text as episode_key, ? as instrument_id, 'client' as rater, "
                "?::timestamp as completed_at, null::timestamp as completed_at_utc, "
                "null::text as therapist_key, null::timestamp as received_at, "
                "'f.csv' as source_file, 2 as source_line",
                [instrument, moment],
            )
            query = rendered("int_responses")
            return con.execute(
                f"select session_key, session_link = 'ambiguous' from ({query})"
            ).fetchone()

        link.con = con
        yield link


@pytest.mark.parametrize(
    ("instrument", "moment", "session"),
    [
        # Rated after: the last session that had begun, however near the next one is.
        ("wai_sr", "2025-03-03 09:59", "first"),
        ("wai_sr", "2025-03-03 10:00", "second"),
        ("wai_sr", "2025-03-04 15:59", "second"),
        ("wai_sr", "2025-03-03 08:59", None),
        ("wai_sr", "2025-03-07 00:20", "late"),
        ("wai_sr", "2025-03-08 22:00", "after_it"),
        ("wai_sr", "2025-03-10 00:01", None),
        # Filled in before: the next session that is not over; one running is not over.
        ("phq9", "2025-03-03 09:10", "first"),
        ("phq9", "2025-03-03 09:40", "second"),
        ("phq9", "2025-03-03 09:44", "second"),
        ("phq9", "2025-03-03 10:59", "second"),
        ("phq9", "2025-03-03 11:00", "next_day"),
        ("phq9", "2025-03-07 09:49", "after_it"),
        ("phq9", "2025-03-07 09:50", None),
        # At any time: the nearest.
        ("diary", "2025-03-03 09:20", "first"),
        ("diary", "2025-03-03 09:40", "second"),
    ],
)
def test_a_form_finds_the_nearest_session_its_timing_allows(linked, instrument, moment, session):
    assert linked(instrument, moment) == (session, False)


@pytest.mark.parametrize("instrument", ["wai_sr", "phq9"])
def test_a_day_without_times_still_links_and_two_sessions_of_it_do_not(linked, instrument):
    days = [("monday", "2025-03-03", 50), ("wednesday", "2025-03-05", 50)]

    assert linked(instrument, "2025-03-03", days) == ("monday", False)
    assert linked(instrument, "2025-03-05 18:00", days) == ("wednesday", False)
    assert linked(instrument, "2025-03-03", [("again", "2025-03-03", 50), *days]) == (None, True)


def test_two_sessions_equally_near_in_time_leave_the_form_alone(linked):
    assert linked("diary", "2025-03-03 09:30") == (None, True)


@pytest.mark.parametrize(
    ("moment", "episode"),
    [
        ("2025-04-10", "ended"),
        # Referred again while still in treatment: the treatment is nearer than the wait.
        ("2025-04-25", "ended"),
        ("2025-05-02", "waited"),
        ("2025-06-01", "waited"),
        ("2025-02-22", "ended"),
        ("2025-02-21", None),
    ],
)
def test_a_baseline_of_the_waiting_time_belongs_to_the_episode_that_follows(
    linked, moment, episode
):
    """Referred on 20 April, treated from 2 June; the treatment before ended on 30 April."""
    linked("phq9", moment, [("far", "2024-01-01", 50)])
    query = f"select delivered_episode_key from ({rendered('int_responses')})"

    assert linked.con.execute(query).fetchone() == (episode,)
