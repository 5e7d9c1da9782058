"""Names, birth dates, addresses and identifiers stay in landing and vault, and come out nowhere.

First what the demo clinics wrote about persons; then, in every format the product reads, a canary
in every cell of the input (`canary_exports`).
"""

from __future__ import annotations

import base64
import csv
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.storage.ledger import Ledger
from pipeline.vault.keys import master_key, open_vault
from tests.acceptance.canary_exports import FORMATS, HEADING, MARK
from tests.acceptance.leaks import files_outside, places_with
from transforms.contract import TABLES
from transforms.intake.pseudonyms import GroupKey

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


def test_the_vault_says_no_name_without_the_key(demo_home, secrets):
    sealed = [path for path in demo_home.vault.rglob("*") if path.is_file()]
    told = {path.name for path in sealed if set(_words(_text_of(path))) & secrets}

    assert sum(path.suffix == ".sealed" for path in sealed) > 5
    assert told == set()


def test_no_key_stands_anywhere_else(demo_home, airflow_home, monkeypatch):
    """Not in a log, a page, a record of Airflow, an artefact of dbt or a table, in any writing."""
    monkeypatch.delenv("RAPPORT_KEY", raising=False)
    ring, outer = open_vault(demo_home), master_key(demo_home)
    forms = [
        form.lower()
        for key in {outer, ring.pseudonyms, *ring.keys}
        for form in (key, key.hex().encode(), base64.b64encode(key))
    ]
    found = set()
    for path, name in files_outside([demo_home.root, airflow_home.root]):
        content = path.read_bytes().lower()
        found |= {name for form in forms if form in content}

    assert found == set()
    assert outer.hex() in (demo_home.vault / "key").read_text()
    for group in ("default", "lakeside"):
        letters = GroupKey.derive(ring.pseudonyms, group).letters
        assert places_with(letters.decode(), [demo_home.root]) == set()


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


# Columns a clinic fills with words of its own. They are kept as they are, and so is a canary there.
OWN_WORDS = {
    "clients": ("gender", "first_language", "employment", "deprivation"),
    "therapists": ("profession", "orientation"),
}

NOBODY_IS_ASKED = """
default: {quarantined_share: 1, incomplete_share: 1, form_changes: [], mart_rules: []}
"""


@pytest.fixture(scope="module")
def canary_nights(home_with, night, tmp_path_factory):
    """Two nights over every format; the second delivery's headings are others than the first's."""
    exports = {name: make() for name, make in FORMATS.items()}
    configs = {name: export.config for name, export in exports.items() if export.config}
    place = home_with("canaries", clinics=configs)
    (place.config / "gate.yml").write_text(NOBODY_IS_ASKED, encoding="utf-8")
    printed = tmp_path_factory.mktemp("printed") / "output"
    _deliver(place, exports)
    with _printing_to(printed):
        assert night(place) == "success"
    with duckdb.connect(str(place.published.resolve()), read_only=True) as con:
        held = con.execute(
            "select clinic_id, source_file, source_line, column_name from quality.dq_quarantine"
        ).fetchall()
    _deliver(place, {name: FORMATS[name]() for name in ("text", "wide", "qualtrics")}, "2")
    with _printing_to(printed):
        assert night(place) == "success"
    return place, exports, set(held), printed


@pytest.mark.slow
def test_every_format_was_read_and_its_rows_told_apart(canary_nights, ask):
    place, exports, *_ = canary_nights
    files = Ledger(place).all_files()
    loaded = {row["clinic_id"] for row in files if row["status"] == "accepted"}

    assert loaded == set(exports)
    assert {row["status"] for row in files} == {"accepted", "rejected", "refused"}
    scored = dict(ask(place, "select clinic_id, count(*) from core.fct_scores group by 1"))
    assert {name for name in exports if scored.get(name, 0) < 15} == set()


@pytest.mark.slow
def test_an_answer_that_is_no_number_is_found_by_line_and_column(canary_nights):
    _, exports, held, _ = canary_nights
    planted = {(name, *at) for name, export in exports.items() for at in export.answers}

    assert {name for name, *_ in planted} == set(exports)
    assert planted - held == set()


@pytest.mark.slow
def test_a_canary_in_any_cell_comes_out_nowhere(canary_nights, airflow_home):
    """No page, issue list, Data Docs, log, record of Airflow or dbt, ledger or table holds one.

    Lake and quarantine hold rows, the latter whole: behind the door, and in columns for words.
    """
    place, _, _, printed = canary_nights
    held = places_with(MARK, [place.root, airflow_home.root, printed.parent])

    expected = {
        f"core.dim_{table}.{column}" for table, columns in OWN_WORDS.items() for column in columns
    }
    assert {at for at in held if not at.startswith(("lake/", "quarantine/"))} == expected
    in_lake = {re.sub(r"/clinic=.*:", ".", at) for at in held if at.startswith("lake/")}
    assert in_lake == {f"lake/{at.removeprefix('core.dim_')}" for at in expected}
    words = {
        f"quarantine/{table.name}.{column.lake_name}"
        for table in TABLES.values()
        for column in table.columns
        if column.kind == "text"
    }
    in_quarantine = {re.sub(r"/clinic=.*:", ".", at) for at in held if at.startswith("quarantine/")}
    assert in_quarantine <= words


@pytest.mark.slow
def test_the_search_looks_into_all_that_a_night_writes(canary_nights, airflow_home):
    place, *_, printed = canary_nights
    names = {name for _, name in files_outside([place.root, airflow_home.root])}

    for pattern in (
        r"reports/[^/]+/index\.html", r"reports/[^/]+/issues-.*\.xlsx",
        r"reports/[^/]+/issues-.*\.csv", r"reports/data_docs-.*\.html",
        r"work/[^/]+/dbt\.log", r"work/[^/]+/validations/.*\.json", r"dbt/.*\.json",
        r"ledger\.sqlite", r"airflow/airflow\.db", r"quarantine/.*\.parquet",
        r"releases/[^/]+/analytics\.duckdb",
    ):  # fmt: skip
        assert any(re.fullmatch(pattern, name) for name in names), pattern
    assert printed.read_bytes()


@pytest.mark.slow
def test_a_heading_is_kept_only_to_tell_when_an_export_changes(canary_nights, airflow_home):
    place, _, _, printed = canary_nights
    held = places_with(HEADING, [place.root, airflow_home.root, printed.parent])
    kept = re.compile(
        r"lake/quality/form_(profiles|changes)/.*|work/[^/]+/(forms|intake)/.*|reports/.*"
        r"|quality\.dq_form_changes\.(column_name|message|remedy)"
    )

    assert any(at.startswith("quality.dq_form_changes") for at in held)
    assert {at for at in held if not kept.fullmatch(at)} == set()


def test_a_leak_would_be_found(tmp_path):
    """The same search finds a canary in each kind of file a night writes."""
    cell = f"{MARK}1"
    for name, content in {
        "reports/r/index.html": f"<td>{cell}</td>".encode(),
        "reports/r/utf16.txt": cell.encode("utf-16"),
        "reports/r/issues.xlsx": FORMATS["sheets"]().files["forms.xlsx"],
        "ledger.sqlite": b"\0\1" + cell.upper().encode(),
        "landing/north/export.csv": cell.encode(),
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with duckdb.connect(str(tmp_path / "analytics.duckdb")) as con:
        con.execute(
            f"create schema core; create table core.t as select ['{cell}'] as notes, 1 as n"
        )
        con.execute(f"copy core.t to '{tmp_path / 'rows.parquet'}'")

    assert places_with(MARK, [tmp_path]) == {
        "reports/r/index.html", "reports/r/utf16.txt", "reports/r/issues.xlsx", "ledger.sqlite",
        "core.t.notes", "rows.parquet:notes",
    }  # fmt: skip


@pytest.mark.slow
def test_neither_check_nor_inspect_shows_a_cell(home_with, monkeypatch, tmp_path):
    exports = {name: make() for name, make in FORMATS.items()}
    configs = {name: export.config for name, export in exports.items() if export.config}
    place = home_with("inspected", clinics=configs)
    _deliver(place, exports)
    monkeypatch.setenv("RAPPORT_HOME", str(place.root))
    monkeypatch.setenv("RAPPORT_CONFIG", str(place.config))
    monkeypatch.chdir(tmp_path)
    commands = [
        ["inspect", str(place.landing / name / next(iter(export.files))), "--clinic", name]
        for name, export in exports.items()
    ]
    commands.append(["check", str(place.landing / "text" / "e.csv"), "--clinic", "text"])
    for command in commands:
        ended = CliRunner().invoke(app, command)
        assert isinstance(ended.exception, SystemExit | None), (command, ended.exception)
        assert ended.output, command
        assert MARK.lower() not in ended.output.lower(), command

    assert any(tmp_path.rglob("index.html"))
    assert places_with(MARK, [tmp_path]) == set()


def _deliver(place, exports, suffix: str = "") -> None:
    for name, export in exports.items():
        for file, content in export.files.items():
            stem, dot, end = file.partition(".")
            path = place.landing / name / f"{stem}{suffix}{dot}{end}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


@contextmanager
def _printing_to(path: Path) -> Iterator[None]:
    """Add to a file what this process and its children print."""
    kept = os.dup(1), os.dup(2)
    text = StringIO()
    with path.open("ab") as file, redirect_stdout(text), redirect_stderr(text):
        try:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            yield
        finally:
            for number, original in enumerate(kept, start=1):
                os.dup2(original, number)
                os.close(original)
            file.write(text.getvalue().encode())
