"""Records of the relationship tables: scopes, keys, and poor data that give a reason."""

import csv
from pathlib import Path

import numpy as np
import pytest

from transforms.common_factors.congruence import biases, surfaces
from transforms.common_factors.homework import homework_slopes
from transforms.common_factors.relationship_measures import (
    KEYS,
    PAIR_KEYS,
    empathy_differences,
    measure_outcomes,
)

REFERENCE = Path(__file__).parents[2] / "reference" / "congruence"
PLACE = {"stratum": [0], "clinic_id": ["north"], "clinic_group": ["demo"]}
EMPATHY = dict(
    zip(KEYS, ("cf_empathy_outcome", "empathy", "outcome", "client", "care", "standard", "phq9"),
        strict=True)
)  # fmt: skip


def columns(**values):
    return {name: np.asarray(column, dtype=object if isinstance(column[0], str | None) else float)
            for name, column in values.items()}  # fmt: skip


def strata(**keys):
    return columns(**PLACE, **{name: [value] for name, value in keys.items()}) | {
        "stratum": np.array([0])
    }


def clients(x, y, given, therapists=None):
    n = len(x)
    therapists = np.arange(n) % 3 if therapists is None else therapists
    return {
        "stratum": np.zeros(n, dtype=int),
        "therapist_code": np.asarray(therapists),
        "x": np.asarray(x, dtype=float),
        "y": np.asarray(y, dtype=float),
        "given": np.asarray(given, dtype=float),
    }


@pytest.fixture(scope="module")
def dyads():
    """The clients of the reference file: mean client rating, first and last score."""
    with (REFERENCE / "dyads.csv").open() as file:
        rows = list(csv.DictReader(file))
    read = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    codes = read["dyad"].astype(int)
    return {name: np.bincount(codes, weights=c) / np.bincount(codes) for name, c in read.items()}


def test_partial_correlation_at_every_scope_equals_r(dyads):
    """R: psych::partial.r gives .416881659562."""
    rows = clients(dyads["client_pomp"], dyads["post"], dyads["pre"], dyads["therapist"])

    records = measure_outcomes(strata(**EMPATHY), rows)

    assert [record["scope_level"] for record in records] == ["overall", "group", "clinic"]
    for record in records:
        assert record["estimate"] == pytest.approx(0.416881659562, abs=1e-9)
        assert (record["n_clients"], record["n_therapists"]) == (76, 14)
        assert record["cluster_ci_low"] < record["estimate"] < record["cluster_ci_high"]
        assert record["instrument_id"] == "care"


def test_without_a_first_score_the_correlation_is_plain(dyads):
    """R: cor gives .804221665253 between the two ratings."""
    nothing = np.full(76, np.nan)
    rows = clients(dyads["client_pomp"], dyads["therapist_pomp"], nothing)

    record = measure_outcomes(strata(**EMPATHY | {"target": "alliance"}), rows)[0]

    assert record["estimate"] == pytest.approx(0.804221665253, abs=1e-9)
    assert record["zero_order_r"] == pytest.approx(record["estimate"])
    assert record["cluster_ci_low"] is None  # three therapists are too few to resample


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("x", "y", "given"),
    [
        ([], [], []),
        ([50.0], [-9.0], [-18.0]),
        ([50.0] * 30, np.arange(30.0), np.arange(30.0) ** 2),
        (np.arange(30.0), [-9.0] * 30, np.arange(30.0) ** 2),
        ([100.0] * 30, [-9.0] * 30, [-18.0] * 30),
    ],
    ids=["nobody", "one client", "all at the ceiling", "outcome constant", "nothing varies"],
)
def test_poor_data_give_a_reason_and_no_number(x, y, given):
    records = measure_outcomes(strata(**EMPATHY), clients(x, y, given)) if len(x) else []

    assert len(records) == (3 if len(x) else 0)
    for record in records:
        assert record["estimate"] is None
        assert record["ci_low"] is None
        assert record["reason"]


@pytest.mark.filterwarnings("error")
def test_no_strata_are_no_records():
    """A clinic without such forms: DuckDB hands over empty columns."""
    empty = {name: np.array([], dtype=object) for name in ("clinic_id", "clinic_group", *KEYS)}
    pairs = {name: np.array([], dtype=object) for name in ("clinic_id", "clinic_group", *PAIR_KEYS)}
    nobody = clients([], [], [])

    assert measure_outcomes({**empty, "stratum": np.array([], dtype=int)}, nobody) == []
    assert empathy_differences({**pairs, "stratum": np.array([], dtype=int)}, nobody) == []


def test_two_raters_are_compared_in_the_clients_both_rated(dyads):
    """R: r.test of the partial correlations gives t .149867069798 and p .881288521302."""
    keys = dict(zip(PAIR_KEYS, ("client", "care", "standard", "therapist", "blri", "os64", "phq9"),
                    strict=True))  # fmt: skip
    rows = clients(dyads["client_pomp"], dyads["post"], dyads["pre"])
    rows |= {"x_one": dyads["client_pomp"], "x_other": dyads["therapist_pomp"]}

    records = empathy_differences(strata(**keys), rows)

    assert len(records) == 3
    for record in records:
        assert record["williams_t"] == pytest.approx(0.149867069798, abs=1e-8)
        assert record["williams_p"] == pytest.approx(0.881288521302, abs=1e-8)
        assert record["metric"] == "difference"
        assert record["compared_rater"] == "therapist"


@pytest.mark.filterwarnings("error")
def test_bias_and_surface_of_one_session_each_and_one_therapist(dyads):
    """One session each: no tracking within, bias all the same; one therapist: unclustered."""
    pair = {"client_instrument_id": "wai_sr", "therapist_instrument_id": "wai_s"}
    zeros = np.zeros(76, dtype=int)
    sessions = {
        "stratum": zeros, "therapist_code": zeros, "dyad_code": np.arange(76),
        "client_pomp": dyads["client_pomp"], "therapist_pomp": dyads["therapist_pomp"],
    }  # fmt: skip
    early = {
        "stratum": zeros, "therapist_code": zeros, "pre_score": dyads["pre"],
        "post_score": dyads["post"], "early_client": (dyads["client_pomp"] - 50) / 10,
        "early_therapist": (dyads["therapist_pomp"] - 50) / 10,
    }  # fmt: skip

    bias = {row["parameter"]: row for row in biases(strata(**pair), sessions)}
    surface = {
        row["parameter"]: row
        for row in surfaces(strata(**pair, outcome_instrument_id="phq9"), early)
    }

    assert bias["tracking_within"]["estimate"] is None
    assert bias["tracking_within"]["reason"]
    assert bias["tracking_between"]["estimate"] == pytest.approx(0.804221665253, abs=1e-9)
    assert bias["bias"]["n_sessions"] == 76
    assert surface["a3"]["interval_from"] == "rows"
    assert surface["a3"]["estimate"] == pytest.approx(-6.83896688279, abs=1e-7)  # R: lm
    assert len(surface) == 9


@pytest.mark.filterwarnings("error")
def test_homework_that_never_changes_has_no_slope():
    """All pairs of a client alike: nothing varies within, so there is no within slope."""
    n = 20
    sums = {"wit": 0.0, "bet": 24.0, "lag": 0.0, "ses": 10.0, "out": 40.0}
    products = {("bet", "bet"): 144, ("bet", "ses"): 60, ("bet", "out"): 240, ("ses", "ses"): 30,
                ("ses", "out"): 100, ("out", "out"): 400}  # fmt: skip
    names = list(sums)
    rows = {"stratum": np.zeros(n, dtype=int), "therapist_code": np.arange(n),
            "pair_count": np.full(n, 4)}  # fmt: skip
    rows |= {f"sum_{name}": np.full(n, value) for name, value in sums.items()}
    for at, one in enumerate(names):
        for other in names[at:]:
            rows[f"sum_{one}__{other}"] = np.full(n, float(products.get((one, other), 0)))
    keys = strata(measure="set", outcome_instrument_id="phq9") | {"direction": np.array([-1])}

    records = homework_slopes(keys, rows)

    assert {record["parameter"] for record in records} == {
        "within", "between", "within_standardized", "repeated_measures_r",
    }  # fmt: skip
    for record in records:
        assert record["estimate"] is None
        assert record["reason"]
