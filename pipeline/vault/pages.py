"""Pages for one clinician: they name clients, so they lie in the vault, under its rights.

They are not sealed: a browser must open them. The vault's folder (0700) and the file (0600) keep
everybody out but the account that holds the key anyway. No back-up takes them; an erasure and each
whole writing of the morning's lists deletes them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.home import Home
from pipeline.storage.parquet import whole
from pipeline.vault.keys import check_vault

FOLDER = "pages"


def write_private(home: Home, name: str, text: str) -> Path:
    """Write a page into ``vault/pages/``, whole or not at all, for its owner only.

    Raises VaultError where others may read the vault.
    """
    check_vault(home)
    path = home.vault / FOLDER / name
    for folder in (home.vault / FOLDER, path.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    with whole(path) as partial:
        partial.touch(mode=0o600)
        partial.write_text(text, encoding="utf-8")
    return path


def drop_pages(home: Home) -> None:
    """Delete all pages, so that whose therapist or client is gone goes too."""
    shutil.rmtree(home.vault / FOLDER, ignore_errors=True)
