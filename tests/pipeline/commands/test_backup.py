"""A back-up is whole or says so: real homes, killed processes, and hands that change a byte."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from datetime import datetime

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.command_line.home import BUSY
from pipeline.commands.backup import back_up
from pipeline.commands.restore import restore
from pipeline.home import REPOSITORY, Home
from pipeline.storage import lake, writer_lock
from pipeline.storage.backup_manifest import NAME, read_manifest
from pipeline.storage.ledger import Ledger
from pipeline.vault.keys import fingerprint_in_use, master_key
from tests.pipeline.half_nights import Clinic
from transforms.contract import TABLES
from transforms.errors import BackupError

AT = datetime(2026, 2, 1)
FORM = "r{n},c{n},phq9,client,2026-01-{n:02} 10:00" + ",1" * 9


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Home:
    """A home with two deliveries, a release with its link, and the key in the vault."""
    folder = tmp_path_factory.mktemp("template")
    shutil.copytree(REPOSITORY / "config", folder / "config")
    home = Home(folder / "home", folder / "config")
    home.root.mkdir()
    home.prepare()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAPPORT_KEY", raising=False)
        clinic = Clinic(home)
        for night in (1, 2):
            clinic.land(f"responses_{night}.csv", *(FORM.format(n=n) for n in (night, night + 10)))
            assert set(clinic.night().values()) == {"accepted"}
    home.release("run2").parent.mkdir()
    home.release("run2").write_bytes(b"tables")
    home.release("run2").chmod(0o640)
    (home.published.parent / ".current").symlink_to("../releases/run2")
    home.published.symlink_to(".current/analytics.duckdb")
    home.building.parent.mkdir()
    home.building.write_bytes(b"half built")
    return home


@pytest.fixture
def place(template, tmp_path, monkeypatch) -> Home:
    """A copy of it for one test."""
    monkeypatch.delenv("RAPPORT_KEY", raising=False)
    shutil.copytree(template.root, tmp_path / "home", symlinks=True)
    return Home(tmp_path / "home", template.config)


def call(*arguments, config=None):
    environment = {"RAPPORT_CONFIG": str(config)} if config else {}
    return CliRunner().invoke(app, list(map(str, arguments)), env=environment)


def content(home: Home) -> dict[str, tuple]:
    """Return bytes and mode of every file that a back-up is to keep."""
    return {
        path.relative_to(home.root).as_posix(): (
            path.read_bytes() if path.is_file() else None,
            stat.S_IMODE(path.stat().st_mode),
        )
        for path in home.root.rglob("*")
        if not path.name.startswith(("ledger.", ".building"))
        and path.parent.name != ".building"
        and path not in (home.vault / "key", home.scratch)
    }


def rows(home: Home) -> list[tuple]:
    import duckdb

    with duckdb.connect() as con:
        query = lake.current_rows(home, TABLES["responses"])
        return con.execute(f"select * from ({query}) order by response_key").fetchall()


def put_back(target, tmp_path, place: Home, name: str = "other") -> Home:
    other = Home(tmp_path / name, place.config)
    restore(target, other)
    return other


def test_what_is_restored_is_what_was_backed_up(place, tmp_path):
    target = tmp_path / "backup"
    saved = call("backup", target, "--home", place.root, config=place.config)
    assert saved.exit_code == 0, saved.output
    before = content(place)

    done = call("restore", target, "--home", tmp_path / "other", config=place.config)

    assert done.exit_code == 0, done.output
    other = Home(tmp_path / "other", place.config)
    assert content(other) == before
    assert rows(other) == rows(place) != []
    assert Ledger(other).all_files() == Ledger(place).all_files() != []
    assert other.published.resolve() == other.release("run2")
    assert "before the next run" in done.output
    assert Ledger(other).audit_problems() == []
    assert [row["event"] for row in Ledger(other).audit_entries()][-1] == "restore"
    assert [row["event"] for row in Ledger(place).audit_entries()][-1] == "backup"


def test_pages_that_name_clients_are_in_no_back_up(place, tmp_path):
    (place.vault / "pages" / "case").mkdir(parents=True, mode=0o700)
    (place.vault / "pages" / "case" / "c.html").write_text("who-it-is", encoding="utf-8")
    back_up(place, tmp_path / "backup")

    kept = [path for path in (tmp_path / "backup").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"who-it-is" in path.read_bytes() for path in kept)


def test_the_key_is_in_no_file_and_the_manifest_says_which_it_was(place, tmp_path):
    back_up(place, tmp_path / "backup")
    key = (place.vault / "key").read_text("ascii")

    written = [path for path in (tmp_path / "backup").rglob("*") if path.is_file()]
    assert len(written) > 10
    assert [path for path in written if key.encode() in path.read_bytes()] == []
    assert [path for path in written if bytes.fromhex(key) in path.read_bytes()] == []
    assert read_manifest(tmp_path / "backup").key_fingerprint == fingerprint_in_use(place) != ""
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700


def test_nobody_writes_in_the_ledger_of_a_back_up(place, tmp_path):
    with writer_lock.writing(place, "rapport backup"):
        back_up(place, tmp_path / "backup")

    with sqlite3.connect(tmp_path / "backup" / "home" / "ledger.sqlite") as con:
        assert con.execute("select count(*) from writer").fetchone() == (0,)
        assert con.execute("select count(*) from files").fetchone() == (2,)


def test_a_second_back_up_copies_what_is_new_and_forgets_what_is_gone(place, tmp_path):
    target = tmp_path / "backup"
    back_up(place, target)
    kept = {path: path.stat().st_ino for path in (target / "home" / "lake").rglob("*.parquet")}
    gone = place.landing / "clinic" / "responses_1.csv"
    gone.unlink()
    (place.landing / "clinic" / "new.csv").write_text("new")
    (place.lake / "note.txt").write_text("one")

    back_up(place, target)

    assert {path: path.stat().st_ino for path in kept} == kept != {}
    assert not (target / "home" / gone.relative_to(place.root)).exists()
    assert content(put_back(target, tmp_path, place)) == content(place)


def test_without_landing(place, tmp_path):
    back_up(place, tmp_path / "backup", is_with_landing=False)

    assert not (tmp_path / "backup" / "home" / "landing").exists()
    other = put_back(tmp_path / "backup", tmp_path, place)
    assert rows(other) == rows(place)


def _inside(place, tmp_path):
    return place.root / "backup"


def _another_homes(place, tmp_path):
    other = Home(tmp_path / "another", place.config)
    other.root.mkdir()
    other.prepare()
    Ledger(other).open_run("r1", AT, "f")
    back_up(other, tmp_path / "theirs")
    return tmp_path / "theirs"


def _something_else(place, tmp_path):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.txt").write_text("x")
    return tmp_path / "papers"


@pytest.mark.parametrize("where", [_inside, _another_homes, _something_else])
def test_a_back_up_goes_into_a_folder_of_its_own(place, tmp_path, where):
    target = where(place, tmp_path)
    before = sorted(target.rglob("*")) if target.exists() else []

    with pytest.raises(BackupError):
        back_up(place, target)

    assert (sorted(target.rglob("*")) if target.exists() else []) == before


def test_a_byte_that_changed_is_found_before_anything_is_restored(place, tmp_path):
    target = tmp_path / "backup"
    back_up(place, target)
    (changed, *_) = (target / "home" / "lake" / "responses").rglob("clinic=clinic/*.parquet")
    changed.write_bytes(changed.read_bytes()[:-1] + b"x")

    with pytest.raises(BackupError, match=r"1 of \d+ file\(s\) are gone or not what"):
        put_back(target, tmp_path, place)
    assert not (tmp_path / "other").exists()


def test_a_manifest_that_leads_out_of_the_home_is_refused(place, tmp_path):
    target = tmp_path / "backup"
    back_up(place, target)
    manifest = json.loads((target / NAME).read_text("utf-8"))
    manifest["files"]["home/../../out"] = manifest["files"]["home/ledger.sqlite"]
    (target / NAME).write_text(json.dumps(manifest), "utf-8")

    with pytest.raises(BackupError, match="is none that this version"):
        put_back(target, tmp_path, place)


def test_a_home_with_something_in_it_is_left_alone(place, tmp_path):
    back_up(place, tmp_path / "backup")
    before = content(place)

    with pytest.raises(BackupError, match="is not empty"):
        restore(tmp_path / "backup", place)
    assert content(place) == before


def test_restored_again_it_mends_what_was_lost_until_the_home_goes_on(place, tmp_path):
    back_up(place, tmp_path / "backup")
    other = put_back(tmp_path / "backup", tmp_path, place)
    (lost, *_) = (other.lake / "responses").rglob("clinic=clinic/*.parquet")
    lost.unlink()

    assert restore(tmp_path / "backup", other).n_copied == 1
    assert rows(other) == rows(place)

    Ledger(other).note("rollback", run="run1")
    with pytest.raises(BackupError, match="is not empty"):
        restore(tmp_path / "backup", other)


def test_another_key_is_refused_and_the_right_one_goes_on(place, tmp_path, monkeypatch):
    back_up(place, tmp_path / "backup")
    other = Home(tmp_path / "other", place.config)
    other.vault.mkdir(parents=True, mode=0o700)
    key = other.vault / "key"
    key.write_text("ab" * 32, "ascii")
    key.chmod(0o600)

    with pytest.raises(BackupError, match="is not the key this back-up needs"):
        restore(tmp_path / "backup", other)
    shutil.copy(place.vault / "key", key)

    assert restore(tmp_path / "backup", other).is_key_there
    assert master_key(other) == master_key(place)


def test_a_file_that_grows_in_landing_is_counted_and_not_in_it(place, tmp_path, monkeypatch):
    from pipeline.storage import backup_manifest

    growing = place.landing / "clinic" / "grows.csv"
    growing.write_text("1\n")
    hash_it = backup_manifest.sha256_of

    def grow(path):
        if path == growing:
            with growing.open("a") as file:
                file.write("2\n")
        return hash_it(path)

    monkeypatch.setattr(backup_manifest, "sha256_of", grow)
    done = back_up(place, tmp_path / "backup")
    monkeypatch.undo()

    assert done.n_still_written == 1
    assert "grows.csv" not in str(read_manifest(tmp_path / "backup").files)
    put_back(tmp_path / "backup", tmp_path, place)


KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline import cli
from pipeline.storage import backup_manifest, parquet
left = int(sys.argv[1])
replace = os.replace
def counted(*names):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*names)
os.replace = counted
cli.app(sys.argv[2:])
"""


def killed(n_files: int, place: Home, *arguments) -> None:
    """Run a command in a process that is killed as it finishes its n-th file."""
    environment = os.environ | {"RAPPORT_CONFIG": str(place.config)}
    command = [sys.executable, "-c", KILLED, str(n_files), *map(str, arguments)]
    ended = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.parametrize("n_files", [1, 6, 20])
def test_killed_half_way_both_go_on_and_nobody_takes_half_for_whole(place, tmp_path, n_files):
    target, other = tmp_path / "backup", Home(tmp_path / "other", place.config)
    back_up(place, target)
    if n_files > 1:
        shutil.rmtree(target)  # else the kill meets a back-up that is there
    killed(n_files, place, "backup", target, "--home", place.root)

    with pytest.raises(BackupError, match="one that broke off"):
        restore(target, other)
    again = call("backup", target, "--home", place.root, config=place.config)
    assert again.exit_code == 0, again.output

    killed(n_files, place, "restore", target, "--home", other.root)
    assert not other.ledger.exists()
    ran = call("run", "--home", other.root, config=place.config)
    assert (ran.exit_code, "half restored" in ran.output) == (BUSY, True)
    assert not other.ledger.exists()
    done = call("restore", target, "--home", other.root, config=place.config)

    assert done.exit_code == 0, done.output
    assert content(other) == content(place)
    assert not other.half_restored.exists()


def test_a_back_up_waits_for_whoever_writes(place, tmp_path, monkeypatch):
    monkeypatch.setenv("RAPPORT_LOCK_WAIT", "0")
    with writer_lock.writing(place, "rapport run"):
        code = "import sys; from pipeline.cli import app; app(sys.argv[1:])"
        command = [sys.executable, "-c", code, "backup", tmp_path / "b", "--home", place.root]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == BUSY
    assert "rapport run" in ended.stderr
    assert not (tmp_path / "b").exists()
