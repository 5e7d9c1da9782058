"""A sealed file: AES-256-GCM, bound to its place in the vault.

Written as ``RAPPORT1 | key id (8) | nonce (12) | text and tag``. The place (its path below the
vault) is authenticated with it, so that no sealed file can be put in the place of another. Who
lacks the key reads nothing; a changed byte is a refusal, never a wrong identifier.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from transforms.errors import VaultError

SUFFIX = ".sealed"
_MAGIC, _ID_BYTES, _NONCE_BYTES = b"RAPPORT1", 8, 12
_HEAD = len(_MAGIC) + _ID_BYTES + _NONCE_BYTES


def derived(key: bytes, purpose: str) -> bytes:
    """Return the key for one purpose, from which nothing is learned of the key itself."""
    return hmac.new(key, f"rapport/{purpose}".encode(), hashlib.sha256).digest()


def key_id(key: bytes) -> bytes:
    """Return by what a key is known again."""
    return derived(key, "key-id")[:_ID_BYTES]


def seal(plain: bytes, key: bytes, place: str) -> bytes:
    """Encrypt with a key of 32 bytes, for one place."""
    head = _MAGIC + key_id(key) + secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(key).encrypt(head[-_NONCE_BYTES:], plain, head + place.encode())
    return head + sealed


def key_id_of(sealed: bytes) -> bytes:
    """Return the id of the key a file was sealed with; empty for a file that is not sealed."""
    is_sealed = sealed.startswith(_MAGIC) and len(sealed) >= _HEAD
    return sealed[len(_MAGIC) : len(_MAGIC) + _ID_BYTES] if is_sealed else b""


def unseal(sealed: bytes, key: bytes, place: str) -> bytes:
    """Decrypt, or refuse what was changed, cut off, moved, or sealed with another key."""
    head, text = sealed[:_HEAD], sealed[_HEAD:]
    try:
        return AESGCM(key).decrypt(head[-_NONCE_BYTES:], text, head + place.encode())
    except (InvalidTag, ValueError):
        raise VaultError(
            f"vault/{place}",
            "this is not what was sealed here: it was changed, cut off, or moved from elsewhere",
            "Restore it from the back-up",
        ) from None


def place_of(vault: Path, path: Path) -> str:
    """Return what a file is bound to: its path below the vault."""
    return path.relative_to(vault).as_posix()
