"""Names, birth dates, addresses and identifiers stay in landing and vault, and come out nowhere."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import duckdb
import pytest

# demo/ is the generator's own account of what it planted, not an artefact of the night.
MAY_HOLD_THEM = ("landing", "vault", "demo")


@pytest.fixture(scope="module")
def secrets(demo_home) -> set[str]:
    """What the clinics wrote about persons, as far as it is long enough to be told by itself."""
    found: set[str] = set()
    for file in demo_home.landing.rglob("*.csv"):
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for row in csv.DictReader(lines):
                for column, cell in row.items():
                    if column and cell and len(cell) >= 6 and _is_personal(column):
                        found.add(cell)
    return found


def test_there_is_something_to_look_for(secrets):
    assert len(secrets) > 5_000
    assert any("@" in secret for secret in secrets)
    assert any(secret.startswith("19") and secret.count("-") == 2 for secret in secrets)


def test_no_published_or_lake_table_holds_one(demo_home, secrets):
    leaks = set()
    with duckdb.connect(str(demo_home.published.resolve()), read_only=True) as con:
        tables = con.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        for schema, table in tables:
            relation = f'"{schema}"."{table}"'
            leaks |= {(relation, column) for column in _columns_with(con, relation, secrets)}
        for file in [*demo_home.lake.rglob("*.parquet"), *demo_home.quarantine.rglob("*.parquet")]:
            relation = f"read_parquet('{file}')"
            leaks |= {(file.name, column) for column in _columns_with(con, relation, secrets)}

    assert leaks == set()


def test_no_log_report_or_record_of_airflow_holds_one(demo_home, airflow_home, secrets):
    """Texts are searched word by word; SQLite and HTML are read as the bytes they are."""
    leaks = []
    files = [
        path
        for root in (demo_home.root, airflow_home.root)
        for path in root.rglob("*")
        if path.is_file()
        and path.suffix not in (".duckdb", ".parquet")
        and path.relative_to(root).parts[0] not in MAY_HOLD_THEM
    ]
    for path in files:
        words = set(_words(_text_of(path)))
        if words & secrets:
            leaks.append(path.name)

    assert len(files) > 20
    assert any(path.suffix == ".xlsx" for path in files)
    assert leaks == []


def _is_personal(column: str) -> bool:
    return column.endswith("_id") or column in (
        "record_id", "birth_date", "dob", "first_name", "last_name", "email",
    )  # fmt: skip


def _text_of(path: Path) -> str:
    """Return the bytes of a file as text; an Excel file is unpacked first."""
    if path.suffix != ".xlsx":
        return path.read_bytes().decode("utf-8", errors="ignore")
    with zipfile.ZipFile(path) as parts:
        return " ".join(parts.read(name).decode("utf-8") for name in parts.namelist())


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c in "-_@." else " " for c in text).split()


def _columns_with(con, relation: str, secrets: set[str]) -> list[str]:
    columns = [
        name
        for name, kind, *_ in con.execute(f"describe select * from {relation}").fetchall()
        if kind in ("VARCHAR", "DATE")
    ]
    holding = []
    for column in columns:
        values = con.execute(f'select distinct cast("{column}" as varchar) from {relation}')
        words = {word for (value,) in values.fetchall() if value for word in _words(value)}
        if words & secrets:
            holding.append(column)
    return holding
