"""Curves by early alliance and risks by early alliance are about the same clients."""

import duckdb

from tests.dbt.rendered_models import rendered

# One client: a first course of two sessions, then one of four whose third was rated.
COURSES = [("e1", "2026-01-05", 2, None), ("e2", "2026-06-01", 4, 70.0)]


def test_a_client_counts_with_the_first_course_that_rated_session_3():
    with duckdb.connect() as con:
        con.execute(
            "create table sent (episode_key varchar, start_date date, n_sessions_attended bigint, "
            "alliance_session3_pomp double)"
        )
        con.executemany("insert into sent values (?, ?, ?, ?)", COURSES)
        con.execute(
            "create table fct_episodes as select sent.*, 'harbor' as clinic_id, "
            "null::varchar as clinic_group, 'c1' as client_key, 't1' as therapist_key, "
            "'completed' as course_status, false as dropout_unilateral, "
            "'wai_sr' as early_alliance_instrument_id from sent"
        )
        used = {
            model: con.execute(
                f"select episode_key from ({rendered(model)}) where {reason} is null"
            ).fetchall()
            for model, reason in (
                ("int_cf_dropout_curve_candidates", "alliance_exclusion_reason"),
                ("int_cf_early_alliance_dropout_candidates", "exclusion_reason"),
            )
        }
        everybody = con.execute(
            f"select episode_key from ({rendered('int_cf_dropout_curve_candidates')}) "
            "where exclusion_reason is null"
        ).fetchall()

    assert list(used.values()) == [[("e2",)], [("e2",)]]
    assert everybody == [("e1",)]
