"""A moment is kept twice: by the clinic's clock, which counts days, and as an instant in UTC."""

from datetime import datetime

import duckdb
import pytest

from transforms.cells import Reading
from transforms.intake.clinic_times import instant, local, offset_of, ordered, wall_clock

EVENING = datetime(2025, 3, 31, 21, 15)


def moment(text: str, zone: str | None = None, formats: tuple[str, ...] = ()) -> tuple:
    reading = Reading(timestamp_formats=formats)
    with duckdb.connect(config={"autoload_known_extensions": "false"}) as con:
        return con.execute(
            f"select {local('o', 'w', zone)}, {instant('o', 'w', zone)} from "
            f"(select {offset_of('t')} as o, {wall_clock('t', reading)} as w from (select ? as t))",
            [text],
        ).fetchone()


@pytest.mark.parametrize(
    "text",
    [
        "2025-03-31T21:15:00-06:00",
        "2025-03-31 21:15-0600",
        "2025-03-31 21:15:00.000-06",
        "2025-03-31 21:15:00 -06:00",
    ],
)
def test_an_evening_that_states_its_offset_stays_on_its_day(text):
    """In UTC it is April; a clinic in London would count it there."""
    assert moment(text) == (EVENING, datetime(2025, 4, 1, 3, 15))
    assert moment(text, "Europe/London")[0] == datetime(2025, 4, 1, 4, 15)


def test_utc_is_moved_to_the_clinics_clock_where_it_is_known():
    utc = datetime(2025, 4, 1, 3, 15)

    assert moment("2025-04-01T03:15:00Z", "America/Denver") == (EVENING, utc)
    assert moment("2025-04-01T03:15:00Z") == (utc, utc)


def test_a_time_without_an_offset_is_the_clinics_own():
    assert moment("2025-03-31 21:15:00") == (EVENING, None)
    assert moment("2025-03-31 21:15", "America/Denver") == (EVENING, datetime(2025, 4, 1, 3, 15))


def test_a_day_is_no_instant():
    assert moment("2025-03-31", "America/Denver") == (datetime(2025, 3, 31), None)


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2025-10-26 00:59", "2025-10-25 22:59"),
        ("2025-10-26 02:30", "2025-10-26 00:30"),  # twice: the first
        ("2025-10-26 03:00", "2025-10-26 02:00"),
        ("2025-03-30 01:59", "2025-03-30 00:59"),
        ("2025-03-30 02:30", "2025-03-30 01:30"),  # does not exist
        ("2025-03-30 03:00", "2025-03-30 01:00"),
        ("2025-12-31 23:59", "2025-12-31 22:59"),
        ("2026-01-01 00:30", "2025-12-31 23:30"),
    ],
)
def test_clock_changes_and_midnights_of_oslo(written, utc):
    assert moment(written, "Europe/Oslo") == tuple(map(datetime.fromisoformat, (written, utc)))


def test_a_format_with_an_offset():
    text, formats = "31.03.2025 21:15 -0600", ("%d.%m.%Y %H:%M %z",)

    assert moment(text, None, formats) == (EVENING, datetime(2025, 4, 1, 3, 15))


@pytest.mark.parametrize("text", ["2025-03-31 21:15:00 Denver", "unreadable time", "21:15-06:00"])
def test_what_is_no_time_is_null(text):
    assert moment(text, "America/Denver") == (None, None)


def test_a_day_takes_its_place_below_a_second_and_a_time_stays():
    with duckdb.connect() as con:
        found = con.execute(
            f"select {ordered('moment', 'place')} from (values "
            "(timestamp '2025-01-05', 3), (timestamp '2025-01-05', 2.5),"
            "(timestamp '2025-01-05', 0),"
            "(timestamp '2025-01-05', null), (timestamp '2025-01-05', -1),"
            "(timestamp '2025-01-05 10:00', 3)) as t(moment, place)"
        ).fetchall()

    assert [moment.microsecond for (moment,) in found] == [301, 251, 1, 0, 0, 0]
    assert {moment.replace(microsecond=0).hour for (moment,) in found} == {0, 10}
