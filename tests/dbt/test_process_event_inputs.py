"""Which forms gains and ruptures are looked for in, and which episodes are compared."""

from dataclasses import dataclass

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


BEFORE_AND_AFTER = ((2, 18), (6, 15), (7, 12), (9, 8))


@pytest.mark.parametrize(
    ("sessions", "is_judged", "scores", "expected"),
    [
        (6, True, BEFORE_AND_AFTER, None),
        (5, True, BEFORE_AND_AFTER, "fewer than 6 sessions attended"),
        (6, False, BEFORE_AND_AFTER, "rupture class not assessable"),
        (6, True, ((2, 18), (6, 15)), "no outcome score up to the landmark and after it"),
        (6, True, ((7, 18), (9, 15)), "no outcome score up to the landmark and after it"),
    ],
)
def test_the_landmark_keeps_episodes_with_a_class_at_it_and_an_outcome_after_it(
    sessions, is_judged, scores, expected
):
    """Six attended sessions, a class and a score on either side; else the reason."""
    (found,) = candidates_of(
        [Landmark("e1", sessions=sessions, is_judged=is_judged, scores=scores)]
    )

    assert found[:2] == ("e1", expected)


def test_the_outcome_is_what_changed_after_the_landmark():
    """PHQ-9 18 to 8, of which 15 to 8 after session 6; the registry asks for 6 points."""
    (found,) = candidates_of([Landmark("e1")])

    assert found[3:] == (7, True)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), "none"),
        # Begun at 3: regained at 6 counts as repaired at the landmark, at 7 it does not.
        (((3, "repaired", 6, 4),), "repaired"),
        (((3, "repaired", 7, 4),), "unrepaired"),
        (((5, "unrepaired", None, 6),), "unrepaired"),
        # Begun at the landmark or after it: not known then.
        (((6, "unrepaired", None, 7),), "none"),
        (((2, "repaired", 3, 3), (4, "unrepaired", None, 5)), "unrepaired"),
        # Not rated again up to the landmark: nobody knows.
        (((5, "repaired", 7, 7),), "not assessable"),
    ],
)
def test_the_class_is_what_was_known_at_the_landmark(events, expected):
    """Begun, regained, followed by a rating: sessions on either side of the sixth."""
    (found,) = candidates_of([Landmark("e1", events=events)])

    assert found[2] == expected


def test_a_detector_that_cannot_fire_before_the_landmark_has_no_class():
    """A baseline of five sessions leaves the sixth as the first."""
    (found,) = candidates_of([Landmark("e1")], detector="control_chart")

    assert found[1] == "detector cannot fire before the landmark"


def test_a_client_counts_once_with_the_first_episode_that_can_be_used():
    """An earlier episode that cannot be used does not take the place of a later one."""
    found = candidates_of(
        [
            Landmark("short", start="2024-01-01", sessions=3),
            Landmark("first", start="2024-06-01", sessions=8),
            Landmark("second", start="2025-01-01", sessions=9),
        ]
    )

    assert [each[:2] for each in found] == [
        ("first", None),
        ("second", "later episode of a client counted once"),
        ("short", "fewer than 6 sessions attended"),
    ]


@dataclass(frozen=True)
class Landmark:
    """An episode: outcome by session; events as (session, state, repaired at, rated next at)."""

    name: str
    start: str = "2025-01-01"
    sessions: int = 9
    is_judged: bool = True
    scores: tuple = BEFORE_AND_AFTER
    events: tuple = ()


def candidates_of(episodes, *, detector="drop_sd1") -> list[tuple]:
    """Return (episode, exclusion_reason, class, improvement, reliable) of a client's episodes."""
    con = duckdb.connect()
    con.execute(
        "create table names (episode_key uuid, name varchar);"
        "create table cf_alliance_ruptures (clinic_id varchar, clinic_group varchar, "
        "client_key uuid, episode_key uuid, detector varchar, instrument_id varchar, "
        "version varchar, is_judged boolean);"
        "create table fct_episodes (episode_key uuid, outcome_instrument_id varchar, "
        "therapist_key uuid, start_date date, dropout_unilateral boolean, "
        "n_sessions_attended bigint);"
        "create table fct_session_process (episode_key uuid, session_key uuid, "
        "session_number bigint, outcome_score double);"
        "create table int_episode_instruments (episode_key uuid, role varchar, "
        "direction integer, rc_operator varchar, rc_value double);"
        "create table int_rupture_events (episode_key uuid, detector varchar, "
        "instrument_id varchar, version varchar, kind varchar, position bigint, "
        "repair_state varchar, repaired_position bigint, position_ahead_1 bigint);"
        "create table detectors as select * from (values ('drop_sd1', null), "
        "('control_chart', 5)) as listed (detector, baseline_sessions)"
    )
    for episode in episodes:
        at = key(episode.name)
        con.execute("insert into names values (?, ?)", [at, episode.name])
        con.execute(
            "insert into cf_alliance_ruptures values "
            "('harbor', 'coast', ?, ?, ?, 'wai_sr', 'standard', ?)",
            [key("client"), at, detector, episode.is_judged],
        )
        con.execute(
            "insert into fct_episodes values (?, 'phq9', ?, ?, false, ?)",
            [at, key("therapist"), episode.start, episode.sessions],
        )
        con.execute("insert into int_episode_instruments values (?, 'outcome', -1, '>=', 6)", [at])
        for session, score in episode.scores:
            con.execute(
                "insert into fct_session_process values (?, ?, ?, ?)",
                [at, key(f"{episode.name}-{session}"), session, score],
            )
        for event in episode.events:
            con.execute(
                "insert into int_rupture_events values "
                "(?, ?, 'wai_sr', 'standard', 'drop_sd', ?, ?, ?, ?)",
                [at, detector, *event],
            )
    con.execute(f"create view int_cf_rupture_candidates as {rendered('int_cf_rupture_candidates')}")
    return con.execute(
        "select name, exclusion_reason, rupture_class, improvement, is_reliably_improved "
        "from int_cf_rupture_candidates join names using (episode_key) order by name"
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
