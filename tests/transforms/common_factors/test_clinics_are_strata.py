"""Networks whose clinics differ in level: a pooled row says what its clinics say, table by table.

Planted in alliance, in outcome and in both at once (Simpson's paradox: where clinics that rate the
alliance high also do well, pooled clients show an association no clinic has).
"""

import functools
import math

import numpy as np
import pytest

from transforms.common_factors.alliance import (
    ALLIANCE_OUTCOME,
    MOMENTS,
    WITHIN_BETWEEN_ALLIANCE,
)
from transforms.common_factors.congruence import CONGRUENCE
from transforms.common_factors.dropout import EARLY_ALLIANCE_DROPOUT
from transforms.common_factors.homework import HOMEWORK
from transforms.common_factors.modality import modality_equivalence
from transforms.common_factors.outcome import EFFECT_SIZE, effect_size_records
from transforms.common_factors.relationship_measures import MEASURE_OUTCOME
from transforms.common_factors.rupture_outcome import RUPTURE_OUTCOME
from transforms.common_factors.survival import DROPOUT_HAZARD
from transforms.common_factors.symptom_lag import ALLIANCE_SYMPTOM_LAG
from transforms.common_factors.therapist_alliance import WITHIN_BETWEEN_THERAPIST
from transforms.common_factors.therapists import CATEGORIES, THERAPIST_EFFECT
from transforms.common_factors.trajectory import ALLIANCE_TRAJECTORY
from transforms.common_factors.variance_shares import VARIANCE_SHARES
from transforms.statistics.estimate import Estimate
from transforms.statistics.heterogeneity import (
    CORRELATION,
    IDENTITY,
    RATIO,
    SHARE,
    heterogeneity_of,
)

TO = {IDENTITY: float, CORRELATION: math.atanh, RATIO: math.log}
pytestmark = pytest.mark.filterwarnings("error")
CLINICS, THERAPISTS, CLIENTS = 6, 12, 240  # per network, per clinic, per clinic
WORLDS = {"alliance": (9.0, 0.0), "outcome": (0.0, 5.0), "both": (9.0, 5.0)}
STEPS = np.array([-1.4, -0.8, -0.2, 0.3, 0.9, 1.2])  # levels of the clinics, the same in both
LEVEL_NAMES = ("clinic_id", "clinic_group", "scope_level", "scope_id")


@functools.cache
def network(world: str, seed: int = 1) -> dict[str, np.ndarray]:
    """Clients of six clinics; the alliance moves the outcome by .08 points in each of them."""
    of_alliance, of_outcome = WORLDS[world]
    draw = np.random.default_rng(seed)
    clinic = np.repeat(np.arange(CLINICS), CLIENTS)
    n = len(clinic)
    therapist = clinic * THERAPISTS + np.tile(np.arange(CLIENTS) % THERAPISTS, CLINICS)
    skill = draw.normal(0, 1, CLINICS * THERAPISTS)[therapist]
    level = of_alliance * STEPS[clinic]
    own = draw.normal(0, 10, n)
    pre = draw.normal(-15, 4, n)
    modality = draw.integers(1, 3, n)
    gain = of_outcome * STEPS[clinic]
    post = 0.5 * pre + 0.08 * own + skill + gain + 0.8 * (modality == 1) + draw.normal(0, 4, n)
    # Clinics that do well also keep their clients, and use one modality more.
    leaves = draw.random(n) < 1 / (1 + np.exp(1 + 0.3 * gain + 0.03 * own))
    ruptured = np.where(draw.random(n) < 1 / (1 + np.exp(-0.4 * gain)), 1, 2)
    return {
        "stratum": clinic,
        "client_code": np.arange(n),
        "episode_code": np.arange(n),
        "dyad_code": np.arange(n),
        "therapist_code": therapist,
        "modality_code": modality,
        "alliance_pomp": 60 + level + own,
        "therapist_view": 30 + level + 0.5 * own + draw.normal(0, 6, n),
        "is_at_ceiling": np.zeros(n),
        "pre_score": pre,
        "score_before_alliance": pre + 0.5 * gain + draw.normal(0, 2, n),
        "post_score": post,
        "improvement": post - pre,
        "age_years": draw.normal(40, 9, n),
        "leaves": leaves.astype(float),
        "sessions": draw.integers(3, 15, n).astype(float),
        "class_code": ruptured,
        "deprivation": np.full(n, np.nan),
        **{f"{name}_code": np.full(n, np.nan) for name in CATEGORIES},
    }


def strata_of(*keys: str, **numbers: float) -> dict[str, np.ndarray]:
    return {
        "stratum": np.arange(CLINICS),
        "clinic_id": np.array([f"clinic{i}" for i in range(CLINICS)], dtype=object),
        "clinic_group": np.array(["coast"] * CLINICS, dtype=object),
        **{key: np.array([key] * CLINICS, dtype=object) for key in keys},
        **{name: np.full(CLINICS, value) for name, value in numbers.items()},
    }


def sessions_of(rows: dict, per_client: int = 6, seed: int = 2) -> dict[str, np.ndarray]:
    """Each client's sessions: alliance around the own level, outcome around the own change."""
    draw = np.random.default_rng(seed)
    n = len(rows["client_code"])
    picked = np.repeat(np.arange(n), per_client)
    session = np.tile(np.arange(1.0, per_client + 1), n)
    slope = draw.normal(1, 4, n)[picked] * np.log(session)
    alliance = rows["alliance_pomp"][picked] + slope + draw.normal(0, 5, len(picked))
    outcome = rows["post_score"][picked] + draw.normal(0, 3, len(picked))
    return {
        "client": picked,
        "session": session,
        "alliance": alliance,
        "outcome": outcome,
        "before": rows["post_score"][picked] + draw.normal(0, 3, len(picked)),
    }


def moments_of(rows: dict) -> dict[str, np.ndarray]:
    """Sums per client as int_cf_within_between_candidates makes them."""
    found = sessions_of(rows)
    client = found["client"]
    sizes = np.bincount(client).astype(float)

    def mean(column):
        return np.bincount(client, weights=column) / sizes

    columns = {
        "wit": found["alliance"] - mean(found["alliance"])[client],
        "bet": mean(found["alliance"])[client] - found["alliance"].mean(),
        "lag": found["before"] - mean(found["before"])[client],
        "ses": found["session"],
        "out": found["outcome"],
    }
    sums = {f"sum_{name}": np.bincount(client, weights=c) for name, c in columns.items()}
    for at, one in enumerate(MOMENTS):
        for other in MOMENTS[at:]:
            products = columns[one] * columns[other]
            sums[f"sum_{one}__{other}"] = np.bincount(client, weights=products)
    return rows | {"pair_count": sizes} | sums


def pairs_of(rows: dict) -> dict[str, np.ndarray]:
    """Pairs of sessions as int_cf_symptom_lag_sessions has them."""
    found = sessions_of(rows, per_client=8)
    client = found["client"]

    def mean(column):
        return (np.bincount(client, weights=column) / np.bincount(client))[client]

    return {
        "stratum": rows["stratum"][client],
        "client_code": client,
        "therapist_code": rows["therapist_code"][client],
        "session_number": found["session"],
        "predictor": found["alliance"],
        "predictor_within": found["alliance"] - mean(found["alliance"]),
        "predictor_between": mean(found["alliance"]) - found["alliance"].mean(),
        "last_score": found["before"],
        "last_within": found["before"] - mean(found["before"]),
        "outcome": found["outcome"],
    }


def lines_of(rows: dict) -> dict[str, np.ndarray]:
    found = sessions_of(rows)
    client, s, y = found["client"], found["session"], found["alliance"]
    t = np.log(s)
    parts = {
        "t": t, "tt": t * t, "y": y, "ty": t * y, "yy": y * y, "s": s, "s2": s**2, "s3": s**3,
        "s4": s**4, "sy": s * y, "s2y": s * s * y,
    }  # fmt: skip
    n = len(rows["client_code"])
    return (
        rows
        | {f"sum_{name}": np.bincount(client, weights=part) for name, part in parts.items()}
        | {
            "n_ratings": np.bincount(client),
            "first_session": np.ones(n),
            "last_session": np.full(n, 6.0),
            "has_v": np.zeros(n),
        }
    )


def leaving_of(rows: dict) -> dict[str, np.ndarray]:
    """Sessions up to the one after which the client left."""
    n = len(rows["client_code"])
    length = np.minimum(rows["sessions"], 6).astype(int)
    picked = np.repeat(np.arange(n), length)
    session = np.concatenate([np.arange(1.0, k + 1) for k in length])
    draw = np.random.default_rng(3)
    alliance = rows["alliance_pomp"][picked] + draw.normal(0, 5, len(picked))
    return {
        "stratum": rows["stratum"][picked],
        "therapist_code": rows["therapist_code"][picked],
        "client_code": picked,
        "session_number": session,
        "has_left": ((session == length[picked]) & (rows["leaves"][picked] == 1)).astype(float),
        "alliance_pomp": alliance,
        "alliance_carried_pomp": alliance,
    }


def classes_of(rows: dict) -> dict[str, np.ndarray]:
    records = []
    for clinic in range(CLINICS):
        for code in range(3):
            at = (rows["stratum"] == clinic) & (rows["class_code"] == code)
            change, gone = rows["improvement"][at], rows["leaves"][at]
            records.append(
                {
                    "stratum": clinic, "class_code": code, "client_count": at.sum(),
                    "therapist_count": THERAPISTS, "improvement_sum": change.sum(),
                    "improvement_squares": (change**2).sum(), "session_sum": 8 * at.sum(),
                    "reliable_known_count": at.sum(), "reliable_count": (change > 8).sum(),
                    "dropout_known_count": at.sum(), "dropout_count": gone.sum(),
                }
            )  # fmt: skip
    return {name: np.array([float(r[name]) for r in records]) for name in records[0]}


def per_clinic(rows: dict) -> dict[str, np.ndarray]:
    def sums(column):
        return np.bincount(rows["stratum"], weights=column)

    pre, post = rows["pre_score"], rows["post_score"]
    keys = ("instrument_id", "version", "method", "metric", "denominator")
    return strata_of(*keys, direction=1) | {
        "n_pairs": sums(np.ones(len(pre))),
        "sum_pre": sums(pre),
        "sum_post": sums(post),
        "sum_pre_pre": sums(pre * pre),
        "sum_post_post": sums(post * post),
        "sum_pre_post": sums(pre * post),
        "n_events": sums(rows["leaves"]),
        "n_denominator": sums(np.ones(len(pre))),
    }


def early_of(rows: dict) -> dict[str, np.ndarray]:
    cause = np.where(rows["leaves"] == 1, 1, 2)
    return rows | {
        "dropped_out": rows["leaves"],
        "sessions_attended": rows["sessions"],
        "cause": cause,
    }


def of_table(table, at: int, prepare, *keys: str, **numbers: float):
    """Return what makes a table's rows of a network."""

    def rows(world: str, seed: int = 1) -> list[dict]:
        found = table.estimates[at].estimate(
            strata_of(*keys, **numbers), prepare(network(world, seed))
        )
        return table.clinics.beside(found, dict.fromkeys(strata_of()["clinic_id"], "coast"))

    return table, rows


def rated_by_both(rows: dict) -> dict:
    """Sessions of each dyad; the therapist sees half of what moves the client's rating."""
    found = sessions_of(rows, per_client=3)
    at, draw = found["client"], np.random.default_rng(4)
    moved = found["alliance"] - rows["alliance_pomp"][at]
    return {
        **{name: rows[name][at] for name in ("stratum", "therapist_code", "dyad_code")},
        "client_pomp": found["alliance"],
        "therapist_pomp": rows["therapist_view"][at] + moved / 2 + draw.normal(0, 5, len(at)),
    }


def tens(rows: dict) -> dict:
    """Ratings in tens of percent from the middle of the scale."""
    client, therapist = rows["alliance_pomp"], rows["therapist_view"]
    return rows | {"early_client": (client - 50) / 10, "early_therapist": (therapist - 50) / 10}


def measured(rows: dict) -> dict:
    return rows | {"x": rows["alliance_pomp"], "y": rows["post_score"], "given": rows["pre_score"]}


def raters(rows: dict) -> dict:
    return measured(rows) | {"x_one": rows["alliance_pomp"], "x_other": rows["therapist_view"]}


PAIR = ("alliance_instrument_id", "outcome_instrument_id")
EMPATHY = ("rater", "instrument_id", "version", "compared_rater", "compared_instrument_id")
EMPATHY += ("compared_version", "target_instrument_id")
MEASURE = ("table_name", "metric", "target", "rater", "instrument_id", "version")
MEASURE += ("target_instrument_id",)
VIEWS = ("client_instrument_id", "therapist_instrument_id")
TABLES = {
    "alliance_outcome": of_table(ALLIANCE_OUTCOME, 0, dict, *PAIR),
    "within_between_alliance": of_table(WITHIN_BETWEEN_ALLIANCE, 0, moments_of, *PAIR, direction=1),
    "homework": of_table(HOMEWORK, 0, moments_of, "measure", "outcome_instrument_id", direction=1),
    "symptom_lag": of_table(ALLIANCE_SYMPTOM_LAG, 0, pairs_of, "lag_direction", *PAIR),
    "within_between_therapist": of_table(WITHIN_BETWEEN_THERAPIST, 0, dict, *PAIR),
    "measures": of_table(MEASURE_OUTCOME, 0, measured, *MEASURE),
    "empathy": of_table(MEASURE_OUTCOME, 1, raters, *EMPATHY),
    "congruence_bias": of_table(CONGRUENCE, 0, rated_by_both, *VIEWS),
    "congruence_surface": of_table(CONGRUENCE, 1, tens, *VIEWS, "outcome_instrument_id"),
    "therapist_effect": of_table(THERAPIST_EFFECT, 0, dict, "outcome_instrument_id", direction=1),
    "variance_shares": of_table(VARIANCE_SHARES, 0, dict, *PAIR),
    "early_alliance_dropout": of_table(EARLY_ALLIANCE_DROPOUT, 0, early_of, PAIR[0]),
    "dropout_hazard": of_table(DROPOUT_HAZARD, 0, leaving_of, PAIR[0]),
    "trajectory": of_table(ALLIANCE_TRAJECTORY, 0, lines_of, PAIR[0]),
    "rupture_outcome": of_table(
        RUPTURE_OUTCOME, 0, classes_of, "detector", "instrument_id", "version", PAIR[1]
    ),
}
# What a row says beside its estimate and must be within clinics as well.
SIDES = ("adjusted_r", "zero_order_r", "spearman_r", "improvement_vs_unrepaired", "repair_r")
SIDES += ("reliably_improved_percent_vs_unrepaired", "dropout_percent_vs_unrepaired")
# Shares and class means are of all clients, not an association; levels of variance are not linear.
NOT_COMPARED = ("risk_", "share_", "icc_nested", "a2", "a4", "b3", "b4", "b5")


def labels_of(row: dict) -> tuple:
    names = ("metric", "parameter", "source", "rupture_class", "detector", "modality")
    return tuple(row.get(name) for name in names)


def meta_analysis(rows: list[dict], name: str, scale: str) -> float:
    """Return the random-effects mean of the clinics' estimates on their scale.

    Shares of variance near 0 have intervals too lopsided to weigh by: their plain mean.
    """
    if scale == SHARE or "source" in rows[0]:
        return float(np.mean([row[name] for row in rows]))
    own = [Estimate(row[name], *ends_of(row, name), 0.95, 0) for row in rows]
    return TO[scale](heterogeneity_of(own, scale).mean.value)


def ends_of(row: dict, name: str) -> tuple[float | None, float | None]:
    side = "" if name == "estimate" else f"{name}_"
    return row[f"{side}ci_low"], row[f"{side}ci_high"]


def scale_of(table, row: dict, name: str) -> str:
    if name != "estimate":
        return CORRELATION if name.endswith("_r") else IDENTITY
    scale = table.clinics.scale
    return scale(row) if callable(scale) else scale


def pooled_and_meta(table, rows: list[dict], name: str = "estimate"):
    """Yield label, pooled value, its standard error and the meta-analysis of the clinics."""
    for row in rows:
        label = labels_of(row)
        own = [r for r in rows if r.get("scope_level") == "clinic" and labels_of(r) == label]
        if row.get("scope_level") != "overall" or row.get(name) is None or len(own) < CLINICS:
            continue
        if str(label[0] or label[1]).startswith(NOT_COMPARED):
            continue
        if any(ends_of(r, name)[0] is None for r in (row, *own)):
            continue
        scale = scale_of(table, row, name)
        of_clinics = meta_analysis(own, name, scale)
        to = float if scale == SHARE else TO[scale]
        low, high = ends_of(row, name)
        yield label, to(row[name]), (to(high) - to(low)) / (2 * 1.96), of_clinics


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("table", TABLES)
def test_a_pooled_row_is_the_meta_analysis_of_its_clinics(table, world):
    declared, rows_in = TABLES[table]
    rows = rows_in(world)
    compared = 0

    for name in ("estimate", *SIDES):
        for label, pooled, se, of_clinics in pooled_and_meta(declared, rows, name):
            compared += 1
            # Both come from the same clients, so they differ by less than sampling does.
            assert abs(pooled - of_clinics) < se, f"{label} {name}: {pooled} {of_clinics} {se}"
    assert compared


def test_a_modality_that_good_clinics_prefer_is_no_better_for_it():
    """Clinics of good outcome use the first modality more; within clinics it is worth .8 points."""
    rows = dict(network("outcome"))
    draw = np.random.default_rng(8)
    likes = draw.random(len(rows["stratum"])) < 0.5 + 0.3 * STEPS[rows["stratum"]]
    rows["post_score"] = rows["post_score"] + 0.8 * (likes * 1.0 - (rows["modality_code"] == 1))
    rows["modality_code"] = np.where(likes, 1, 2)
    two = strata_of("outcome_instrument_id")
    strata = {name: np.repeat(column, 2) for name, column in two.items()} | {
        "stratum": np.arange(2 * CLINICS),
        "modality": np.array(["cbt", "emdr"] * CLINICS, dtype=object),
        "modality_code": np.array([1, 2] * CLINICS),
    }
    rows["stratum"] = 2 * rows["stratum"] + rows["modality_code"] - 1

    found = modality_equivalence(strata, rows)

    overall = found[0]
    clinics = [row["difference_points"] for row in found if row["scope_level"] == "clinic"]
    assert overall["scope_level"] == "overall"
    assert overall["model"].startswith("post ~ clinic + pre")
    assert overall["difference_points"] == pytest.approx(np.mean(clinics), abs=0.25)
    assert overall["difference_points"] == pytest.approx(0.8, abs=0.5)
    assert overall["pooled_sd"] < 6  # the clinics' levels, of 5 points, are no spread of clients


def test_effect_sizes_have_the_spread_within_clinics():
    """First scores of clinics lie far apart: their spread made d half of what each clinic has."""
    rows = dict(network("outcome"))
    shift = 8 * STEPS[rows["stratum"]]
    rows |= {name: rows[name] + shift for name in ("pre_score", "post_score")}

    found = EFFECT_SIZE.clinics.beside(
        effect_size_records(per_clinic(rows)), dict.fromkeys(strata_of()["clinic_id"], "coast")
    )

    for metric in ("d_pre", "g_pre", "d_av", "d_z", "d_rm"):
        of_metric = [row for row in found if row["metric"] == metric]
        clinics = [row["estimate"] for row in of_metric if row["scope_level"] == "clinic"]
        assert of_metric[0]["estimate"] == pytest.approx(np.mean(clinics), rel=0.1), metric
        assert of_metric[0]["pooling"] == "clinic effects in the model"


def test_a_pooled_row_says_how_its_clinics_differ():
    _, rows_in = TABLES["alliance_outcome"]
    overall, group, *clinics = rows_in("both")

    assert {row["pooling"] for row in clinics} == {"one clinic"}
    assert all("tau" not in row for row in clinics)
    for row in (overall, group):
        assert row["pooling"] == "compared within clinics"
        assert row["n_clinics"] == CLINICS
        assert row["prediction_low"] < row["estimate"] < row["prediction_high"]
        assert row["clinics_disagree"] is False
        assert 0 <= row["i_squared_percent"] < 100
