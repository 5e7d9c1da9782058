"""Outcome by rupture class, against SciPy and against numbers worked out by hand."""

import numpy as np
import pytest
from scipy import stats

from transforms.common_factors.rupture_outcome import (
    CLASSES,
    KEYS,
    SUMS,
    group_of,
    mean_interval,
    point_biserial,
    rupture_outcome,
    welch_difference,
)

REPAIRED = (8.0, 6.0, 7.0, 9.0, 3.0, 5.0)
UNREPAIRED = (2.0, 4.0, 1.0, 9.0, 2.0)


def group(values):
    """Return the group these improvements make."""
    return group_of(len(values), sum(values), sum(value * value for value in values))


def row_of(code: int, values, *, reliable: int = 0, dropouts: int = 0, stratum: int = 0) -> dict:
    """Return the sums of one stratum and class."""
    n = len(values)
    return {
        "stratum": stratum,
        "class_code": code,
        "client_count": n,
        "therapist_count": 1,
        "improvement_sum": sum(values),
        "improvement_squares": sum(value * value for value in values),
        "session_sum": 8 * n,
        "reliable_known_count": n,
        "reliable_count": reliable,
        "dropout_known_count": n,
        "dropout_count": dropouts,
    }


def records_of(rows: list[dict], clinics=("harbor",), groups=("coast",)) -> dict:
    """Return the records by scope and class."""
    strata = {
        "stratum": np.arange(len(clinics)),
        "clinic_id": np.array(clinics, dtype=object),
        "clinic_group": np.array(groups, dtype=object),
    } | {key: np.array([key] * len(clinics), dtype=object) for key in KEYS}
    columns = {
        name: np.array([row[name] for row in rows], dtype=float)
        for name in ("stratum", "class_code", *SUMS)
    }
    columns["stratum"] = columns["stratum"].astype(int)
    found = rupture_outcome(strata, columns)
    return {(record["scope_id"], record["rupture_class"]): record for record in found}


def test_welch_difference_equals_scipy():
    """scipy.stats.ttest_ind(equal_var=False), confidence_interval(0.95)."""
    found = welch_difference(group(REPAIRED), group(UNREPAIRED))
    theirs = stats.ttest_ind(REPAIRED, UNREPAIRED, equal_var=False).confidence_interval(0.95)

    assert found.value == pytest.approx(38 / 6 - 18 / 5, abs=1e-12)
    assert (found.ci_low, found.ci_high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_welch_difference_by_hand():
    """2 and 4 against 1 and 1.5: difference 1.75, variance 1.0625, df 1.124514."""
    found = welch_difference(group((2.0, 4.0)), group((1.0, 1.5)))
    variance = 2 / 2 + 0.125 / 2
    freedom = variance**2 / (1.0**2 + 0.0625**2)

    assert found.value == 1.75
    assert freedom == pytest.approx(1.124514, abs=1e-6)
    assert found.ci_high - found.value == pytest.approx(
        stats.t.ppf(0.975, freedom) * variance**0.5, abs=1e-9
    )


def test_point_biserial_equals_pearsons_r():
    """scipy.stats.pearsonr of class and improvement, with Fisher's interval."""
    found = point_biserial(group(REPAIRED), group(UNREPAIRED))
    is_repaired = [1] * len(REPAIRED) + [0] * len(UNREPAIRED)
    theirs = stats.pearsonr(is_repaired, REPAIRED + UNREPAIRED)
    interval = theirs.confidence_interval(0.95)

    assert found.value == pytest.approx(theirs.statistic, abs=1e-12)
    assert (found.ci_low, found.ci_high) == pytest.approx((interval.low, interval.high), abs=1e-9)


def test_the_repaired_doing_worse_give_a_negative_r():
    """The sign follows repaired minus unrepaired."""
    assert point_biserial(group(UNREPAIRED), group(REPAIRED)).value < 0


def test_mean_interval_equals_scipy():
    """Student's t with n - 1."""
    found = mean_interval(group(REPAIRED))
    theirs = stats.ttest_1samp(REPAIRED, 0).confidence_interval(0.95)

    assert (found.ci_low, found.ci_high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize(
    ("first", "second"),
    [((), REPAIRED), ((5.0,), REPAIRED), ((5.0, 5.0, 5.0), (5.0, 5.0)), ((0.1,) * 7, (0.1,) * 3)],
)
def test_degenerate_classes_give_a_reason_and_no_number(first, second):
    """Nobody, one client, no variance, also where rounding pretends one."""
    for estimate in (
        welch_difference(group(first), group(second)),
        point_biserial(group(first), group(second)),
    ):
        assert estimate.value is None
        assert estimate.reason


def test_one_client_has_a_mean_and_no_interval():
    """A mean of one is a mean."""
    found = mean_interval(group((5.0,)))

    assert (found.value, found.ci_low, found.ci_high) == (5.0, None, None)


def test_shares_carry_wilson_and_newcombe_intervals():
    """5 of 10 is [23.6593, 76.3407] (domain.md R11); Newcombe of 5/10 and 0/10 by hand."""
    rows = [
        row_of(0, [4.0] * 5 + [6.0] * 5, reliable=0),
        row_of(1, [4.0] * 5 + [6.0] * 5, reliable=5),
    ]
    repaired = records_of(rows)[("all", "repaired")]

    assert repaired["reliably_improved_percent"] == 50
    assert repaired["reliably_improved_percent_ci_low"] == pytest.approx(23.6593, abs=1e-4)
    assert repaired["reliably_improved_percent_ci_high"] == pytest.approx(76.3407, abs=1e-4)
    # Below: hypot(50 - 23.6593, 27.7533 - 0); above: hypot(76.3407 - 50, 0 - 0).
    assert repaired["reliably_improved_percent_vs_none"] == 50
    assert repaired["reliably_improved_percent_vs_none_ci_low"] == pytest.approx(
        50 - 38.2629, abs=1e-3
    )
    assert repaired["reliably_improved_percent_vs_none_ci_high"] == pytest.approx(76.3407, abs=1e-4)


def test_every_scope_has_the_three_classes_and_sums_add_up():
    """Overall, one group, two clinics; a class nobody is in has a reason."""
    rows = [
        row_of(1, REPAIRED, stratum=0),
        row_of(2, UNREPAIRED, stratum=0),
        row_of(1, UNREPAIRED, stratum=1),
    ]
    records = records_of(rows, clinics=("harbor", "summit"), groups=("coast", "coast"))

    assert set(records) == {
        (scope, name) for scope in ("all", "coast", "harbor", "summit") for name in CLASSES
    }
    assert records[("all", "repaired")]["n_clients"] == 11
    mean = {place: records[(place, "repaired")]["estimate"] for place in ("harbor", "summit")}
    weighted = (len(REPAIRED + UNREPAIRED) * mean["harbor"] + len(UNREPAIRED) * mean["summit"]) / (
        len(REPAIRED) + 2 * len(UNREPAIRED)
    )
    assert records[("all", "repaired")]["estimate"] == pytest.approx(weighted)
    assert records[("all", "repaired")]["mean_sessions"] == 8
    assert records[("summit", "unrepaired")]["estimate"] is None
    assert records[("summit", "unrepaired")]["reason"] == "no client of this class"


def test_only_the_repaired_are_set_beside_the_benchmark_and_no_class_beside_itself():
    """repair_r on one row; vs_none is NULL for none, vs_unrepaired for unrepaired."""
    records = records_of([row_of(code, REPAIRED) for code in (0, 1, 2)])

    for name in CLASSES:
        record = records[("all", name)]
        assert (record["repair_r"] is not None) == (name == "repaired")
        for reference in ("none", "unrepaired"):
            assert (record[f"improvement_vs_{reference}"] is None) == (name == reference)
