"""Rows that a killed run, a second run or a growing file could lose: none is."""

from __future__ import annotations

import shutil
from datetime import datetime

import pytest

from pipeline.home import REPOSITORY, Home
from pipeline.steps import accept, intake, judge
from pipeline.storage import lake, leftovers
from pipeline.storage import landing as looking
from pipeline.storage.ledger import Ledger
from tests.pipeline.half_nights import HEADER, Clinic
from transforms.contract import TABLES
from transforms.errors import BalanceError, LedgerError

AT = datetime(2026, 1, 2, 2)
FILE = {
    "clinic_id": "harbor",
    "file_id": "a",
    "sha256": "a",
    "source_file": "a.csv",
    "size_bytes": 1,
    "received_at": AT,
    "run_id": "r1",
    "reason": None,
    "fingerprint": "f",
}
ANSWERS = ",1" * 9


@pytest.fixture
def clinic(tmp_path) -> Clinic:
    """A clinic with a configuration of its own."""
    place = Home(tmp_path / "home", tmp_path / "config")
    shutil.copytree(REPOSITORY / "config", place.config)
    place.root.mkdir()
    place.prepare()
    return Clinic(place)


def form(number: int) -> str:
    return f"r{number},c1,phq9,client,2026-01-{number:02}{ANSWERS}"


def grow(place: Home, *rows: str) -> None:
    with (place.landing / "clinic" / "responses.csv").open("a") as file:
        file.write("".join(f"{row}\n" for row in rows))


def test_what_was_hashed_is_what_is_loaded(clinic, capsys, monkeypatch):
    """A file that grows between hash and read waits for the next night, and is loaded whole."""
    clinic.land("responses.csv", form(1))
    clinic.land("others.csv", form(9).replace("r9", "o9").replace("c1", "c2"))
    clinic.configure("clinic: clinic\nfeeds:\n  - {files: '*.csv', table: responses}\n")
    hashed = looking._delivery

    def then_it_grows(folder, path, now):
        delivery = hashed(folder, path, now)
        if path.name == "responses.csv":
            grow(clinic.place, form(2))
        return delivery

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(looking, "_delivery", then_it_grows)
        assert clinic.night() == {"others.csv": "accepted"}
    assert "landing/clinic/responses.csv: changed while it was read; left for the next night" in (
        capsys.readouterr().err
    )
    assert clinic.days() == [9]
    kept = list((clinic.place.vault / "identities").rglob("*.responses.sealed"))
    assert len(kept) == 1, "the vault keeps nothing of a file that was left"

    assert clinic.night() == {"responses.csv": "accepted"}
    assert clinic.days() == [1, 2, 9]


def test_a_file_that_becomes_unreadable_under_our_hands_is_not_refused(clinic, monkeypatch):
    """Half of the new line is there: the reader refuses it, but nothing is wrong with the file."""
    clinic.land("responses.csv", form(1))
    hashed = looking._delivery

    def then_half_a_line(folder, path, now):
        delivery = hashed(folder, path, now)
        path.write_text(f'{HEADER}\n{form(1)}\nr2,"c', "utf-8")
        return delivery

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(looking, "_delivery", then_half_a_line)
        assert clinic.night() == {}

    clinic.land("responses.csv", form(1), form(2))
    assert clinic.night() == {"responses.csv": "accepted"}


def test_a_run_killed_among_its_files_is_swept_and_repeated(clinic, monkeypatch):
    """Killed when the rows are in the lake and the verdict is not: gone, then there once."""
    clinic.land("responses.csv", form(1), form(2))
    with monkeypatch.context() as killed:
        killed.setattr(accept, "_record", _killed)
        with pytest.raises(KeyboardInterrupt):
            clinic.night()
    assert clinic.days() == [1, 2]

    assert leftovers.sweep(clinic.place, clinic.ledger) == 0, "the run may still be at work"
    clinic.ledger.end_unfinished()
    assert leftovers.sweep(clinic.place, clinic.ledger) > 0
    assert clinic.days() == []

    assert clinic.night() == {"responses.csv": "accepted"}
    assert clinic.days() == [1, 2]


def _killed(*_):
    raise KeyboardInterrupt


def test_a_file_that_another_run_took_in_is_not_taken_in_again(clinic):
    """Two runs read the same file; the second to come stops, and no row goes."""
    clinic.land("responses.csv", form(1), form(2))
    place, ledger = clinic.place, clinic.ledger
    deliveries = looking.new_deliveries(place, ledger, AT, "v1")
    assert clinic.night() == {"responses.csv": "accepted"}

    ledger.open_run("second", AT, "v1")
    intake.intake(place, "second", "clinic", deliveries)
    judge.judge(place, "second")
    with pytest.raises(BalanceError, match="taken in by another run meanwhile"):
        accept.accept(place, "second", ledger, deliveries)

    assert clinic.days() == [1, 2]
    assert [row["n_accepted"] for row in ledger.all_file_tables()] == [2]


def test_a_step_repeated_in_its_own_run_settles_nothing_twice(clinic):
    clinic.land("responses.csv", form(1), form(2))
    deliveries = looking.new_deliveries(clinic.place, clinic.ledger, AT, "v1")
    clinic.night()

    totals = accept.accept(clinic.place, "run1", clinic.ledger, deliveries)

    assert set(totals.values()) == {0}
    assert clinic.days() == [1, 2]


def test_the_sweep_leaves_what_a_live_run_writes_and_what_nobody_knows(home, con, stage):
    """Of seven files: dead are the one of an ended run, the rejected and the held one."""
    lake.write_empty_tables(home)
    ledger = Ledger(home)
    for run_id in ("ended", "live"):
        ledger.open_run(run_id, AT, "f")
    ledger.close_run("ended", AT, "failed")
    for status in ("accepted", "rejected", "held"):
        ledger.record_files([(FILE | {"file_id": status, "run_id": "ended", "status": status}, [])])
    # What was held is read again by the live run.
    ledger.record_files([(FILE | {"file_id": "again", "run_id": "ended", "status": "held"}, [])])
    ledger.begin_files("ended", [("harbor", "begun")])
    ledger.begin_files("live", [("harbor", "live"), ("harbor", "again")])
    names = ("accepted", "rejected", "held", "again", "begun", "live", "unknown")
    for name in names:
        target = lake.lake_file(home, "clients", "harbor", f"{name}.parquet")
        target.parent.mkdir(exist_ok=True)
        shutil.copy(stage("clients", [{"file_id": name}]), target)

    assert leftovers.sweep(home, ledger) == 3
    query = f"select file_id from ({lake.current_rows(home, TABLES['clients'])}) order by all"
    left = [name for (name,) in con.execute(query).fetchall()]
    assert left == ["accepted", "again", "live", "unknown"]

    assert leftovers.set_aside_unknown(home, ledger, "live", {("harbor", "unknown")}) == []
    shutil.copy(stage("clients", [{"file_id": "loose"}]), home.lake / "clients" / "loose.parquet")
    told = leftovers.set_aside_unknown(home, ledger, "live", set())
    assert [remark.where for remark in told] == [
        "lake/clients/clinic=harbor/unknown.parquet",
        "lake/clients/loose.parquet",
    ]
    left = [name for (name,) in con.execute(query).fetchall()]
    assert left == ["accepted", "again", "live"]
    aside = home.quarantine / "unknown" / "live" / "lake" / "clients"
    assert (aside / "clinic=harbor" / "unknown.parquet").exists()
    assert (aside / "loose.parquet").exists()
    assert "unread, to quarantine/unknown/live/lake/clients/clinic=harbor" in told[0].what


def test_a_lost_ledger_is_named_with_the_command_that_mends_it(home, stage):
    """Nothing is moved where the ledger knows no delivery: the lake is right, the ledger is not."""
    lake.write_empty_tables(home)
    target = lake.lake_file(home, "clients", "harbor", "known.parquet")
    target.parent.mkdir(exist_ok=True)
    shutil.copy(stage("clients", [{"file_id": "known"}]), target)

    with pytest.raises(LedgerError, match="mv lake"):
        leftovers.set_aside_unknown(home, Ledger(home), "live", set())
    assert target.exists()


def test_a_full_disk_is_one_sentence(home):
    """The database itself says it is full; the statement and its values are not repeated."""
    ledger = Ledger(home)
    ledger.open_run("r1", AT, "f")
    with ledger._engine.connect() as connection:
        connection.exec_driver_sql("pragma max_page_count = 1")
        connection.commit()

    with pytest.raises(LedgerError) as refused:
        _fill(ledger)
    assert str(refused.value) == (
        "the ledger: database or disk is full. Free space on the disk; then run again. "
        "The published release is unchanged."
    )


def _fill(ledger: Ledger) -> None:
    for number in range(1000):
        ledger.record_files([(FILE | {"file_id": f"secret{number}", "status": "accepted"}, [])])
