"""The trend over all scores, from SQL to index, against R; with two scores it is Jacobson-Truax."""

import duckdb
import pytest

from tests.dbt.rendered_models import rendered
from transforms.instruments.change_indices import jacobson_truax, reliable_trend

SD, RELIABILITY = 8.0, 0.85
INSERT = (
    "insert into int_followed_scores values ('e1', ?, 'phq9', 'v', 'v', ?, 'total', ?, false, "
    "timestamp '2025-01-06' + to_days(?))"
)


def trend_of(scores, days=None, carer_days=()):
    """The trend that int_episode_measures makes of PHQ-9 totals, one a week or on given days.

    A carer fills the same form in on days of their own, always with 3.
    """
    with duckdb.connect() as con:
        con.execute(
            "create table int_followed_scores (episode_key text, response_key text, "
            "instrument_id text, version text, own_version text, rater text, scale text, "
            "score double, is_prorated boolean, completed_at timestamp)"
        )
        for number, score in enumerate(scores):
            day = 7 * number if days is None else days[number]
            con.execute(
                INSERT, [f"{99 - number}", "client", score, day]
            )  # keys run against time: they must not order
        for day in carer_days:
            con.execute(INSERT, [f"carer {day}", "observer", 3, day])
        con.execute(
            "create table int_scales as select 'phq9' as instrument_id, 'v' as version, "
            "unnest(['client', 'observer']) as rater, 'total' as scale, 'outcome' as family, "
            "true as is_primary"
        )
        con.execute("create table int_unordered_episodes (episode_key text)")
        (found,) = con.execute(
            f"select score_trend from ({rendered('int_episode_measures')}) where rater = 'client'"
        ).fetchone()
    return found


@pytest.mark.parametrize(
    ("scores", "z"),
    [((19, 15, 16, 9, 11), -2.245365597551), ((12, 11, 13, 16), 1.010362971082)],
)
def test_the_trend_is_the_z_of_a_line_through_scores_of_known_error(scores, z):
    """R 4.2.2, metafor 3.8-1: rma(y, vi = sem^2, mods = ~seq_along(y), method = "FE")$zval[2]."""
    index = reliable_trend(sd=SD, reliability=RELIABILITY)

    assert index.of(pre=scores[0], post=trend_of(scores)) == pytest.approx(z, abs=1e-9)


def test_of_two_scores_it_is_jacobson_and_truax():
    index = reliable_trend(sd=SD, reliability=RELIABILITY)
    expected = jacobson_truax(sd=SD, reliability=RELIABILITY).of(pre=19, post=11)

    assert index.of(pre=19, post=trend_of((19, 11))) == pytest.approx(expected, abs=1e-12)


def test_forms_count_and_not_the_days_between_them():
    assert trend_of((19, 15, 9), days=(0, 1, 100)) == pytest.approx(trend_of((19, 15, 9)))


def test_forms_of_a_carer_in_between_are_no_occasions_of_the_client():
    assert trend_of((19, 15, 9), carer_days=(1, 2, 3)) == pytest.approx(trend_of((19, 15, 9)))


def test_one_score_has_no_trend():
    assert trend_of((19,)) is None
