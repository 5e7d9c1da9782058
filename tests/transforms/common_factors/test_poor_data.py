"""Poor data in every shape through every estimator that feeds a cf_ table.

No exception, no warning: an estimate is a finite number inside its interval, or it is missing and
says why.
"""

import itertools
import math
import warnings

import numpy as np
import pytest

from transforms.common_factors import alliance as alliance_records
from transforms.common_factors import congruence as congruence_records
from transforms.common_factors import dropout as dropout_records
from transforms.common_factors import homework as homework_records
from transforms.common_factors import modality as modality_records
from transforms.common_factors import relationship_measures as measure_records
from transforms.common_factors import rows as rows_module
from transforms.common_factors import survival as survival_records
from transforms.common_factors import symptom_lag as lag_records
from transforms.common_factors import therapist_alliance as therapist_alliance_records
from transforms.common_factors import therapists as therapist_records
from transforms.common_factors import trajectory as trajectory_records
from transforms.common_factors import variance_shares as variance_share_records
from transforms.common_factors.rows import each_scope
from transforms.statistics.withheld import is_defect

N_CLIENTS = 60
N_SESSIONS = 5


def usual(n: int = N_CLIENTS) -> dict[str, np.ndarray]:
    """Clients of six therapists with nothing wrong: one entry per client."""
    draw = np.random.default_rng(5)
    alliance, pre = draw.normal(70, 10, n), draw.normal(15, 4, n)
    return {
        "stratum": np.zeros(n, dtype=int),
        "client_code": np.arange(n),
        "episode_code": np.arange(n),
        "dyad_code": np.arange(n) // 3,
        "therapist_code": np.arange(n) % 6,
        "modality_code": np.arange(n) % 2 + 1,
        "alliance": alliance,
        "therapist_view": alliance / 2 + draw.normal(30, 6, n),
        "pre": pre,
        "post": pre + 0.1 * alliance + draw.normal(0, 4, n),
        "age_years": draw.normal(40, 9, n),
        "event": (draw.uniform(size=n) < 0.4).astype(float),
        "sessions": draw.integers(3, 12, n).astype(float),
        "rating_noise": draw.normal(0, 5, (n, N_SESSIONS)),
        "outcome_noise": draw.normal(0, 3, (n, N_SESSIONS)),
    }


def with_(**columns):
    """Return a shape: the usual clients with other columns."""

    def shape() -> dict:
        rows = usual()
        return rows | {
            name: value(rows) if callable(value) else np.full_like(rows[name], value)
            for name, value in columns.items()
        }

    return shape


FLAT = {"rating_noise": 0, "outcome_noise": 0}
SHAPES = {
    "nobody special": usual,
    "one client": lambda: usual(1),
    "two clients": lambda: usual(2),
    "one therapist": with_(therapist_code=0),
    "a therapist for every client": with_(therapist_code=lambda rows: rows["client_code"]),
    "alliance at the ceiling": with_(alliance=100, therapist_view=100, rating_noise=0),
    "nobody changes": with_(post=lambda rows: rows["pre"], outcome_noise=0),
    "one score for all": with_(pre=12, post=12, outcome_noise=0),
    "nothing varies": with_(
        alliance=100, therapist_view=100, pre=12, post=12, age_years=40, sessions=3, **FLAT
    ),
    "outcome follows from the alliance": with_(
        post=lambda rows: rows["alliance"],
        outcome_noise=lambda rows: rows["rating_noise"],
        therapist_view=lambda rows: rows["alliance"],
    ),
    "everybody leaves": with_(event=1),
    "nobody leaves": with_(event=0),
    "the alliance separates": with_(event=lambda rows: (rows["alliance"] < 70).astype(float)),
    "one modality": with_(modality_code=1),
    "modality is the therapist": with_(modality_code=lambda rows: rows["therapist_code"] % 2 + 1),
    "no age": with_(age_years=np.nan),
    "one session each": with_(sessions=1),
}


def strata(*keys: str, **numbers) -> dict[str, np.ndarray]:
    texts = {name: np.array([name], dtype=object) for name in ("clinic_id", *keys)}
    return {
        "stratum": np.array([0]),
        "clinic_group": np.array([None], dtype=object),
        **texts,
        **{name: np.array([value]) for name, value in numbers.items()},
    }


def scored(rows: dict) -> dict:
    """Return the columns of the client-level estimators."""
    unknown = np.full(len(rows["pre"]), np.nan)
    return rows | {
        "alliance_pomp": rows["alliance"],
        "is_at_ceiling": (rows["alliance"] >= 95).astype(float),
        "pre_score": rows["pre"],
        "score_before_alliance": (rows["pre"] + rows["post"]) / 2,
        "post_score": rows["post"],
        "deprivation": unknown,
        "is_event": rows["event"],
        "dropped_out": rows["event"],
        "cause": np.where(rows["event"] == 1, 1, 2),
        "sessions_attended": np.maximum(rows["sessions"], 3),
        "x": rows["alliance"],
        "y": rows["post"],
        "given": rows["pre"],
        "x_one": rows["alliance"],
        "x_other": rows["therapist_view"],
        "client_pomp": rows["alliance"],
        "therapist_pomp": rows["therapist_view"],
        "early_client": (rows["alliance"] - 50) / 10,
        "early_therapist": (rows["therapist_view"] - 50) / 10,
        **{f"{name}_code": unknown for name in ("problem", "step", "gender", "employment")},
    }


def summed(rows: dict) -> dict:
    """Return the sums per client that the within-between models take."""
    alliance = rows["alliance"][:, None] + rows["rating_noise"]
    outcome = rows["post"][:, None] + rows["outcome_noise"]
    shape = alliance.shape
    parts = {
        "wit": alliance - alliance.mean(axis=1, keepdims=True),
        "bet": np.broadcast_to(alliance.mean(axis=1, keepdims=True) - 70, shape),
        "lag": outcome - outcome.mean(axis=1, keepdims=True),
        "ses": np.broadcast_to(np.arange(1.0, N_SESSIONS + 1), shape),
        "out": np.roll(outcome, -1, axis=1),
    }
    sums = {f"sum_{name}": part.sum(axis=1) for name, part in parts.items()}
    products = {
        f"sum_{one}__{other}": (parts[one] * parts[other]).sum(axis=1)
        for one, other in itertools.combinations_with_replacement(parts, 2)
    }
    return rows | {"pair_count": np.full(len(alliance), N_SESSIONS)} | sums | products


def paired(rows: dict) -> dict:
    """Return one entry per client and pair of sessions, as the lag models take them."""
    alliance = rows["alliance"][:, None] + rows["rating_noise"]
    score = rows["post"][:, None] + rows["outcome_noise"]
    usual, shape = alliance.mean(axis=1, keepdims=True), alliance.shape
    parts = {
        "session_number": np.broadcast_to(np.arange(1.0, N_SESSIONS + 1), shape),
        "predictor": alliance,
        "predictor_within": alliance - usual,
        "predictor_between": np.broadcast_to(usual - 70, shape),
        "last_score": score,
        "last_within": score - score.mean(axis=1, keepdims=True),
        "outcome": np.roll(score, -1, axis=1),
    }
    return {
        **{
            name: np.repeat(rows[name], N_SESSIONS)
            for name in ("stratum", "client_code", "therapist_code")
        },
        **{name: part.ravel() for name, part in parts.items()},
    }


def rated(rows: dict) -> dict:
    """Return the power sums per client that the trajectory takes."""
    y = rows["alliance"][:, None] + rows["rating_noise"]
    s = np.broadcast_to(np.arange(1.0, N_SESSIONS + 1), y.shape)
    t = np.log(s)
    products = {"t": t, "tt": t * t, "y": y, "ty": t * y, "yy": y * y, "s": s, "sy": s * y}
    products |= {"s2": s**2, "s3": s**3, "s4": s**4, "s2y": s**2 * y}
    return (
        rows
        | {f"sum_{name}": values.sum(axis=1) for name, values in products.items()}
        | {
            "n_ratings": np.full(len(y), N_SESSIONS),
            "first_session": np.full(len(y), 1.0),
            "last_session": np.full(len(y), float(N_SESSIONS)),
            "has_v": np.zeros(len(y)),
            "improvement": rows["post"] - rows["pre"],
        }
    )


def attended(rows: dict) -> dict:
    """Return one entry per client and session, as the hazard of leaving takes them."""
    counts = rows["sessions"].astype(int)
    at = np.repeat(np.arange(len(counts)), counts)
    number = np.concatenate([np.arange(1, count + 1) for count in counts])
    alliance = rows["alliance"][at] + 0.1 * rows["rating_noise"][at, 0] * number
    return {
        **{name: rows[name][at] for name in ("stratum", "therapist_code", "client_code")},
        "session_number": number.astype(float),
        "has_left": ((number == counts[at]) & (rows["event"][at] == 1)).astype(int),
        "alliance_pomp": alliance,
        "alliance_carried_pomp": alliance,
    }


BOTH = ("alliance_instrument_id", "outcome_instrument_id")
SIDES = ("client_instrument_id", "therapist_instrument_id")
LAG = strata("lag_direction", *BOTH, direction=-1)
OUTCOME = strata("outcome_instrument_id", direction=-1)
MODALITIES = {
    "stratum": np.array([0, 1]),
    "clinic_id": np.array(["a", "a"], dtype=object),
    "clinic_group": np.array([None, None], dtype=object),
    "outcome_instrument_id": np.array(["phq9", "phq9"], dtype=object),
    "modality": np.array(["cbt", "other"], dtype=object),
    "modality_code": np.array([1, 2]),
}


def of_modality(rows: dict) -> list[dict]:
    known = scored(rows) | {"stratum": rows["modality_code"] - 1}
    kept = np.isin(MODALITIES["stratum"], known["stratum"])
    levels = {name: column[kept] for name, column in MODALITIES.items()}
    return modality_records.modality_equivalence(levels, known)


ESTIMATORS = {
    "alliance_outcome": lambda r: alliance_records.alliance_outcome(strata(*BOTH), scored(r)),
    "within_between_alliance": lambda r: alliance_records.within_between_alliance(
        strata(*BOTH, direction=-1), summed(r)
    ),
    "homework": lambda r: homework_records.homework_slopes(
        strata(*homework_records.KEYS, direction=-1), summed(r)
    ),
    "symptom_lag": lambda r: lag_records.alliance_symptom_lag(LAG, paired(r)),
    "within_between_therapist": lambda r: therapist_alliance_records.within_between_therapist(
        strata(*BOTH), scored(r)
    ),
    "therapist_effect": lambda r: therapist_records.therapist_effects(OUTCOME, scored(r)),
    "therapist_events": lambda r: therapist_records.therapist_effects_on_events(
        OUTCOME, scored(r), "icc_dropout"
    ),
    "caterpillar": lambda r: therapist_records.therapist_caterpillar(OUTCOME, scored(r)),
    "variance_shares": lambda r: variance_share_records.variance_shares(strata(*BOTH), scored(r)),
    "modality": of_modality,
    "measures": lambda r: measure_records.measure_outcomes(
        strata(*measure_records.KEYS), scored(r)
    ),
    "empathy": lambda r: measure_records.empathy_differences(
        strata(*measure_records.PAIR_KEYS), scored(r)
    ),
    "bias": lambda r: congruence_records.biases(strata(*SIDES), scored(r)),
    "surface": lambda r: congruence_records.surfaces(
        strata(*SIDES, "outcome_instrument_id"), scored(r)
    ),
    "early_dropout": lambda r: dropout_records.early_alliance_dropout(
        strata("alliance_instrument_id"), scored(r)
    ),
    "curves": lambda r: survival_records.dropout_curves(strata(), scored(r)),
    "curves_by_alliance": lambda r: survival_records.dropout_curves_by_alliance(
        strata("alliance_instrument_id"), scored(r)
    ),
    "hazards": lambda r: survival_records.dropout_hazards(
        strata("alliance_instrument_id"), attended(r)
    ),
    "trajectory": lambda r: trajectory_records.trajectory_records(
        strata("alliance_instrument_id"), rated(r)
    )[1],
}


# How many clinics the therapists work in: one, three, or each alone.
CLINICS = {"one clinic": None, "three clinics": 3, "a clinic per therapist": 10**9}


@pytest.mark.parametrize("clinics", CLINICS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_number_or_a_reason(estimator, shape, clinics, monkeypatch):
    if CLINICS[clinics]:

        def in_clinics(*arguments):
            for scope, part in each_scope(*arguments):
                yield scope, part | {"clinic": part["therapist_code"] % CLINICS[clinics]}

        monkeypatch.setattr(rows_module, "each_scope", in_clinics)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        records = ESTIMATORS[estimator](SHAPES[shape]())

    assert records or (estimator, shape) in NO_ROW
    for record in records:
        place = {key: record.get(key) for key in ("metric", "parameter", "source")}
        if record.get("estimate") is None:
            assert record["reason"], place
            assert not is_defect(record["reason"]), (place, record["reason"])
            continue
        ends = [record.get("ci_low"), record["estimate"], record.get("ci_high")]
        numbers = [end for end in ends if end is not None]
        assert all(math.isfinite(number) for number in numbers), place
        assert numbers == sorted(numbers), place


# Two modalities make a pair; without one there is nothing to say.
NO_ROW = {("modality", shape) for shape in ("one client", "one modality")}
