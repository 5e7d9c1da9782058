"""Identifiers: what nobody can see is gone, what stands for nobody is no client."""

import duckdb
import pytest

from transforms.intake.client_ids import is_nobody, is_nothing, spelling, visible


def asked(expression, identifier):
    return duckdb.execute(f"select {expression('$1::varchar')}", [identifier]).fetchone()[0]


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("M\u00fcller 3", "M\u00fcller 3"),
        ("Mu\u0308ller 3", "M\u00fcller 3"),
        ("A\u200b12", "A12"),
        ("\ufeffA12", "A12"),
        ("A\u00ad12\u200e", "A12"),
        ("A\u00a012", "A 12"),
        ("A  12", "A 12"),
        ("A\u2009\u00a012\u3000", "A 12"),
        ("\u200b", None),
        ("0042", "0042"),
        ("42.0", "42.0"),
        (None, None),
    ],
)
def test_what_nobody_can_see_makes_no_second_client(written, seen):
    assert asked(visible, written) == seen


@pytest.mark.parametrize(
    "identifier",
    [
        "#N/A",
        "NULL",
        "null",
        "UNKNOWN",
        "Test",
        "test client",
        "Anonymous",
        "none",
        "n/a",
        "-",
        "NaN",
    ],
)
def test_placeholders_are_nobody(identifier):
    assert asked(is_nobody, identifier)


@pytest.mark.parametrize("identifier", ["0", "T1", "Test-12", "Nona", "anonym7", "A-", "1"])
def test_a_client_is_somebody(identifier):
    assert not asked(is_nobody, identifier)


def test_only_ways_of_writing_nothing_empty_another_identifier():
    assert asked(is_nothing, "NULL")
    assert not asked(is_nothing, "test")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("0042", "42"), ("C-7", "c-7"), ("42.0", "42"), ("1E+15", "1000000000000000")),
        *(("1.2e3", "1200"), ("c-007", "C-7"), ("K8.0", "K8"), ("\u00c4b1", "\u00e4b1")),
    ],
)
def test_spellings_of_one_client_agree(one, other):
    assert asked(spelling, one) == asked(spelling, other)


@pytest.mark.parametrize(
    ("one", "other"), [("1-2", "12"), ("42.5", "42"), ("10", "1"), ("A10", "A1"), ("A01", "A10")]
)
def test_two_clients_stay_two(one, other):
    assert asked(spelling, one) != asked(spelling, other)
