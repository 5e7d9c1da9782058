"""The public file of the demo night, read by an outsider with a solver."""

from __future__ import annotations

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.reports.page_numbers import read_page
from tests.transforms.disclosure.attacker import counts_in, told_too_much
from tests.transforms.disclosure.made_tables import structure
from transforms.disclosure.cells import broken_sums, system_of

SCOPED = ("scope_level", "scope_id")


@pytest.fixture(scope="module")
def public(demo_home):
    with duckdb.connect(str(demo_home.public.resolve()), read_only=True) as con:
        found = {name: _rows(con, name) for name in structure().tables}
        clinics = con.execute("select clinic_id, clinic_group from core.dim_clinics").fetchall()
    return found, dict(clinics)


@pytest.fixture(scope="module")
def exact(demo_home):
    """The rows behind the public ones, in the same order."""
    folder = demo_home.public.resolve().parent / "basis"
    found = {}
    for name, table in structure().tables.items():
        rows = pq.read_table(folder / f"{name}.parquet").to_pylist()
        found[name] = sorted(rows, key=lambda row, t=table: _order(row, t))
    return found


@pytest.mark.parametrize("name", structure().tables)
def test_no_small_count_is_told(name, public, exact):
    rows, clinics = public
    table = structure().tables[name]
    told = sorted(rows[name], key=lambda row: _order(row, table))
    without_runs = [{k: v for k, v in row.items() if k != "_run"} for row in exact[name]]

    assert told_too_much(without_runs, told, table, clinics, structure().policy) == {}


def test_the_declared_sums_hold(exact, public):
    for name, rows in exact.items():
        system = system_of(rows, structure().tables[name], public[1])
        assert broken_sums(system) == [], name


def test_most_of_the_tables_can_be_read(public):
    rows = [row for own in public[0].values() for row in own if row.get("estimate") is not None]

    assert len(rows) > 600


def test_no_text_counts(public):
    for name, rows in public[0].items():
        for row in rows:
            assert counts_in(row.get("exclusion_reasons")) == [], name


def test_the_page_shows_no_number_that_the_public_file_has_not(demo_home):
    (page,) = demo_home.reports.glob("*/common-factors.html")
    with duckdb.connect(str(demo_home.public.resolve()), read_only=True) as con:
        for block in read_page(page).blocks:
            found = con.execute(block.sql)
            names, rows = [c[0] for c in found.description], found.fetchall()
            for shown in block.numbers:
                assert float(shown.value) == rows[shown.row][names.index(shown.column)]


def _rows(con, name):
    found = con.execute(f"select * from {name}")
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _order(row, table):
    return [str(row[key]) for key in (*SCOPED, *table.keys)]
