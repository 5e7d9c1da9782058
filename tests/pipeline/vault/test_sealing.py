"""What lies in the vault is sealed: no key, no reading; no change goes unnoticed."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys

import pytest

from pipeline.home import Home
from pipeline.steps import build
from pipeline.vault import erased, keyring, keys, rotation
from pipeline.vault.identities import files, identities
from transforms.errors import NothingToDoError, VaultError

STONE, OLD_STONE = f"{1:032}", f"{2:032}"
ONE, TWO, THREE = "ab" * 32, "cd" * 32, "ef" * 32
WHO, BORN = "patient-10423", "1980-02-29"
CLIENTS = "client_id,birth_date,gender"


@pytest.fixture
def held(clinic, monkeypatch):
    """A clinic that delivered two persons, under the key ONE."""
    monkeypatch.setenv("RAPPORT_KEY", ONE)
    clinic.land("clients.csv", f"{WHO},{BORN},f", "patient-2,1981-01-01,m", header=CLIENTS)
    clinic.night()
    return clinic


def known(place: Home, con) -> dict[str, str]:
    """Return who is known, by identifier, with the key."""
    with identities(con, place, "clinic") as relation:
        query = f"select client_id, client_key::varchar from {relation} where client_id is not null"
        return dict(con.execute(query).fetchall())


def every_byte(place: Home) -> dict[str, bytes]:
    return {
        path.relative_to(place.root).as_posix(): path.read_bytes()
        for path in place.root.rglob("*")
        if path.is_file() and not path.is_relative_to(place.landing)
    }


def test_nobody_stands_in_the_vault_in_words(held, con):
    erased.write(held.place, erased.Erasure(STONE, "clinic", WHO, "a-key"))

    assert len(known(held.place, con)) == 2
    assert erased.under_way(held.place)[0].client_id == WHO
    for name, content in every_byte(held.place).items():
        assert WHO.encode() not in content, name
        assert not (name.startswith("vault/") and content.startswith(b"PAR1")), name
    sealed = rotation.sealed_files(held.place)
    assert {path.parent.name for path in sealed} >= {"erased"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in sealed} == {0o600}


def test_no_key_lies_anywhere_in_any_form(held):
    """Neither the key, nor what it opens, nor what is derived from it for files."""
    ring = keys.open_vault(held.place)
    hidden = [bytes.fromhex(ONE), ring.pseudonyms, *ring.keys]
    forms = [
        form for key in hidden for form in (key, key.hex().encode(), key.hex().upper().encode())
    ]
    for name, content in every_byte(held.place).items():
        assert not any(form in content for form in forms), name
    for said in (repr(ring), str(ring.with_new_key())):
        assert "pseudonyms" not in said
        assert ring.keys[0].hex() not in said


@pytest.mark.parametrize("how", ["changed", "cut off", "moved", "another's"])
def test_what_was_not_sealed_here_is_refused(held, con, how):
    (path,) = files(held.place)
    content = path.read_bytes()
    if how == "changed":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif how == "cut off":
        path.write_bytes(content[:40])
    elif how == "moved":
        folder = path.parent.with_name("20300101T000000")
        folder.mkdir()
        shutil.copy(path, folder / path.name)
    else:
        ring = keyring.Keyring(held.place.vault, b"", (bytes(32),))
        ring.write(path, b"PAR1")

    with pytest.raises(VaultError, match=r"vault/identities/.*sealed.*back-up"):
        known(held.place, con)


def test_a_plain_vault_is_read_and_taken_over_with_a_note(held, con, capsys):
    place, before = held.place, known(held.place, con)
    ring = keys.open_vault(place)
    for path in rotation.sealed_files(place):  # as it was before vaults were sealed
        path.with_suffix(".parquet").write_bytes(ring.read(path))
        path.unlink()
    keyring.path_of(place).unlink()
    folder = place.vault / "erased"
    folder.mkdir()
    erasure = erased.Erasure(STONE, "clinic", WHO, "a-key")
    (folder / f"{STONE}.json").write_text(json.dumps(erasure.__dict__))
    (folder / f"{OLD_STONE}.json").write_text('{"erased_on": "2026-01-01"}')
    assert known(place, con) == before

    assert rotation.take_over(place) == 2
    assert rotation.take_over(place) == 0

    assert known(place, con) == before
    assert erased.under_way(place) == [erasure]
    assert erased.is_known(place, OLD_STONE)
    assert not any(WHO.encode() in content for content in every_byte(place).values())
    held.land("clients_2.csv", f"{WHO},{BORN},f", header=CLIENTS)
    held.night("run2")
    assert known(place, con) == before, "people are known by the pseudonyms they had"


def test_reading_makes_nothing_in_a_vault_from_before(home, monkeypatch):
    """Who only reads does not hold the lock: a keyring it made could replace that of a night."""
    monkeypatch.setenv("RAPPORT_KEY", ONE)

    assert keys.read_vault(home).pseudonyms.hex() == ONE

    assert not keyring.path_of(home).exists()
    assert keys.read_vault(home).pseudonyms == keys.open_vault(home).pseudonyms


def test_a_lost_keyring_is_not_replaced(held):
    keyring.path_of(held.place).unlink()

    with pytest.raises(VaultError, match=r"vault/keyring\.json: it is gone.*back-up"):
        keys.open_vault(held.place)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": "?"}', '{"a": 1}', "é"])
def test_a_damaged_keyring_is_refused_in_words(held, content):
    keyring.path_of(held.place).write_text(content)

    with pytest.raises(VaultError, match=r"vault/keyring\.json: it is damaged.*back-up"):
        keys.open_vault(held.place)


def test_a_person_erased_alone_still_holds_the_key(home, monkeypatch):
    """With another key their tombstone would be nobody's, and a later delivery would come in."""
    monkeypatch.setenv("RAPPORT_KEY", ONE)
    keys.open_vault(home)
    (home.vault / "erased").mkdir()
    erased.close(home, STONE, "2026-01-01")
    monkeypatch.setenv("RAPPORT_KEY", TWO)

    with pytest.raises(VaultError, match="not the key the people"):
        keys.open_vault(home)


def test_a_rotated_key_opens_everything_and_the_old_one_nothing(held, con, monkeypatch):
    place, before = held.place, known(held.place, con)
    sealed = {path: path.read_bytes() for path in rotation.sealed_files(place)}
    monkeypatch.setenv("RAPPORT_NEW_KEY", TWO)

    done = rotation.rotate(place)

    assert done.n_files == len(sealed) == 1
    with pytest.raises(VaultError, match="RAPPORT_KEY: this is not the key"):
        keys.check_vault(place)
    monkeypatch.setenv("RAPPORT_KEY", TWO)
    keys.check_vault(place)
    assert known(place, con) == before
    assert all(path.read_bytes() != content for path, content in sealed.items())
    ring = keys.open_vault(place)
    assert len(ring.keys) == 1
    with pytest.raises(VaultError, match=r"a key that vault/keyring\.json does not hold"):
        ring.opened(*next((content, path) for path, content in sealed.items()))
    with pytest.raises(NothingToDoError, match="the one in use"):
        rotation.rotate(place)


STEPS = ("save the keyring", "seal a file", "seal another", "key in place", "save it again", "note")


@pytest.mark.parametrize("is_switched", [False, True], ids=["old key", "new key"])
@pytest.mark.parametrize("step", range(len(STEPS)), ids=STEPS)
def test_killed_anywhere_both_keys_open_it_and_the_same_call_ends_it(
    held, con, monkeypatch, step, is_switched
):
    held.land("clients_2.csv", "patient-3,1982-01-01,f", header=CLIENTS)
    held.night("run2")
    place, before = held.place, known(held.place, con)
    monkeypatch.setenv("RAPPORT_NEW_KEY", TWO)
    with monkeypatch.context() as patch:
        _kill_at(patch, step)
        with pytest.raises(KeyboardInterrupt):
            rotation.rotate(place)

    if is_switched and step > 0:
        monkeypatch.setenv("RAPPORT_KEY", TWO)
        monkeypatch.delenv("RAPPORT_NEW_KEY")
    if step < STEPS.index("note") or is_switched:
        assert known(place, con) == before
        if not is_switched or step < STEPS.index("note"):
            rotation.rotate(place)

    monkeypatch.setenv("RAPPORT_KEY", TWO)
    assert known(place, con) == before
    ring = keys.open_vault(place)
    assert len(ring.keys) == len(keyring.opened_by(place)) == 1
    assert all(map(ring.is_current, rotation.sealed_files(place)))


def _kill_at(patch, step: int) -> None:
    """Interrupt a rotation just before one of its steps."""
    calls = iter(range(len(STEPS)))

    def dying(real):
        def maybe(*arguments):
            if next(calls) == step:
                raise KeyboardInterrupt
            return real(*arguments)

        return maybe

    patch.setattr(keyring, "save", dying(keyring.save))
    patch.setattr(keyring.Keyring, "write", dying(keyring.Keyring.write))
    for name in ("put_new_key_in_place", "note_fingerprint"):
        patch.setattr(rotation, name, dying(getattr(rotation, name)))
    patch.setattr(keys, "note_fingerprint", lambda *_: None)


def test_a_generated_key_is_replaced_by_a_generated_one(held, con, monkeypatch):
    """Killed after the new one was made, that one is used."""
    place = held.place
    (place.vault / "key").write_text(ONE)
    (place.vault / "key").chmod(0o600)
    monkeypatch.delenv("RAPPORT_KEY")
    before = known(place, con)
    keys.generate(place.vault / "key.new")
    new = (place.vault / "key.new").read_text()

    rotation.rotate(place)

    assert (place.vault / "key").read_text() == new != ONE
    assert not (place.vault / "key.new").exists()
    assert stat.S_IMODE((place.vault / "key").stat().st_mode) == 0o600
    assert known(place, con) == before


def test_an_unfinished_rotation_may_take_another_key(held, con, monkeypatch):
    place, before = held.place, known(held.place, con)
    monkeypatch.setenv("RAPPORT_NEW_KEY", TWO)
    with monkeypatch.context() as patch:
        _kill_at(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            rotation.rotate(place)
    monkeypatch.setenv("RAPPORT_NEW_KEY", THREE)

    rotation.rotate(place)

    monkeypatch.setenv("RAPPORT_KEY", TWO)
    with pytest.raises(VaultError):
        keys.check_vault(place)
    monkeypatch.setenv("RAPPORT_KEY", THREE)
    assert known(place, con) == before


def test_a_key_from_outside_needs_a_new_one_from_outside(held):
    with pytest.raises(VaultError, match="RAPPORT_NEW_KEY: the key comes from outside"):
        rotation.rotate(held.place)


@pytest.mark.parametrize(
    ("mode", "is_closed"), [(0o600, True), (0o440, True), (0o604, False), (0o660, False)]
)
def test_a_key_file_elsewhere_is_read_when_closed(home, tmp_path, monkeypatch, mode, is_closed):
    monkeypatch.delenv("RAPPORT_KEY", raising=False)
    file = tmp_path / "secret"
    file.write_text(f"{TWO}\n")
    file.chmod(mode)
    monkeypatch.setenv("RAPPORT_KEY_FILE", str(file))
    if is_closed:
        assert keys.open_vault(home).pseudonyms.hex() == TWO
        assert not (home.vault / "key").exists()
    else:
        with pytest.raises(VaultError, match="RAPPORT_KEY_FILE: others may read"):
            keys.open_vault(home)
    monkeypatch.setenv("RAPPORT_KEY_FILE", str(tmp_path / "nothing"))
    with pytest.raises(VaultError, match="cannot be read"):
        keys.open_vault(home)


def test_airflows_secrets_backend_may_hold_the_key(home, tmp_path):
    secrets = tmp_path / "secrets.json"
    secrets.write_text(json.dumps({"vault_key": TWO}))
    ended = subprocess.run(
        [sys.executable, "-c", (
            "from pipeline.home import Home; from pipeline.vault.keys import open_vault;"
            "print(open_vault(Home.from_environment()).pseudonyms.hex())"
        )],
        env={name: value for name, value in os.environ.items() if name != "RAPPORT_KEY"}
        | {
            "RAPPORT_HOME": str(home.root),
            "RAPPORT_KEY_VARIABLE": "vault_key",
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
            "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"variables_file_path": str(secrets)}),
        },
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert TWO in ended.stdout, ended.stderr


def test_dbt_is_started_without_a_key(home, tmp_path, monkeypatch):
    """The environment of a process is read by whoever may look at the process."""
    stand_in = tmp_path / "dbt"
    stand_in.write_text(f"#!/bin/sh\nenv > {tmp_path}/told\n")
    stand_in.chmod(0o700)
    monkeypatch.setattr(build, "_dbt", lambda: str(stand_in))
    for name in keys.SECRETS:
        monkeypatch.setenv(name, ONE)
    home.work("r1").mkdir(parents=True)

    assert build._run_dbt(home, "r1", "build") == 0

    told = (tmp_path / "told").read_text()
    assert f"RAPPORT_LAKE={home.lake}" in told
    assert ONE not in told
