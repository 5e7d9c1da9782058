"""Noise, the mirror of the detectors and the report card, over the SQL of the models."""

import numpy as np
import pytest

from tests.conftest import key
from tests.dbt.hand_made_ratings import PSQ, SRS, WAI, Course, Form, noise_of, ratings_judged
from tests.dbt.rendered_models import rendered
from transforms.common_factors.rupture_base_rates import (
    BY_CARD,
    BY_EXCESS,
    OBSERVED,
    with_choice,
)
from transforms.common_factors.rupture_noise import (
    JUDGED,
    KEY,
    RATING_COLUMNS,
    RULE_COLUMNS,
    SERIES,
    rule_of,
)
from transforms.common_factors.table import handed_over
from transforms.statistics.rupture_detectors import Series, ruptures_of

FIVE = Form("wai_sr", "standard", 12, 60, rc_value=5, rc_operator=">")


def drawn(seed, n_courses, form, *, sd, phi=0.0, mean=45.0, lengths=(2, 14), step=1.0):
    """Return courses of noise with gaps, some open: no rupture anywhere."""
    rng = np.random.default_rng(seed)
    courses = {}
    for number in range(n_courses):
        n = int(rng.integers(*lengths))
        z = rng.normal(size=n)
        for at in range(1, n):
            z[at] = phi * z[at - 1] + np.sqrt(1 - phi**2) * z[at]
        usual = mean + rng.normal(0, 3)
        values = np.clip(np.round((usual + sd * z) / step) * step, form.low, form.high)
        ratings = [None if rng.random() < 0.1 else float(round(value, 1)) for value in values]
        items = tuple(float(round(min(10, v / 4 + rng.normal(0, 0.4)), 1)) for v in values)
        courses[f"{form.instrument_id}{number}"] = Course(
            tuple(ratings),
            form,
            items=items if form is SRS else (),
            is_open=bool(rng.random() < 0.3),
        )
    return courses


@pytest.fixture(scope="module")
def judged():
    """Two forms, with gaps, ceilings, open courses and series too short to judge."""
    return ratings_judged(
        drawn(1, 120, FIVE, sd=4.0, phi=0.4)
        | drawn(2, 80, SRS, sd=2.5, mean=36.0, step=0.1)
        | {"held": Course((44, 52, 44, 52, 44, 50), FIVE)}
    )


def test_the_mirror_finds_what_the_sql_finds(judged):
    """Every detector, series by series: all ruptures, repaired and unrepaired ones."""
    rules = handed_over(judged.table("int_rupture_rules"), (KEY, *RULE_COLUMNS), JUDGED)
    ratings = handed_over(judged.table("int_rupture_ratings"), (KEY, *RATING_COLUMNS)).sort_by(
        [("series_key", "ascending"), ("position", "ascending")]
    )
    frame = {name: ratings[name].to_numpy(zero_copy_only=False) for name in ratings.column_names}
    sql = {
        (series, detector): tuple(counts)
        for series, detector, *counts in judged.execute(
            "select series_key::varchar, detector, count(*), "
            "count(*) filter (where repair_state = 'repaired'), "
            "count(*) filter (where repair_state = 'unrepaired') "
            "from int_rupture_events where not_assessable_reason is null group by all"
        ).fetchall()
    }
    mirror, detectors = {}, set()
    for rule in rules.to_pylist():
        own = frame["series_key"] == rule["series_key"]
        series = Series(
            *(frame[name][own][None].astype(float) for name in ("value", "lowest_item")),
            frame["position"][own][None],
            np.array([[rule["last_position"]]]),
            np.array([[rule["is_open"]]]),
        )
        found = ruptures_of(series, rule_of([rule], 1), repair_sessions=3)
        counts = tuple(int(each[0]) for each in (found.all, found.repaired, found.unrepaired))
        if counts[0]:
            mirror[rule["series_key"], rule["detector"]] = counts
            detectors.add(rule["detector"])

    assert mirror == sql
    assert detectors == {"drop_sd1", "drop_sd2", "control_chart", "rci_drop", "srs_trigger"}


def test_noise_is_the_same_whatever_other_courses_there_are(judged):
    """A seed is made of a course's key; another clinic's courses change nothing of this one."""
    one = judged.execute(
        "select detector, n_noise_ruptures from int_rupture_noise "
        "where series_key = ? and detector = 'rci_drop'",
        [key("held")],
    ).fetchall()
    more = ratings_judged(
        drawn(1, 120, FIVE, sd=4.0, phi=0.4)
        | drawn(2, 80, SRS, sd=2.5, mean=36.0, step=0.1)
        | {"held": Course((44, 52, 44, 52, 44, 50), FIVE)}
        | {f"other{i}": Course((30, 31, 30, 31), FIVE, clinic="summit") for i in range(20)}
    )
    again = more.execute(
        "select detector, n_noise_ruptures from int_rupture_noise "
        "where series_key = ? and detector = 'rci_drop'",
        [key("held")],
    ).fetchall()

    assert one == again
    assert noise_of(judged).equals(noise_of(judged))


def test_in_a_clinic_without_ruptures_no_detector_finds_more_than_noise():
    """Courses of correlated noise: the interval of the excess holds 0 for every detector."""
    con = ratings_judged(drawn(7, 300, FIVE, sd=4.0, phi=0.3, lengths=(5, 13)))
    rows = con.execute(
        "select detector, estimate, ci_low, ci_high, rupture_percent, standing, is_chosen "
        "from int_cf_rupture_base_rates where scope_level = 'clinic' order by detector"
    ).fetchall()

    assert [detector for detector, *_ in rows] == [
        "control_chart",
        "drop_sd1",
        "drop_sd2",
        "rci_drop",
    ]
    assert all(low <= 0 <= high for _, _, low, high, *_ in rows)
    assert rows[1][4] > 60  # a fall of one SD is found in most courses all the same
    assert {(standing, chosen) for *_, standing, chosen in rows} <= {
        ("no more than noise", False),
        ("fires on nearly everyone", False),
    }


def test_planted_ruptures_are_more_than_noise():
    """A fall of 14 points in every second course of nine."""
    courses = drawn(8, 300, FIVE, sd=2.0, lengths=(9, 13))
    for number, (name, course) in enumerate(courses.items()):
        if number % 2:
            ratings = list(course.ratings)
            ratings[5:7] = [None if each is None else max(12, each - 14) for each in ratings[5:7]]
            courses[name] = Course(tuple(ratings), FIVE)
    con = ratings_judged(courses)
    (row,) = con.execute(
        "select ci_low, standing from int_cf_rupture_base_rates "
        "where scope_level = 'overall' and detector = 'control_chart'"
    ).fetchall()

    assert row[0] > 5
    assert row[1] == "more than noise"


def test_the_card_counts_sessions_at_which_both_could_speak():
    """Falls at 4 (reported) and 6 (not); quiet at 3 and 8; session 1 has no fall to judge."""
    ratings = (50, 50, 50, 40, 50, 40, 50, 50)
    both = ratings_judged(
        {"one": Course(ratings, FIVE)}, reports={"one": {1: 1, 3: 0, 4: 1, 6: 0, 8: 1}}
    )
    found = both.execute(
        "select n_reported_found, n_reported_missed, n_unreported_found, n_unreported_quiet "
        "from cf_alliance_ruptures where detector = 'rci_drop'"
    ).fetchone()

    assert found == (1, 1, 1, 1)


def test_a_lasting_signal_counts_at_every_session_it_lasts():
    """The chart fires at 9 and 10, one rupture; a report at 10 is found."""
    ratings = (40, 41, 40, 41, 40, 41, 40, 41, 36, 30)
    con = ratings_judged({"one": Course(ratings, WAI)}, reports={"one": {10: 1, 7: 0}})
    found = con.execute(
        "select n_reported_found, n_reported_missed, n_unreported_found, n_unreported_quiet "
        "from cf_alliance_ruptures where detector = 'control_chart'"
    ).fetchone()

    assert found == (1, 0, 0, 1)


def test_reports_are_observed_and_have_no_rate_of_noise():
    """Two of three courses report one; nothing is simulated."""
    con = ratings_judged({f"c{i}": Course((1, 0 if i else 1), PSQ) for i in range(3)})
    (row,) = con.execute(
        "select estimate, noise_percent, round(rupture_percent, 3), standing, reason "
        "from int_cf_rupture_base_rates where scope_level = 'overall'"
    ).fetchall()

    assert row[:4] == (None, None, 66.667, "the client's own report")
    assert row[4].startswith("observed")
    assert SERIES >= 20


@pytest.mark.parametrize(
    ("before", "at", "expected"),
    [
        ((80, 80, 80), (50, 70, 75), ("task", 20.0)),
        ((80, 80, 80), (75, 50, 70), ("bond", 20.0)),
        ((80, 80, 80), (90, 85, 79), ("goal", 6.0)),  # the others rose
        ((80, 80, 80), (60, 60, 70), (None, None)),  # two fell alike
        ((80, 80, 80), (80, 80, 80), (None, None)),
        ((80, None, 80), (50, 70, 75), (None, None)),
        ((80, 80, 80), (50, None, 75), (None, None)),
    ],
)
def test_the_type_of_a_rupture_is_the_part_that_fell_most(before, at, expected):
    """By how much more than the next one; of unequal numbers each, so that parts cannot swap."""
    con = ratings_judged(
        {"one": Course((50, 50, 50, 40, 50, 50), FIVE)},
        parts={"one": [(80, 80, 80), (80, 80, 80), before, at, (80, 80, 80)]},
    )
    found = con.execute(
        "select rupture_type, rupture_type_margin_pomp from fct_ruptures "
        "where detector = 'rci_drop'"
    ).fetchall()

    assert found == [expected]


def test_a_form_without_parts_has_no_type():
    """No row of parts at all."""
    con = ratings_judged({"one": Course((50, 50, 50, 40, 50, 50), FIVE)})

    assert con.execute("select distinct rupture_type from fct_ruptures").fetchall() == [(None,)]


def record(detector, low, *, rate=40.0, reported=(0, 0), unreported=(0, 0), reason=None):
    """Return a record before the choice: lower end of the excess, and sessions of the card."""
    found, missed = reported
    wrong, quiet = unreported
    return {
        "scope_level": "overall",
        "scope_id": "all",
        "instrument_id": "wai_sr",
        "version": "standard",
        "detector": detector,
        "ci_low": low,
        "rupture_percent": rate,
        "reason": reason,
        "n_reported_found": found,
        "n_reported_missed": missed,
        "n_unreported_found": wrong,
        "n_unreported_quiet": quiet,
        "sensitivity_percent": 100 * found / max(found + missed, 1),
        "specificity_percent": 100 * quiet / max(quiet + wrong, 1),
    }


def chosen_of(*records):
    """Return (detector, why) of the detector to read."""
    return [
        (each["detector"], each["chosen_because"])
        for each in with_choice(records)
        if each["is_chosen"]
    ]


def test_of_detectors_beyond_noise_the_one_that_agrees_with_the_client_is_read():
    """The one that agrees best of all finds no more than noise, and is not."""
    noisy = record("drop_sd1", -0.1, reported=(10, 0), unreported=(0, 10))
    wide = record("drop_sd2", 9.0, reported=(4, 6), unreported=(2, 8))
    good = record("control_chart", 0.1, reported=(8, 2), unreported=(3, 7))

    assert chosen_of(noisy, wide, good) == [("control_chart", BY_CARD)]


def test_without_reports_the_widest_margin_over_noise_is_read():
    """Nine sessions with a report are too few, ten are enough."""
    wide = record("drop_sd2", 9.0, reported=(0, 9), unreported=(5, 5))
    good = record("control_chart", 0.1, reported=(9, 0), unreported=(0, 10))
    enough = record("control_chart", 0.1, reported=(10, 0), unreported=(0, 10))

    assert chosen_of(wide, good) == [("drop_sd2", BY_EXCESS)]
    assert chosen_of(wide, enough) == [("control_chart", BY_CARD)]


def test_what_fires_on_nearly_everyone_or_finds_only_noise_is_never_read():
    """90 percent is nearly everyone, 89.9 is not; a lower end of 0 is not above it."""
    assert chosen_of(record("srs_trigger", 5.0, rate=90.0)) == []
    assert chosen_of(record("srs_trigger", 5.0, rate=89.9)) == [("srs_trigger", BY_EXCESS)]
    assert chosen_of(record("drop_sd1", 0.0)) == []
    assert chosen_of(record("self_report", None, reason=OBSERVED)) == []


def alerts_of(con, standing, n_episodes):
    """Return how many alerts there are when a detector has this standing."""
    con.execute("drop view if exists int_cf_rupture_base_rates")
    con.execute(
        "create or replace view int_cf_rupture_base_rates as select 'overall' as scope_level, "
        "'rci_drop' as detector, 'wai_sr' as instrument_id, 'standard' as version, "
        f"'{standing}' as standing, {n_episodes} as n_episodes"
    )
    query = f"select count(*) from ({rendered('int_alert_ruptures')}) where rule = 'rci_drop'"
    return con.execute(query).fetchone()[0]


def test_a_detector_known_to_find_only_noise_does_not_alert():
    """Known from 50 courses on; before, it alerts as it always did."""
    con = ratings_judged({"one": Course((50, 46, 50, 40, 50, 44, 51, 51), FIVE)})
    con.unregister("int_cf_rupture_base_rates")

    assert alerts_of(con, "more than noise", 50) > 0
    assert alerts_of(con, "no more than noise", 50) == 0
    assert alerts_of(con, "fires on nearly everyone", 50) == 0
    assert alerts_of(con, "no more than noise", 49) > 0
