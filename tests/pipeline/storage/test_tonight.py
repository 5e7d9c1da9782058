"""Files looked at together leave the same rows as files settled one by one."""

from __future__ import annotations

import shutil
from unittest.mock import Mock

import pytest

from pipeline.home import REPOSITORY, Home
from pipeline.steps import accept
from pipeline.storage import tonight
from tests.pipeline.half_nights import Clinic

HEADER = "response_id,client_id,instrument,rater,completed_at," + ",".join(
    f"item_{n}" for n in range(1, 10)
)
FOLDERS = ("responses", "scores", "superseded/responses", "repeats/responses")


def form(number: int, answer: int = 1) -> str:
    day = f"2026-01-{1 + number % 28:02} 10:{number % 60:02}:00"
    return f"r{number},c{number},phq9,client,{day}," + ",".join([str(answer)] + ["2"] * 8)


def deliver(clinic: Clinic) -> None:
    """Land two nights: rows in order, repeated, corrected in the same night and later, broken."""
    for day in range(6):
        clinic.land(f"responses_{day}.csv", *(form(10 * day + n) for n in range(4)))
    clinic.land("responses_6.csv", form(60), form(60), form(61))  # the same row twice
    clinic.land("responses_7.csv", form(70), form(71, 9))  # an answer the form does not have
    clinic.land("responses_8.csv", form(11), form(12, 3), form(80))  # repeats, and corrects
    clinic.land("responses_9.csv", form(12, 2), form(90))  # and corrects again
    clinic.night()
    for day in range(10, 20):
        clinic.land(f"responses_{day}.csv", *(form(10 * day + n) for n in range(3)))
    clinic.land("responses_20.csv", form(71, 2), form(60, 3))  # repaired; corrected
    clinic.land("responses_21.csv", form(2), form(210), ",".join(["r211", "", *["x"] * 12]))
    clinic.night()


def told(clinic: Clinic, pattern: str, leave_out: str = "''") -> list[tuple]:
    """Return the rows of all files that fit."""
    if not any(clinic.place.root.glob(pattern)):
        return []
    source = f"read_parquet('{clinic.place.root}/{pattern}', union_by_name = true)"
    return clinic.ask(f"select columns(c -> c not in ({leave_out})) from {source} order by all")


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    """The same deliveries, looked at together and settled one by one."""
    made = []
    for few in (1, 1_000):
        folder = tmp_path_factory.mktemp("home")
        shutil.copytree(REPOSITORY / "config", folder / "config")
        place = Home(folder / "home", folder / "config")
        place.root.mkdir()
        place.prepare()
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("RAPPORT_KEY", "0123456789abcdef" * 4)
            patched.setattr(tonight, "MANY_FILES", few)
            short = Mock(wraps=accept._settle_whole)
            patched.setattr(accept, "_settle_whole", short)
            clinic = Clinic(place)
            deliver(clinic)
            clinic.n_whole = short.call_count
        made.append(clinic)
    return made


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_lake_holds_the_same_rows(homes, folder):
    together, one_by_one = (told(home, f"lake/{folder}/clinic=clinic/*.parquet") for home in homes)
    assert together == one_by_one != []


@pytest.mark.parametrize(
    "folder", ["lake/quality/quarantine/clinic", "lake/quality/quarantine_events/clinic"]
)
def test_the_quarantine_says_the_same(homes, folder):
    together, one_by_one = (told(home, f"{folder}/*.parquet") for home in homes)
    assert together == one_by_one != []


def test_every_row_is_counted_alike(homes):
    together, one_by_one = (
        sorted(tuple(row.values()) for row in home.ledger.all_file_tables()) for home in homes
    )
    assert together == one_by_one
    assert len(together) == 22


def test_most_files_are_settled_whole(homes):
    """The proofs above are none if no file went the short way."""
    together, one_by_one = (home.n_whole for home in homes)
    assert (together >= 12, one_by_one) == (True, 0)
