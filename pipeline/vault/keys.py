"""The vault: the master key, and which identifier became which key."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import shutil
from pathlib import Path

from pipeline.home import Home
from pipeline.storage.parquet import whole
from transforms.errors import VaultError

KEY_BYTES = 32


def master_key(home: Home) -> bytes:
    """Return the key all pseudonyms derive from.

    RAPPORT_KEY (64 hex digits) wins; otherwise ``vault/key`` is used, generated with mode 0600
    the first time. Losing the key means that new exports no longer join old ones: back it up.

    Raises
    ------
    VaultError
        Not a key, readable by others, gone although people were given pseudonyms with it, or
        another than they were given them with.
    """
    if not os.environ.get("RAPPORT_KEY") and not (home.vault / "key").exists():
        if _has_people(home):
            raise VaultError(
                "vault/key",
                "the key file is gone, and with a new one every client would become a new client",
                "Restore it from the back-up, or set RAPPORT_KEY if you used that",
            )
        _generate(home.vault / "key")
    check_vault(home)
    key = _key(home)
    if key is None:
        raise VaultError("vault/key", "the key file is gone", "Restore it from the back-up")
    if not home.key_fingerprint.exists() or _known(home) != _fingerprint(key):
        with whole(home.key_fingerprint) as partial:
            partial.write_text(f"{_fingerprint(key)}\n", encoding="ascii")
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
    key = _key(home)
    known = _known(home)
    if key and known and known != _fingerprint(key) and _has_people(home):
        where = "RAPPORT_KEY" if os.environ.get("RAPPORT_KEY") else "vault/key"
        raise VaultError(
            where,
            "this is not the key the people in this home are known by; with it every client "
            "would become a new client",
            "Restore the earlier key from its sealed copy. Nothing was read or changed",
        )


def _key(home: Home) -> bytes | None:
    """Return the key there is; None without one."""
    if text := os.environ.get("RAPPORT_KEY"):
        return _parse(text, "RAPPORT_KEY")
    path = home.vault / "key"
    if not path.exists():
        return None
    if path.stat().st_mode & 0o077:
        raise VaultError("vault/key", "others may read the key file", "Run chmod 600 on it")
    return _parse(path.read_text(encoding="ascii"), "vault/key")


def _fingerprint(key: bytes) -> str:
    return hmac.new(key, b"rapport/fingerprint", hashlib.sha256).hexdigest()[:32]


def _known(home: Home) -> str:
    path = home.key_fingerprint
    return path.read_text(encoding="ascii").strip() if path.exists() else ""


def fingerprint_in_use(home: Home) -> str:
    """Return by what the key is known that people here have their pseudonyms from; empty: none."""
    key = _key(home)
    return _known(home) or (_fingerprint(key) if key else "")


def _has_people(home: Home) -> bool:
    return any((home.vault / "identities").rglob("*.parquet")) or any(
        home.lake.glob("*/clinic=*/*.parquet")
    )


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


def _generate(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())


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
