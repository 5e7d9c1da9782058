"""P06, P03 and P08 on tables as they come: small and derivable counts, impossible estimates."""

from __future__ import annotations

import numpy as np
import pytest

from expectations.disclosure.linear_attack import small_cells
from expectations.published.bounds import check_bounds
from expectations.published.disclosure import check_disclosure

NAN = np.nan


@pytest.fixture
def counts(con):
    """A function that publishes counts of clients by scope and looks at them."""
    con.execute("create schema core; create schema common_factors")
    con.execute(
        "create table core.dim_clinics as select * from (values ('a', 'north'), "
        "('b', 'north'), ('c', 'south'), ('d', 'south')) as t(clinic_id, clinic_group)"
    )
    con.execute(
        "create table common_factors.cf_made (scope_level varchar, scope_id varchar, "
        "metric varchar, n_clients bigint, n_therapists bigint, caution varchar)"
    )

    def check(cells: dict[tuple[str, str], int | None], metric="r"):
        for (level, scope), n in cells.items():
            con.execute(
                "insert into common_factors.cf_made values (?, ?, ?, ?, 3, ?)",
                [level, scope, metric, n, f"words of {scope}"],
            )
        (found,) = check_disclosure(con, 11)
        return found.n_scope, found.n_failed

    return check


def test_a_total_less_the_clinics_shown_gives_one_away(counts):
    """61 less 20, 15 and 20 is 6."""
    cells = {("overall", "all"): 61, ("clinic", "a"): 20, ("clinic", "b"): None}
    assert counts(cells | {("clinic", "c"): 15, ("clinic", "d"): 20}) == (5, 1)


def test_a_group_gives_one_away_where_the_total_does_not(counts):
    """b and d are hidden: their sum is known, but north is 26 and a 20."""
    cells = {("overall", "all"): 50, ("group", "north"): 26, ("clinic", "a"): 20}
    hidden = {("clinic", "b"): None, ("clinic", "c"): 15, ("clinic", "d"): None}

    # b is 6, and with it d is 50 - 20 - 6 - 15 = 9.
    assert counts(cells | hidden) == (6, 2)


def test_two_hidden_clinics_protect_each_other(counts):
    cells = {("overall", "all"): 50, ("clinic", "a"): 20, ("clinic", "b"): None}
    assert counts(cells | {("clinic", "c"): None, ("clinic", "d"): 15}) == (5, 0)


@pytest.mark.parametrize(("n", "n_failed"), [(0, 0), (1, 1), (10, 1), (11, 0)])
def test_a_small_count_that_is_shown(counts, n, n_failed):
    assert counts({("clinic", "a"): n}) == (1, n_failed)


def test_what_can_be_derived_and_is_large_is_no_disclosure(counts):
    assert counts({("overall", "all"): 40, ("clinic", "a"): 20, ("clinic", "b"): None}) == (3, 0)


def test_a_hidden_cell_is_found_through_two_sums():
    """x + y = 9 and y = 4 give x; nothing gives z and w apart."""
    sums = [{0: 1, 1: 1, 4: -1}, {1: 1, 2: 1, 3: 1}]

    assert small_cells(sums[:1], np.array([NAN, 4, NAN, NAN, 9]), 6) == {0}
    assert small_cells(sums, np.array([NAN, NAN, NAN, NAN, 30]), 6) == set()


@pytest.mark.parametrize(
    ("changes", "rule", "n_failed", "detail"),
    [
        ({}, "P03", 0, None),
        (
            {"partial_r": 1.0, "share": 1.0, "dropout_percent": 100.0, "n_clients": 0},
            "P03",
            0,
            None,
        ),
        ({"partial_r": -1.01, "partial_r_ci_low": None}, "P03", 1, "partial_r below its minimum"),
        ({"icc_session": -0.01}, "P03", 1, "icc_session below its minimum"),
        ({"share": 1.01}, "P03", 1, "share above its maximum"),
        ({"dropout_percent": 100.1}, "P03", 1, "dropout_percent above its maximum"),
        ({"dropout_percent_vs_none": -40.0}, "P03", 0, None),
        ({"se": 0.0}, "P03", 1, "se below its minimum"),
        ({"n_clients": -1}, "P03", 1, "n_clients below its minimum"),
        ({"estimate": 0.31}, "P03", 1, "estimate outside its interval"),
        ({"partial_r_ci_low": 0.3}, "P03", 1, "partial_r outside its interval"),
        ({"benchmark_source": None}, "P08", 1, "benchmark_value"),
        ({"benchmark_why_not": None}, "P08", 1, "benchmark_value"),
        ({"benchmark_is_comparable": True, "benchmark_why_not": None}, "P08", 0, None),
        ({"benchmark_value": None, "benchmark_source": None}, "P08", 0, None),
    ],
)
def test_what_the_name_of_a_column_promises(con, changes, rule, n_failed, detail):
    """Any table of the schema, without being told of it; bounds themselves are allowed."""
    row = {
        "estimate": 0.3,
        "ci_low": 0.2,
        "ci_high": 0.3,
        "partial_r": 0.2,
        "partial_r_ci_low": 0.1,
        "partial_r_ci_high": 1.0,
        "icc_session": 0.0,
        "share": 0.5,
        "se": 0.1,
        "dropout_percent": 20.0,
        "dropout_percent_vs_none": 5.0,
        "n_clients": 40,
        "benchmark_value": 0.28,
        "benchmark_ci_low": 0.4,
        "benchmark_ci_high": 0.1,
        "benchmark_source": "doi",
        "benchmark_is_comparable": False,
        "benchmark_why_not": "other",
    } | changes
    text = ("benchmark_source", "benchmark_why_not")
    kinds = {name: "varchar" if name in text else "double" for name in row}
    kinds["benchmark_is_comparable"] = "boolean"
    con.execute("create schema common_factors")
    for table in ("cf_made", "cf_known"):
        columns = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        con.execute(f"create table common_factors.{table} ({columns})")
    con.execute(
        f"insert into common_factors.cf_made values ({', '.join('?' for _ in row)})",
        [*row.values()],
    )

    found = {each.rule_id: each for each in check_bounds(con, leave_out=["cf_known"])}

    assert found[rule].table_name == "common_factors.cf_made"
    assert (found[rule].n_failed, found[rule].detail) == (n_failed, detail)
