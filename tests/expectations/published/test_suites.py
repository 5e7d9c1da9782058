"""The marts' promises, each broken once in a small published file made by hand."""

from dataclasses import replace
from datetime import date, datetime

import duckdb
import pytest
import yaml

from expectations.catalogue import RULES
from expectations.published import suites as mart_suites
from expectations.published.suites import (
    EPISODES,
    MARTS,
    Bound,
    check_marts,
)

RUN_AT = datetime(2026, 1, 1, 6, 0)
SHARED = """
    estimate double, ci_low double, ci_high double, n_clients bigint, n_therapists bigint,
    n_excluded bigint, benchmark_value double, benchmark_source varchar,
    benchmark_is_comparable boolean, benchmark_why_not varchar
"""
# One sound row each; r and its benchmark are Flueckiger et al. 2018's.
ROWS = {
    "cf_alliance_outcome": {
        "estimate": 0.278,
        "ci_low": 0.256,
        "ci_high": 0.299,
        "zero_order_r": 0.3,
        "spearman_r": -1.0,
        "n_clients": 0,
        "benchmark_value": 0.278,
        "benchmark_source": "doi",
        "benchmark_is_comparable": False,
        "benchmark_why_not": "other window",
    },
    "cf_within_between_alliance": {
        "parameter": "within",
        "estimate": 4.2,
        "ci_low": 4.2,
        "ci_high": 5.0,
        "client_variance_share": 1.0,
    },
    "cf_early_alliance_dropout": {
        "metric": "odds_ratio",
        "estimate": 2.7,
        "ci_low": 1.1,
        "ci_high": 6.0,
    },
    # An ICC of exactly zero, on its boundary, is a result.
    "cf_therapist_effect": {
        "estimate": 0.0,
        "ci_low": 0.0,
        "ci_high": 0.1,
        "icc_unadjusted": 0.05,
        "var_therapist": 0.0,
        "var_residual": 20.2,
    },
    "cf_therapist_caterpillar": {"estimate": -2.0, "se": 0.4, "reliability": 0.7},
    "cf_dropout_definitions": {
        "estimate": 0.197,
        "not_judged_percent": 100.0,
        "discharge_unknown_percent": 0.0,
    },
    # Elliott et al. 2018 and Gelso et al. 2018.
    "cf_empathy_outcome": {"metric": "difference", "estimate": 1.1, "williams_p": 0.0},
    "cf_core_conditions": {"estimate": 0.38, "ci_low": 0.30, "ci_high": 0.44, "spearman_r": 1.0},
    "cf_congruence": {
        "parameter": "bias",
        "unit": "percent of the maximum",
        "estimate": -7.5,
        "r_squared": 1.0,
    },
}
EPISODE = {
    "jt_class": "recovered",
    "jt_is_case_at_start": True,
    "is_reliably_improved": True,
    "is_reliably_deteriorated": False,
    "nhs_is_case_at_start": True,
    "nhs_is_recovered": True,
    "nhs_is_reliably_improved": True,
    "nhs_is_reliably_deteriorated": False,
    "nhs_is_reliably_recovered": True,
    "outcome_pre": 20.0,
    "outcome_post": 10.0,
    "jt_cutoff_value": 10.0,
}


@pytest.fixture
def checked(tmp_path):
    """Return a function that builds the file with some cells changed, and checks it."""

    def check(changes=None, *, episodes=({},), leave_out=(), rows=ROWS, rules_file=RULES):
        path = tmp_path / "analytics.duckdb"
        with duckdb.connect(str(path)) as con:
            con.execute("create schema common_factors; create schema core")
            for mart in MARTS:
                if mart.table not in leave_out:
                    row = rows.get(mart.table, {}) | (changes or {}).get(mart.table, {})
                    _fill(con, mart.table, row)
            kinds = {str: "varchar", bool: "boolean", float: "double"}
            typed = ", ".join(f"{c} {kinds[type(value)]}" for c, value in EPISODE.items())
            con.execute(f"create table core.fct_episodes ({typed})")
            marks = ", ".join("?" for _ in EPISODE)
            for episode in episodes:
                values = list((EPISODE | episode).values())
                con.execute(f"insert into core.fct_episodes values ({marks})", values)
        results = check_marts(path, "run-1", RUN_AT, rules_file)
        return {
            (row["table_name"].removeprefix("common_factors."), row["rule_id"]): row
            for row in results
        }

    return check


def _fill(con, table, row):
    (bounds,) = (mart.bounds for mart in MARTS if mart.table == table)
    kinds = {bound.where[0]: "varchar" for bound in bounds if bound.where}
    kinds |= {bound.column: "double" for bound in bounds if bound.column != "estimate"}
    own = "".join(f", {column} {kind}" for column, kind in kinds.items())
    con.execute(f"create table common_factors.{table} ({SHARED}{own})")
    if row:
        con.execute(
            f"insert into common_factors.{table} ({', '.join(row)})"
            f" values ({', '.join('?' for _ in row)})",
            list(row.values()),
        )


def test_sound_marts_pass(checked):
    """Bounds themselves are allowed: r of -1, an ICC of 0, an estimate at its interval's end."""
    results = checked()

    failing = {key: row["message"] for key, row in results.items() if row["state"] == "fail"}
    assert failing == {}
    assert len(results) == 2 * len(MARTS) + 1
    assert results["cf_alliance_outcome", "P08"]["state"] == "pass"
    assert results["cf_therapist_effect", "P03"]["state"] == "pass"
    assert results[EPISODES, "P05"]["state"] == "pass"


@pytest.mark.parametrize(
    ("table", "change", "label"),
    [
        ("cf_alliance_outcome", {"zero_order_r": 1.01}, "zero_order_r in its range"),
        ("cf_alliance_outcome", {"estimate": 0.3}, "ci_high not below estimate"),
        ("cf_alliance_outcome", {"estimate": 0.2}, "estimate not below ci_low"),
        ("cf_alliance_outcome", {"n_excluded": -1}, "n_excluded in its range"),
        ("cf_empathy_outcome", {"metric": "empathy"}, "estimate in its range"),
        ("cf_empathy_outcome", {"estimate": 2.01}, "estimate in its range"),
        ("cf_core_conditions", {"spearman_r": 1.01}, "spearman_r in its range"),
        ("cf_congruence", {"unit": "correlation"}, "estimate in its range"),
        ("cf_outcome_change", {"estimate": 1.01}, "estimate in its range"),
        ("cf_rupture_summary", {"repaired_percent": 100.1}, "repaired_percent in its range"),
        ("cf_rupture_outcome", {"repair_r": -1.01}, "repair_r in its range"),
        ("cf_effect_size", {"correlation": -1.01}, "correlation in its range"),
        ("cf_congruence", {"r_squared": 1.01}, "r_squared in its range"),
        (
            "cf_within_between_alliance",
            {"parameter": "repeated_measures_r"},
            "estimate in its range",
        ),
        ("cf_early_alliance_dropout", {"estimate": 0.0, "ci_low": 0.0}, "estimate in its range"),
        ("cf_early_alliance_dropout", {"metric": "risk_low"}, "estimate in its range"),
        ("cf_therapist_effect", {"estimate": -0.01, "ci_low": -0.1}, "estimate in its range"),
        ("cf_therapist_effect", {"var_residual": 0.0}, "var_residual in its range"),
        ("cf_therapist_caterpillar", {"se": 0.0}, "se in its range"),
        ("cf_therapist_caterpillar", {"reliability": 1.1}, "reliability in its range"),
        (
            "cf_dropout_definitions",
            {"not_judged_percent": 100.1},
            "not_judged_percent in its range",
        ),
        (
            "cf_dropout_definitions",
            {"discharge_unknown_percent": -0.1},
            "discharge_unknown_percent in its range",
        ),
    ],
)
def test_an_impossible_estimate_fails(checked, table, change, label):
    """One value is one too many, and the message says which promise; it never says the value."""
    row = checked({table: change})[table, "P03"]

    assert (row["state"], row["n_failed"]) == ("fail", 1)
    assert label in row["message"]


@pytest.mark.parametrize(
    "change",
    [
        {"benchmark_source": None},
        {"benchmark_is_comparable": None},
        {"benchmark_why_not": None},
    ],
)
def test_a_benchmark_without_its_source_fails(checked, change):
    row = checked({"cf_alliance_outcome": change})["cf_alliance_outcome", "P08"]

    assert (row["state"], row["severity"]) == ("fail", "warn")


def test_a_change_class_against_its_definition_fails(checked):
    """Each of twelve contradictions is found; a last score on the cut-off is none."""
    contradictions = [
        {"jt_is_case_at_start": False},
        {"is_reliably_improved": False},
        {"jt_class": "improved", "is_reliably_improved": False},
        {"jt_class": "deteriorated"},
        {"jt_class": "harmed", "is_reliably_deteriorated": True},
        {"jt_class": "unchanged"},
        {"jt_class": "cured"},
        {"nhs_is_case_at_start": False},
        {"nhs_is_reliably_improved": False},
        {"nhs_is_reliably_deteriorated": True},
        {"outcome_post": 10.1},
        {"outcome_pre": 5.0, "outcome_post": 9.9},
    ]

    row = checked(episodes=contradictions)[EPISODES, "P05"]

    assert (row["state"], row["n_scope"], row["n_failed"]) == ("fail", 12, 12)


def test_a_mart_without_rows_is_not_applicable(checked):
    """A clinic of last week has no estimate; that is no proof that estimates are sound."""
    results = checked(rows={})

    states = {row["state"] for key, row in results.items() if key[0] != EPISODES}
    assert states == {"not_applicable"}


def test_a_missing_mart_is_an_error(checked):
    row = checked(leave_out=("cf_therapist_effect",))["cf_therapist_effect", "P03"]

    assert (row["state"], row["message"]) == (
        "error",
        "the check could not run: the table is missing",
    )


def test_a_check_that_cannot_run_is_an_error(checked, monkeypatch):
    """Great Expectations calls a column that is not there a failure of the data."""
    effect = next(mart for mart in MARTS if mart.table == "cf_therapist_effect")
    broken = replace(effect, bounds=(Bound("no_such_column", 0.0),))
    others = tuple(mart for mart in MARTS if mart is not effect)
    monkeypatch.setattr(mart_suites, "MARTS", (broken, *others))

    row = checked()["cf_therapist_effect", "P03"]

    assert (row["state"], row["n_failed"]) == ("error", 0)
    assert row["message"].endswith("could not check: no_such_column in its range")


def test_results_have_the_columns_of_the_lake(checked):
    row = checked()["cf_alliance_outcome", "P03"]

    assert {
        key: row[key] for key in ("run_id", "run_at", "clinic_id", "file_id", "source_file")
    } == {
        "run_id": "run-1",
        "run_at": RUN_AT,
        "clinic_id": None,
        "file_id": None,
        "source_file": None,
    }
    assert row["table_name"] == "common_factors.cf_alliance_outcome"
    assert row["share_failed"] == 0.0


def test_a_rule_out_of_force_is_not_checked(checked, tmp_path):
    """The day before its first day a promise is none; on that day it is one."""
    document = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for rule in document["rules"]:
        days = {
            "P03": {"valid_from": date(2026, 1, 2)},
            "P05": {"valid_to": date(2025, 12, 31)},
            "P08": {"valid_from": date(2026, 1, 1), "valid_to": date(2026, 1, 1)},
        }
        rule |= days.get(rule["id"], {}) | (
            {"valid_to": date(2025, 12, 31)} if rule["id"] == "P05" else {}
        )
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")

    assert {rule for _, rule in checked(rules_file=path)} == {"P08"}
