"""Complementary suppression on made-up tables, looked at as rule P06 does."""

from __future__ import annotations

import random

import pytest

from expectations.disclosure.suppression import hide_in
from expectations.published.disclosure import check_disclosure

CLINICS = {"a": "north", "b": "north", "c": "south", "d": "south", "e": None, "f": None}
COLUMNS = {
    "scope_level": "varchar",
    "scope_id": "varchar",
    "metric": "varchar",
    "session_number": "bigint",
    "estimate": "double",
    "ci_level": "double not null",
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
    """Hide what must be; return the clinics, groups and totals that show no count of clients."""
    hide_in(con, 11)
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
    """P06 finds the same table broken before."""
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


def test_cells_that_cannot_be_told_apart_are_an_error(table):
    """Sums over them would be meaningless, and a hidden count could slip through."""
    add(table, with_totals({"a": 20}))
    add(table, with_totals({"a": 30}))

    (found,) = check_disclosure(table, 11)

    assert found.error == "its cells cannot be told apart by their text"


@pytest.fixture
def made(con):
    """A function that publishes rows of one table, hides what must be and returns them."""
    con.execute("create schema core; create schema common_factors")
    con.execute("create table core.dim_clinics (clinic_id varchar, clinic_group varchar)")

    def make(table: str, rows: list[dict]) -> list[tuple]:
        kinds = {c: "bigint" if c.startswith("n_") else "varchar" for c in rows[0]}
        typed = ", ".join(f"{column} {kind}" for column, kind in kinds.items())
        con.execute(f"create table common_factors.{table} ({typed})")
        for row in rows:
            marks = ", ".join("?" for _ in row)
            con.execute(f"insert into common_factors.{table} values ({marks})", [*row.values()])
        (before,) = check_disclosure(con, 11)
        hide_in(con, 11)
        (after,) = check_disclosure(con, 11)
        assert before.n_failed > 0
        assert (after.n_failed, after.error) == (0, None)
        counts = ", ".join(c for c in rows[0] if c.startswith("n_"))
        return con.execute(f"select {counts} from common_factors.{table} order by rowid").fetchall()

    return make


def scoped(clinic: str, **values) -> dict:
    return {"scope_level": "clinic", "scope_id": clinic} | values


def test_the_parts_of_a_row_do_not_give_each_other_away(made):
    """37 clients less the 27 shown are 10."""
    row = {"n_clients_modality": 27, "n_clients_compared": None, "n_clients": 37}

    assert made("cf_modality_equivalence", [scoped("a", **row)]) == [(None, None, 37)]


def test_classes_that_exclude_each_other_do_not(made):
    """100 judged, 60 improved and 35 unchanged leave 5 deteriorated."""
    events = {"reliably_improved": 60, "unchanged": 35, "reliably_deteriorated": None}
    rows = [scoped("a", metric=m, n_events=n, n_episodes=100) for m, n in events.items()]

    assert made("cf_outcome_change", rows) == [(60, 100), (None, 100), (None, 100)]


def test_a_count_that_is_the_same_in_another_row_does_not(made):
    """In three clinics both metrics leave out as many; so e's 4 are 40 - 12 - 13 - 11."""
    left_out = {"a": (12, 12), "b": (13, 13), "c": (11, 11), "e": (None, None)}
    rows = [
        {"scope_level": level, "scope_id": scope, "metric": metric, "n_excluded": n}
        for level, (scope, both) in (
            *(("clinic", item) for item in left_out.items()),
            ("overall", ("all", (None, 40))),
        )
        for metric, n in zip(("icc", "slope"), both, strict=True)
    ]

    found = made("cf_made", rows)

    # The smallest, of clinic c, is hidden in both metrics.
    assert found == [(12,), (12,), (13,), (13,), (None,), (None,), (None,), (None,), (None,), (40,)]


def test_a_small_count_that_is_still_shown_is_hidden(made):
    rows = [scoped("a", metric=metric, n_clients=n) for metric, n in (("r", 10), ("icc", 11))]

    assert made("cf_made", rows) == [(None,), (11,)]


def test_kept_and_left_out_together_do_not(made):
    """Of the same 50 in each definition 44 and 6; where 6 is hidden, 50 - 44 must not be told."""
    kept = {"a": ((30, 20), (35, 15)), "b": ((60, 40), (75, 25)), "c": ((20, 30), (22, 28))}
    rows = [
        scoped(clinic, definition=definition, n_episodes=n, n_excluded=out)
        for clinic, both in (kept | {"d": ((30, 20), (44, None))}).items()
        for definition, (n, out) in zip(("one", "other"), both, strict=True)
    ]

    found = made("cf_made", rows)

    assert found[:6] == [cell for both in kept.values() for cell in both]
    assert sum(n is None for n in found[6] + found[7]) == 2


@pytest.mark.parametrize(
    ("small", "shown"),
    [
        # Of the kinds of ruptures no rate can be computed back, nor from it.
        ({"n_v_shapes": 3}, (0.1, 40.0, 60.0, "exploratory")),
        # The rate times the opportunities is the number of ruptures.
        ({"n_ruptures": 3}, (None, 40.0, 60.0, "suppressed")),
        ({"n_repaired_episodes": 3}, (0.1, 40.0, None, "exploratory")),
        ({"n_clients": 3}, (None, None, None, "suppressed")),
    ],
)
def test_a_hidden_count_hides_only_what_tells_it(table, small, shown):
    """The model of the table says in its meta what each count could be computed back from."""
    shares = ("estimate", "rupture_percent", "repaired_percent")
    row = {"scope_level": "clinic", "scope_id": "a", "n_clients": 90, "n_ruptures": 30}
    row |= {"n_v_shapes": 20, "n_repaired_episodes": 25, "n_opportunities": 300} | small
    row |= dict(zip((*shares, "precision_label"), (0.1, 40.0, 60.0, "exploratory"), strict=True))
    kinds = {str: "varchar", int: "bigint", float: "double"}
    typed = ", ".join(f"{name} {kinds[type(value)]}" for name, value in row.items())
    table.execute(f"create table common_factors.cf_rupture_summary ({typed})")
    marks = ", ".join("?" for _ in row)
    table.execute(
        f"insert into common_factors.cf_rupture_summary values ({marks})", [*row.values()]
    )

    hide_in(table, 11)

    (left,) = table.execute(
        f"select {', '.join(shares)}, precision_label from common_factors.cf_rupture_summary"
    ).fetchall()
    assert left == shown
