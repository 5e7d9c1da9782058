"""An impossible number takes its row along; P10 counts it by table, column, side and clinic."""

import duckdb
import pytest

from expectations.published.audit import broken_promises
from expectations.published.bounds import check_bounds
from expectations.published.withheld_cells import check_withheld, withhold_impossible

COLUMNS = (
    "scope_level varchar, scope_id varchar, repaired_percent double, "
    "repaired_percent_ci_low double, repaired_percent_ci_high double, n_clients bigint, "
    "benchmark_value double, benchmark_source varchar, benchmark_is_comparable boolean, "
    "benchmark_why_not varchar, precision_label varchar, not_estimable_reason varchar"
)


@pytest.fixture
def build(tmp_path):
    """A finished file with one table: the pooled row and two clinics."""

    def write(**changed):
        row = {"percent": 0.0, "low": 0.0, "high": 18.4} | changed
        path = tmp_path / "analytics.duckdb"
        with duckdb.connect(str(path)) as con:
            con.execute("create schema common_factors")
            con.execute(f"create table common_factors.cf_rupture_made ({COLUMNS})")
            con.execute(
                "insert into common_factors.cf_rupture_made values "
                "('overall', 'all', 50, 40, 60, 90, 46, 'doi', true, null, 'reportable', null), "
                "('clinic', 'alder', 50, 40, 60, 70, 46, 'doi', true, null, 'reportable', null), "
                "('clinic', 'birch', ?, ?, ?, 17, 46, 'doi', true, null, 'reportable', null)",
                [row["percent"], row["low"], row["high"]],
            )
        return path

    return write


def row_of(path, clinic: str) -> tuple:
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(
            "select repaired_percent, repaired_percent_ci_low, n_clients, benchmark_value, "
            "precision_label, not_estimable_reason from common_factors.cf_rupture_made "
            "where scope_id = ?",
            [clinic],
        ).fetchone()


@pytest.mark.parametrize(
    "changed", [{}, {"low": -2e-16}, {"low": -9e-10}, {"percent": 100.0, "high": 100 + 9e-10}]
)
def test_rounding_beyond_a_bound_is_nothing(build, changed):
    path = build(**changed)

    assert withhold_impossible(path) == 0
    with duckdb.connect(str(path), read_only=True) as con:
        assert {m.n_failed for m in check_bounds(con, [])} == {0}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"low": -2e-9}, "repaired_percent_ci_low below its minimum"),
        ({"high": 100.1}, "repaired_percent_ci_high above its maximum"),
        ({"percent": 101.0, "high": 100.0}, "repaired_percent above its maximum"),
        ({"percent": float("nan")}, "repaired_percent above its maximum"),
        ({"percent": 20.0}, "repaired_percent outside its interval"),
    ],
)
def test_the_row_is_emptied_and_says_which_column_and_side(build, changed, reason):
    path = build(**changed)

    assert withhold_impossible(path) == 1
    assert row_of(path, "birch") == (None, None, 17, 46, "none", f"defect: {reason}")
    assert row_of(path, "alder") == (50, 40, 70, 46, "reportable", None)
    with duckdb.connect(str(path), read_only=True) as con:
        (found,) = check_withheld(con)
        assert (found.clinic_id, found.n_scope, found.n_failed) == ("birch", 1, 1)
        assert (found.table_name, found.detail) == (
            "common_factors.cf_rupture_made",
            f"defect: {reason}",
        )
        assert {m.n_failed for m in check_bounds(con, [])} == {0}


def result(**changed) -> dict:
    return {
        "rule_id": "P01",
        "title": "rows balance",
        "table_name": "quality.dq_balance",
        "clinic_id": None,
        "severity": "fatal",
        "state": "fail",
        "message": "3 of 9 break it",
    } | changed


def test_a_broken_promise_names_table_and_clinics():
    results = [result(clinic_id="birch"), result(clinic_id="alder"), result(severity="warn")]

    (broken,) = broken_promises(results)

    assert broken.clinics == ("alder", "birch")
    assert broken.in_full() == (
        "P01 rows balance (fail) (quality.dq_balance, 3 of 9 break it): alder, birch"
    )


@pytest.mark.parametrize(("state", "clinics"), [("fail", ("cedar",)), ("error", ())])
def test_contradicting_classes_have_the_clinics_of_their_episodes(state, clinics):
    """A check that could not run says nothing of anybody's rows."""
    (broken,) = broken_promises([result(rule_id="P05", state=state)], ("cedar",))

    assert broken.clinics == clinics
