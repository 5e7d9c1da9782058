"""When each clinic last delivered, and who is late: real files with real times."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.home import Home
from pipeline.steps.report_page import write_index
from pipeline.storage.freshness import freshness
from pipeline.storage.ledger import Ledger

NIGHT, MONDAY = timedelta(hours=2), datetime(2026, 11, 23)
DAILY = 'clinic: fjord\nexpects: {days: [mon, tue, wed], by: "07:00"}\n'


@pytest.fixture
def place(tmp_path) -> Home:
    (tmp_path / "config" / "clinics").mkdir(parents=True)
    (tmp_path / "config" / "clinics" / "fjord.yml").write_text(DAILY, "utf-8")
    home = Home(tmp_path / "home", tmp_path / "config")
    home.root.mkdir()
    home.prepare()
    (home.landing / "fjord").mkdir()
    return home


def land(home: Home, name: str, at: datetime) -> None:
    path = home.landing / "fjord" / name
    path.write_text(name, "utf-8")
    os.utime(path, (0, at.replace(tzinfo=UTC).timestamp()))


def take_in(home: Home, at: datetime, *names: str) -> None:
    """Record a night that took these files in."""
    ledger, run_id = Ledger(home), f"{at:%Y-%m-%dT%H-%M-%SZ}"
    ledger.open_run(run_id, at, "f")
    ledger.close_run(run_id, at, "published")
    for name in names:
        size = (home.landing / "fjord" / name).stat().st_size
        row = {"clinic_id": "fjord", "file_id": name, "sha256": name, "source_file": name}
        row |= {"size_bytes": size, "received_at": at, "run_id": run_id, "status": "accepted"}
        ledger.record_files([(row | {"reason": None, "fingerprint": "f"}, [])])


def of_fjord(home: Home, now: datetime):
    (found,) = [one for one in freshness(home, Ledger(home), now) if one.clinic_id == "fjord"]
    return found


def test_a_clinic_that_never_delivered_is_late_from_the_minute_on(place):
    due = MONDAY + timedelta(hours=7)

    found = of_fjord(place, due)
    assert (found.last, found.due, found.late_by) == (None, due, timedelta(0))
    assert of_fjord(place, due + timedelta(minutes=90)).hours_late == 1


def test_a_file_counts_from_the_hour_it_came_not_from_the_night_that_took_it_in(place):
    """It came on Monday and was taken in on Tuesday; Tuesday's is late all the same."""
    take_in(place, MONDAY + NIGHT)
    land(place, "monday.csv", MONDAY + timedelta(hours=6))
    assert of_fjord(place, MONDAY + timedelta(hours=8)).late_by is None, "it waits in landing/"
    take_in(place, MONDAY + timedelta(days=1) + NIGHT, "monday.csv")

    tuesday = MONDAY + timedelta(days=1)
    assert of_fjord(place, tuesday + timedelta(hours=6)).last == MONDAY + timedelta(hours=6)
    assert of_fjord(place, tuesday + timedelta(hours=6)).late_by is None
    assert of_fjord(place, tuesday + timedelta(hours=9)).late_by == timedelta(hours=2)


@pytest.mark.parametrize("changed", [MONDAY - timedelta(days=400), MONDAY + timedelta(days=400)])
def test_a_file_with_a_time_that_cannot_be_counts_from_its_night(place, changed):
    take_in(place, MONDAY + NIGHT)
    land(place, "a.csv", changed)
    take_in(place, MONDAY + timedelta(days=1) + NIGHT, "a.csv")

    assert of_fjord(place, MONDAY + timedelta(days=2)).last == MONDAY + timedelta(days=1) + NIGHT


@pytest.mark.parametrize(("seconds", "is_late"), [(0, True), (1, False)])
def test_what_came_at_the_earlier_time_does_not_answer_the_later(place, seconds, is_late):
    take_in(place, MONDAY + NIGHT)
    land(place, "a.csv", MONDAY + timedelta(hours=7, seconds=seconds))
    take_in(place, MONDAY + timedelta(hours=8), "a.csv")

    found = of_fjord(place, MONDAY + timedelta(days=1, hours=7))
    assert (found.late_by is not None) is is_late


def test_a_clinic_with_a_wrong_yaml_or_none_expects_nothing(place):
    land(place, "a.csv", MONDAY)
    take_in(place, MONDAY + NIGHT, "a.csv")
    for text in ("clinic: fjord\nexpects: 3\n", "clinic: fjord\n"):
        (place.config / "clinics" / "fjord.yml").write_text(text, "utf-8")
        found = of_fjord(place, MONDAY + timedelta(days=9))
        assert (found.last, found.due, found.late_by) == (MONDAY + NIGHT, None, None)


def test_the_index_says_who_is_late(place):
    (place.config / "clinics" / "quiet.yml").write_text("clinic: quiet\n", "utf-8")
    land(place, "a.csv", MONDAY)
    take_in(place, MONDAY + NIGHT, "a.csv")

    write_index(place)

    page = (place.reports / "index.html").read_text("utf-8")
    assert "Deliveries, as of" in page
    assert "23 Nov 2026, 02:00" in page
    assert page.count('<span class="state fail">') == 1
    assert "quiet</th>" not in page
