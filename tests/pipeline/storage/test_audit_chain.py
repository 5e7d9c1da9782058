"""The audit chain says what was done, and shows when somebody changed what it says."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from threading import Thread

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.home import Home
from pipeline.storage.ledger import Ledger

AT = datetime(2999, 1, 2)  # after the chain's first entry, whatever the clock says
FILE = {
    "clinic_id": "harbor",
    "file_id": "a" * 16,
    "sha256": "a" * 64,
    "source_file": "patient-10423.csv",
    "size_bytes": 1,
    "received_at": AT,
    "run_id": "r1",
    "status": "accepted",
    "reason": None,
    "fingerprint": "f",
}
TABLE = {
    "clinic_id": "harbor", "file_id": "a" * 16, "table_name": "clients", "n_received": 2,
    "n_accepted": 2, "n_duplicate": 0, "n_quarantined": 0, "n_erased": 0,
}  # fmt: skip


@pytest.fixture
def ledger(home) -> Ledger:
    kept = Ledger(home)
    kept.open_run("r1", AT, "f")
    kept.record_files([(dict(FILE), [TABLE])])
    kept.note("waivers", only_if_new=True, sha256="w1")
    kept.note("waivers", only_if_new=True, sha256="w1")
    kept.log_approval({"run_id": "r1", "asked_at": AT, "asked_because": "harbor: many"})
    kept.note("rollback", run="r1")
    kept.close_run("r1", AT, "published")
    return kept


def tamper(home: Home, *statements: str) -> None:
    """Do as somebody would who may write to the file."""
    with sqlite3.connect(home.ledger) as con:
        for verb in ("update", "delete"):
            con.execute(f"drop trigger if exists audit_is_never_{verb}d")
        for statement in statements:
            con.execute(statement)


def test_each_thing_done_has_its_entry_and_no_file_is_named(ledger):
    rows = ledger.audit_entries()

    assert [row["event"] for row in rows] == [
        "run started", "file", "waivers", "approval asked", "rollback", "run ended",
    ]  # fmt: skip
    assert json.loads(rows[1]["detail"]) == {
        "clinic": "harbor", "file": "a" * 16, "sha256": "a" * 64, "run": "r1",
        "status": "accepted",
        "rows": {"clients": {"received": 2, "accepted": 2, "duplicate": 0, "quarantined": 0,
                             "erased": 0}},
    }  # fmt: skip
    assert not any("10423" in row["detail"] for row in rows)
    assert ledger.audit_problems() == []


def test_the_database_itself_refuses_to_change_an_entry(home, ledger):
    for statement in ("update audit set event = 'x'", "delete from audit"):
        with sqlite3.connect(home.ledger) as con, pytest.raises(sqlite3.Error, match="append-only"):
            con.execute(statement)


@pytest.mark.parametrize("entry", range(1, 7))
@pytest.mark.parametrize(
    "change",
    [
        "event = event || '.'",
        "detail = replace(detail, '}', ', \"x\": 1}')",
        "at = '2026-01-01 00:00:00.000000'",
        "hash = lower(hex(zeroblob(32)))",
        "previous = hash",
    ],
)
def test_a_change_to_any_part_of_any_entry_is_found(home, ledger, entry, change):
    tamper(home, f"update audit set {change} where entry = {entry}")

    assert any(f"entry {entry}" in problem for problem in ledger.audit_problems())


@pytest.mark.parametrize("entry", range(1, 7))
def test_a_removed_entry_is_found_also_the_last(home, ledger, entry):
    tamper(home, f"delete from audit where entry = {entry}")

    assert ledger.audit_problems()


def test_entries_that_changed_places_and_files_nobody_noted_are_found(home, ledger):
    swap = "update audit set entry = {} where entry = {}"
    tamper(home, swap.format(90, 3), swap.format(3, 4), swap.format(4, 90))
    assert len(ledger.audit_problems()) >= 2

    tamper(home, "update files set sha256 = 'b'")
    assert any("in the ledger, not in the chain" in one for one in ledger.audit_problems())


def test_two_writers_at_once_follow_each_other(home, ledger):
    def write(name: str) -> None:
        own = Ledger(home)
        for number in range(10):
            own.note("export", writer=name, number=number)

    threads = [Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(ledger.audit_entries()) == 36
    assert ledger.audit_problems() == []


def test_the_command_says_whole_or_tampered(home, ledger):
    command = ["audit", "verify", "--home", str(home.root)]
    ended = CliRunner().invoke(app, command)
    assert ended.exit_code == 0
    assert (
        f"6 entries, each as it was written; the last is {ledger.audit_entries()[-1]['hash']}"
        in (ended.output)
    )

    tamper(home, "update audit set event = 'nothing' where entry = 2")
    ended = CliRunner().invoke(app, command)
    assert ended.exit_code == 1
    assert "entry 2 is not what was written" in ended.output
