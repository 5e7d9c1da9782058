"""Records of every scope: right rows, right columns, NULLs from DuckDB kept as missing."""

import numpy as np
import pytest

from transforms.common_factors.rows import (
    direction_of,
    each_scope,
    fields_of,
    unstack,
)
from transforms.statistics.estimate import Estimate, two_sided_z, wald


def test_masked_entries_become_missing_values():
    """DuckDB's fetchnumpy masks NULL; a clinic without a group must not get one."""
    strata = {
        "stratum": np.array([1, 0]),
        "clinic_id": np.array(["south", "north"], dtype=object),
        "clinic_group": np.ma.array(["coast", ""], mask=[False, True], dtype=object),
    }
    rows = {
        "stratum": np.array([0, 1, 1]),
        "age": np.ma.array([30.0, 40.0, 0.0], mask=[False, False, True]),
    }

    cut = {(s.level, s.scope_id): part["age"] for s, part in each_scope(strata, rows, ())}

    assert list(cut) == [
        ("overall", "all"),
        ("group", "coast"),
        ("clinic", "north"),
        ("clinic", "south"),
    ]
    assert np.isnan(cut[("group", "coast")]).tolist() == [False, True]
    assert cut[("clinic", "north")].tolist() == [30.0]


def test_no_usable_rows_give_no_records():
    empty = {
        "stratum": np.array([], dtype=int),
        "clinic_id": np.array([]),
        "clinic_group": np.array([]),
    }

    assert list(each_scope(empty, {"stratum": np.array([], dtype=int)}, ())) == []


def test_direction_is_looked_up_by_instrument():
    strata = {"outcome_instrument_id": np.array(["phq9", "ors"]), "direction": np.array([-1, 1])}

    assert direction_of(strata) == {"phq9": -1, "ors": 1}


def test_unstacked_entries_are_plain_python_values():
    found = unstack({"scope_id": "all"}, {"n": np.array([1, 2]), "x": np.array([0.5, 1.5])})

    assert found == [{"scope_id": "all", "n": 1, "x": 0.5}, {"scope_id": "all", "n": 2, "x": 1.5}]
    assert type(found[0]["n"]) is int


def test_a_missing_estimate_keeps_its_reason():
    fields = fields_of(Estimate.missing("a measure does not vary", n=4))

    assert (fields["estimate"], fields["ci_low"], fields["n_used"]) == (None, None, 4)
    assert fields["reason"] == "a measure does not vary"


def test_a_negative_factor_swaps_the_ends_of_an_interval():
    turned = Estimate(1.0, 0.5, 2.0, 0.95, 10).times(-10)

    assert (turned.value, turned.ci_low, turned.ci_high) == (-10.0, -20.0, -5.0)


@pytest.mark.parametrize(("level", "z"), [(0.95, 1.959964), (0.90, 1.644854), (0.99, 2.575829)])
def test_two_sided_quantiles(level, z):
    assert two_sided_z(level) == pytest.approx(z, abs=1e-6)


@pytest.mark.parametrize(("value", "se"), [(1.0, 0.0), (1.0, float("nan")), (float("inf"), 1.0)])
def test_no_interval_without_a_standard_error(value, se):
    assert wald(value, se, 9).value is None
