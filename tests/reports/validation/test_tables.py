"""What is read from a release, and that the hand-made one has the form of a real one."""

from pathlib import Path

import duckdb
import pytest
import yaml

from reports.validation.tables import read_run_quality
from tests.reports.hand_made import RUN

MARTS = Path(__file__).parents[3] / "models" / "marts"


def contract_of(model):
    for path in sorted(MARTS.rglob("_*.yml")):
        for described in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            if described["name"] == model:
                return {c["name"]: c["data_type"].upper() for c in described["columns"]}
    raise AssertionError(f"no contract for {model}")


@pytest.mark.parametrize(
    ("schema", "table"),
    [
        ("core", "dim_clinics"),
        ("quality", "dq_rule_results"),
        ("quality", "dq_quarantine"),
        ("quality", "dq_balance"),
    ],
)
def test_the_hand_made_tables_are_those_of_the_contract(analytics, schema, table):
    with duckdb.connect(str(analytics), read_only=True) as connection:
        found = connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() "
            "WHERE schema_name = ? AND table_name = ?",
            [schema, table],
        ).fetchall()

    assert dict(found) == contract_of(table)


def test_files_of_one_clinic_and_rule_become_one_check(analytics, tmp_path):
    """Two files, 37 of 14,200 and 3 of 800: together 40 of 15,000, one of them failing."""
    copy = tmp_path / "analytics.duckdb"
    copy.write_bytes(analytics.read_bytes())
    with duckdb.connect(str(copy)) as connection:
        connection.execute(
            "INSERT INTO quality.dq_rule_results BY NAME SELECT * REPLACE ('h9' AS file_id, "
            "800 AS n_scope, 3 AS n_failed, 'pass' AS state) FROM quality.dq_rule_results "
            "WHERE rule_id = 'S04' AND clinic_id = 'harbor'"
        )

    found = [
        check
        for check in read_run_quality(copy, RUN).checks
        if (check.rule_id, check.clinic_id) == ("S04", "harbor")
    ]

    assert [(c.n_scope, c.n_failed, c.state) for c in found] == [(15_000, 40, "fail")]


def test_only_the_asked_run_is_read(analytics):
    other = read_run_quality(analytics, "another run")

    assert (other.files, other.run_at) == ([], None)
    # Asked of nothing in that run, but rows of theirs are still held back.
    open_rules = sorted((check.rule_id, check.state, check.n_lost) for check in other.checks)
    assert open_rules == [("N02", "not_applicable", 3), ("S04", "not_applicable", 37)]
    assert len(other.held_rows) == 52
    assert [clinic.clinic_id for clinic in other.clinics] == ["harbor", "linden", "moor", "quay"]


def test_a_clinic_without_a_name_goes_by_its_id(analytics, tmp_path):
    copy = tmp_path / "analytics.duckdb"
    copy.write_bytes(analytics.read_bytes())
    with duckdb.connect(str(copy)) as connection:
        connection.execute("DELETE FROM core.dim_clinics WHERE clinic_id = 'moor'")

    labels = [clinic.label for clinic in read_run_quality(copy, RUN).clinics]

    assert labels == [
        "Harbor Psychotherapy",
        "Linden Street Clinic",
        "Quay Practice",
        "moor",
        "Published tables",
    ]
