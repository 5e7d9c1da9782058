"""Rates and effect sizes from sums: R11, R14 and an invented sample, per clinic and together."""

import csv

import numpy as np
import pytest

from tests.conftest import ROOT
from transforms.common_factors.outcome import effect_size_records, outcome_rates


def objects(*values) -> np.ndarray:
    return np.array(values, dtype=object)


def sums(pre, post) -> dict[str, float]:
    pre, post = np.asarray(pre, float), np.asarray(post, float)
    return {
        "n_pairs": len(pre),
        "sum_pre": pre.sum(),
        "sum_post": post.sum(),
        "sum_pre_pre": (pre * pre).sum(),
        "sum_post_post": (post * post).sum(),
        "sum_pre_post": (pre * post).sum(),
    }


def clinics(*samples, direction: int = -1) -> dict[str, np.ndarray]:
    """One entry per clinic: c0, c1, … in one group."""
    rows = [sums(*sample) for sample in samples]
    return {
        "clinic_id": objects(*(f"c{i}" for i in range(len(rows)))),
        "clinic_group": objects(*("north" for _ in rows)),
        "instrument_id": objects(*("phq9" for _ in rows)),
        "version": objects(*("v" for _ in rows)),
        "direction": np.array([direction] * len(rows)),
    } | {name: np.array([row[name] for row in rows]) for name in rows[0]}


def of(records: list[dict], level: str, scope: str) -> dict[str, dict]:
    return {
        row["metric"]: row
        for row in records
        if (row["scope_level"], row["scope_id"]) == (level, scope)
    }


def test_rates_carry_wilsons_interval_and_add_up():
    """R11: 5 of 10 is [.236593, .763407], 12 of 19 is [.410395, .808505]."""
    rows = {
        "clinic_id": objects("a", "b"),
        "clinic_group": objects("north", "north"),
        "n_events": np.array([5, 7]),
        "n_denominator": np.array([10, 9]),
    } | {
        name: objects("x", "x")
        for name in ("instrument_id", "version", "method", "metric", "denominator")
    }
    found = {(row["scope_level"], row["scope_id"]): row for row in outcome_rates(rows)}

    first, both = found["clinic", "a"], found["overall", "all"]
    assert (first["ci_low"], first["ci_high"]) == pytest.approx((0.236593, 0.763407), abs=1e-6)
    assert (both["n_events"], both["n_used"]) == (12, 19)
    assert (both["ci_low"], both["ci_high"]) == pytest.approx((0.410395, 0.808505), abs=1e-6)
    assert found["group", "north"]["estimate"] == both["estimate"]


@pytest.fixture(scope="module")
def pairs() -> tuple[list[float], list[float]]:
    """The invented sample of tests/reference/change_methods.R."""
    with (ROOT / "tests" / "reference" / "change_methods.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [float(row["pre"]) for row in rows], [float(row["post"]) for row in rows]


def test_effect_sizes_of_one_clinic_equal_r(pairs):
    """R 4.2.2 on the same twelve pairs: d_pre, J(11) d_pre, d_av, d_z."""
    pre, post = pairs
    expected = {
        "d_pre": 0.988584392283859,
        "g_pre": 0.919613388171032,
        "d_av": 0.850194194544319,
        "d_z": 0.782268296402690,
    }
    together = effect_size_records(clinics((pre, post)))

    for records in (together,):
        found = of(records, "overall", "all")
        for metric, value in expected.items():
            assert found[metric]["estimate"] == pytest.approx(value, abs=1e-9)


def test_d_rm_and_beckers_interval_by_hand(pairs):
    """r = .424024311424136: d_rm = d_z sqrt(2(1 - r)); var = 2(1 - r)/n + d^2/(2n)."""
    found = of(effect_size_records(clinics(pairs)), "overall", "all")
    variance = 2 * (1 - 0.424024311424136) / 12 + 0.988584392283859**2 / 24

    assert found["d_rm"]["estimate"] == pytest.approx(
        0.782268296402690 * (2 * (1 - 0.424024311424136)) ** 0.5
    )
    assert found["d_pre"]["ci_high"] - found["d_pre"]["estimate"] == pytest.approx(
        1.959963984540054 * variance**0.5
    )
    assert found["d_z"]["ci_low"] is None


def test_higher_is_better_turns_the_sign(pairs):
    worse = of(effect_size_records(clinics(pairs, direction=1)), "overall", "all")

    assert worse["d_pre"]["estimate"] == pytest.approx(-0.988584392283859, abs=1e-9)


@pytest.mark.parametrize(
    ("pre", "post", "reason"),
    [
        ([10, 12], [8, 9], "fewer than 3 complete pairs"),
        ([17.3] * 40, [8.1, 9.4] * 20, "a standard deviation is zero"),
        ([17.3, 11.9] * 20, [12.3, 6.9] * 20, "a standard deviation is zero"),
    ],
    ids=["two pairs", "one first score", "everybody changes alike"],
)
def test_degenerate_samples_say_why(pre, post, reason):
    found = of(effect_size_records(clinics((pre, post))), "overall", "all")

    assert {row["estimate"] for row in found.values()} == {None}
    assert {row["reason"] for row in found.values()} == {reason}
