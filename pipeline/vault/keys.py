"""The vault's door: the key from outside, and the keyring it opens."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from pipeline.home import Home
from pipeline.storage.parquet import whole
from pipeline.vault import keyring
from pipeline.vault.keyring import KEY_BYTES, Keyring, fingerprint
from transforms.errors import VaultError

KEY, NEW_KEY = "RAPPORT_KEY", "RAPPORT_NEW_KEY"
# Where a key may be said: itself, a file, or a Variable of Airflow and so its secrets backend.
SOURCES = ("", "_FILE", "_VARIABLE")
SECRETS = tuple(f"{name}{source}" for name in (KEY, NEW_KEY) for source in SOURCES)


def open_vault(home: Home) -> Keyring:
    """Return the keyring; make key and keyring for a vault that has none.

    The outer key is RAPPORT_KEY (64 hex digits), the file RAPPORT_KEY_FILE, or Airflow's Variable
    RAPPORT_KEY_VARIABLE; otherwise ``vault/key``, generated with mode 0600 the first time. Losing
    it means losing the vault, and that new exports no longer join old ones: back it up.

    Raises
    ------
    VaultError
        Not a key, readable by others, gone although people were given pseudonyms with it, or
        another than they were given them with.
    """
    if not _is_set(KEY) and not (home.vault / "key").exists():
        if _has_people(home):
            raise VaultError(
                "vault/key",
                "the key file is gone, and with a new one every client would become a new client",
                f"Restore it from the back-up, or set {KEY} if you used that",
            )
        generate(home.vault / "key")
    check_vault(home)
    key = master_key(home)
    opened_by = keyring.opened_by(home)
    if fingerprint(key) in opened_by:
        ring = keyring.load(home, key)
    else:
        if opened_by:  # of a home without people, as `check_vault` found
            keyring.path_of(home).unlink()
        ring = keyring.create(home, key)
    note_fingerprint(home, key)
    return ring


def read_vault(home: Home) -> Keyring:
    """Return the keyring and write nothing; of a vault from before, what it will be made of."""
    check_vault(home)
    key = master_key(home)
    if fingerprint(key) in keyring.opened_by(home):
        return keyring.load(home, key)
    return Keyring(home.vault, key, ())


def master_key(home: Home) -> bytes:
    """Return the key from outside, which opens the keyring."""
    key = _key(home)
    if key is None:
        raise VaultError("vault/key", "the key file is gone", "Restore it from the back-up")
    return key


def check_vault(home: Home) -> None:
    """Refuse a vault that others may read, and a key that is not the one people are known by.

    A home without people may still change its key.
    """
    if home.vault.exists() and home.vault.stat().st_mode & 0o077:
        raise VaultError(
            "vault/",
            "others may read identifiers and key",
            f"Run chmod -R go= {home.vault}, then find out who could have read them",
        )
    key, known = _key(home), _known(home)
    if key and known and fingerprint(key) not in known and _has_people(home):
        raise VaultError(
            next((name for name in SECRETS[:3] if os.environ.get(name)), "vault/key"),
            "this is not the key the people in this home are known by; with it every client "
            "would become a new client",
            "Restore the earlier key from its sealed copy. Nothing was read or changed",
        )


def new_key(home: Home) -> bytes:
    """Return the key to rotate to: RAPPORT_NEW_KEY, or one generated beside ``vault/key``.

    Raises VaultError when the key comes from outside and no new one is given.
    """
    if (key := _said(NEW_KEY)) is not None:
        return key
    path = home.vault / "key.new"
    if _is_set(KEY):
        raise VaultError(
            NEW_KEY,
            f"the key comes from outside ({KEY}), so the new one must too",
            f"Make one (openssl rand -hex 32) and give it as {NEW_KEY} or {NEW_KEY}_FILE",
        )
    if not path.exists():
        generate(path)
    return _from_file(path, "vault/key.new", 0o077)


def put_new_key_in_place(home: Home) -> None:
    """Let the generated new key be the one ``vault/key`` holds."""
    path = home.vault / "key.new"
    if path.exists():
        os.replace(path, home.vault / "key")


def note_fingerprint(home: Home, key: bytes) -> None:
    """Keep beside the ledger by what the key is known again."""
    path = home.key_fingerprint
    if not path.exists() or path.read_text(encoding="ascii").strip() != fingerprint(key):
        with whole(path) as partial:
            partial.write_text(f"{fingerprint(key)}\n", encoding="ascii")


def fingerprint_in_use(home: Home) -> str:
    """Return by what the key is known that people here have their pseudonyms from; empty: none."""
    known, key = _known(home), _key(home)
    return known[-1] if known else fingerprint(key) if key else ""


def has_key(home: Home) -> bool:
    """Say whether a key is there, whoever holds it."""
    return _key(home) is not None


def without_keys(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for a child process that has nothing to open."""
    return {name: value for name, value in environment.items() if name not in SECRETS}


def generate(path: Path) -> None:
    """Write a new key into a file of its owner."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())


def identities_folder(home: Home, clinic_id: str, received: str) -> Path:
    """Return (and create) the private folder for what one clinic sent at one time.

    Folders sort by time of receipt: the latest known birth date is in the last one.
    """
    folder = home.vault / "identities" / f"clinic={clinic_id}" / received
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def sweep_scratch(home: Home) -> None:
    """Delete copies with identifiers that a killed run may have left."""
    shutil.rmtree(home.scratch, ignore_errors=True)
    home.scratch.mkdir(mode=0o700)


def _key(home: Home) -> bytes | None:
    """Return the key there is; None without one."""
    if (key := _said(KEY)) is not None:
        return key
    path = home.vault / "key"
    return _from_file(path, "vault/key", 0o077) if path.exists() else None


def _is_set(name: str) -> bool:
    return any(os.environ.get(f"{name}{source}") for source in SOURCES)


def _said(name: str) -> bytes | None:
    """Return the key the environment holds or points to; None where it says nothing."""
    if text := os.environ.get(name):
        return _parse(text, name)
    if file := os.environ.get(f"{name}_FILE"):
        return _from_file(Path(file), f"{name}_FILE", 0o037)  # a mounted secret has a group
    if variable := os.environ.get(f"{name}_VARIABLE"):
        return _from_airflow(variable, f"{name}_VARIABLE")
    return None


def _from_file(path: Path, where: str, closed: int) -> bytes:
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise VaultError(
            where, f"the key file cannot be read ({error.strerror})", "Give this user the file"
        ) from None
    if mode & closed:
        raise VaultError(where, "others may read the key file", "Run chmod 600 on it")
    return _parse(text, where)


def _from_airflow(variable: str, where: str) -> bytes:
    """Ask Airflow's secrets backends, its environment and its metadata for a Variable."""
    from airflow.sdk import Variable

    text = Variable.get(variable, default=None)
    if text is None:
        raise VaultError(
            where, f"Airflow knows no Variable {variable}", "Put the key into its secrets backend"
        )
    return _parse(str(text), where)


def _known(home: Home) -> list[str]:
    """Return the fingerprints of the keys people are known by."""
    if found := keyring.opened_by(home):
        return found
    path = home.key_fingerprint
    return [path.read_text(encoding="ascii").strip()] if path.exists() else []


def _has_people(home: Home) -> bool:
    vault = (path for kind in ("identities", "erased") for path in (home.vault / kind).rglob("*.*"))
    return any(map(Path.is_file, vault)) or any(home.lake.glob("*/clinic=*/*.parquet"))


def _parse(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise VaultError(
            where, "this is not a key of 64 hex digits", "Make one: openssl rand -hex 32"
        )
    return key
