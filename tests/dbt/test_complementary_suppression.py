"""Complementary suppression: the macro on made-up tables, checked by row space as rule P06 does."""

from __future__ import annotations

import random
import re
from types import SimpleNamespace

import pytest

from expectations.disclosure_check import WORDS, check_disclosure
from tests.conftest import ROOT
from tests.dbt.rendered_models import _ENVIRONMENT

MACRO = ROOT / "macros" / "complementary_suppression.sql"
CLINICS = {"a": "north", "b": "north", "c": "south", "d": "south", "e": None, "f": None}
COLUMNS = {
    "scope_level": "varchar",
    "scope_id": "varchar",
    "metric": "varchar",
    "session_number": "bigint",
    "estimate": "double",
    "ci_level": "double",
    "benchmark_value": "double",
    "precision_label": "varchar",
    "n_clients": "bigint",
    "n_excluded": "bigint",
    "n_therapists": "bigint",
}


@pytest.fixture
def table(con):
    """An empty cf_ table beside the clinics."""
    con.execute("create schema core; create schema common_factors")
    con.execute("create table core.dim_clinics (clinic_id varchar, clinic_group varchar)")
    con.executemany("insert into core.dim_clinics values (?, ?)", [*CLINICS.items()])
    typed = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    con.execute(f"create table common_factors.cf_made ({typed})")
    return con


def add(con, cells, metric="r", column="n_clients"):
    """Add the cells of one metric; {(level, scope): count}. Small counts are hidden already."""
    for (level, scope), n in cells.items():
        shown = None if n is not None and 1 <= n < 11 else n
        row = {name: None for name in COLUMNS} | {
            "scope_level": level,
            "scope_id": scope,
            "metric": metric,
            "session_number": 1,
            "estimate": 0.3,
            "ci_level": 0.95,
            "benchmark_value": 0.28,
            "precision_label": "reportable",
            "n_therapists": 1,
            column: shown,
        }
        con.execute(
            f"insert into common_factors.cf_made values ({', '.join('?' for _ in row)})",
            [*row.values()],
        )


def with_totals(counts, levels=("overall", "group")):
    """Return the cells of the clinics with their totals."""
    cells = {("clinic", clinic): n for clinic, n in counts.items()}
    if "group" in levels:
        for group in {CLINICS[clinic] for clinic in counts} - {None}:
            own = [n for clinic, n in counts.items() if CLINICS[clinic] == group]
            cells["group", group] = sum(own)
    return cells | {("overall", "all"): sum(counts.values())}


def hide(con):
    """Run the macro; return the clinics, groups and totals that show no count of clients."""
    columns = [SimpleNamespace(name=name, dtype=kind) for name, kind in COLUMNS.items()]
    counts = ["n_clients", "n_excluded"]
    update = _ENVIRONMENT.globals["cf_update_complements"]
    con.execute(update("common_factors.cf_made", "core.dim_clinics", columns, counts, ["ci_level"]))
    rows = con.execute("select scope_id from common_factors.cf_made where n_clients is null")
    return sorted(scope for (scope,) in rows.fetchall())


def n_given_away(con):
    (found,) = check_disclosure(con, 11)
    assert found.error is None
    return found.n_failed


@pytest.mark.parametrize(
    ("counts", "hidden"),
    [
        # c is 5; d is the next smallest of its group.
        ({"a": 20, "b": 30, "c": 5, "d": 40}, ["c", "d"]),
        # The same without another clinic in the group: south is small itself, then a or b must go.
        ({"a": 20, "b": 30, "c": 5}, ["a", "c", "north", "south"]),
        # Without a group, beside another one without.
        ({"a": 20, "b": 30, "e": 5, "f": 40}, ["e", "f"]),
        # The only one without a group: the smallest group and its smallest clinic are hidden.
        ({"a": 20, "b": 30, "c": 50, "d": 60, "e": 5}, ["a", "e", "north"]),
        # Zero hides nothing: not d but the group's total would have to, and a with it.
        ({"a": 20, "b": 30, "c": 5, "d": 0}, ["a", "c", "north", "south"]),
        # Two hidden ones that together are 8 are still fewer than 11.
        ({"a": 3, "b": 5, "c": 20, "d": 30}, ["a", "b", "c", "north", "south"]),
        # Together 15: nobody can be told.
        ({"a": 7, "b": 8, "c": 20, "d": 30}, ["a", "b"]),
        ({"a": 20, "b": 11, "c": 0, "d": 30}, []),
    ],
)
def test_the_next_smallest_count_of_the_sum_is_hidden(table, counts, hidden):
    add(table, with_totals(counts))

    assert hide(table) == hidden
    assert n_given_away(table) == 0


def test_without_it_the_count_is_given_away(table):
    """What the macro is for: P06 finds the same table broken before."""
    add(table, with_totals({"a": 20, "b": 30, "c": 5, "d": 40}))

    assert n_given_away(table) == 1


def test_what_could_be_computed_back_is_hidden_with_it(table):
    """The estimate of a hidden row goes too; its benchmark, its level and other metrics stay."""
    add(table, with_totals({"a": 20, "b": 30, "c": 5, "d": 40}))
    add(table, with_totals({"a": 20, "b": 30, "c": 50, "d": 40}), metric="other")
    hide(table)

    rows = table.execute(
        "select metric, estimate, precision_label, ci_level, benchmark_value, n_therapists "
        "from common_factors.cf_made where scope_id = 'd' order by 1"
    ).fetchall()
    assert rows == [
        ("other", 0.3, "reportable", 0.95, 0.28, 1),
        ("r", None, "suppressed", 0.95, 0.28, 1),
    ]


def test_how_many_were_left_out_hides_no_estimate(table):
    """No estimate can be computed back from the number of those it was not computed from."""
    add(table, with_totals({"a": 20, "b": 30, "c": 5, "d": 40}), column="n_excluded")
    hide(table)

    rows = table.execute(
        "select n_excluded, estimate from common_factors.cf_made where scope_id = 'd'"
    ).fetchall()
    assert rows == [(None, 0.3)]


def test_no_small_count_can_be_computed_in_three_hundred_tables(table):
    """Clinics with and without a group, hidden totals and zeros, from a fixed seed."""
    rng = random.Random(4)
    for number in range(300):
        clinics = rng.sample(sorted(CLINICS), rng.randint(1, 6))
        counts = {c: rng.choice((0, 1, 4, 8, 10, 11, 14, 25, 60)) for c in clinics}
        levels = ("overall", "group") if rng.random() < 0.8 else ("overall",)
        add(table, with_totals(counts, levels), metric=str(number))
    before = n_given_away(table)
    hide(table)

    assert before > 100
    assert n_given_away(table) == 0


def test_macro_and_audit_tell_cells_apart_by_the_same_columns():
    """Two lists of words in two languages, and they must agree."""
    listed = MACRO.read_text(encoding="utf-8").split("set words = [")[1].split("]")[0]

    assert tuple(re.findall(r"'(\w+)'", listed)) == WORDS


def test_cells_that_cannot_be_told_apart_are_an_error(table):
    """Sums over them would be meaningless, and a hidden count could slip through."""
    add(table, with_totals({"a": 20}))
    add(table, with_totals({"a": 30}))

    (found,) = check_disclosure(table, 11)

    assert found.error == "its cells cannot be told apart by their text"
