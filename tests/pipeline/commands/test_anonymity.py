"""How small the smallest group is, for each combination of columns of each file; never a value."""

from __future__ import annotations

import duckdb
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.anonymity import anonymity
from pipeline.home import Home
from transforms.errors import NothingToDoError

PEOPLE = """
    create schema core;
    create table core.dim_clients as
        select 'a' as clinic_id, gender, age as age_years_at_start, 'x' as first_language,
            'y' as employment, deprivation
        from (values ('f', 30, '1'), ('f', 30, '2'), ('f', 30, '2'), ('m', 31, null),
            ('m', 31, null), (null, 40, '3')) t (gender, age, deprivation)
"""


@pytest.fixture
def published(home) -> Home:
    for name, rows in {"analytics.duckdb": PEOPLE, "clinics/a.duckdb": PEOPLE}.items():
        path = home.published.parent / name
        path.parent.mkdir(exist_ok=True)
        with duckdb.connect(str(path)) as con:
            con.execute(rows)
    return home


def test_the_smallest_group_of_each_combination(published):
    found = {(one.file, len(one.columns)): one for one in anonymity(published)}

    assert {*found} == {
        ("analytics.duckdb", 3), ("analytics.duckdb", 6),
        ("clinics/a.duckdb", 3), ("clinics/a.duckdb", 6),
    }  # fmt: skip
    three, six = found["analytics.duckdb", 3], found["analytics.duckdb", 6]
    assert (three.k, three.n_unique, three.n_rows) == (1, 1, 6), "unknown is a value as well"
    assert (six.k, six.n_unique, six.n_rows) == (1, 2, 6)
    assert six.share_unique == pytest.approx(1 / 3)


def test_groups_of_two_are_not_unique(published):
    with duckdb.connect(str(published.published)) as con:
        con.execute("delete from core.dim_clients where gender is null or deprivation = '1'")

    found = [one for one in anonymity(published) if one.file == "analytics.duckdb"]

    assert {(one.k, one.n_unique) for one in found} == {(2, 0)}


def test_no_rows_have_no_smallest_group(published):
    with duckdb.connect(str(published.published)) as con:
        con.execute("delete from core.dim_clients")

    one = anonymity(published)[0]

    assert (one.k, one.n_unique, one.n_rows, one.share_unique) == (None, 0, 0, None)


def test_the_command_prints_counts_and_purpose(published):
    ended = CliRunner().invoke(app, ["anonymity", "--home", str(published.root)])

    assert ended.exit_code == 0, ended.output
    assert "quality_improvement" in ended.output
    assert "33%" in ended.output


def test_without_a_release_there_is_nothing_to_say(home):
    with pytest.raises(NothingToDoError, match="nothing is published"):
        anonymity(home)
