"""Identifiers that name nobody, and spellings of one identifier."""

import duckdb
import pytest

from transforms.intake.therapist_ids import is_placeholder, spelling


def asked(expression, identifier):
    return duckdb.execute(f"select {expression('$1')}", [identifier]).fetchone()[0]


@pytest.mark.parametrize(
    "identifier",
    [
        *("TBC", "tbc ", "-TBD-", "Duty", "Duty 2", "the duty therapist", "Group", "GROUP-A"),
        *("team b", "Crisis team", "Admin", "N/A", "Waiting list", "unallocated", "locum_3"),
    ],
)
def test_a_placeholder_is_recognized(identifier):
    """domain.md rule T03 names TBC, Duty, Group and Admin."""
    assert asked(is_placeholder, identifier)


@pytest.mark.parametrize(
    "identifier",
    ["T0012", "12", "hT0004", "A", "b 12", "B. Pool", "Groupe", "Tester", "dutyk", "", "Anna Duty"],
)
def test_a_person_is_no_placeholder(identifier):
    assert not asked(is_placeholder, identifier)


@pytest.mark.parametrize(
    ("one", "other"),
    [("T-007", "t007"), ("T 7", "t007"), ("0012", "12"), ("ab.c", "ABC"), ("K1-2", "k12")],
)
def test_spellings_of_one_identifier_agree(one, other):
    assert asked(spelling, one) == asked(spelling, other)


@pytest.mark.parametrize(
    ("one", "other"), [("T100", "T10"), ("T1", "T11"), ("T10", "T01"), ("T0", "T"), ("10", "1")]
)
def test_two_identifiers_stay_two(one, other):
    assert asked(spelling, one) != asked(spelling, other)
