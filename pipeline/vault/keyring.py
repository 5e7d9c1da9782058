"""The keys inside the vault, wrapped by the key from outside.

``vault/keyring.json`` holds, once for each key that opens it, the same sealed content: the key all
pseudonyms derive from, and the keys that files are sealed with. So the outer key may change while
every person keeps their pseudonym. The two keys of a rotation both open it until that has ended.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.home import Home
from pipeline.storage.parquet import whole
from pipeline.vault.sealing import SUFFIX, derived, key_id, key_id_of, place_of, seal, unseal
from transforms.errors import VaultError

FILE = "keyring.json"
KEY_BYTES = 32


@dataclass(frozen=True)
class Keyring:
    """What the outer key opens. Keys are left out of repr on purpose.

    Attributes
    ----------
    pseudonyms : from which all pseudonyms derive; never changes
    keys : what files are sealed with, the one in use last; more than one only while rotating
    """

    vault: Path
    pseudonyms: bytes = field(repr=False)
    keys: tuple[bytes, ...] = field(repr=False)

    def write(self, path: Path, plain: bytes) -> None:
        """Seal content into a file of the vault, whole or not at all."""
        with whole(path) as partial:
            partial.touch(mode=0o600)
            partial.write_bytes(seal(plain, self.keys[-1], place_of(self.vault, path)))

    def read(self, path: Path) -> bytes:
        """Return the content of a sealed file."""
        return self.opened(path.read_bytes(), path)

    def opened(self, sealed: bytes, path: Path) -> bytes:
        """Return the content of bytes that lie sealed at a path of the vault."""
        place = place_of(self.vault, path)
        key = next((key for key in self.keys if key_id(key) == key_id_of(sealed)), None)
        if key is None:
            raise VaultError(
                f"vault/{place}",
                "this was sealed with a key that vault/keyring.json does not hold",
                "Restore both from one back-up",
            )
        return unseal(sealed, key, place)

    def is_current(self, path: Path) -> bool:
        """Say whether a file is sealed with the key in use."""
        with path.open("rb") as file:
            return key_id_of(file.read(64)) == key_id(self.keys[-1])

    def with_new_key(self) -> Keyring:
        """Return a keyring that seals with a new key and still opens what the others sealed."""
        return replace(self, keys=(*self.keys, secrets.token_bytes(KEY_BYTES)))

    def with_the_key_in_use(self) -> Keyring:
        """Return a keyring without the keys that nothing is sealed with any more."""
        return replace(self, keys=self.keys[-1:])


def fingerprint(key: bytes) -> str:
    """Return by what an outer key is known again; the key cannot be got back from it."""
    return derived(key, "fingerprint").hex()[:32]


def path_of(home: Home) -> Path:
    """Return where the keyring lies."""
    return home.vault / FILE


def opened_by(home: Home) -> list[str]:
    """Return the fingerprints of the keys that open the keyring, the newest last; none without."""
    return list(_slots(home))


def create(home: Home, outer: bytes) -> Keyring:
    """Make the keyring of a vault that has none.

    Pseudonyms go on deriving from the outer key of this day, as they did before vaults were sealed.

    Raises VaultError when files are sealed already: their keys are gone with the keyring.
    """
    if any(home.vault.rglob(f"*{SUFFIX}")):
        raise VaultError(
            f"vault/{FILE}",
            "it is gone, and without it nobody can open what is sealed",
            "Restore it from the back-up",
        )
    ring = Keyring(home.vault, outer, (secrets.token_bytes(KEY_BYTES),))
    save(home, ring, [outer])
    return ring


def load(home: Home, outer: bytes) -> Keyring:
    """Open the keyring with the outer key, of which `opened_by` has the fingerprint."""
    sealed = _slots(home)[fingerprint(outer)]
    content = json.loads(unseal(sealed, derived(outer, "keyring"), FILE))
    keys = tuple(bytes.fromhex(key) for key in content["keys"])
    return Keyring(home.vault, bytes.fromhex(content["pseudonyms"]), keys)


def save(home: Home, ring: Keyring, outer: list[bytes]) -> None:
    """Write the keyring for these outer keys and no other, in one step."""
    content = {"pseudonyms": ring.pseudonyms.hex(), "keys": [key.hex() for key in ring.keys]}
    plain = json.dumps(content).encode()
    slots = {
        fingerprint(key): base64.b64encode(seal(plain, derived(key, "keyring"), FILE)).decode()
        for key in outer
    }
    with whole(path_of(home)) as partial:
        partial.touch(mode=0o600)
        with partial.open("w", encoding="ascii") as file:
            json.dump(slots, file, indent=1)
            file.flush()
            os.fsync(file.fileno())  # before anything is sealed with a key that only this holds


def _slots(home: Home) -> dict[str, bytes]:
    """Return the sealed content by the fingerprint of the key that opens it."""
    path = path_of(home)
    if not path.exists():
        return {}
    try:
        slots = json.loads(path.read_text(encoding="ascii"))
        return {known: base64.b64decode(sealed, validate=True) for known, sealed in slots.items()}
    except (ValueError, AttributeError, TypeError):
        raise VaultError(f"vault/{FILE}", "it is damaged", "Restore it from the back-up") from None
