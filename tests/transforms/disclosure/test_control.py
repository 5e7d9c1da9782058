"""What goes with a hidden count, and what a pooled row says of its clinics."""

from __future__ import annotations

import pytest

from tests.transforms.disclosure.made_tables import ALLIANCE, structure
from transforms.disclosure.control import controlled
from transforms.disclosure.protect import rounded
from transforms.disclosure.structure import Policy

US = Policy()
DROPOUT = "common_factors.cf_early_alliance_dropout"
RUPTURES = "common_factors.cf_rupture_outcome"
LAG = "common_factors.cf_alliance_symptom_lag"
TRANSFERENCE = "common_factors.cf_countertransference"
NUMBER = {"estimate": 0.3, "ci_low": 0.1, "ci_high": 0.5, "precision_label": "reportable"}


def public(table: str, rows: list[dict], clinics=("north",)) -> list[dict]:
    declared = structure().tables[table]
    at = {"scope_level": "clinic", "scope_id": "north", "n_therapists": 20}
    filled = [dict.fromkeys(declared.roles) | at | NUMBER | row for row in rows]
    return controlled(filled, declared, dict.fromkeys(clinics, "coast"), US)


def persons(n: int, n_excluded: int = 100) -> dict:
    return {"n_clients": n, "n_episodes": n, "n_excluded": n_excluded}


@pytest.mark.parametrize(("n_left", "is_told"), [(10, False), (11, True), (0, True)])
def test_an_odds_ratio_goes_with_those_who_left_in_a_third(n_left, is_told):
    """Its own row counts both thirds together; the ratio would tell how they are divided."""
    left = {"risk_low": n_left, "risk_middle": 20, "risk_high": 30}
    rows = [{"metric": name, **persons(60), "n_dropouts": n} for name, n in left.items()]
    both = persons(120) | {"n_dropouts": n_left + 30, "ci_low": 1.1, "ci_high": 3.0}
    rows.append({"metric": "odds_ratio", "estimate": 2.0, **both})

    *_, ratio = public(DROPOUT, rows)

    assert (ratio["estimate"] is not None) == is_told
    assert (ratio["precision_label"] == "suppressed") == (not is_told)


@pytest.mark.parametrize(("n_none", "is_told"), [(10, False), (11, True)])
def test_a_difference_goes_with_the_class_it_is_from(n_none, is_told):
    sizes = {"none": n_none, "repaired": 40, "unrepaired": 40}
    ends = {"": 1.0, "_ci_low": 0.0, "_ci_high": 2.0}
    difference = {f"improvement_vs_none{end}": x for end, x in ends.items()}
    rows = [{"rupture_class": name, **persons(n), **difference} for name, n in sizes.items()]

    repaired = public(RUPTURES, rows)[1]

    assert repaired["estimate"] is not None
    assert (repaired["improvement_vs_none"] is not None) == is_told


def test_what_persons_did_is_hidden_with_their_number():
    """Sixty pairs of four or more each are of fifteen clients at most."""
    keys = {"lag_direction": "symptom_to_alliance", "parameter": "within"}
    (row,) = public(LAG, [{**keys, **persons(10), "n_pairs": 60}])

    assert (row["n_clients"], row["n_pairs"], row["n_therapists"]) == (None, None, None)
    assert row["n_excluded"] == 100  # of others


@pytest.mark.parametrize(("label", "is_told"), [("too few", False), ("too imprecise", True)])
def test_below_the_least_of_a_table_its_counts_are_told_and_no_statistic(label, is_told):
    (row,) = public(ALLIANCE, [{**persons(19), "spearman_r": 0.2, "precision_label": label}])

    assert row["n_clients"] == 20
    assert (row["estimate"] is not None, row["spearman_r"] is not None) == (is_told, is_told)
    assert row["precision_label"] == (label if is_told else "suppressed")


@pytest.mark.parametrize(("n_therapists", "is_told"), [(10, False), (11, True)])
def test_therapists_who_rate_themselves_are_eleven(n_therapists, is_told):
    rows = [{"metric": "management_outcome", **persons(400), "n_therapists": n_therapists}]
    (row,) = public(TRANSFERENCE, rows)

    assert [row[c] is not None for c in ("estimate", "n_clients", "n_therapists")] == [is_told] * 3


def pooled(of_clinics: dict[str, tuple[int, float]], table=ALLIANCE, **keys) -> bool | None:
    """Return what is said of the clinics' disagreement, by clients and estimate of each."""
    total = sum(n for n, _ in of_clinics.values())
    excluded = 100 * len(of_clinics)
    rows = [{"scope_level": "overall", "scope_id": "all", **persons(total, excluded)}]
    rows += [{"scope_id": c, **persons(n), "estimate": x} for c, (n, x) in of_clinics.items()]
    roles = structure().tables[table].roles
    for n, row in enumerate(rows):
        more = {"n_dropouts": 30 if n else 30 * len(of_clinics), **keys}
        rows[n] = row | {column: x for column, x in more.items() if column in roles}
    found = public(table, rows, [*of_clinics])
    assert {row["clinics_disagree"] for row in found[1:]} == {None}
    return found[0]["clinics_disagree"]


@pytest.mark.parametrize(
    ("of_clinics", "told"),
    [
        ({"a": (90, 0.3), "b": (90, -0.3)}, True),
        ({"a": (90, 0.3), "b": (90, 0.2)}, False),
        ({"a": (90, 0.3)}, None),
        # The sign of a clinic that is hidden is not told.
        ({"a": (90, 0.3), "b": (80, 0.2), "c": (70, 0.2), "d": (8, -0.3)}, False),
    ],
)
def test_clinics_disagree_as_far_as_they_are_told(of_clinics, told):
    assert pooled(of_clinics) is told


@pytest.mark.parametrize(("other", "told"), [(0.8, True), (1.2, False)])
def test_no_effect_is_one_for_a_ratio(other, told):
    of_clinics = {"a": (90, 1.5), "b": (90, other)}

    assert pooled(of_clinics, DROPOUT, metric="hazard_ratio_per_sd") is told


def curve(*events: tuple[int, int], n: int) -> list[dict]:
    """Return the points of a curve of n clients, of who left and who ended otherwise at each."""
    rows, left, at_risk = [], 0, n
    for session, (n_left, n_other) in enumerate(events, start=1):
        left += n_left
        point = {"curve": "all", "alliance_tertile": "all", "session_number": session}
        rows.append({**point, **persons(n), "n_left": left, "n_at_risk": at_risk})
        at_risk -= n_left + n_other
    return rows


@pytest.mark.parametrize(
    ("events", "n", "told"),
    [
        # Eleven leave, then ten: the second step is small, the third is 21 from the first.
        (((11, 0), (10, 0), (11, 0)), 100, [True, False, True]),
        (((11, 0), (11, 0)), 100, [True, True]),
        # Ten who completed in between could be had from those at risk at the next point.
        (((11, 10), (11, 0)), 100, [True, False]),
        (((11, 11), (11, 0)), 100, [True, True]),
        # Ten who are left after a point, and ten at risk; none left is none.
        (((11, 0), (11, 0)), 32, [True, False]),
        (((11, 0), (11, 0)), 22, [True, True]),
        (((11, 1), (10, 0)), 22, [True, False]),
    ],
)
def test_no_step_between_two_points_of_a_curve_is_small(events, n, told):
    """Both ends of the threshold, in what leaves, ends otherwise and stays."""
    rows = public("common_factors.cf_dropout_survival", curve(*events, n=n))

    assert [row["estimate"] is not None for row in rows] == told
    assert [row["precision_label"] == "suppressed" for row in rows] == [not each for each in told]


def test_counts_are_rounded_as_nhs_talking_therapies_publishes_them():
    """Below 5 hidden, the others to the nearest multiple of 5."""
    nhs = Policy(threshold=5, base=5)

    assert nhs.is_small(4)
    assert not nhs.is_small(5)
    assert [rounded(n, nhs) for n in (5, 6, 7, 8, 12, 13)] == [5, 5, 5, 10, 10, 15]
