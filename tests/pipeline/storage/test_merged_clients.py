"""Identifiers given up for another: chains to their end, circles and two people refused."""

import shutil
from uuid import UUID

import pyarrow.parquet as pq
import pytest

from pipeline.storage import lake
from pipeline.storage.merged_clients import (
    refuse_unclear_merges,
    resolved,
    write_merged_clients,
)
from tests.conftest import key
from transforms.errors import FileRefused

A, B, C, D = (UUID(key(name)) for name in "abcd")


def merge(old, new, **more):
    return {"client_key": str(old), "merged_into_key": str(new)} | more


@pytest.fixture
def hold(home):
    """Put staged rows into the lake."""
    lake.write_empty_tables(home)

    def call(staged):
        target = lake.lake_file(home, "clients", "harbor", staged.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(staged, target)

    return call


def merged(con, home):
    write_merged_clients(con, home)
    rows = pq.read_table(home.lake / "quality" / "merged_clients.parquet").to_pylist()
    return {row["client_key"]: row["merged_into_key"] for row in rows}


@pytest.mark.parametrize(
    ("merges", "final", "circles"),
    [
        ({A: B, B: C}, {A: C, B: C}, set()),
        ({A: B, C: B}, {A: B, C: B}, set()),
        ({A: A}, {}, set()),
        ({A: B, B: B}, {A: B}, set()),
        ({A: B, B: A}, {}, {A, B}),
        ({D: A, A: B, B: A}, {}, {A, B, D}),
    ],
)
def test_a_chain_is_followed_to_its_end_and_a_circle_has_none(merges, final, circles):
    assert resolved(merges) == (final, circles)


def test_what_the_lake_says_holds_until_a_later_row_says_otherwise(con, home, stage, hold):
    """A chain over two files; a record without `merged_into` says nothing; one of itself undoes."""
    hold(stage("clients", [merge(A, B)], file_id="f1"))
    hold(stage("clients", [merge(B, C), {"client_key": str(A), "gender": "f"}], file_id="f2"))
    assert merged(con, home) == {A: C, B: C}

    hold(stage("clients", [merge(A, A)], file_id="f3"))
    assert merged(con, home) == {B: C}


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([merge(A, B), merge(A, C)], "1 identifier merged into two different people (line 2, 3)"),
        ([merge(A, B), merge(B, A)], "merged in a circle, each into the next (line 2, 3)"),
        ([merge(C, A)], "merged in a circle, each into the next (line 2)"),
    ],
)
def test_two_people_and_circles_are_refused_with_their_lines(con, home, stage, hold, rows, told):
    """The last row closes a circle with what an earlier file said (A into D, D into C)."""
    if len(rows) == 1:
        hold(stage("clients", [merge(A, D), merge(D, C)], file_id="f1"))

    with pytest.raises(FileRefused) as refused:
        refuse_unclear_merges(con, home, stage("clients", rows, file_id="f2"))

    assert told in str(refused.value)
    assert "Name for each identifier the one that stays" in str(refused.value)
