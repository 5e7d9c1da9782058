"""Records of the common-factors tables: planted truth comes back, poor data give a reason."""

import csv

import numpy as np
import pytest

from tests.conftest import ROOT
from transforms.common_factors.modality import modality_equivalence
from transforms.common_factors.survival import (
    dropout_curves,
    dropout_curves_by_alliance,
    dropout_hazards,
)
from transforms.common_factors.symptom_lag import alliance_symptom_lag
from transforms.common_factors.therapist_alliance import split_alliance, within_between_therapist
from transforms.common_factors.trajectory import SHAPES, is_u_shaped, trajectory_records
from transforms.common_factors.variance_shares import variance_shares
from transforms.statistics.level_so_far import level_so_far

pytestmark = pytest.mark.filterwarnings("error")
N, G = 1200, 40
THERAPIST = np.arange(N) % G


def strata(n=1, **more):
    return {
        "stratum": np.arange(n),
        "clinic_id": np.array([f"clinic{i}" for i in range(n)], dtype=object),
        "clinic_group": np.array(["coast"] * n, dtype=object),
        "alliance_instrument_id": np.array(["wai_sr"] * n, dtype=object),
        "outcome_instrument_id": np.array(["phq9"] * n, dtype=object),
    } | more


def clients(seed=1, between=0.2, within=0.05, therapist_sd=1.0, modality=(0, 0, 0)):
    """Post = 0.5 pre + slopes of alliance (points per point) + therapist + modality + noise 4."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 6, G)[THERAPIST]
    deviation = rng.normal(0, 10, N)
    codes = rng.integers(1, 4, N)
    pre = rng.normal(-15, 4, N)
    post = (
        0.5 * pre
        + between * level
        + within * deviation
        + rng.normal(0, therapist_sd, G)[THERAPIST]
        + np.array(modality, float)[codes - 1]
        + rng.normal(0, 4, N)
    )
    return {
        "stratum": np.zeros(N, int),
        "therapist_code": THERAPIST,
        "modality_code": codes,
        "alliance_pomp": 70 + level + deviation,
        "pre_score": pre,
        "post_score": post,
        "age_years": np.ma.masked_all(N),
        "problem_code": np.ma.masked_all(N),
        "step_code": np.ma.masked_all(N),
    }


def one(records, **where):
    (found,) = [r for r in records if all(r[name] == value for name, value in where.items())]
    return found


def test_alliance_is_split_by_hand():
    """Therapist 0: 60 and 80 (mean 70), therapist 1: 40 (mean 40); grand mean 60."""
    between, within = split_alliance(np.array([60.0, 80, 40]), np.array([0, 0, 1]))

    assert between.tolist() == [10, 10, -20]
    assert within.tolist() == [-10, 10, 0]


def test_planted_slopes_between_and_within_therapists_come_back():
    records = within_between_therapist(strata(), clients())

    for parameter, planted in (("between", 2.0), ("within", 0.5), ("between_minus_within", 1.5)):
        found = one(records, scope_id="all", parameter=parameter)
        assert found["ci_low"] < planted < found["ci_high"]
    assert found["n_therapists_with_caseload"] == G
    assert found["alliance_icc"] == pytest.approx(36 / 136, abs=0.1)


def modalities():
    names = np.array(["cbt", "emdr", "psychodynamic"], dtype=object)
    one_clinic = np.array(["clinic0"] * 3, dtype=object)
    return strata(3, modality=names, modality_code=np.array([1, 2, 3]), clinic_id=one_clinic)


def with_strata(rows):
    return rows | {"stratum": rows["modality_code"] - 1}


def test_a_planted_difference_between_modalities_is_different_and_none_is_not():
    """Emdr gains 3 points, about .7 SD of the last score, over the others."""
    rows = clients(therapist_sd=0.5, modality=(0, 3, 0))
    records = modality_equivalence(modalities(), with_strata(rows))
    overall = [r for r in records if r["scope_id"] == "all"]

    assert [(r["modality"], r["compared_modality"]) for r in overall] == [
        ("cbt", "emdr"),
        ("cbt", "psychodynamic"),
        ("emdr", "psychodynamic"),
    ]
    less, same, more = overall
    assert less["difference_points"] == pytest.approx(-3, abs=0.7)
    assert (less["verdict"], more["verdict"]) == ("different", "different")
    assert same["ci_low"] < 0 < same["ci_high"]
    assert same["verdict"] in ("equivalent", "inconclusive")
    assert less["n_therapists_both"] == G
    assert same["wide_ci_low"] < same["ci_low"] < same["ci_high"] < same["wide_ci_high"]


def test_therapists_of_one_modality_only_are_counted():
    """Modality follows the therapist: nobody practises both, and the difference is wide."""
    rows = clients()
    free = one(
        modality_equivalence(modalities(), with_strata(rows)),
        scope_id="all", modality="cbt", compared_modality="emdr",
    )  # fmt: skip
    rows["modality_code"] = THERAPIST % 3 + 1
    nested = one(
        modality_equivalence(modalities(), with_strata(rows)),
        scope_id="all", modality="cbt", compared_modality="emdr",
    )  # fmt: skip

    assert nested["n_therapists_both"] == 0
    assert nested["ci_high"] - nested["ci_low"] > 1.3 * (free["ci_high"] - free["ci_low"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"post_score": np.full(N, -5.0)}, "the outcome does not vary after the predictors"),
        ({"therapist_code": np.zeros(N, int)}, "fewer than 2 groups"),
        ({"therapist_code": np.arange(N)}, "no group has 2 rows"),
    ],
)
def test_modalities_that_cannot_be_compared_give_a_reason(change, reason):
    for record in modality_equivalence(modalities(), with_strata(clients()) | change):
        assert (record["reason"], record["estimate"], record["verdict"]) == (reason, None, None)


def test_shares_of_variance_sum_to_one_and_hold_what_was_planted():
    """Beside 16 of noise: alliance .01 · 136 = 1.36, therapist 4, modality var(0, 3, 0) = 2."""
    rows = clients(between=0.1, within=0.1, therapist_sd=2.0, modality=(0, 3, 0))
    records = [r for r in variance_shares(strata(), rows) if r["scope_id"] == "all"]
    total = 16 + 1.36 + 4 + 2

    assert sum(r["estimate"] for r in records) == pytest.approx(1, abs=1e-9)
    for source, planted in (("alliance", 1.36), ("therapist", 4), ("modality", 2)):
        found = one(records, source=source)
        assert found["ci_low"] < planted / total < found["ci_high"]


def test_one_modality_leaves_no_shares():
    rows = clients() | {"modality_code": np.ones(N)}

    assert {r["reason"] for r in variance_shares(strata(), rows)} == {"fewer than 2 modalities"}


def test_scopes_of_the_same_strata_are_equal():
    records = variance_shares(strata(), clients())

    clinic, overall = (
        [r["estimate"] for r in records if r["scope_id"] == place] for place in ("clinic0", "all")
    )
    assert clinic == overall


def test_a_curve_counts_who_completed_as_no_longer_at_risk():
    """Ten clients: sessions 1 to 4, as worked out by hand."""
    rows = {
        "stratum": np.zeros(10, int),
        "therapist_code": np.arange(10) % 2,
        "sessions_attended": np.array([1, 1, 2, 2, 2, 3, 3, 4, 4, 4], float),
        "cause": np.array([1, 0, 1, 2, 0, 2, 2, 1, 2, 0]),
    }
    records = [r for r in dropout_curves(strata(), rows) if r["scope_id"] == "all"]

    assert [r["session_number"] for r in records] == [1, 2, 3, 4]
    # One left after session 1, before it one was censored: 9 at risk there, 1/9 left.
    assert [r["n_at_risk"] for r in records] == [9, 7, 5, 2]
    after_one = 1 / 9
    after_two = after_one + 8 / 9 * 1 / 7
    assert [r["estimate"] for r in records[:3]] == pytest.approx([after_one, after_two, after_two])


def session_rows(slope=-0.03, seed=4, n=900):
    """Return clients who leave after a session with hazard .08·exp(slope·(alliance − 70))."""
    rng = np.random.default_rng(seed)
    parts = []
    for client in range(n):
        for session in range(1, 13):
            alliance = rng.normal(70, 10)
            left = rng.random() < 0.08 * np.exp(slope * (alliance - 70))
            rated = np.nan if rng.random() < 0.1 else alliance
            parts.append((client, client % 30, session, left, rated))
            if left or rng.random() < 0.05:
                break
    client, therapist, session, left, alliance = np.array(parts, dtype=float).T
    return {
        "stratum": np.zeros(len(client), int),
        "client_code": client,
        "therapist_code": therapist,
        "session_number": session,
        "has_left": left,
        "alliance_pomp": np.ma.masked_invalid(alliance),
        "alliance_carried_pomp": np.ma.masked_invalid(alliance),
    }


def test_a_planted_hazard_of_the_last_alliance_comes_back():
    """Planted −.03 per point: a hazard ratio of exp(−.3) = .741 per 10 points."""
    records = dropout_hazards(strata(), session_rows())
    found = one(records, scope_id="all", metric="hazard_ratio_per_10")
    unrated = one(records, scope_id="all", metric="hazard_ratio_not_rated")

    assert found["ci_low"] < np.exp(-0.3) < found["ci_high"]
    assert unrated["ci_low"] < 1 < unrated["ci_high"]
    assert found["n_clients"] == 900


def split_sessions(within, between, n=2500, seed=4):
    """Leaving by the session's deviation, and by the client's usual alliance (log per 10)."""
    draw = np.random.default_rng(seed)
    usual = draw.normal(0, 8, n)
    rows = []
    for client in range(n):
        for session in range(1, 13):
            deviation = draw.normal(0, 6)
            log_odds = -2.2 + (within * deviation + between * usual[client]) / 10
            left = draw.random() < np.exp(log_odds)
            rows.append((client, client % 60, session, left, 70 + usual[client] + deviation))
            if left:
                break
    client, therapist, session, left, alliance = np.array(rows, dtype=float).T
    return {
        "stratum": np.zeros(len(client), int),
        "therapist_code": therapist.astype(int),
        "client_code": client.astype(int),
        "session_number": session,
        "has_left": left,
        "alliance_pomp": alliance,
        "alliance_carried_pomp": alliance,
    }


@pytest.mark.parametrize(("within", "between"), [(-0.3, 0.0), (0.0, -0.3), (-0.4, 0.3)])
def test_within_and_between_clients_are_told_apart_in_the_hazard(within, between):
    """One number for both is a mixture of them, and holds neither."""
    records = dropout_hazards(strata(), split_sessions(within, between))
    found = {
        name: one(records, scope_id="all", metric=f"hazard_ratio_per_10{name}")
        for name in ("", "_within", "_between")
    }

    for name, planted in (("_within", within), ("_between", between)):
        low, high = np.log(found[name]["ci_low"]), np.log(found[name]["ci_high"])
        assert low < planted < high, f"{name}: {low} {planted} {high}"
    mixture = np.log(found[""]["estimate"])
    assert min(within, between) < mixture < max(within, between)


def test_the_usual_level_knows_no_later_rating():
    """Two clients whose ratings agree up to session 2 have one usual level there."""
    draw = np.random.default_rng(2)
    clients = np.repeat(np.arange(40), 4)
    sessions = np.tile(np.arange(1.0, 5), 40)
    ratings = 60 + draw.normal(0, 8, 40)[clients] + draw.normal(0, 4, 160)
    ratings[4:6] = ratings[:2]

    level = level_so_far(clients, sessions, ratings, np.zeros(160))

    assert level[:2].tolist() == level[4:6].tolist()
    assert level[2] != level[6]
    shuffled = draw.permutation(160)
    again = level_so_far(
        *(column[shuffled] for column in (clients, sessions, ratings)), np.zeros(160)
    )
    assert again == pytest.approx(level[shuffled], abs=1e-9)
    unrated = np.where(sessions == 3, np.nan, ratings)
    carried = level_so_far(clients, sessions, unrated, np.zeros(160))
    assert carried[2::4].tolist() == carried[1::4].tolist()


def test_a_hazard_without_any_rating_or_with_all_at_the_ceiling_gives_a_reason():
    rows = session_rows(n=60)
    empty = rows | {
        name: np.ma.masked_all(len(rows["client_code"])) for name in rows if "pomp" in name
    }
    ceiling = rows | {
        name: np.full(len(rows["client_code"]), 100.0) for name in rows if "pomp" in name
    }

    assert {r["reason"] for r in dropout_hazards(strata(), empty)} == {
        "no session is rated",
        "every session is rated",
    }
    assert {r["reason"] for r in dropout_hazards(strata(), ceiling)} == {
        "a covariate does not vary",
        "every session is rated",
    }


def test_thirds_at_the_ceiling_have_no_curve_but_a_reason():
    """Everybody at 100: one third holds all, the others nobody."""
    rows = {
        "stratum": np.zeros(30, int),
        "therapist_code": np.arange(30) % 3,
        "sessions_attended": np.full(30, 5.0),
        "cause": np.tile([1, 2, 0], 10),
        "alliance_pomp": np.full(30, 100.0),
    }
    records = [r for r in dropout_curves_by_alliance(strata(), rows) if r["scope_id"] == "all"]

    low, middle, high = records
    assert (low["n_clients"], low["estimate"]) == (30, pytest.approx(1 / 2))
    assert middle["reason"] == high["reason"] == "nobody is known to have ended"


def trajectories(ratings):
    """Sums of the columns that trajectory_records takes, from one list of ratings per client."""
    columns = {name: [] for name in (
        "n_ratings", "first_session", "last_session", "sum_t", "sum_tt", "sum_y", "sum_ty",
        "sum_yy", "sum_s", "sum_s2", "sum_s3", "sum_s4", "sum_sy", "sum_s2y",
    )}  # fmt: skip
    for y in (np.array(r, float) for r in ratings):
        s = np.arange(1.0, len(y) + 1)
        t = np.log(s)
        values = (len(y), 1, len(y), t.sum(), t @ t, y.sum(), t @ y, y @ y, s.sum(), s @ s,
                  (s**3).sum(), (s**4).sum(), s @ y, s**2 @ y)  # fmt: skip
        for name, value in zip(columns, values, strict=True):
            columns[name].append(float(value))
    n = len(ratings)
    return {name: np.array(values) for name, values in columns.items()} | {
        "stratum": np.zeros(n, int),
        "episode_code": np.arange(n) * 2 + 5,
        "therapist_code": np.arange(n) % 4,
        "has_v": np.zeros(n),
        "improvement": np.arange(n, dtype=float) % 7,
    }


def test_high_at_both_ends_is_u_from_eight_ratings_on():
    """A parabola with its bottom in the middle; seven ratings of it, or its half, are none."""
    bowl = [90, 80, 72, 68, 66, 69, 73, 81, 91]
    noise = [70, 72, 69, 71, 70, 72, 69, 71, 70]

    found = is_u_shaped(
        trajectories([bowl, bowl[1:-1], bowl[::-1], noise, [100 - y for y in bowl], bowl[4:] * 2])
    )

    assert found.tolist()[:5] == [True, False, True, False, False]


def test_rising_falling_and_flat_clients_are_told_apart():
    rng = np.random.default_rng(8)
    s = np.log(np.arange(1, 11))
    slopes = np.repeat([8.0, -8.0, 0.0], 30)
    ratings = [70 + slope * s + rng.normal(0, 2.5, 10) for slope in slopes]

    found, summary = trajectory_records(strata(), trajectories(ratings))

    shapes = [r["shape"] for r in found]
    assert shapes[:30].count("rising") >= 29
    assert shapes[30:60].count("falling") >= 29
    assert shapes[60:].count("flat") >= 22
    assert [r["episode_code"] for r in found] == list(range(5, 185, 2))
    assert one(summary, scope_id="all", metric="share_rising")["n_of_shape"] >= 29
    typical = one(summary, scope_id="all", metric="typical_slope")
    assert typical["ci_low"] < 0 < typical["ci_high"]
    assert (
        sum(
            r["n_of_shape"]
            for r in summary
            if r["scope_id"] == "all" and r["n_of_shape"] is not None
        )
        == 90
    )
    assert {r["metric"] for r in summary} >= {f"share_{shape}" for shape in SHAPES}


def test_ratings_all_at_the_ceiling_have_no_line_but_a_reason():
    found, summary = trajectory_records(strata(), trajectories([[100.0] * 6] * 20))

    assert found == []
    assert {r["reason"] for r in summary} == {"the rating does not vary"}


def test_directions_of_a_lag_are_told_apart_and_scaled():
    """y = 0.5·within in both directions: 5 per 10 alliance points, 0.5 per point of outcome."""
    rng = np.random.default_rng(2)
    n_clients, k = 120, 8
    predictor = rng.normal(0, 5, (n_clients, k))
    within = predictor - predictor.mean(axis=1, keepdims=True)
    outcome = rng.normal(0, 1, (n_clients, k + 1))
    outcome[:, 1:] += 0.5 * predictor
    last = outcome[:, :-1]
    columns = {
        "session_number": np.broadcast_to(np.arange(1.0, k + 1), (n_clients, k)),
        "predictor": predictor,
        "predictor_within": within,
        "predictor_between": predictor - within,
        "last_score": last,
        "last_within": last - last.mean(axis=1, keepdims=True),
        "outcome": outcome[:, 1:],
    }
    rows = {
        "stratum": np.repeat([0, 1], n_clients * k // 2),
        "client_code": np.repeat(np.arange(n_clients), k),
        "therapist_code": np.repeat(np.arange(n_clients) % 10, k),
    } | {name: column.ravel() for name, column in columns.items()}
    directions = np.array(["alliance_to_symptom", "symptom_to_alliance"], dtype=object)
    records = alliance_symptom_lag(strata(2, lag_direction=directions), rows)

    for direction, planted in (("alliance_to_symptom", 5.0), ("symptom_to_alliance", 0.5)):
        for parameter, within in (("within", 0.05), ("dynamic_panel", 0.2), ("client_trends", 0.4)):
            found = one(records, scope_id="all", lag_direction=direction, parameter=parameter)
            assert found["estimate"] == pytest.approx(planted, rel=within), parameter
            assert found["ci_low"] < planted < found["ci_high"], parameter
            assert (found["n_pairs"], found["n_clients"]) == (480, 60)
            assert found["agreement"] == "agree"


def test_every_table_of_the_field_has_its_benchmarks_labeled():
    """Recalled numbers are never marked as read in the source."""
    lines = (ROOT / "config" / "benchmarks.csv").read_text(encoding="utf-8").splitlines()
    recalled = [line for line in lines if line.startswith(("wampold_imel", "baldwin_2007"))]

    assert len(recalled) == 4
    assert all(",from_memory," in line for line in recalled)


@pytest.mark.parametrize(
    ("table", "metric", "value"),
    [
        ("cf_rupture_summary", "rupture_percent", "46"),
        ("cf_alliance_outcome", "r", "0.278"),
        ("cf_empathy_outcome", "empathy", "0.28"),
        ("cf_core_conditions", "real_relationship", "0.38"),
        ("cf_countertransference", "management_outcome", "0.39"),
        ("cf_therapist_effect", "icc", "0.066"),
    ],
)
def test_the_benchmark_a_table_looks_for_is_there_and_verified(table, metric, value):
    with (ROOT / "config" / "benchmarks.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["table_name"] == table]

    (found,) = [row for row in rows if row["metric"] == metric]
    assert (found["value"], found["evidence"]) == (value, "verified")
