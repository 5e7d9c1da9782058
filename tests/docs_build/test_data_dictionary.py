"""The data dictionary is what the YAML says, and leaves no published column without a unit."""

from __future__ import annotations

import re

import pytest

from docs_build.dictionary import described_tables, dictionary_pages
from tests.conftest import ROOT as REPOSITORY

SAYS_UNIT = re.compile(
    r"percent|point|0 to 1|share|\bSDs?\b|-1 to 1|correlation|odds|hazard|ratio|\bunit\b|days|"
    r"hours|minutes|0-100|score|\bday\b|session|minimum|maximum|total|rating|mean|number|limit|"
    r"index|level|value|weight|median",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def tables():
    return described_tables()


def test_every_mart_is_in_the_dictionary(tables):
    folders = (REPOSITORY / "models" / room for room in ("marts", "analysis"))
    files = {
        path.stem for room in folders for path in room.rglob("*") if path.suffix in (".sql", ".py")
    }

    assert {table.name for table in tables} == files


def says_its_unit(column):
    return column.unit or SAYS_UNIT.search(column.description)


def test_every_column_says_what_it_is_and_every_number_its_unit(tables):
    silent = [
        f"{table.name}.{column.name}"
        for table in tables
        for column in table.columns
        if not column.description or (column.is_number and not says_its_unit(column))
    ]

    assert silent == []


def test_every_table_says_what_one_row_is(tables):
    assert [table.name for table in tables if len(table.description.split()) < 8] == []


def test_references_to_shared_texts_are_resolved(tables):
    pages = dictionary_pages(tables)

    assert not [name for name, text in pages.items() if "{{" in text]


def test_the_index_says_the_grain_of_every_table_once(tables):
    index = dictionary_pages(tables)["README.md"]
    rows = {line.split("]")[0][3:]: line for line in index.splitlines() if line.startswith("| [")}

    assert "(core.dim_change_methods). |" in rows["fct_episode_change"], "cut at a name's dot"
    assert [name for name, line in rows.items() if line.count("Grain: ") > 1] == []
