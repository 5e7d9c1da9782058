"""A clinic's export changes from one night to the next, and rows disappear from a snapshot."""

from __future__ import annotations

import csv

import pytest

from demo import generate

pytestmark = pytest.mark.slow  # two whole nights

SNAPSHOTS = """\
clinic: clinic
feeds:
  - {table: sessions, files: "sessions*", delivery: snapshot}
  - {table: clients, files: "clients*", delivery: snapshot}
  - {table: responses, files: "responses*"}
"""


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(path, rows, columns=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns or list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """One demo clinic's tables, without planted errors."""
    folder = tmp_path_factory.mktemp("export")
    generate(folder / "landing", folder, n_sessions=1_500, seed=1, defects=False)
    return {path.stem: read(path) for path in (folder / "landing" / "harbor").glob("*.csv")}


@pytest.fixture(scope="module")
def nights(home_with, night, tables):
    """Night 1 is in order. Night 2: columns exchanged, other files in order, rows deleted."""
    place = home_with("changed", clinics={"clinic": SNAPSHOTS})
    folder = place.landing / "clinic"
    forms = sorted(tables["responses"], key=lambda row: (row["completed_at"], row["response_id"]))
    cut = int(len(forms) * 0.8)
    write(folder / "responses_1.csv", forms[:cut])
    write(folder / "sessions_1.csv", tables["sessions"])
    write(folder / "clients_1.csv", tables["clients"])
    assert night(place) == "success"
    exchanged = [row | {"item_2": row["item_3"], "item_3": row["item_2"]} for row in forms[cut:]]
    write(folder / "responses_2.csv", exchanged)
    write(folder / "sessions_2.csv", tables["sessions"][20:])
    write(folder / "clients_2.csv", tables["clients"][2:])
    assert night(place) == "success"
    return place


def test_exchanged_columns_are_named_and_keep_the_file_out(nights, ask):
    found = ask(
        nights,
        "select distinct source_file, change, column_name from quality.dq_form_changes "
        "where is_blocking",
    )
    status = ask(
        nights,
        "select distinct status, n_loaded from quality.dq_balance "
        "where source_file = 'responses_2.csv'",
    )
    assert found == [("responses_2.csv", "swapped_columns", "item_2, item_3")]
    assert status == [("rejected", 0)]


def test_the_clinics_other_files_go_on(nights, ask):
    accepted = ask(
        nights,
        "select distinct source_file from quality.dq_balance where status = 'accepted' order by 1",
    )
    assert accepted == [
        (f"{name}.csv",)
        for name in ("clients_1", "clients_2", "responses_1", "sessions_1", "sessions_2")
    ]


def test_the_rule_results_say_which_file_was_compared(nights, ask):
    rows = ask(
        nights,
        "select source_file, rule_id, state from quality.dq_rule_results "
        "where rule_id in ('F03', 'F12') and source_file in ('responses_2.csv', 'sessions_1.csv') "
        "order by all",
    )
    assert rows == [
        ("responses_2.csv", "F03", "pass"),
        ("responses_2.csv", "F12", "fail"),
        ("sessions_1.csv", "F03", "not_applicable"),
        ("sessions_1.csv", "F12", "not_applicable"),
    ]


def test_deleted_rows_count_as_superseded_and_the_balance_holds(nights, ask):
    """Twenty sessions and two clients are gone, others still refer to them."""
    rows = ask(
        nights,
        "select source_file, n_superseded, n_deleted, is_balanced from quality.dq_balance "
        "where source_file in ('clients_1.csv', 'sessions_1.csv') order by 1",
    )
    assert rows == [("clients_1.csv", 2, 2, True), ("sessions_1.csv", 20, 20, True)]
    assert ask(nights, "select bool_and(is_balanced) from quality.dq_balance") == [(True,)]
