"""The key: from the environment or a private file, never a weak or shared one."""

from __future__ import annotations

import stat

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.vault import keys as vault
from transforms.errors import ConfigError, VaultError


def test_a_key_is_generated_once_and_private(home, monkeypatch):
    monkeypatch.delenv("RAPPORT_KEY", raising=False)

    first, second = vault.open_vault(home).pseudonyms, vault.open_vault(home).pseudonyms

    assert first == second
    assert len(first) == 32
    assert stat.S_IMODE((home.vault / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.vault.stat().st_mode) == 0o700


def test_the_environment_wins_and_nothing_is_written(home, monkeypatch):
    monkeypatch.setenv("RAPPORT_KEY", "ab" * 32)

    assert vault.open_vault(home).pseudonyms == bytes.fromhex("ab" * 32)
    assert not (home.vault / "key").exists()


@pytest.mark.parametrize("text", ["secret", "ab" * 31, "ab" * 33, "zz" * 32])
def test_a_key_of_another_form_is_refused_without_showing_it(home, monkeypatch, text):
    monkeypatch.setenv("RAPPORT_KEY", text)

    with pytest.raises(ConfigError) as refusal:
        vault.open_vault(home)
    assert text not in str(refusal.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_file_others_can_read_is_refused(home, monkeypatch, mode):
    monkeypatch.delenv("RAPPORT_KEY", raising=False)
    vault.open_vault(home)
    (home.vault / "key").chmod(mode)

    with pytest.raises(ConfigError, match="chmod 600"):
        vault.open_vault(home)


def test_a_lost_key_is_not_replaced_once_people_have_pseudonyms(home, monkeypatch):
    """A new key would make every client a new client, in silence."""
    monkeypatch.delenv("RAPPORT_KEY", raising=False)
    vault.open_vault(home)
    folder = vault.identities_folder(home, "harbor", "20260101T000000")
    (home.vault / "key").unlink()
    vault.open_vault(home)  # an empty folder holds nobody
    (folder / "f1.responses.parquet").write_bytes(b"")
    (home.vault / "key").unlink()

    with pytest.raises(ConfigError, match=r"vault/key: the key file is gone.*back-up"):
        vault.open_vault(home)
    assert not (home.vault / "key").exists()


def test_scratch_is_swept(home):
    (home.scratch / "left.csv").write_text("x")

    vault.sweep_scratch(home)

    assert list(home.scratch.iterdir()) == []


def test_another_key_is_noticed_at_the_door_once_people_are_known(home, monkeypatch):
    """Before it would have made every client a new one, in silence."""
    monkeypatch.setenv("RAPPORT_KEY", "ab" * 32)
    vault.open_vault(home)
    monkeypatch.setenv("RAPPORT_KEY", "cd" * 32)
    vault.open_vault(home)  # nobody is known yet
    folder = vault.identities_folder(home, "harbor", "20260101T000000")
    (folder / "f1.responses.parquet").write_bytes(b"")
    monkeypatch.setenv("RAPPORT_KEY", "ab" * 32)

    with pytest.raises(VaultError, match="RAPPORT_KEY: this is not the key") as refusal:
        vault.open_vault(home)
    assert "ab" * 32 not in str(refusal.value)
    ended = CliRunner().invoke(app, ["run", "--home", str(home.root)])
    assert ended.exit_code == 2
    assert "every client would become a new client" in ended.output

    monkeypatch.setenv("RAPPORT_KEY", "cd" * 32)
    assert vault.open_vault(home).pseudonyms == bytes.fromhex("cd" * 32)
    kept = home.key_fingerprint.read_text()
    assert len(kept.strip()) == 32
    assert "cd" * 8 not in kept


def test_a_vault_others_may_read_is_refused_with_what_mends_it(home, monkeypatch):
    monkeypatch.delenv("RAPPORT_KEY", raising=False)
    vault.open_vault(home)
    for mode in (0o710, 0o701, 0o750):
        home.vault.chmod(mode)
        with pytest.raises(VaultError, match=f"Run chmod -R go= {home.vault}, then find out"):
            vault.open_vault(home)
        ended = CliRunner().invoke(app, ["run", "--home", str(home.root)])
        assert ended.exit_code == 2
    home.vault.chmod(0o700)
    vault.open_vault(home)
