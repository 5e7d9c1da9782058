"""When a delivery is due: weekdays and a time by the clinic's clock, to the minute."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError

from transforms.clinics.expected import DAYS, Expects
from transforms.clinics.yaml_file import read_clinic_yaml
from transforms.errors import ConfigError

MONDAY = datetime(2026, 11, 23)  # a Monday


def due(days, by, now, zone=None):
    return Expects(days=days, by=by).due(zone, now)


def test_it_is_due_at_the_minute_itself():
    at = MONDAY + timedelta(hours=7)

    assert due(["mon", "tue"], "07:00", at)[1] == at
    assert due(["mon", "tue"], "07:00", at - timedelta(seconds=1))[1] == at - timedelta(days=6)


def test_one_weekday_looks_back_two_weeks():
    just_before = MONDAY + timedelta(hours=6, minutes=59)

    assert due(["mon"], "07:00", just_before) == (
        MONDAY - timedelta(days=14) + timedelta(hours=7),
        MONDAY - timedelta(days=7) + timedelta(hours=7),
    )


@pytest.mark.parametrize(
    ("zone", "utc_hour"), [(None, 7), ("Europe/Berlin", 6), ("America/New_York", 12)]
)
def test_by_the_clinics_clock(zone, utc_hour):
    now = MONDAY + timedelta(hours=23)

    assert due(["mon"], "07:00", now, zone)[1] == MONDAY + timedelta(hours=utc_hour)


def test_the_clock_changes_and_the_hour_stays_the_clinics():
    """Berlin left summer time on 25 October 2026: 07:00 was 05:00 UTC before, 06:00 after."""
    before, after = due(["sat", "sun"], "07:00", datetime(2026, 10, 25, 12), "Europe/Berlin")

    assert (before, after) == (datetime(2026, 10, 24, 5), datetime(2026, 10, 25, 6))


def test_a_day_is_the_clinics_day():
    """Monday 01:00 in Auckland is Sunday noon in London."""
    assert due(["mon"], "01:00", MONDAY, "Pacific/Auckland")[1] == datetime(2026, 11, 22, 12)


@pytest.mark.parametrize(
    "wrong", [{"days": []}, {"days": ["Mon"]}, {"by": "7:00"}, {"by": "24:00"}, {"rows": 0}]
)
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(ValidationError):
        Expects.model_validate({"days": list(DAYS)} | wrong)


def test_a_clinics_yaml_says_it(tmp_path):
    path = tmp_path / "fjord.yml"
    path.write_text('clinic: fjord\nexpects: {days: [mon, tue], by: "07:00", rows: 20}\n', "utf-8")
    expects = read_clinic_yaml(path).expects
    path.write_text("clinic: fjord\nexpects: {days: [mon], until: 3}\n", "utf-8")

    assert (expects.days, expects.by, expects.rows) == (["mon", "tue"], "07:00", 20)
    with pytest.raises(ConfigError, match=r"fjord.yml:2: expects.until: the key is not known"):
        read_clinic_yaml(path)
