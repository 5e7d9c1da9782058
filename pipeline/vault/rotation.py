"""All of the vault under one key: taking over what lies plain, and changing the key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.home import Home
from pipeline.vault import erased, identities, keyring
from pipeline.vault.keyring import Keyring, fingerprint
from pipeline.vault.keys import (
    master_key,
    new_key,
    note_fingerprint,
    open_vault,
    put_new_key_in_place,
)
from pipeline.vault.sealing import SUFFIX
from transforms.errors import NothingToDoError


@dataclass(frozen=True)
class Rotated:
    """How many files were sealed anew, and by what the new key is known."""

    n_files: int
    fingerprint: str


def take_over(home: Home) -> int:
    """Seal what a vault from before holds in plain; return how many files. Safe to repeat."""
    ring = open_vault(home)
    return identities.take_over(home, ring) + erased.take_over(home, ring)


def rotate(home: Home) -> Rotated:
    """Change the outer key and seal everything anew; pseudonyms stay.

    Until the last step the keyring opens with both keys and holds the old file keys, so whoever
    comes after a kill reads everything, with either; the same call goes on where it broke off.

    Raises NothingToDoError when the new key is the one in use.
    """
    ring, old = open_vault(home), master_key(home)
    opened_by = keyring.opened_by(home)
    if len(opened_by) > 1 and fingerprint(old) == opened_by[-1]:
        new = old  # the key changed hands before the rotation that brought it had ended
    else:
        new = new_key(home)
        if fingerprint(new) == fingerprint(old):
            raise NothingToDoError("rotate-key: the new key is the one in use. Make another.")
        if fingerprint(new) != opened_by[-1]:
            ring = ring.with_new_key()
            keyring.save(home, ring, [old, new])
    n_files = seal_anew(home, ring)
    put_new_key_in_place(home)
    keyring.save(home, ring.with_the_key_in_use(), [new])
    note_fingerprint(home, new)
    return Rotated(n_files, fingerprint(new))


def seal_anew(home: Home, ring: Keyring) -> int:
    """Seal every file that is not sealed with the key in use; return how many."""
    behind = [path for path in sealed_files(home) if not ring.is_current(path)]
    for path in behind:
        ring.write(path, ring.read(path))
    return len(behind)


def sealed_files(home: Home) -> list[Path]:
    """Return every sealed file of the vault but those of a dry run in its scratch folder."""
    found = sorted(home.vault.rglob(f"[!.]*{SUFFIX}"))
    return [path for path in found if not path.is_relative_to(home.scratch)]
