"""NHS Talking Therapies prorates nothing: its first and last PHQ-9 and GAD-7 are whole ones."""

import duckdb
import pytest

from tests.dbt.rendered_models import rendered

# Three weekly PHQ-9 totals; the last was filled up from seven answers.
FORMS = [("2025-02-03", 19, False), ("2025-02-10", 15, None), ("2025-02-17", 9, True)]


@pytest.fixture
def lake():
    with duckdb.connect() as con:
        con.execute(
            "create table int_followed_scores (episode_key text, response_key text, "
            "instrument_id text, version text, own_version text, rater text, scale text, "
            "score double, is_prorated boolean, completed_at timestamp)"
        )
        for day, score, is_prorated in FORMS:
            con.execute(
                "insert into int_followed_scores values "
                "('e1', ?, 'phq9', 'v', 'v', 'client', 'total', ?, ?, ?::timestamp)",
                [day, score, is_prorated, day],
            )
        con.execute(
            "create table int_scales as select 'phq9' as instrument_id, 'v' as version, "
            "'client' as rater, 'total' as scale, 'outcome' as family, true as is_primary, "
            "10.0 as cutoff_value, '>=' as cutoff_operator"
        )
        con.execute(
            "create table int_episode_instruments as select 'e1' as episode_key, "
            "'phq9' as instrument_id, 'v' as version, 'client' as rater, 'total' as scale, "
            "'outcome' as role, -1 as direction, "
            "6 as rc_value, '>=' as rc_operator"
        )
        con.execute("create table int_unordered_episodes (episode_key text)")
        yield con


def test_a_prorated_score_is_the_last_one(lake):
    query = rendered("int_episode_outcomes")

    assert lake.execute(f"select outcome_pre, outcome_post from ({query})").fetchone() == (19, 9)


def test_a_measure_has_whole_scores_for_the_nhs_beside_all(lake):
    query = rendered("int_episode_measures")

    assert lake.execute(
        "select n_scores, score_pre, score_post, n_whole_scores, whole_score_pre, "
        f"whole_score_post from ({query})"
    ).fetchone() == (3, 19, 9, 2, 19, 15)


def test_an_episode_without_order_has_neither_first_nor_last(lake):
    lake.execute("insert into int_unordered_episodes values ('e1')")

    query = rendered("int_episode_measures")

    assert lake.execute(f"select count(*) from ({query})").fetchone() == (0,)
