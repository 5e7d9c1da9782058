"""Deletions by full snapshot, and what was known on a date."""

from __future__ import annotations

import re
import zipfile

from tests.pipeline.half_nights import HEADER

SNAPSHOTS = "clinic: clinic\ndelivery: snapshot\n"


def form(name: str, day: int, answer: int = 1, client: str | None = None) -> str:
    answers = ",".join([str(answer)] * 9)
    return f"{name},{client or name},phq9,client,2026-01-{day:02} 10:00,{answers}"


TEN = [form(f"r{n}", n) for n in range(1, 11)]


def test_a_row_a_snapshot_lacks_is_deleted_and_comes_back(clinic):
    clinic.configure(SNAPSHOTS)
    clinic.land("responses_1.csv", *TEN)
    clinic.night()
    clinic.land("responses_2.csv", *TEN[1:], form("r11", 11))
    clinic.night()
    assert clinic.days() == list(range(2, 12))

    clinic.land("responses_3.csv", *TEN, form("r11", 11))
    clinic.night()

    assert clinic.days() == list(range(1, 12))
    assert clinic.days(1) == list(range(1, 11))
    assert clinic.days(2) == list(range(2, 12))
    markers = clinic.place.lake / "superseded" / "responses" / "clinic=clinic" / "*.parquet"
    assert clinic.ask(f"select reason, count(*) from read_parquet('{markers}') group by all") == [
        ("absent from snapshot", 1)
    ]


def test_a_snapshot_in_an_archive_deletes_what_earlier_archives_brought(clinic):
    """A zip of two files: each speaks about the rows of its own kind only."""

    def zipped(number: int, north: list[str], south: list[str]) -> None:
        path = clinic.place.landing / "clinic" / f"export_{number}.zip"
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            for name, rows in (("north", north), ("south", south)):
                content = "\n".join([HEADER, *rows])
                archive.writestr(f"responses_{name}_{number}.csv", content)

    clinic.configure(SNAPSHOTS)
    zipped(1, TEN[:5], TEN[5:])
    assert clinic.night() == {"export_1.zip": "accepted"}
    zipped(2, TEN[1:5], TEN[5:])
    assert clinic.night() == {"export_2.zip": "accepted"}

    assert clinic.days() == list(range(2, 11))


def test_an_increment_deletes_nothing(clinic):
    clinic.land("responses_1.csv", *TEN)
    clinic.night()
    clinic.land("responses_2.csv", form("r11", 11))
    clinic.night()

    assert clinic.days() == list(range(1, 12))


def test_a_snapshot_may_delete_three_of_ten_and_not_four(clinic):
    clinic.configure(SNAPSHOTS)
    clinic.land("responses_1.csv", *TEN)
    clinic.night()
    clinic.land("responses_2.csv", *TEN[:6])
    clinic.land("responses_3.csv", *TEN[:7])

    assert clinic.night() == {"responses_2.csv": "rejected", "responses_3.csv": "accepted"}

    assert clinic.days() == list(range(1, 8))
    assert "4 of 10 rows held are not in this snapshot" in clinic.reasons["responses_2.csv"]


def test_a_snapshot_without_rows_is_refused_as_empty(clinic):
    clinic.configure(SNAPSHOTS)
    clinic.land("responses_1.csv", *TEN[:1])
    clinic.night()
    clinic.land("responses_2.csv")

    assert clinic.night() == {"responses_2.csv": "rejected"}

    assert clinic.days() == [1]
    assert "an empty snapshot is never loaded" in clinic.reasons["responses_2.csv"]


def test_of_two_snapshots_in_one_night_the_later_name_counts(clinic):
    clinic.configure(SNAPSHOTS)
    clinic.land("responses_1.csv", *TEN)
    clinic.land("responses_2.csv", *TEN[2:])
    clinic.night()

    assert clinic.days() == list(range(3, 11))


def test_a_row_held_back_is_no_deletion(clinic):
    """Dates that cannot be read: of r1 under its own key, of r2 under another; r10 is gone."""
    clinic.configure(SNAPSHOTS)
    clinic.land("responses_1.csv", *TEN)
    clinic.night()
    broken = [re.sub("2026-01-0. 10:00", "yesterday", row) for row in TEN[:2]]
    broken[1] = broken[1].replace("r2,", "r99,", 1)
    clinic.land("responses_2.csv", *broken, *TEN[2:9])
    clinic.night()

    assert clinic.days() == list(range(1, 10))


def test_a_snapshot_says_nothing_about_another_kind_of_file(clinic):
    clinic.configure(SNAPSHOTS)
    clinic.land("responses_north_1.csv", *TEN[:5])
    clinic.land("responses_south_1.csv", *TEN[5:])
    clinic.night()
    clinic.land("responses_north_2.csv", *TEN[:4])
    clinic.night()

    assert clinic.days() == [1, 2, 3, 4, 6, 7, 8, 9, 10]


def test_the_same_snapshot_again_after_a_deletion_brings_the_row_back(clinic):
    clinic.configure(SNAPSHOTS)
    clinic.land("responses_1.csv", *TEN)
    clinic.night()
    clinic.land("responses_2.csv", *TEN[1:])
    clinic.night()
    clinic.land("responses_3.csv", *TEN)

    assert clinic.night() == {"responses_3.csv": "accepted"}
    assert clinic.days() == list(range(1, 11))
    assert clinic.night() == {}


def test_a_file_that_returns_to_earlier_content_counts_again(clinic):
    """The clinic writes over one file every night: yesterday's content is news after today's."""
    for answer in (1, 2, 1):
        clinic.land("responses.csv", form("r1", 1, answer))
        assert clinic.night() == {"responses.csv": "accepted"}
        assert clinic.held() == [(1, answer)]
    assert clinic.night() == {}


def test_what_was_known_on_a_date_after_correction_late_form_and_deletion(clinic):
    clinic.configure(SNAPSHOTS)
    clinic.land("responses_1.csv", *TEN[2:])
    clinic.night()
    clinic.land("responses_2.csv", form("r3", 3, 3), *TEN[3:])  # corrected
    clinic.night()
    clinic.land("responses_3.csv", TEN[1], form("r3", 3, 3), *TEN[3:])  # late
    clinic.night()
    clinic.land("responses_4.csv", TEN[1], form("r3", 3, 3), *TEN[3:9])  # r10 deleted
    clinic.night()

    rest = [(day, 1) for day in range(4, 10)]
    assert clinic.held(1) == [(3, 1), *rest, (10, 1)]
    assert clinic.held(2) == [(3, 3), *rest, (10, 1)]
    assert clinic.held(3) == [(2, 1), (3, 3), *rest, (10, 1)]
    assert clinic.held(4) == [(2, 1), (3, 3), *rest] == clinic.held()
    for day in (1, 2, 3, 4):
        assert clinic.documented(day) == clinic.held(day)


def test_quarantine_hears_of_rows_that_a_snapshot_lacks(clinic):
    """s1 was broken and is deleted, a row without key is replaced with its file; s3 is repaired."""
    header = "session_id,client_id,therapist_id,session_at,attendance"
    sound = [f"s{n},c{n},t1,2026-01-{n:02} 10:00,attended" for n in range(1, 11)]
    broken = [row.replace("attended", "perhaps") for row in (sound[0], sound[2])]
    clinic.configure(SNAPSHOTS)
    clinic.land("sessions_1.csv", *broken, sound[1][2:], *sound[3:], header=header)
    clinic.night()
    clinic.land("sessions_2.csv", *sound[1:], header=header)
    clinic.night()

    events = clinic.place.lake / "quality" / "quarantine_events" / "clinic" / "*.parquet"
    assert clinic.ask(
        f"select event, row_key is null, earlier_file_id is null, source_file, count(*) "
        f"from read_parquet('{events}') group by all order by all"
    ) == [
        ("deleted", False, True, "sessions_2.csv", 1),
        ("deleted", True, False, "sessions_2.csv", 1),
        ("delivered", False, True, "sessions_2.csv", 1),
    ]
