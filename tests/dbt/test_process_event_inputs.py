"""Which forms gains and ruptures are looked for in, and which episodes are compared."""

import duckdb
import pytest

from tests.conftest import key
from tests.dbt.rendered_models import rendered

EPISODE = key("episode")


@pytest.fixture
def clinic():
    """One episode of four attended sessions, followed with PHQ-9; GAD-7 and BDI-II beside it."""
    con = duckdb.connect()
    con.execute(
        "create table int_scales as select * from (values "
        "('phq9', 'standard', 'client', 'total', 'outcome', true, -1, 0.0, 27.0, 6.0, '>='), "
        "('gad7', 'standard', 'client', 'total', 'outcome', true, -1, 0.0, 21.0, 4.0, '>='), "
        "('bdi2', 'standard', 'client', 'total', 'outcome', true, -1, 0.0, 63.0, null, null), "
        "('k10', 'standard', 'client', 'total', 'outcome', true, -1, 10.0, 50.0, null, null), "
        "('wai_sr', 'standard', 'client', 'total', 'alliance', true, 1, 12.0, 60.0, 5.0, '>=')) "
        "as scales (instrument_id, version, rater, scale, family, is_primary, direction, "
        "score_min, score_max, rc_value, rc_operator)"
    )
    con.execute(
        "create table detectors as select 'sudden_gain' as detector, 'bdi2' as instrument_id, "
        "'standard' as version, 7.0 as threshold_points"
    )
    con.execute(
        "create table int_episode_instruments as select ?::uuid as episode_key, 'outcome' as role, "
        "'phq9' as instrument_id, 'standard' as version, 'client' as rater",
        [EPISODE],
    )
    con.execute(
        "create table fct_sessions (episode_key uuid, session_key uuid, session_number bigint)"
    )
    con.execute(
        "create table fct_session_process (episode_key uuid, session_key uuid, "
        "session_number bigint, outcome_score double)"
    )
    con.execute(
        "create table fct_scores (episode_key uuid, session_key uuid, response_key uuid, "
        "completed_at timestamp, instrument_id varchar, version varchar, rater varchar, "
        "scale varchar, score double)"
    )
    con.execute("create view int_followed_scores as select * from fct_scores")
    for number, phq9 in ((1, 20.0), (2, None), (3, 12.0), (None, 11.0), (4, 10.0)):
        session = key(f"session-{number}")
        con.execute("insert into fct_sessions values (?, ?, ?)", [EPISODE, session, number])
        con.execute(
            "insert into fct_session_process values (?, ?, ?, ?)",
            [EPISODE, session, number, phq9],
        )
    return con


def add_form(con, session, instrument: str, score, *, at: str = "2025-01-01", name: str = "a"):
    """Add one client-rated total."""
    con.execute(
        "insert into fct_scores values (?, ?, ?, ?, ?, 'standard', 'client', 'total', ?)",
        [
            EPISODE,
            key(f"session-{session}"),
            key(f"{session}{instrument}{name}"),
            at,
            instrument,
            score,
        ],
    )


def series_of(con) -> dict:
    """Return the scores by instrument, in the order of their positions."""
    for model in ("int_gain_forms", "int_gain_keys", "int_gain_series"):
        con.execute(f"create table {model} as {rendered(model)}")
    found = con.execute(
        "select instrument_id, list(value order by position), list(position order by position) "
        "from int_gain_series join int_gain_keys using (series_key) group by instrument_id"
    ).fetchall()
    assert all(positions == [1, 2, 3, 4] for _, _, positions in found)
    return {instrument: values for instrument, values, _ in found}


def test_a_session_without_a_form_keeps_its_place(clinic):
    """Four treatment sessions, one without a score; the assessment session is none."""
    assert series_of(clinic) == {"phq9": [20, None, 12, 10]}


def test_other_outcome_forms_with_a_cut_off_are_series_of_their_own(clinic):
    """GAD-7 has a reliable change, BDI-II an override, K10 neither; the alliance is no outcome."""
    for instrument in ("phq9", "gad7", "bdi2", "k10", "wai_sr"):
        add_form(clinic, 3, instrument, 15)

    assert series_of(clinic) == {
        "phq9": [20, None, 12, 10],
        "gad7": [None, None, 15, None],
        "bdi2": [None, None, 15, None],
    }
    assert clinic.execute(
        "select instrument_id, cutoff, cutoff_source from int_gain_keys order by instrument_id"
    ).fetchall() == [
        ("bdi2", 7, "override"),
        ("gad7", 4, "registry"),
        ("phq9", 6, "registry"),
    ]


def test_of_two_forms_of_a_session_the_last_counts(clinic):
    """By time, then by key; a form without a session has no place."""
    add_form(clinic, 2, "gad7", 9, at="2025-01-02", name="late")
    add_form(clinic, 2, "gad7", 15, at="2025-01-01", name="early")
    add_form(clinic, "unknown", "gad7", 3)

    assert series_of(clinic)["gad7"] == [None, 9, None, None]


@pytest.mark.parametrize(
    ("sessions", "rupture_class", "improvement", "expected"),
    [
        (6, "none", 5.0, None),
        (5, "none", 5.0, "fewer than 6 sessions attended"),
        (6, "not assessable", 5.0, "rupture class not assessable"),
        (6, "repaired", None, "no first and last outcome score"),
    ],
)
def test_the_landmark_keeps_episodes_in_which_every_class_could_occur(
    sessions, rupture_class, improvement, expected
):
    """Six attended sessions, a class and two outcome scores; else the reason."""
    (found,) = candidates_of([("e1", "2025-01-01", sessions, rupture_class, improvement)])

    assert found == ("e1", expected)


def test_a_client_counts_once_with_the_first_episode_that_can_be_used():
    """An earlier episode that cannot be used does not take the place of a later one."""
    found = candidates_of(
        [
            ("short", "2024-01-01", 3, "none", 5.0),
            ("first", "2024-06-01", 8, "none", 5.0),
            ("second", "2025-01-01", 9, "repaired", 5.0),
        ]
    )

    assert found == [
        ("first", None),
        ("second", "later episode of a client counted once"),
        ("short", "fewer than 6 sessions attended"),
    ]


def candidates_of(episodes) -> list[tuple]:
    """Return (episode, exclusion_reason) of one client's episodes, by name."""
    con = duckdb.connect()
    con.execute("create table names (episode_key uuid, name varchar)")
    con.execute(
        "create table cf_alliance_ruptures (clinic_id varchar, clinic_group varchar, "
        "client_key uuid, episode_key uuid, detector varchar, instrument_id varchar, "
        "version varchar, rupture_class varchar)"
    )
    con.execute(
        "create table fct_episodes (episode_key uuid, outcome_instrument_id varchar, "
        "therapist_key uuid, start_date date, improvement double, is_reliably_improved boolean, "
        "dropout_unilateral boolean, n_sessions_attended bigint)"
    )
    for name, start, sessions, rupture_class, improvement in episodes:
        con.execute("insert into names values (?, ?)", [key(name), name])
        con.execute(
            "insert into cf_alliance_ruptures values "
            "('harbor', 'coast', ?, ?, 'drop_sd1', 'wai_sr', 'standard', ?)",
            [key("client"), key(name), rupture_class],
        )
        con.execute(
            "insert into fct_episodes values (?, 'phq9', ?, ?, ?, false, false, ?)",
            [key(name), key("therapist"), start, improvement, sessions],
        )
    con.execute(f"create view int_cf_rupture_candidates as {rendered('int_cf_rupture_candidates')}")
    return con.execute(
        "select name, exclusion_reason from int_cf_rupture_candidates "
        "join names using (episode_key) order by name"
    ).fetchall()


def test_the_lowest_item_is_that_of_the_last_form_with_a_total():
    """Scales of one item are items; the total and scales of several are not."""
    con = duckdb.connect()
    con.execute(
        "create table stg_lake__scales as select 'srs' as instrument_id, 'v3' as version, "
        "'client' as rater, unnest(['total', 'goal', 'task', 'pair']) as scale, "
        "unnest([4, 1, 1, 2]) as n_items"
    )
    con.execute(
        "create table int_scales as select instrument_id, version, rater, scale, "
        "'alliance' as family, scale = 'total' as is_primary from stg_lake__scales"
    )
    con.execute(
        "create table detectors as select 'srs' as instrument_id, 'v3' as version, "
        "9.0 as item_threshold"
    )
    session = key("session")
    con.execute(
        "create table fct_sessions as select ?::uuid as episode_key, ?::uuid as session_key, "
        "3 as session_number",
        [EPISODE, session],
    )
    con.execute(
        "create table fct_scores (session_key uuid, response_key uuid, completed_at timestamp, "
        "instrument_id varchar, version varchar, rater varchar, scale varchar, score double)"
    )
    forms = {
        "early": {"total": 20.0, "goal": 2.0, "task": 3.0},
        "late": {"total": 37.0, "goal": 9.5, "task": 8.5, "pair": 1.0},
        "without a total": {"total": None, "goal": 1.0},
    }
    for day, (name, scores) in enumerate(forms.items(), start=1):
        for scale, score in scores.items():
            con.execute(
                "insert into fct_scores values (?, ?, ?, 'srs', 'v3', 'client', ?, ?)",
                [session, key(name), f"2025-01-0{day}", scale, score],
            )

    assert con.execute(
        f"select session_number, score, lowest_item from ({rendered('int_rupture_forms')})"
    ).fetchall() == [(3, 37, 8.5)]
