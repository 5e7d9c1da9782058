"""What an estimator cannot answer stays in its own row; the rest of the table is untouched."""

import numpy as np
import pytest

from transforms.common_factors import therapists as therapist_records
from transforms.common_factors.rows import records_by_scope
from transforms.statistics.nested_reml import share_interval
from transforms.statistics.reml import GroupTotals
from transforms.statistics.withheld import attempt, is_defect, withheld

LABELS = [{"metric": "first"}, {"metric": "second", "margin": 0.5}]
SHARED = {"ci_level": 0.95, "n_clients": 4}


def sound(metric: str, **changed) -> dict:
    return {"metric": metric, "estimate": 0.5, "ci_low": 0.4, "ci_high": 0.7} | changed


def breaking(error: Exception):
    yield sound("first")
    raise error


@pytest.mark.parametrize(
    "error",
    [
        ValueError("f(a) and f(b) must have different signs"),
        np.linalg.LinAlgError("Singular matrix"),
        FloatingPointError("overflow"),
        RuntimeError("no convergence"),
        ZeroDivisionError(),
        KeyError("bias"),
        TypeError(),
    ],
)
def test_what_came_before_the_break_stays_and_the_rest_names_the_exception(error):
    first, second = withheld(breaking(error), LABELS, SHARED)

    assert first == sound("first")
    assert second == SHARED | LABELS[1] | {
        "estimate": None,
        "ci_low": None,
        "ci_high": None,
        "reason": f"defect: the estimator broke off ({type(error).__name__})",
    }


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt()])
def test_what_is_no_property_of_the_data_is_raised(error):
    with pytest.raises(type(error)):
        attempt(lambda: next(iter(raising(error))), str)


def raising(error):
    raise error
    yield


def test_the_reason_never_holds_the_message():
    assert attempt(lambda: float("4711"[:0] + "x"), str) == (
        "defect: the estimator broke off (ValueError)"
    )


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"estimate": float("nan")}, "defect: not a finite number"),
        ({"estimate": float("inf")}, "defect: not a finite number"),
        ({"ci_low": float("nan")}, "defect: not a finite number"),
        ({"ci_low": 0.5 + 1e-6}, "defect: the interval does not hold its estimate"),
        ({"ci_high": 0.5 - 1e-6}, "defect: the interval does not hold its estimate"),
    ],
)
def test_an_impossible_number_takes_its_row_along_but_not_its_facts(changed, reason):
    record = sound("second", margin=0.5, n_clients=4, verdict="equivalent", pooled_sd=2.0)

    (found,) = withheld([record | changed], LABELS[1:], SHARED)

    assert found["reason"] == reason
    nothing = ("estimate", "ci_low", "ci_high", "verdict", "pooled_sd")
    assert all(found[name] is None for name in nothing)
    assert (found["margin"], found["n_clients"]) == (0.5, 4)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"ci_low": 0.5 + 1e-12}, {"ci_low": 0.5}),
        ({"ci_high": 0.5 - 1e-12}, {"ci_high": 0.5}),
        ({"ci_high": float("inf")}, {}),
        ({"ci_low": None, "ci_high": None}, {}),
        ({"estimate": None, "reason": "fewer than 2 groups"}, {}),
    ],
)
def test_rounding_and_open_ends_are_no_defects(changed, expected):
    record = sound("first") | changed

    assert withheld([record], LABELS, SHARED) == [record | expected]


def test_one_scope_that_breaks_off_leaves_the_others():
    strata = {
        "stratum": np.array([0, 1]),
        "clinic_id": np.array(["alder", "birch"], dtype=object),
        "clinic_group": np.array([None, None], dtype=object),
    }
    rows = {"stratum": np.array([0, 0, 1]), "x": np.array([1.0, 2.0, 0.0])}

    def describe(_, part):
        yield {"metric": "mean", "estimate": float(part["x"].mean())}
        yield {"metric": "inverse", "estimate": 1 / int(part["x"].min())}

    found = records_by_scope(
        strata, rows, (), describe, [{"metric": "mean"}, {"metric": "inverse"}]
    )

    defects = {(r["scope_id"], r["metric"]) for r in found if is_defect(r.get("reason"))}
    assert len(found) == 6
    assert defects == {("all", "inverse"), ("birch", "inverse")}
    assert all(r["n_clients"] for r in found if r["scope_id"] == "birch" and r["metric"] != "mean")


def tiny_clinics(**changed) -> tuple[dict, dict]:
    """Four clinics of a handful of clients, most therapists with one or two."""
    clinics = np.array([0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2])
    n = len(clinics)
    part = {
        "stratum": clinics,
        "therapist_code": np.array([0, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]),
        "pre_score": np.array([12, 9, 14, 11, 15, 10, 13, 8, 16, 12, 9, 11.0]),
        "post_score": np.array([30, 31, 22, 21, 23, 22, 8, 9, 7, 8, 9, 8.0]),
        "age_years": np.full(n, np.nan),
        "deprivation": np.full(n, np.nan),
        **{f"{c}_code": np.full(n, np.nan) for c in therapist_records.CATEGORIES},
    } | changed
    numbers = np.unique(part["stratum"])
    strata = {
        "stratum": numbers,
        "clinic_id": np.array([f"clinic_{number}" for number in numbers], dtype=object),
        "clinic_group": np.array(["default"] * len(numbers), dtype=object),
        "outcome_instrument_id": np.array(["ors"] * len(numbers), dtype=object),
        "direction": np.ones(len(numbers), dtype=int),
    }
    return strata, part


SHAPES = {
    "as they are": {},
    "one therapist per clinic": {"therapist_code": np.array([0, 0, *[1] * 4, *[2] * 6])},
    "constant outcome": {"post_score": np.full(12, 20.0)},
    "constant within clinics": {"post_score": np.array([30.0, 30, *[20.0] * 4, *[8.0] * 6])},
    "a single clinic": {"stratum": np.zeros(12, dtype=int)},
    "a therapist per client": {"therapist_code": np.arange(12)},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_tiny_clinics_have_a_number_or_a_plain_reason(shape):
    for record in therapist_records.therapist_effects(*tiny_clinics(**SHAPES[shape])):
        if record["estimate"] is None:
            assert record["reason"]
            assert not is_defect(record["reason"])
        else:
            assert record["ci_low"] <= record["estimate"] <= record["ci_high"]


def test_the_model_with_fixed_clinics_stays_when_the_nested_one_breaks_off(monkeypatch):
    def broken(*_, **__):
        raise ValueError("f(a) and f(b) must have different signs")

    monkeypatch.setattr(therapist_records, "share_interval", broken)

    found = therapist_records.therapist_effects(*tiny_clinics())

    pooled = {r["metric"]: r for r in found if r["scope_level"] == "overall"}
    assert pooled["icc"]["estimate"] is not None
    for metric in ("icc_nested_therapist", "icc_nested_clinic"):
        assert pooled[metric]["reason"] == "defect: the estimator broke off (ValueError)"
        assert pooled[metric]["n_therapists"] == 7


@pytest.mark.parametrize("which", ["group", "cluster"])
@pytest.mark.parametrize("seed", range(40))
def test_a_share_lies_in_its_own_interval_in_small_networks(which, seed):
    draw = np.random.default_rng(seed)
    n_groups = int(draw.integers(3, 8))
    codes = np.repeat(np.arange(n_groups), draw.integers(1, 4, n_groups))
    clusters = np.minimum(np.arange(n_groups) // 2, 2)
    outcome = 10 * clusters[codes] + draw.normal(0, 10.0 ** draw.integers(-2, 2), len(codes))
    totals = GroupTotals.from_rows(codes, np.ones((len(codes), 1)), outcome, ("intercept",))

    found = share_interval(totals, clusters, which)

    assert found.reason or found.ci_low <= found.value <= found.ci_high
