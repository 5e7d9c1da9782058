"""Ruptures: the SQL of the models, run on ratings written by hand."""

import pytest

from tests.conftest import key
from tests.dbt.hand_made_ratings import (
    PSQ,
    SRS,
    WAI,
    Course,
    Form,
    ratings_judged,
)
from tests.dbt.rendered_models import rendered


def sessions_of(con, detector: str, name: str = "one") -> list[int]:
    """Return the sessions at which the detector found a rupture."""
    found = con.execute(
        "select session_number from fct_ruptures where detector = ? and episode_key = ? "
        "order by session_number",
        [detector, key(name)],
    )
    return [number for (number,) in found.fetchall()]


def state_of(ratings, *, detector: str = "rci_drop", **options):
    """Return (state, strictly, confirmed, repaired session, V) of the first rupture."""
    con = ratings_judged({"one": Course(tuple(ratings), **options)})
    return con.execute(
        "select repair_state, is_strictly_repaired, is_repair_confirmed, "
        "repaired_session_number, is_v_shape from fct_ruptures where detector = ? "
        "order by session_number",
        [detector],
    ).fetchone()


def class_of(ratings, *, detector: str = "rci_drop", **options):
    """Return (class, reason, ruptures, opportunities) of one episode."""
    con = ratings_judged({"one": Course(tuple(ratings), **options)})
    return con.execute(
        "select rupture_class, not_assessable_reason, n_ruptures, n_opportunities "
        "from cf_alliance_ruptures where detector = ?",
        [detector],
    ).fetchone()


def test_control_chart_finds_the_published_signal():
    """domain.md R17: mean 30.1429 and mean range 1.0 of the first seven; 22 is below 27.4829."""
    con = ratings_judged({"one": Course((30, 31, 30, 29, 30, 31, 30, 22), WAI)})
    found = con.execute(
        "select session_number, center_line, mean_range, limit_score, score "
        "from fct_ruptures where detector = 'control_chart'"
    ).fetchall()

    assert found == [
        (8, pytest.approx(30.1429, abs=5e-5), 1.0, pytest.approx(27.4829, abs=5e-5), 22)
    ]


@pytest.mark.parametrize(
    ("ratings", "expected"),
    [
        ((30, 31, 30, 29, 22, 30, 30), []),  # four sessions are no baseline
        ((30, 31, 30, 29, 30, 22, 30), [6]),  # five are
        ((30, 31, None, 30, 29, 30, 22), []),  # a gap leaves three moving ranges
        ((30, 31, None, 30, 29, 30, 31, 22), [8]),
        ((30, 31, 30, 31, 30, 27.74), []),  # the limit itself: 30.4 - 2.66
        ((30, 31, 30, 31, 30, 27.73), [6]),
        ((30, 30, 30, 30, 30, 20), []),  # a baseline that does not vary has no limit
    ],
)
def test_control_chart_needs_a_baseline_of_five_and_a_point_below(ratings, expected):
    """Both ends of the baseline and of the limit."""
    con = ratings_judged({"one": Course(ratings, WAI)})

    assert sessions_of(con, "control_chart") == expected


def test_a_control_signal_that_lasts_is_one_rupture():
    """Two points below the limit in a row: one rupture, one opportunity less."""
    con = ratings_judged({"one": Course((40, 41, 40, 41, 40, 41, 40, 41, 36, 30), WAI)})
    found = con.execute(
        "select n_ruptures, n_opportunities from cf_alliance_ruptures "
        "where detector = 'control_chart'"
    ).fetchone()

    assert sessions_of(con, "control_chart") == [9]
    assert found == (1, 4)


def test_sd_of_one_client_alone():
    """50 50 50 46 50 50: SD 1.63299, so a fall of 4 passes one and two SDs."""
    con = ratings_judged({"one": Course((50, 50, 50, 46, 50, 50), WAI)})
    sds = con.execute("select distinct round(sd_used_points, 5) from fct_ruptures").fetchall()

    assert sds == [(1.63299,)]
    assert sessions_of(con, "drop_sd1") == sessions_of(con, "drop_sd2") == [4]


def test_the_stricter_sd_wins_on_either_side():
    """Pooled SD 7.83156 hides a fall of 4; an own SD of 10.95445 wins over the pooled one."""
    con = ratings_judged(
        {
            "calm": Course((50, 50, 50, 46, 50, 50), WAI),
            "restless": Course((20, 40, 20, 40, 20, 40), WAI),
        }
    )
    sds = con.execute(
        "select round(sd_within_points, 5), round(sd_pooled_points, 5), round(sd_used_points, 5) "
        "from fct_ruptures where detector = 'drop_sd1' limit 1"
    ).fetchone()

    assert sessions_of(con, "drop_sd1", "calm") == []
    assert sessions_of(con, "drop_sd1", "restless") == [3, 5]
    assert sessions_of(con, "drop_sd2", "restless") == []
    assert sds == (10.95445, 7.83156, 10.95445)


@pytest.mark.parametrize(
    ("low", "operator", "expected"),
    [(45, ">=", [3]), (45.1, ">=", []), (45, ">", []), (44.9, ">", [3])],
)
def test_reliable_drop_takes_points_and_operator_of_the_registry(low, operator, expected):
    """Five points from 50: the boundary counts or not, as the registry says."""
    form = Form("wai_sr", "standard", 12, 60, rc_value=5, rc_operator=operator)
    con = ratings_judged({"one": Course((50, 50, low, 50, 50), form)})

    assert sessions_of(con, "rci_drop") == expected


def first_ratings(n: int) -> dict:
    """Return n courses whose first ratings are 40 and 50 in turn."""
    form = Form("wai_sr", "standard", 12, 60, reliability=0.91)
    return {f"c{i}": Course((40 + 10 * (i % 2), 45, 45, 45), form) for i in range(n)}


def test_reliable_drop_without_points_uses_the_sites_own_first_ratings():
    """15 times 40 and 15 times 50: SD 5.08548; 1.96 * SD * sqrt(2) * sqrt(.09) = 4.22887."""
    con = ratings_judged(first_ratings(30))
    (needed,) = con.execute(
        "select distinct drop_needed_points from cf_alliance_ruptures where detector = 'rci_drop'"
    ).fetchone()

    assert needed == pytest.approx(4.22887, abs=1e-5)
    assert sessions_of(con, "rci_drop", "c1") == [2]


def test_reliable_drop_needs_thirty_first_ratings_and_a_reliability():
    """29 are too few; without a reliability nothing can be computed."""
    few = ratings_judged(first_ratings(29))
    none = ratings_judged({"one": Course((50, 40, 50, 40), WAI)})
    reason = (
        "select distinct not_assessable_reason from cf_alliance_ruptures "
        "where detector = 'rci_drop'"
    )

    assert few.execute(reason).fetchall() == [("fewer than 30 first ratings, or they do not vary",)]
    assert none.execute(reason).fetchall() == [("no reliability in the registry",)]


def test_a_session_without_a_rating_breaks_the_run():
    """50, nothing, 30: no fall is measured across it, for no detector."""
    con = ratings_judged({"one": Course((50, 50, None, 30, 30, 30))})

    assert con.execute("select count(*) from fct_ruptures").fetchone() == (0,)


@pytest.mark.parametrize(
    ("ratings", "expected"),
    [
        # Half of 10 is 5: 45 is regained and held, 44.9 is not.
        ((50, 50, 40, 45, 45, 45), ("repaired", False, True, 4, True)),
        ((50, 50, 40, 44.9, 44.9, 44.9), ("unrepaired", False, None, None, False)),
        # Regained and lost at the next rating: a V, but not repaired.
        ((50, 50, 40, 46, 42, 42, 42), ("unrepaired", False, None, None, True)),
        # Lost once and regained for good.
        ((50, 50, 40, 46, 42, 46, 46), ("repaired", False, True, 6, True)),
        # The third session after is in time, the fourth is not.
        ((50, 50, 40, 41, 41, 46, 46), ("repaired", False, True, 6, True)),
        ((50, 50, 40, 41, 41, 41, 46, 46), ("unrepaired", False, None, None, False)),
        # The last rating cannot be lost; nobody confirmed it.
        ((50, 50, 40, 46), ("repaired", False, False, 4, True)),
        # A missing session in between is no rating, and the next rating is the next one.
        ((50, 50, 40, None, 46, None, 46), ("repaired", False, True, 5, True)),
        ((50, 50, 40, None, 46, None, 40), ("unrepaired", False, None, None, True)),
        # Into the last session, or never rated again in time.
        ((50, 50, 50, 40), ("unrepaired_terminal", None, None, None, False)),
        ((50, 50, 50, 40, None, None, None, 50), ("not_rated_after", None, None, None, False)),
    ],
)
def test_repair_is_half_of_the_fall_within_three_sessions_and_held(ratings, expected):
    """domain.md 4.6, every boundary by hand."""
    assert state_of(ratings) == expected


@pytest.mark.parametrize(("back", "is_strict"), [(49.5, True), (48.9, False)])
def test_strict_repair_is_within_a_quarter_sd_of_the_level_before(back, is_strict):
    """SD 3.96758 asks for 49.0081, SD 3.85097 for 49.0373."""
    state, strictly, *_ = state_of((50, 50, 40, back, back, back))

    assert (state, strictly) == ("repaired", is_strict)


def test_an_open_treatment_can_still_repair():
    """Pending until three sessions have passed; then unrepaired."""
    assert state_of((50, 50, 50, 40), is_open=True)[0] == "pending"
    assert state_of((50, 50, 50, 40, 41, 41), is_open=True)[0] == "pending"
    assert state_of((50, 50, 50, 40, 41, 41, 41), is_open=True)[0] == "unrepaired"


@pytest.mark.parametrize(
    ("total", "by_total", "is_strict"), [(36.1, None, None), (36, True, False), (35.9, True, True)]
)
def test_srs_trigger_fires_at_36_and_keeps_the_other_reading(total, by_total, is_strict):
    """<= 36 fires; the software that has < 36 is a column."""
    # The second client's swings make a fall of one SD impossible for the first.
    con = ratings_judged(
        {
            "one": Course((37, 37, total, 37, 37), SRS, items=(9.2, 9.2, 9.0, 9.2, 9.2)),
            "two": Course((10, 39, 10, 39, 10, 39), SRS),
        }
    )
    found = con.execute(
        "select is_by_total, is_by_item, is_by_drop, is_strict_trigger from fct_ruptures "
        "where detector = 'srs_trigger' and episode_key = ?",
        [key("one")],
    ).fetchall()

    assert found == ([(by_total, False, False, is_strict)] if by_total else [])


@pytest.mark.parametrize(("item", "expected"), [(9.0, []), (8.9, [3])])
def test_srs_trigger_fires_when_any_item_is_below_nine(item, expected):
    """Nine is fine, 8.9 is not, at a total of 38."""
    con = ratings_judged(
        {
            "one": Course((38, 38, 38, 38, 38), SRS, items=(9.5, 9.5, item, 9.5, 9.5)),
            "two": Course((10, 39, 10, 39, 10, 39), SRS),
        }
    )

    assert sessions_of(con, "srs_trigger") == expected


def test_srs_trigger_fires_on_a_fall_of_one_sd():
    """39.5 to 37.5 with an SD below 2, total and items fine."""
    con = ratings_judged({"one": Course((39.5, 39.5, 37.5, 39.5, 39.5), SRS)})
    flags = con.execute(
        "select is_by_total, is_by_item, is_by_drop from fct_ruptures "
        "where detector = 'srs_trigger'"
    ).fetchall()

    assert flags == [(False, False, True)]


def test_a_trigger_that_lasts_is_one_rupture_and_repaired_when_it_is_gone():
    """35 twice, then 39 twice: one rupture; ending at 35.5 it would not be gone."""
    gone = state_of((39, 35, 35, 39, 39), form=SRS, detector="srs_trigger")
    not_gone = state_of((39, 30, 30, 35.5, 35.5), form=SRS, detector="srs_trigger")
    con = ratings_judged({"one": Course((39, 35, 35, 39, 39), SRS)})

    assert sessions_of(con, "srs_trigger") == [2]
    assert gone[0] == "repaired"
    # 35.5 regains more than half of 9 points, but the trigger is still there.
    assert not_gone[0] == "unrepaired"


def test_a_trigger_belongs_to_the_srs_alone():
    """A WAI total of 30 is no SRS total of 30."""
    con = ratings_judged({"one": Course((30, 30, 30, 30), WAI)})

    assert con.execute(
        "select count(*) from cf_alliance_ruptures where detector = 'srs_trigger'"
    ).fetchone() == (0,)


@pytest.mark.parametrize(
    ("resolutions", "expected"),
    [
        ((None, None, 3, None, None), "repaired"),
        ((None, None, 2, None, None), "unrepaired"),
        ((None, None, None, None, None), "repaired"),  # no rupture reported in the next sessions
    ],
)
def test_a_reported_rupture_is_repaired_when_the_client_says_so(resolutions, expected):
    """Resolution 3 of 5 or more; without an answer, when no rupture is reported any more."""
    con = ratings_judged({"one": Course((1, 1, 0, 1, 1), PSQ, resolutions=resolutions)})
    found = con.execute(
        "select detector, session_number, repair_state, score, drop_points from fct_ruptures"
    ).fetchall()

    assert found == [("self_report", 3, expected, None, None)]


@pytest.mark.parametrize("ratings", [(0,), (None, 0, None), (1, 0)])
def test_one_form_that_reports_a_rupture_is_a_rupture(ratings):
    """What a client says needs no standard deviation, so no second form either."""
    con = ratings_judged({"one": Course(ratings, PSQ)})

    assert con.execute("select detector from fct_ruptures").fetchall() == [("self_report",)]


@pytest.mark.parametrize(
    ("resolution", "alerts"),
    [(1, 1), (2, 1), (None, 1), (3, 0), (5, 0)],
)
def test_a_reported_rupture_that_is_not_resolved_alerts_at_its_own_session(resolution, alerts):
    """The morning after the form, not when the sessions for a repair are over."""
    course = Course((1, 0, 1, 1, 1, 1), PSQ, resolutions=(None, resolution, *[None] * 4))
    con = ratings_judged({"one": course})

    (at,) = con.execute("select session_at from fct_ruptures").fetchone()
    con.execute("update fct_sessions set session_at = session_at + to_weeks(1)")

    told = con.execute(
        f"select alert_kind, raised_at from ({rendered('int_alert_ruptures')})"
    ).fetchall()

    assert told == [("unrepaired_rupture", at)] * alerts


def test_an_srs_total_is_a_trigger_on_the_first_form_and_a_fall_of_one_sd_is_not():
    """36 of 40 is seen on one form; the spread a fall is held against is that of four."""
    con = ratings_judged({"one": Course((36,), SRS), "two": Course((40, 37), SRS)})

    assert sessions_of(con, "srs_trigger") == [1]
    assert sessions_of(con, "srs_trigger", "two") == []
    assert con.execute(
        "select distinct drop_needed_points from fct_ruptures where detector = 'srs_trigger'"
    ).fetchall() == [(None,)]


def test_u_shape_is_a_quadratic_term_above_zero_from_eight_ratings_on():
    """(x - 4.5)^2 + 30 has the term 1 and its lowest point at 4.5."""
    u_shape = tuple((x - 4.5) ** 2 + 30 for x in range(1, 9))
    # Rounding gives this line a term of 4e-15.
    straight = tuple(round(12.1 + 4.3 * x, 1) for x in range(1, 9))
    con = ratings_judged(
        {
            "u": Course(u_shape),
            "line": Course(straight),
            "arch": Course(tuple(60 - y / 2 for y in u_shape)),
            "seven": Course(u_shape[:7]),
        }
    )

    def shape_of(name):
        return con.execute(
            "select is_u_shape, u_quadratic_points, u_turning_session from cf_alliance_ruptures "
            "where detector = 'rci_drop' and episode_key = ?",
            [key(name)],
        ).fetchone()

    assert shape_of("u") == (True, pytest.approx(1.0), pytest.approx(4.5))
    assert shape_of("line") == (False, pytest.approx(0.0, abs=1e-9), None)
    assert shape_of("arch") == (False, pytest.approx(-0.5), None)
    assert shape_of("seven") == (False, None, None)


@pytest.mark.parametrize(
    ("ratings", "expected"),
    [
        ((50, 50, 50, 50), ("none", None, 0, 3)),
        ((50, 50, 40, 50, 50), ("repaired", None, 1, 4)),
        ((50, 50, 40, 40, 40), ("unrepaired", None, 1, 4)),
        # One repaired and one not: unrepaired.
        ((50, 40, 50, 50, 40, 40, 40), ("unrepaired", None, 2, 6)),
        # A repaired one is not undone by a fall into the last session.
        ((50, 40, 50, 50, 50, 40), ("repaired", None, 2, 5)),
        ((50, 50, 50, 40), ("not assessable", "only a drop into the last session", 1, 3)),
        # A reliable fall needs two ratings, no SD of this client.
        ((50, 40), ("not assessable", "only a drop into the last session", 1, 1)),
        ((50, 40, 40, 40), ("unrepaired", None, 1, 3)),
        ((50,), ("not assessable", "fewer than 2 ratings", 0, 0)),
        (
            (50, None, 40, None, 50, None, 40),
            ("not assessable", "no two neighboring sessions rated", 0, 0),
        ),
        ((60, 60, 60, 52, 60, 60), ("not assessable", "ceiling limited", 1, 5)),
        ((60, 60, 60, 60), ("not assessable", "ceiling limited", 0, 3)),
    ],
)
def test_classes_of_an_episode(ratings, expected):
    """None, repaired, unrepaired or not assessable, with the reason and the sessions at risk."""
    assert class_of(ratings) == expected


@pytest.mark.parametrize(
    ("second", "reason"),
    [(55.2, "ceiling limited"), (55.1, None)],
)
def test_ceiling_begins_at_95_percent_of_the_maximum_possible(second, reason):
    """WAI-SR 12 to 60: 95 POMP is a mean of 57.6."""
    assert class_of((60, second, 60, second))[1] == reason


def test_a_detector_for_one_form_takes_the_place_of_the_one_for_all():
    """A clinic's own row with four ratings at least is used instead, not beside it."""
    own = {
        "detector": "rci_drop",
        "kind": "drop_reliable",
        "instrument_id": "wai_sr",
        "family": "alliance",
        "threshold_operator": ">=",
        "min_ratings": 4,
        "repair_share": 0.5,
        "strict_repair_sd": 0.25,
        "evidence": "derived",
    }
    con = ratings_judged({"one": Course((50, 50, 40))}, extra_detectors=(own,))

    assert con.execute(
        "select rupture_class, n_ruptures from cf_alliance_ruptures where detector = 'rci_drop'"
    ).fetchall() == [("not assessable", 0)]


@pytest.mark.parametrize(
    "ratings", [(50,), (None, None), (50, 50), (50, 50, 50, 50, 50, 50), (60, 60, 60, 60, 60)]
)
def test_degenerate_ratings_give_no_rupture_and_no_error(ratings):
    """One session, nothing rated, no variance, all at the ceiling; for every detector."""
    con = ratings_judged({"one": Course(ratings, WAI)})

    assert con.execute("select count(*) from fct_ruptures").fetchone() == (0,)
    assert con.execute("select count(*) from cf_rupture_summary where estimate > 0").fetchone() == (
        0,
    )


def half_and_half(n_with: int, n_without: int):
    """Return episodes with and without one repaired rupture, four pairs each."""
    courses = {f"with{i}": Course((50, 50, 40, 50, 50)) for i in range(n_with)}
    courses |= {f"without{i}": Course((50, 50, 50, 50, 50)) for i in range(n_without)}
    return (
        ratings_judged(courses)
        .execute(
            "select estimate, ci_low, ci_high, rupture_percent, rupture_percent_ci_low, "
            "rupture_percent_ci_high, repaired_percent, n_ruptures, n_opportunities, "
            "precision_label "
            "from cf_rupture_summary where scope_level = 'overall' and detector = 'rci_drop'"
        )
        .fetchone()
    )


def test_rates_are_per_session_at_risk():
    """11 ruptures in 88 pairs: .125, SE sqrt(5.5 * 22 / 21) / 88 = .027277; Wilson of 11 in 22."""
    near = lambda value: pytest.approx(value, abs=5e-5)  # noqa: E731

    assert half_and_half(11, 11) == (
        0.125,
        near(0.07154),
        near(0.17846),
        50.0,
        near(30.7221),
        near(69.2779),
        100.0,
        11,
        88,
        "too imprecise",
    )


@pytest.mark.parametrize(
    ("n_without", "label"), [(9, "too imprecise"), (48, "too imprecise"), (49, "exploratory")]
)
def test_fifty_episodes_are_exploratory_and_no_number_is_hidden(n_without, label):
    estimate, *_, n_ruptures, _, found = half_and_half(1, n_without)

    assert (estimate, n_ruptures, found) == (1 / (4 * (n_without + 1)), 1, label)


def test_no_rupture_at_all_is_a_rate_of_zero_without_an_interval():
    """The linearized error is 0 there, which is not certainty."""
    assert half_and_half(0, 12)[:3] == (0.0, None, None)


def test_groups_and_clinics_add_up_to_all():
    """Three scopes from the same sums."""
    courses = {f"a{i}": Course((50, 50, 50, 50), clinic="harbor") for i in range(11)}
    courses |= {f"b{i}": Course((50, 40, 50, 50), clinic="summit") for i in range(11)}
    found = ratings_judged(courses).execute(
        "select scope_level, scope_id, n_ruptures, n_episodes from cf_rupture_summary "
        "where detector = 'rci_drop' order by scope_level, scope_id"
    )

    assert found.fetchall() == [
        ("clinic", "harbor", 0, 11),
        ("clinic", "summit", 11, 11),
        ("group", "coast", 11, 22),
        ("overall", "all", 11, 22),
    ]


@pytest.mark.parametrize("n_unrepaired", [0, 1, 11])
def test_ruptures_are_counted_by_what_became_of_them(n_unrepaired):
    courses = {f"a{i}": Course((50, 50, 40, 50, 50)) for i in range(11)}
    courses |= {f"b{i}": Course((50, 50, 40, 40, 40)) for i in range(n_unrepaired)}
    courses |= {f"c{i}": Course((50, 50, 50, 50, 50)) for i in range(11)}
    found = ratings_judged(courses).execute(
        "select n_repaired, n_unrepaired, n_undecided from cf_rupture_summary "
        "where scope_level = 'overall' and detector = 'rci_drop'"
    )

    assert found.fetchone() == (11, n_unrepaired, 0)


def test_a_row_of_two_clinics_says_how_they_differ():
    """Ruptures in 6 and in 11 of twelve courses, of four sessions at risk each."""
    courses = {f"a{i}": Course((50, 40 if i < 6 else 50, 50, 50, 50)) for i in range(12)}
    courses |= {f"b{i}": Course((50, 40, 50, 50, 50), clinic="summit") for i in range(11)}
    courses |= {"bb": Course((50, 50, 50, 50, 50), clinic="summit")}
    rows = (
        ratings_judged(courses)
        .execute(
            "select scope_level, estimate, pooling, n_clinics, tau > 0, clinics_disagree "
            "from cf_rupture_summary where detector = 'rci_drop' order by scope_level, scope_id"
        )
        .fetchall()
    )

    assert [row[2:] for row in rows[:2]] == [("one clinic", None, None, None)] * 2
    for row in rows[2:]:
        weighted = ("clinics weighted by their clients", 2, True, None)
        assert row[1:] == (17 / 96, *weighted)  # all courses; a share has no sign
