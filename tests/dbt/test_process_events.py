"""Sudden gains: the SQL of the models, run on rows the R package suddengains judged."""

import csv
import json
import statistics

import duckdb
import pytest

from tests.dbt.rendered_models import rendered
from transforms.statistics.estimate import two_sided_t

LOWER_IS_BETTER = -1


def gains_in(series: dict, *, cutoff: float, direction: int = LOWER_IS_BETTER, score_range=(0, 63)):
    """Judge every interval of the series; return a connection with intervals and events."""
    con = duckdb.connect()
    con.execute(
        "create table int_gain_series (series_key varchar, position integer, value double, "
        "direction integer, score_min double, score_max double, cutoff double)"
    )
    rows = [
        (key, position, value, direction, *score_range, cutoff)
        for key, values in series.items()
        for position, value in enumerate(values, start=1)
    ]
    con.executemany("insert into int_gain_series values (?, ?, ?, ?, ?, ?, ?)", rows)
    con.execute("create table int_quantiles (freedom bigint, quantile double)")
    for freedom in (2, 3, 4):
        con.execute(
            "insert into int_quantiles values (?, ?)", [freedom, two_sided_t(freedom, 0.95)]
        )
    con.execute(f"create view int_gain_intervals as {rendered('int_gain_intervals')}")
    con.execute("create view int_gain_events as select * from int_gain_intervals where is_detected")
    return con


def events_of(values, *, cutoff=7.0, **options):
    """Return (kind, n) of every event of one series."""
    found = gains_in({"one": values}, cutoff=cutoff, **options)
    return found.execute("select kind, position from int_gain_events order by position").fetchall()


@pytest.fixture(scope="module")
def sgdata(request):
    """The 43 people of the package's example, sessions 1 to 12, cut-off 7."""
    folder = request.getfixturevalue("real_data") / "sudden_gains"
    with (folder / "sgdata.csv").open(encoding="utf-8") as lines:
        people = list(csv.DictReader(lines))
    series = {
        person["id"]: [
            float(person[f"bdi_s{n}"]) if person[f"bdi_s{n}"] else None for n in range(1, 13)
        ]
        for person in people
    }
    with (folder / "expected_bysg_bdi_crit7.csv").open(encoding="utf-8") as lines:
        expected = list(csv.DictReader(lines))
    summary = json.loads((folder / "expected_summaries.json").read_text(encoding="utf-8"))
    return gains_in(series, cutoff=7.0), expected, summary


@pytest.mark.real
def test_gains_equal_the_r_package_row_by_row(sgdata):
    """Every one of the 24 gains: the scores around it, its size, its share and its reversal."""
    con, expected, _ = sgdata
    found = con.execute(
        "select series_key, position, before_2, before_1, before_0, after_1, after_2, after_3, "
        "fall, total_change, fall / nullif(total_change, 0), reversal_severity, is_reversed "
        "from int_gain_events where kind = 'gain' "
        "order by cast(series_key as integer), position"
    ).fetchall()

    columns = ("sg_bdi_2n", "sg_bdi_1n", "sg_bdi_n", "sg_bdi_n1", "sg_bdi_n2", "sg_bdi_n3")
    columns += ("sg_magnitude", "sg_bdi_tx_change", "sg_change_proportion", "sg_reversal_value")
    assert len(found) == len(expected) == 24
    for row, theirs in zip(found, expected, strict=True):
        assert (row[0], row[1]) == (theirs["id"], int(theirs["sg_session_n"]))
        for value, column in zip(row[2:12], columns, strict=True):
            if theirs[column] == "":
                assert value is None
            else:
                assert value == pytest.approx(float(theirs[column]), abs=1e-12)
        assert row[12] == (theirs["sg_reversal"] == "1")


@pytest.mark.real
def test_gains_add_up_to_the_packages_summary(sgdata):
    """24 gains in 15 people, 8 of them with several, 4 reversals, mean 11.00, SD 3.43."""
    con, _, _ = sgdata
    gains = con.execute(
        "select series_key, fall, is_reversed from int_gain_events where kind = 'gain'"
    ).fetchall()
    people = [key for key, _, _ in gains]

    assert len(gains) == 24
    assert len(set(people)) == 15
    assert sum(people.count(key) > 1 for key in set(people)) == 8
    assert sum(is_reversed for _, _, is_reversed in gains) == 4
    assert statistics.mean(fall for _, fall, _ in gains) == pytest.approx(11.00, abs=0.005)
    assert statistics.stdev(fall for _, fall, _ in gains) == pytest.approx(3.43, abs=0.005)


@pytest.mark.real
def test_first_gains_per_person_equal_the_packages_summary(sgdata):
    """First gains: 15, mean 11.4, SD 3.98, 3 reversals."""
    con, _, summary = sgdata
    first = con.execute(
        "select fall, is_reversed from (select *, row_number() over "
        "(partition by series_key order by position) as number from int_gain_events "
        "where kind = 'gain') where number = 1"
    ).fetchall()
    theirs = summary["describe_byperson_first"]

    assert len(first) == theirs["sg_n"] == 15
    assert statistics.mean(f for f, _ in first) == pytest.approx(
        theirs["sg_magnitude_m"], abs=0.005
    )
    assert statistics.stdev(f for f, _ in first) == pytest.approx(
        theirs["sg_magnitude_sd"], abs=0.005
    )
    assert sum(is_reversed for _, is_reversed in first) == theirs["sg_reversal_n"] == 3


@pytest.mark.real
def test_losses_equal_the_packages_summary(sgdata):
    """3 losses, mean -13, SD 4.58, 2 reversals, although the second criterion is ours."""
    con, _, summary = sgdata
    losses = con.execute(
        "select fall, is_reversed from int_gain_events where kind = 'loss'"
    ).fetchall()

    assert len(losses) == summary["n_sl"] == 3
    assert statistics.mean(fall for fall, _ in losses) == -13
    assert statistics.stdev(fall for fall, _ in losses) == pytest.approx(4.58, abs=0.005)
    assert sum(is_reversed for _, is_reversed in losses) == 2


@pytest.mark.real
def test_intervals_that_can_hold_a_gain_equal_the_packages_count(sgdata):
    """298 of 387: both scores there and two on each side."""
    con, _, summary = sgdata
    (available,) = con.execute(
        "select count(*) from int_gain_intervals where is_detected is not null"
    ).fetchone()

    assert available == summary["count_intervals"]["available_between_sess_intervals_sg"] == 298


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((35, 37, 34, 24, 24, 21), [("gain", 3)]),
        ((35, 37, 23, 23, 24, 21), [("gain", 2)]),
        ((35, 37, 34, 34, 24, 21), [("gain", 4)]),
        ((28, 19, 23, 12, 13, None), []),
        ((28, 19, 23, 11, 12, None), [("gain", 3)]),
        ((28, 25, 28, 11, 12, None), [("gain", 3)]),
        ((10, 11, 12, 30, 28, 33), [("loss", 3)]),
    ],
)
def test_vectors_of_the_packages_own_tests(values, expected):
    """suddengains e964e74, tests; domain.md 6.3."""
    assert events_of(values) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((24, 24, 24, 18, 18, 18), []),  # 6 of 24: a quarter, but not 7 points
        ((24, 24, 24, 17, 17, 17), [("gain", 3)]),  # exactly 7 points
        ((32, 32, 32, 24, 24, 24), [("gain", 3)]),  # exactly a quarter
        ((33, 33, 33, 25, 25, 25), []),  # 8 points, less than a quarter
        ((17, 17, 17, 24, 24, 24), [("loss", 3)]),
        ((33, 33, 33, 41, 41, 41), []),  # a loss of 8 points, less than a quarter: not copied
    ],
)
def test_both_ends_of_the_first_two_criteria(values, expected):
    """Cut-off 7 points and 25 percent of the score before, for gains and losses alike."""
    assert events_of(values) == expected


@pytest.mark.parametrize(
    ("after", "is_stable"),
    [
        # Mean of 20, 22, 24 is 22, variance 4. After 14, 12, 10: mean 12, variance 4;
        # 10 > 2.776 * sqrt(4) = 5.552.
        ((14, 12, 10), True),
        # 16, 10, 22: mean 16, variance 36; 6 is not above 2.776 * sqrt(20) = 12.415.
        ((16, 10, 22), False),
        # Two scores: 16, 14, mean 15, variance 2; 7 > 3.182 * sqrt((8 + 2) / 3) = 5.810.
        ((16, 14), True),
        # 16, 12: mean 14, variance 8; 8 > 3.182 * sqrt((8 + 8) / 3) = 7.349.
        ((16, 12), True),
        # 16, 10: mean 13, variance 18; 9 is not above 3.182 * sqrt((8 + 18) / 3) = 9.368.
        ((16, 10), False),
    ],
)
def test_third_criterion_by_hand(after, is_stable):
    """The package's t criterion, worked out on paper."""
    con = gains_in({"one": (20, 22, 24, *after)}, cutoff=7.0)

    (found,) = con.execute("select is_stable from int_gain_intervals where position = 3").fetchone()
    assert found is is_stable


def test_two_scores_on_each_side_use_the_widest_t():
    """4.302653 for 2 + 2: pooled SD sqrt(2) gives 6.085."""
    con = gains_in({"a": (20, 22, 14, 12), "b": (20, 22, 16.5, 14.5)}, cutoff=1.0)
    found = con.execute(
        "select series_key, t_critical, is_stable from int_gain_intervals "
        "where position = 2 order by series_key"
    ).fetchall()

    t = pytest.approx(4.302652729749462, abs=1e-12)
    assert found == [("a", t, True), ("b", t, False)]


@pytest.mark.parametrize(
    ("n", "t"), [(2, 4.302652729749), (3, 3.182446305284), (4, 2.776445105198)]
)
def test_quantiles_are_those_of_r(n, t):
    """Of 2 degrees it has a closed form, .95 / sqrt(2 * .975 * .025); of 3 and 4 as tabled."""
    assert two_sided_t(n, 0.95) == pytest.approx(t, abs=5e-13)


@pytest.mark.parametrize(("spread", "is_stable"), [(2.77600, False), (2.77700, True)])
def test_the_third_criterion_takes_the_quantile_with_all_its_digits(spread, is_stable):
    """Both sides have variance 1, so the difference of the means is compared with t itself.

    2.776, the rounded quantile, is below 2.776445; a fall of the means by 2.7762 lies between.
    """
    end = 20 - spread - 0.0002
    con = gains_in({"one": (19, 20, 21, end - 1, end, end + 1)}, cutoff=0.5)

    (found,) = con.execute("select is_stable from int_gain_intervals where position = 3").fetchone()
    assert found is is_stable


def test_a_missing_session_is_never_skipped_over():
    """Positions are sessions: no interval across a gap, and the window keeps its sessions."""
    con = gains_in({"one": (30, 30, None, 20, 20, 20)}, cutoff=7.0)

    assert con.execute("select count(*) from int_gain_events").fetchone() == (0,)
    assert con.execute("select position from int_gain_intervals order by 1").fetchall() == [
        (1,),
        (4,),
        (5,),
    ]


def test_one_score_on_a_side_cannot_be_judged():
    """The first interval and the last never hold a gain: NULL, not false."""
    con = gains_in({"one": (30, 15, 15, 5)}, cutoff=7.0)
    found = con.execute(
        "select position, is_detected from int_gain_intervals order by position"
    ).fetchall()

    assert found == [(1, None), (2, False), (3, None)]


@pytest.mark.parametrize(("last", "is_reversed"), [(27, False), (28, True), (None, None)])
def test_a_gain_is_reversed_above_half_of_it(last, is_reversed):
    """From 34 to 20 the line is 27; only sessions after n + 1 count."""
    later = (20, last) if last else (None, None)
    con = gains_in({"one": (34, 34, 34, 20, 20, *later)}, cutoff=7.0)

    (found,) = con.execute("select is_reversed from int_gain_events").fetchone()
    assert found is (is_reversed if last else False)


def test_higher_is_better_is_the_mirror_image():
    """The scale is turned first: minimum plus maximum minus score (domain.md 1.0, rule 3)."""
    lower = (35, 37, 34, 24, 24, 21, 40)
    higher = tuple(63 - value for value in lower)

    assert events_of(higher, direction=1) == events_of(lower) == [("gain", 3)]


def test_total_change_needs_the_first_and_the_last_session():
    """NA stays NA: without the first session's score there is no share."""
    con = gains_in({"one": (None, 37, 34, 24, 24, 21)}, cutoff=7.0)

    assert con.execute("select position, total_change from int_gain_events").fetchall() == [
        (3, None)
    ]


@pytest.mark.parametrize(
    "values", [(30,), (None, None, None, None), (20, 20, 20, 20, 20, 20), (63, 63)]
)
def test_degenerate_series_hold_no_event(values):
    """One session, all missing, no variance, all at the ceiling."""
    assert events_of(values) == []


def test_decimals_reach_their_own_cut_off():
    """8.2 - 3.2 is a little less than 5 in binary; it counts as 5."""
    assert events_of((8.0, 8.1, 8.2, 3.2, 3.1, 3.0), cutoff=5.0) == [("gain", 3)]
    assert events_of((8.0, 8.1, 8.2, 3.2, 3.1, 3.0), cutoff=5.1) == []
