"""Pseudonyms: exact HMAC-SHA256, one space per group, nothing of the key in sight."""

from __future__ import annotations

import uuid

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.intake.pseudonyms import (
    GroupKey,
    id_message,
    parts_message,
    pseudonym,
)

LETTERS = b"abcdefghijklmnop" * 4
MASTER = b"0123456789abcdef0123456789abcdef"
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=90)


def pseudonym_in_sql(con, key: GroupKey, message_sql: str, **columns) -> uuid.UUID | None:
    """Compute one pseudonym in DuckDB from columns of a one-row table."""
    con.execute("create or replace temp table cells (a varchar, b varchar)")
    con.execute("insert into cells values (?, ?)", [columns.get("a"), columns.get("b")])
    query = f"select {pseudonym(message_sql)} from cells"
    return con.execute(query, key.parameters).fetchone()[0]


def test_sql_gives_what_openssl_gives(con):
    """`printf 'client|A1' | openssl dgst -sha256 -hmac <64 letters>`, first 32 digits."""
    key = GroupKey("north", LETTERS)

    found = pseudonym_in_sql(con, key, id_message("client", "harbor", "a"), a="A1")

    assert found == uuid.UUID("611ce9bd2752c12eb1397b82eaf3dd95")


def test_group_key_is_the_hmac_of_its_name_in_letters():
    """`printf rapport/group/north | openssl dgst -sha256 -hmac <master>` begins 19eda481."""
    key = GroupKey.derive(MASTER, "north")

    assert key.letters.startswith(b"bjonkeib")
    assert len(key.letters) == 64


@settings(max_examples=50, deadline=None)
@given(identifier=texts)
def test_sql_and_python_agree_on_every_identifier(identifier):
    with duckdb.connect() as con:
        key = GroupKey.derive(MASTER, "north")

        found = pseudonym_in_sql(con, key, id_message("session", "harbor", "a"), a=identifier)

    assert found == key.pseudonym_of(f"session|harbor|{identifier}")


def test_no_identifier_gives_no_pseudonym(con):
    key = GroupKey.derive(MASTER, "north")

    assert pseudonym_in_sql(con, key, id_message("client", "harbor", "a"), a=None) is None


def test_clients_and_therapists_are_shared_within_a_group_and_records_are_not(con):
    key = GroupKey.derive(MASTER, "north")

    def of(space, clinic):
        return pseudonym_in_sql(con, key, id_message(space, clinic, "a"), a="7")

    assert of("client", "harbor") == of("client", "summit")
    assert of("therapist", "harbor") == of("therapist", "summit")
    assert of("client", "harbor") != of("therapist", "harbor")
    for space in ("session", "episode", "response"):
        assert of(space, "harbor") != of(space, "summit")


def test_groups_cannot_be_linked():
    north, south = (GroupKey.derive(MASTER, group) for group in ("north", "south"))

    assert north.pseudonym_of("client|7") != south.pseudonym_of("client|7")
    other = GroupKey.derive(MASTER[::-1], "north")
    assert other.pseudonym_of("client|7") != north.pseudonym_of("client|7")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"a": "1", "b": "23"}, {"a": "12", "b": "3"}),
        ({"a": None, "b": "1"}, {"a": "1", "b": None}),
        ({"a": "1:2", "b": "-"}, {"a": "1", "b": "2"}),
        ({"a": "-", "b": None}, {"a": None, "b": "-"}),
    ],
)
def test_different_parts_never_share_a_natural_key(con, first, second):
    key = GroupKey.derive(MASTER, "north")
    message = parts_message("response", "harbor", ["a", "b"])

    assert pseudonym_in_sql(con, key, message, **first) != pseudonym_in_sql(
        con, key, message, **second
    )


def test_key_shows_in_no_repr():
    key = GroupKey.derive(MASTER, "north")

    assert key.letters.decode() not in repr(key)
    assert "north" in repr(key)


def test_a_short_master_key_is_refused():
    with pytest.raises(ValueError, match="at least 16 bytes"):
        GroupKey.derive(b"fifteen bytes..", "north")

    GroupKey.derive(b"sixteen bytes...", "north")
