"""Deletions by full snapshot, and what was known on a date."""

from __future__ import annotations

import re
import shutil
from datetime import datetime

import duckdb
import pytest

from pipeline import accept, intake, judge, lake
from pipeline.as_of import rows_as_of
from pipeline.clinics import write_registry
from pipeline.home import REPOSITORY, Home
from pipeline.landing import new_deliveries
from pipeline.ledger import Ledger
from pipeline.vault import master_key
from transforms.contract import TABLES

HEADER = "response_id,client_id,instrument,rater,completed_at," + ",".join(
    f"item_{n}" for n in range(1, 10)
)
SNAPSHOTS = "clinic: clinic\ndelivery: snapshot\n"


def form(name: str, day: int, answer: int = 1, client: str | None = None) -> str:
    answers = ",".join([str(answer)] * 9)
    return f"{name},{client or name},phq9,client,2026-01-{day:02} 10:00,{answers}"


TEN = [form(f"r{n}", n) for n in range(1, 11)]


class Clinic:
    """One clinic whose nights end when its rows are in the lake."""

    def __init__(self, place: Home) -> None:
        self.place, self.nights = place, 0
        self.ledger = Ledger(place)
        master_key(place)
        lake.write_empty_tables(place)
        write_registry(place)

    def configure(self, text: str) -> None:
        (self.place.config / "clinics" / "clinic.yml").write_text(text, "utf-8")

    def land(self, file: str, *rows: str, header: str = HEADER) -> None:
        path = self.place.landing / "clinic" / file
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join([header, *rows]) + "\n", "utf-8")

    def night(self, fingerprint: str = "v1") -> dict[str, str]:
        """Take in what is new, on the next day of February; return status by file name."""
        self.nights += 1
        run_id, now = f"run{self.nights}", datetime(2026, 2, self.nights)
        deliveries = new_deliveries(self.place, self.ledger, now, fingerprint)
        if not deliveries:
            return {}
        self.ledger.open_run(run_id, now, fingerprint)
        intake.intake(self.place, run_id, "clinic", deliveries)
        judge.judge(self.place, run_id)
        accept.accept(self.place, run_id, self.ledger, deliveries)
        self.reasons = {
            row["source_file"]: row["reason"] for row in self.ledger.all_files() if row["reason"]
        }
        return {
            row["source_file"]: row["status"]
            for row in self.ledger.all_files()
            if row["run_id"] == run_id
        }

    def ask(self, query: str) -> list[tuple]:
        with duckdb.connect() as con:
            return con.execute(query).fetchall()

    def held(self, day: int | None = None) -> list[tuple]:
        """Return (day of January, answer) of the forms held, now or on a day of February."""
        table = TABLES["responses"]
        rows = (
            rows_as_of(self.place, table, datetime(2026, 2, day, 23))
            if day
            else lake.current_rows(self.place, table, "clinic")
        )
        query = f"select day(completed_at), item_1::integer from ({rows}) order by all"
        return self.ask(query)

    def days(self, day: int | None = None) -> list[int]:
        return [observed for observed, _ in self.held(day)]


@pytest.fixture
def clinic(tmp_path) -> Clinic:
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    place = Home(tmp_path / "home", tmp_path / "config")
    place.root.mkdir()
    place.prepare()
    return Clinic(place)


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


def test_an_increment_deletes_nothing(clinic):
    clinic.land("responses_1.csv", *TEN)
    clinic.night()
    clinic.land("responses_2.csv", form("r11", 11))
    clinic.night()

    assert clinic.days() == list(range(1, 12))


@pytest.mark.parametrize(("n_left", "status"), [(7, "accepted"), (6, "rejected")])
def test_a_snapshot_may_delete_three_of_ten_and_not_four(clinic, n_left, status):
    clinic.configure(SNAPSHOTS)
    clinic.land("responses_1.csv", *TEN)
    clinic.night()
    clinic.land("responses_2.csv", *TEN[:n_left])

    assert clinic.night() == {"responses_2.csv": status}

    assert len(clinic.days()) == (n_left if status == "accepted" else 10)
    if status == "rejected":
        assert "4 of 10 rows held are not in this snapshot" in clinic.reasons["responses_2.csv"]
        clinic.configure(SNAPSHOTS + "accept_form_change: [responses_2.csv]\n")
        assert clinic.night("v2") == {"responses_2.csv": "accepted"}
        assert len(clinic.days()) == 6


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
    """Its date cannot be read: nobody knows which of the client's forms it is."""
    clinic.configure(SNAPSHOTS)
    clinic.land("responses_1.csv", *TEN)
    clinic.night()
    broken = re.sub("2026-01-01 10:00", "yesterday", TEN[0])
    clinic.land("responses_2.csv", broken, *TEN[1:9])
    clinic.night()

    assert clinic.days() == list(range(1, 10))


def test_a_form_held_back_under_another_key_saves_its_clients_forms_only(clinic):
    clinic.configure(SNAPSHOTS)
    clinic.land("responses_1.csv", *TEN)
    clinic.night()
    broken = re.sub("2026-01-01 10:00", "yesterday", TEN[0]).replace("r1,", "r99,", 1)
    clinic.land("responses_2.csv", broken, *TEN[1:9])
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
    for answer in (1, 2, 1, 2):
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
