"""The vault: the master key, and which identifier became which key."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from pipeline.home import Home
from transforms.errors import ConfigError

KEY_BYTES = 32


def master_key(home: Home) -> bytes:
    """Return the key all pseudonyms derive from.

    RAPPORT_KEY (64 hex digits) wins; otherwise ``vault/key`` is used, generated with mode 0600
    the first time. Losing the key means that new exports no longer join old ones: back it up.

    Raises
    ------
    ConfigError
        Not a key, readable by others, or gone although people were given pseudonyms with it.
    """
    if text := os.environ.get("RAPPORT_KEY"):
        return _parse(text, "RAPPORT_KEY")
    path = home.vault / "key"
    if not path.exists():
        if any((home.vault / "identities").rglob("*.parquet")):
            raise ConfigError(
                "vault/key",
                "the key file is gone, and with a new one every client would become a new client",
                "Restore it from the back-up, or set RAPPORT_KEY if you used that",
            )
        _generate(path)
    if path.stat().st_mode & 0o077:
        raise ConfigError("vault/key", "others may read the key file", "Run chmod 600 on it")
    return _parse(path.read_text(encoding="ascii"), "vault/key")


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
        raise ConfigError(
            where, "this is not a key of 64 hex digits", "Make one: openssl rand -hex 32"
        )
    return key
