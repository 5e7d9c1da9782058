"""Texts that tell who somebody is are found; codes, scores and ids of ten digits are not."""

from __future__ import annotations

import random

import duckdb
import pytest

from transforms.identifiers import telling


def found(*entries: str, column: str = "problem") -> list[str]:
    """Return the entries of one column that tell who somebody is."""
    with duckdb.connect() as con:
        con.execute("create table words (column_name varchar, entry varchar)")
        con.executemany("insert into words values (?, ?)", [(column, entry) for entry in entries])
        rows = con.execute(f"select entry from ({telling('words')}) order by 1").fetchall()
    return [entry for (entry,) in rows]


# Test numbers their authorities publish, or that are known to be nobody's: NHS Data Dictionary;
# Services Australia; those of RvIG and the Dutch tax office; Skatteverket's example.
RIGHT = [
    "9434765919",
    "943 476 5919",
    "943-476-5870",
    "2123456701",
    "2123 45670 1",
    "111222333",
    "123456782",
    "8112189876",
    "198112189876",
    "number 9434765919, anxious",
]


@pytest.mark.parametrize("number", RIGHT)
def test_a_national_number_is_known_by_its_check_digit(number):
    assert found(number) == [number]


@pytest.mark.parametrize(
    "number",
    [
        "9434765918", "943 476 5910", "2123456711", "2123 45680 1", "111222334", "123456783",
        "8112189875", "8113189876", "19811218987", "1434765919", "7123456701", "999999999",
        "X9434765919", "94347659190",
    ],
)  # fmt: skip
def test_one_digit_off_it_is_only_a_number(number):
    assert found(number) == []


def test_ids_of_ten_digits_are_not_taken_for_national_numbers():
    """One in eleven has the check digit right by chance; a column of NHS numbers has all."""
    numbers = random.Random(7)
    ids = {str(numbers.randrange(10**9, 10**10)) for _ in range(500)}

    assert found(*ids) == []

    def nhs(stem: int) -> str:
        weights = zip(range(10, 1, -1), str(stem), strict=True)
        check = -sum(weight * int(digit) for weight, digit in weights) % 11
        return f"{stem}{check}" if check < 10 else nhs(stem + 1)

    people = {nhs(400_000_000 + 7919 * n) for n in range(50)}
    mixed = people | set(sorted(ids)[:10])
    assert people <= set(found(*mixed))


@pytest.mark.parametrize(
    "entry",
    [
        "12 Acacia Avenue", "Flat 3, 221b Baker Street, London", "Hauptstraße 5",
        "Keizersgracht 123", "PO Box 1234", "lives at SW1A 1AA", "Mr Jones", "seen with Mrs. Smith",
        "2001:db8:0:0:0:ff00:42:8329", "2001:db8::ff00:42:8329",
    ],
)  # fmt: skip
def test_one_address_or_titled_name_is_enough(entry):
    assert found(entry, "depression") == [entry]


@pytest.mark.parametrize(
    "entries",
    [
        ["Anna Larsson", "Peter Smith"],
        ["Larsson, Anna", "Smith, Peter James"],
        ["2008-05-03", "12/04/2010", "1.2.2009"],
        ["NY 10001", "90210-1234"],
        ["1012 AB", "3511 CE"],
    ],
)
def test_what_may_be_chance_once_is_refused_when_it_comes_again(entries):
    assert found(*entries, "anxiety") == sorted(entries)
    assert found(*entries[:-1], "anxiety") == []


def test_a_version_may_be_a_date():
    assert found("2019-05-01", "2020-01-01", "2021-01-01", column="version") == []


@pytest.mark.parametrize("column", ["problem", "modality", "profession"])
def test_words_of_a_service_are_left_alone(column):
    words = [
        "Cognitive Behavioural Therapy", "Person Centred", "12 Step", "Step 3", "F32.1",
        "ICD10 F41", "F32.1/F41.1", "CBT", "PHQ 9", "since 2025", "low mood",
        "Clinical Psychologist",
        "Dr Clin Psych", "Jungian Analysis", "Virginia", "St John", "Mark Making", "10:30", "1:1:1",
        "Will Power", "80%", "1.5", "2023-24", "12345", "E01000001", "3-2-1", "Band 6", "NY",
        "Rose Garden", "Art, Drama", "Way 2 Well", "Ms", "IAPT 2", "B2 2nd", "4 Square",
        "0123456789",
    ]  # fmt: skip

    assert found(*words, column=column) == []
