"""One hash over everything but the data that decides what the tables will say."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipeline.home import CODE, REPOSITORY, Home

ROOMS = (
    *(CODE / room for room in ("transforms", "expectations", "pipeline")),
    *(REPOSITORY / room for room in ("models", "macros")),
)
SUFFIXES = {".py", ".sql", ".yml", ".yaml", ".csv"}
TELLS_NO_NUMBER = {"notify.yml", "retention.yml"}  # who is told, and what is kept


def fingerprint(home: Home) -> str:
    """Return a hash of the configuration and the code that shapes the numbers.

    A release made under another fingerprint is stale; a file refused under another one is
    tried again.
    """
    digest = hashlib.sha256()
    for folder in (home.config, *ROOMS):
        for path in _sources(folder):
            if folder == home.config and path.name in TELLS_NO_NUMBER:
                continue
            digest.update(path.relative_to(folder.parent).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.suffix in SUFFIXES)
    return sorted(path for path in found if "__pycache__" not in path.parts)
