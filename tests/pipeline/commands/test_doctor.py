"""`rapport doctor` finds what was broken on purpose, names what mends it, and changes nothing."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands import doctor
from pipeline.home import Home
from pipeline.steps.publish import PUBLIC_SCHEMAS, publish, published_run
from pipeline.storage import lake, writer_lock
from pipeline.storage.ledger import Ledger
from pipeline.vault.keys import open_vault

RUN = "2026-02-01T02-00-00Z"
AT = datetime(2026, 2, 1, 2)


@pytest.fixture(autouse=True)
def _no_key(monkeypatch):
    monkeypatch.delenv("RAPPORT_KEY", raising=False)


@pytest.fixture
def place(home, con) -> Home:
    """A published home with one accepted file of three rows."""
    open_vault(home)
    lake.write_empty_tables(home)
    ledger = Ledger(home)
    ledger.open_run(RUN, AT, "f")
    file = {"clinic_id": "harbor", "file_id": "f1", "sha256": "s", "source_file": "a.csv"}
    file |= {"size_bytes": 1, "received_at": AT, "run_id": RUN, "status": "accepted"}
    table = {"clinic_id": "harbor", "file_id": "f1", "table_name": "clients", "n_received": 3}
    table |= {"n_accepted": 3, "n_duplicate": 0, "n_quarantined": 0, "n_erased": 0}
    ledger.record_files([(file | {"reason": None, "fingerprint": "f"}, [table])])
    rows = lake.lake_file(home, "clients", "harbor", "f1.parquet")
    rows.parent.mkdir(parents=True)
    con.execute(f"copy (select * from range(3)) to '{rows}'")
    home.building.parent.mkdir()
    with duckdb.connect(str(home.building)) as tables:
        for schema in PUBLIC_SCHEMAS:
            tables.execute(f"create schema {schema}; create table {schema}.fct_sessions (a int)")
    publish(home, RUN)
    ledger.close_run(RUN, AT, "published")
    home.work(RUN).mkdir(parents=True)
    home.prepare()
    return home


def wrong(home: Home) -> dict[str, list[doctor.Finding]]:
    found = doctor.examine(home)
    assert list(found) == list(doctor.CHECKS)
    bad = {name: [one for one in each if one.is_wrong] for name, each in found.items()}
    return {name: each for name, each in bad.items() if each}


def test_a_sound_home_has_nothing_wrong_and_is_not_changed(place):
    before = {path: path.lstat().st_mtime_ns for path in place.root.rglob("*")}

    ended = CliRunner().invoke(app, ["doctor", "--home", str(place.root)])

    assert (ended.exit_code, "✗" in ended.output) == (0, False), ended.output
    assert {path: path.lstat().st_mtime_ns for path in place.root.rglob("*")} == before
    assert f"{RUN} is published" in ended.output
    assert "3 row(s) of 1 delivered file" in ended.output


def _empty(path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def _rows_lost(home):
    lake.lake_file(home, "clients", "harbor", "f1.parquet").unlink()


def _too_few_rows(home):
    rows = lake.lake_file(home, "clients", "harbor", "f1.parquet")
    duckdb.sql("select * from range(2)").write_parquet(str(rows))
    rows.chmod(0o600)


def _unknown_rows(home):
    _empty(lake.lake_file(home, "clients", "harbor", "f2.parquet"))
    lake.lake_file(home, "clients", "harbor", "f2.parquet").chmod(0o600)


def _ledger_damaged(home):
    home.ledger.write_bytes(b"not a database" * 100)


def _chain_broken(home):
    with sqlite3.connect(home.ledger) as con:
        con.execute("drop trigger audit_is_never_updated")
        con.execute("update audit set detail = '{}' where entry = 1")


def _vault_open(home):
    home.vault.chmod(0o750)


def _lake_open(home):
    (home.lake / "clients" / "empty.parquet").chmod(0o644)


def _key_gone(home):
    (home.vault / "key").unlink()


def _key_changed(home):
    (home.vault / "key").write_text("ab" * 32, "ascii")


def _killed_writer(home):
    now = datetime.now(UTC).replace(tzinfo=None)
    row = {"claim": "c", "owner": "rapport run", "run_id": None, "pid": 1, "since": now}
    Ledger(home).claim_writer(row | {"host": writer_lock._host(), "heartbeat": now}, None)


def _ahead(home):
    later = datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=6)
    Ledger(home).open_run("2999-01-01T00-00-00Z", later, "f")
    Ledger(home).close_run("2999-01-01T00-00-00Z", later, "failed")


def _link_broken(home):
    home.release(RUN).unlink()


def _half_restored(home):
    home.half_restored.write_text("x")
    home.half_restored.chmod(0o600)


def _left_over(home):
    for path in (home.building, home.scratch / "spill", home.root / "work" / "lost" / "a"):
        _empty(path)
    _empty(home.lake / "clients" / ".a.parquet.tmp")
    home.prepare()
    (home.releases / ".building").chmod(0o700)


@pytest.mark.parametrize(
    ("broken", "check", "said", "mend"),
    [
        (_rows_lost, "lake", "0 row(s), the ledger says 3", "rapport restore"),
        (_too_few_rows, "lake", "2 row(s), the ledger says 3", "rapport restore"),
        (_unknown_rows, "lake", "1 file(s) the ledger never heard of", "move them away"),
        (_ledger_damaged, "ledger", "ledger.sqlite is damaged", "rapport restore"),
        (_chain_broken, "ledger", "entry 1 is not what was written", "rapport audit verify"),
        (_vault_open, "key", "others may read identifiers", "runbook"),
        (_vault_open, "permissions", "vault", "chmod -R go= "),
        (_lake_open, "permissions", "lake/clients/empty.parquet", "chmod -R go= "),
        (_key_gone, "key", "is gone", "RAPPORT_KEY"),
        (_key_changed, "key", "not the key the people in this home", "runbook"),
        (_killed_writer, "lock", "dead", "rapport run"),
        (_ahead, "clock", "1 run began in the future", "clock"),
        (_link_broken, "release", "published/ leads to nothing", "rapport run"),
        (_half_restored, "lock", "half restored", "rapport restore"),
        (_left_over, "left over", "half-built release", "rapport run"),
        (_left_over, "left over", "identifiers in vault/tmp", "rapport run"),
        (_left_over, "left over", "work folder(s) of no run", "rm -r "),
        (_left_over, "left over", "half-written file(s)", "rapport retain"),
    ],
)
def test_what_is_broken_is_found_with_what_mends_it(place, broken, check, said, mend):
    if check == "key" and broken is _key_changed:
        identities = place.vault / "identities" / "a.parquet"
        _empty(identities)
        place.prepare()
    broken(place)

    found = wrong(place)

    assert [one for one in found[check] if said in one.what and mend in one.mend], found
    assert CliRunner().invoke(app, ["doctor", "--home", str(place.root)]).exit_code == 1


def test_the_clock_may_be_minutes_off(place, monkeypatch):
    later = datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=4)
    Ledger(place).open_run("2999-01-01T00-00-00Z", later, "f")

    assert "clock" not in wrong(place)


def test_what_a_night_that_goes_on_leaves_about_is_no_finding(place):
    with writer_lock.writing(place, "rapport run"):
        _empty(place.lake / "clients" / ".a.parquet.tmp")
        found = doctor.examine(place)

    assert found["left over"] == []
    assert f"process {os.getpid()}" in found["lock"][0].what
    assert not found["lock"][0].is_wrong


def test_a_disk_that_is_nearly_full(place, monkeypatch):
    monkeypatch.setattr(doctor, "SPARE_BYTES", 10**18)

    assert "free space" in wrong(place)["disk"][0].mend


def test_each_configuration_file_that_is_wrong_is_named(place, tmp_path):
    import shutil

    config = tmp_path / "config"
    shutil.copytree(place.config, config)
    for name in ("notify", "retention", "gate", "rules", "disclosure", "clinics/harbor"):
        (config / f"{name}.yml").write_text("surprise: [1]\n", "utf-8")

    said = "\n".join(one.what for one in wrong(Home(place.root, config))["configuration"])
    for name in ("notify", "retention", "gate", "rules", "disclosure", "harbor"):
        assert f"{name}.yml" in said


def test_a_home_where_nothing_was_ever_run(home):
    assert wrong(home) == {}
    assert published_run(home) is None
