"""Overall, group and clinic scopes cut the rows they should."""

import numpy as np

from transforms.common_factors.scopes import StratifiedRows, scopes

CLINICS = ["north", "north", "south", "west"]
GROUPS = ["coast", "coast", "coast", None]
KEYS = [("wai_sr", "phq9"), ("srs", "phq9"), ("wai_sr", "phq9"), ("wai_sr", "phq9")]


def test_every_clinic_counts_once_at_every_level_it_belongs_to():
    """A clinic without a group is in 'all' and in itself; instruments never mix."""
    found = {
        (scope.level, scope.scope_id, scope.key[0]): scope.strata
        for scope in scopes(CLINICS, GROUPS, KEYS)
    }

    assert found == {
        ("overall", "all", "srs"): (1,),
        ("overall", "all", "wai_sr"): (0, 2, 3),
        ("group", "coast", "srs"): (1,),
        ("group", "coast", "wai_sr"): (0, 2),
        ("clinic", "north", "srs"): (1,),
        ("clinic", "north", "wai_sr"): (0,),
        ("clinic", "south", "wai_sr"): (2,),
        ("clinic", "west", "wai_sr"): (3,),
    }


def test_a_scope_gets_exactly_the_rows_of_its_strata():
    stratum = np.array([3, 0, 2, 0, 1, 3])
    rows = StratifiedRows(stratum, {"value": np.array([10, 20, 30, 40, 50, 60])})

    cut = {
        (scope.level, scope.scope_id): sorted(columns["value"].tolist())
        for scope, columns in rows.each(scopes(CLINICS, GROUPS, KEYS))
        if scope.key[0] == "wai_sr"
    }

    assert cut[("overall", "all")] == [10, 20, 30, 40, 60]
    assert cut[("group", "coast")] == [20, 30, 40]
    assert cut[("clinic", "west")] == [10, 60]


def test_no_rows_give_no_scopes():
    assert scopes([], [], []) == []
