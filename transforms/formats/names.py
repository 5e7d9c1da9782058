"""Names of files: one name may come in two Unicode forms."""

from __future__ import annotations

from fnmatch import fnmatchcase
from unicodedata import normalize


def fits(name: str, pattern: str) -> bool:
    """Whether a name fits a pattern, whichever Unicode form either is written in."""
    return fnmatchcase(normalize("NFC", name), normalize("NFC", pattern))
