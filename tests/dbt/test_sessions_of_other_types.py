"""An assessment or a review is attended, but is no treatment session: it ends no treatment."""

import duckdb
import pytest

from tests.dbt.rendered_models import rendered

COURSE = "'harbor' as clinic_id, 'e1' as episode_key, 'c1' as client_key, 't1' as therapist_key"
# Two treatment sessions, then a review; the client stopped after the second.
ATTENDED = [("s1", "2026-01-05", 1, 60), ("s2", "2026-01-12", 2, 50), ("s3", "2026-01-19", None, 0)]


@pytest.fixture
def lake():
    with duckdb.connect() as con:
        con.execute(
            f"create table fct_episodes as select {COURSE}, null::varchar as clinic_group, "
            "date '2026-01-05' as start_date, 'dropout' as course_status, "
            "true as dropout_unilateral, 2 as n_sessions_attended, 3 as n_sessions_booked, "
            "'wai_sr' as early_alliance_instrument_id"
        )
        con.execute("create view int_episode_course as select * from fct_episodes")
        con.execute(
            "create table sent (session_key varchar, session_at timestamp, "
            "session_number bigint, alliance_pomp double)"
        )
        con.executemany("insert into sent values (?, ?, ?, ?)", ATTENDED)
        con.execute(
            f"create table fct_session_process as select {COURSE}, sent.*, "
            "'phq9' as outcome_instrument_id, null::double as outcome_score, "
            "session_key = 's3' as is_last_session from sent"
        )
        con.execute(
            "create table fct_sessions as select 'e1' as episode_key, session_key, session_at, "
            "'attended' as attendance, session_number is not null as is_treatment from sent"
        )
        con.execute(
            "create table int_episode_instruments as select 'phq9' as instrument_id, "
            "-1 as direction, 0 as score_min, 27 as score_max, 'outcome' as role"
        )
        yield con


def test_the_risk_of_dropout_is_judged_at_treatment_sessions(lake):
    found = lake.execute(
        "select session_key, event, log_session is null "
        f"from ({rendered('int_dropout_risk_sessions')}) order by 1"
    ).fetchall()

    assert found == [("s1", 0, False), ("s2", 1, False)]


def test_who_left_did_so_after_the_last_treatment_session(lake):
    found = lake.execute(
        "select session_key, has_left, is_used "
        f"from ({rendered('int_cf_dropout_hazard_candidates')}) order by 1"
    ).fetchall()

    assert found == [("s1", 0, True), ("s2", 1, True)]
