"""An attacker with a solver gets no small count out of the public rows."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.disclosure.attacker import bounds_of_everything, counts_in, told_too_much
from tests.transforms.disclosure.made_tables import (
    ALLIANCE,
    CHANGE,
    Client,
    Network,
    network,
    structure,
    tables_of,
)
from transforms.disclosure.cells import broken_sums, system_of
from transforms.disclosure.control import controlled
from transforms.disclosure.over_time import rows_in_force
from transforms.disclosure.structure import Policy

US, UK = Policy(), Policy(threshold=5, base=5)
TONIGHT = date(2026, 1, 1)
NINE = {f"clinic{n}": size for n, size in enumerate((60, 45, 80, 33, 7, 52, 41, 70, 38))}


def public_of(made: Network, policy: Policy = US) -> dict[str, list[dict]]:
    return {
        name: controlled(rows, structure().tables[name], made.groups, policy)
        for name, rows in tables_of(made).items()
    }


def attack(made: Network, policy: Policy = US, rows_of=None) -> dict[str, dict]:
    told = rows_of or public_of(made, policy)
    return {
        name: found
        for name, rows in tables_of(made).items()
        if (found := told_too_much(rows, told[name], structure().tables[name], made.groups, policy))
    }


NETWORKS = {
    "nine clinics, one small": network(NINE, 1),
    "nine clinics in two groups": network(
        NINE, 2, {name: "north" if name < "clinic4" else "south" for name in NINE}
    ),
    "clinics of 10 to 12": network({"a": 10, "b": 11, "c": 12, "d": 12}, 3),
    "one clinic": network({"a": 40}, 4),
    "two clinics, one small": network({"a": 90, "b": 8}, 5),
    "one clinic of one therapist": network({"a": 60, "b": 40, "solo": 30}, 6, n_each=30),
}


@cache
def public(name: str) -> dict[str, list[dict]]:
    return public_of(NETWORKS[name])


@pytest.mark.parametrize("name", NETWORKS)
def test_no_small_count_is_told(name):
    assert attack(NETWORKS[name], rows_of=public(name)) == {}


@pytest.mark.parametrize("policy", [UK, Policy(base=1), Policy(zero="hidden")], ids=str)
@pytest.mark.parametrize("name", ["two clinics, one small", "one clinic"])
def test_no_small_count_is_told_under_another_policy(name, policy):
    assert attack(NETWORKS[name], policy) == {}


def test_the_made_tables_add_up_as_declared():
    for made in NETWORKS.values():
        for name, rows in tables_of(made).items():
            assert broken_sums(system_of(rows, structure().tables[name], made.groups)) == []


def test_something_is_left_to_read():
    rows = public("nine clinics, one small")[CHANGE]

    shown = [row for row in rows if row["n_episodes"] is not None]
    assert len(shown) > 0.5 * len(rows)
    assert any(row["estimate"] is not None for row in rows if row["scope_level"] == "clinic")


def test_hiding_only_the_small_counts_is_red():
    """What Rapport did by column names: the small ones hidden, the others exact."""
    made, table = NETWORKS["nine clinics, one small"], structure().tables[CHANGE]
    exact = tables_of(made)[CHANGE]
    naive = [
        {**row, **{c: None if 0 < row[c] < 11 else row[c] for c in table.counts}} for row in exact
    ]

    red = told_too_much(exact, naive, table, made.groups, Policy(base=1))

    assert sum(low == high for _, low, high in red.values()) > 10  # recovered exactly


def test_a_text_that_counts_is_red_and_ours_counts_nothing():
    made = NETWORKS["nine clinics, one small"]
    told = [counts_in(row["exclusion_reasons"]) for row in tables_of(made)[CHANGE]]
    ours = [
        counts_in(row["exclusion_reasons"]) for row in public("nine clinics, one small")[CHANGE]
    ]

    assert any(0 < count < 11 for counts in told for count in counts)
    assert [counts for counts in ours if counts] == []


def test_a_share_tells_nothing_beside_its_printed_counts():
    for name in NETWORKS:
        shown = [row for row in public(name)[CHANGE] if row["estimate"] is not None]
        for row in shown:
            assert row["estimate"] == pytest.approx(row["n_events"] / row["n_episodes"], abs=1e-4)


def test_a_hidden_count_takes_its_statistics_with_it():
    for rows in public("clinics of 10 to 12").values():
        for row in rows:
            counts = [row[c] for c in ("n_events", "n_episodes", "n_clients") if c in row]
            if None in counts and "estimate" in row:
                assert (row["estimate"], row["ci_low"], row["ci_high"]) == (None, None, None)
                assert row["precision_label"] == "suppressed"


def test_the_clients_of_a_single_therapist_are_not_told_apart():
    made, table = NETWORKS["one clinic of one therapist"], structure().tables[ALLIANCE]
    exact = tables_of(made)[ALLIANCE]
    rows = public("one clinic of one therapist")[ALLIANCE]
    (at,) = [n for n, row in enumerate(rows) if row["scope_id"] == "solo"]
    cell = system_of(exact, table, made.groups).places[at, "n_clients"]

    low, high = bounds_of_everything(rows, table, made.groups, US, {cell})[cell]

    assert rows[at]["n_clients"] is None
    assert rows[at]["estimate"] is None
    assert exact[at]["n_clients"] >= 11
    assert high - low >= US.threshold - 1


def test_two_therapists_are_enough_and_one_is_not():
    sizes = {"a": 60, "b": 40, "solo": 30}
    for n_each, is_shown in ((15, True), (30, False)):
        made = network(sizes, 6, n_each=n_each)
        exact, table = tables_of(made)[ALLIANCE], structure().tables[ALLIANCE]
        rows = controlled(exact, table, made.groups, US)
        (row,) = [row for row in rows if row["scope_id"] == "solo"]
        assert (row["n_clients"] is not None) == is_shown


@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.integers(0, 60), min_size=1, max_size=4),
    seed=st.integers(0, 10**6),
    n_groups=st.integers(1, 3),
    policy=st.sampled_from([US, UK, Policy(base=1), Policy(threshold=7, base=3)]),
)
def test_no_small_count_of_any_network_is_told(sizes, seed, n_groups, policy):
    named = {f"clinic{n}": size for n, size in enumerate(sizes)}
    groups = {name: f"group{n % n_groups}" for n, name in enumerate(named)}

    assert attack(network(named, seed, groups), policy) == {}


# Night N and night N + 1.


def nights(first: Network, second: Network, days: int = 1) -> list[dict[str, list[dict]]]:
    """Return the exact rows behind what outsiders read after each of two nights.

    What they read is made from these alone: where the rows are the same, so is every number.
    """
    told, old = [], dict.fromkeys(tables_of(first), ())
    for n, made in enumerate((first, second)):
        day = TONIGHT + timedelta(days=n * days)
        old = {
            name: rows_in_force(rows, old[name], structure().tables[name], US, f"r{n}", day)
            for name, rows in tables_of(made).items()
        }
        told.append(old)
    return told


def more(made: Network, n: int, clinic: str = "clinic0") -> Network:
    new = tuple(
        Client(clinic, f"{clinic}-0", change="reliably_improved", improvement=20.0)
        for _ in range(n)
    )
    return Network(made.groups, made.clients + new)


@pytest.mark.parametrize("n_new", [1, 10])
def test_fewer_new_clients_than_the_threshold_change_nothing(n_new):
    made = NETWORKS["nine clinics, one small"]
    before, after = nights(made, more(made, n_new))

    assert before == after


def test_as_many_as_the_threshold_change_the_rows():
    made = NETWORKS["nine clinics, one small"]
    before, after = nights(made, more(made, 11))

    assert before[ALLIANCE] != after[ALLIANCE]


def test_one_client_of_another_clinic_keeps_all_scopes_back():
    """All less the clinic that changed enough would be the one client."""
    made = NETWORKS["nine clinics, one small"]
    before, after = nights(made, more(more(made, 11), 1, "clinic1"))

    assert before == after


def test_a_corrected_score_changes_nothing():
    made = NETWORKS["nine clinics, one small"]
    first, *rest = made.clients
    moved = Client(first.clinic, first.therapist, first.line, first.change, improvement=99.0)
    before, after = nights(made, Network(made.groups, (moved, *rest)))

    assert before[ALLIANCE] == after[ALLIANCE]


@pytest.mark.parametrize(("days", "is_replaced"), [(91, False), (92, True)])
def test_a_row_is_replaced_at_the_latest_after_so_many_days(days, is_replaced):
    made = NETWORKS["nine clinics, one small"]
    before, after = nights(made, more(made, 10), days)

    assert (before[CHANGE] != after[CHANGE]) == is_replaced
