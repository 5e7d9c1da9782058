"""Templates and how a value looks on a page.

Every page stands alone: one inline style sheet, one inline script, both named by their hash
in the content security policy, so that nothing else can run and nothing is fetched.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import unicodedata
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.drawing.wording import written_as

TEMPLATES = Path(__file__).parents[1] / "templates"

STATES = {
    "pass": ("✓", "Pass"),
    "fail": ("✕", "Fail"),
    "error": ("!", "Error"),
    "open": ("●", "Open"),
    "not_applicable": ("–", "Not applicable"),
}
SEVERITIES = {
    "fatal": "Fatal",
    "quarantine": "Quarantine",
    "warn": "Warning",
    "inform": "Information",
}
FILE_STATUSES = {
    "accepted": ("✓", "Accepted"),
    "rejected": ("✕", "Rejected"),
    "refused": ("✕", "Refused"),
    "held": ("!", "Held back"),
    "withdrawn": ("–", "Withdrawn"),
}


def plain(text: object) -> str:
    """Show control and direction characters of ``text`` instead of obeying them.

    A file may be named so that a reader sees ``fdp.exe`` as ``exe.pdf``. Line breaks in a reason
    become spaces.
    """
    text = str(text)
    if text.isprintable():  # nearly every cell, at a twentieth of the time
        return text
    text = re.sub(r"[\r\n\t]+", " ", text)
    return "".join(
        f"\\u{ord(character):04x}" if unicodedata.category(character) in _UNSEEN else character
        for character in text
    )


_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def count(number: int | None) -> str:
    """Return a number with thousands separated, a dash for nothing.

    >>> count(1234567)
    '1,234,567'
    """
    return "–" if number is None else f"{number:,}"


def percent(share: float | None) -> str:
    """Return a share as a percentage that never rounds to a perfect 0 or 100.

    >>> percent(0.00004), percent(0.9999), percent(0.125), percent(1.0)
    ('< 0.1 %', '> 99.9 %', '12.5 %', '100 %')
    """
    if share is None:
        return "–"
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{share * 100:.1f}".removesuffix(".0") + " %"


def moment(value: datetime | None) -> str:
    """Return a time as ``22 Nov 2026, 05:00``.

    >>> moment(datetime(2026, 11, 2, 5, 7))
    '2 Nov 2026, 05:07'
    """
    return "–" if value is None else f"{value.day} {value:%b %Y, %H:%M}"


def day(value: datetime | None) -> str:
    """Return a time as ``22 Nov 2026``."""
    return "–" if value is None else f"{value.day} {value:%b %Y}"


def short_key(key: str | None) -> str:
    """Return the first eight characters of a key: enough to find the row, hard to copy on."""
    return "–" if not key else key[:8]


def severity_word(severity: str) -> str:
    """Return the word for a severity."""
    return SEVERITIES.get(severity, severity)


def severity_rank(severity: str) -> int:
    """Return the place of a severity for sorting, the gravest first."""
    return list(SEVERITIES).index(severity) if severity in SEVERITIES else 0


def anchor(text: object) -> str:
    """Return ``text`` as an id for a link inside a page, distinct for distinct texts."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", str(text)).strip("-") or "x"
    if words == str(text):
        return words
    return f"{words}-{hashlib.sha256(str(text).encode()).hexdigest()[:6]}"


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the template environment; everything is escaped, an unknown name is an error."""
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else _seen(value),
    )
    templates.filters.update(
        count=count,
        percent=percent,
        moment=moment,
        day=day,
        short_key=short_key,
        severity_word=severity_word,
        severity_rank=severity_rank,
        anchor=anchor,
        written_as=written_as,
    )
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    templates.globals.update(
        style=Markup(style),
        script=Markup(script),
        style_hash=source_hash(style),
        script_hash=source_hash(script),
        states=STATES,
        severities=SEVERITIES,
        file_statuses=FILE_STATUSES,
    )
    return templates


def _seen(value: object) -> object:
    return plain(value) if isinstance(value, str) else value


def source_hash(text: str) -> str:
    """Return how the content security policy names an inline style or script."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"sha256-{digest}"


def write_page(path: Path, template: str, **context: Any) -> Path:
    """Render ``template`` to ``path``; a reader sees the old page or the new one."""
    return write_text(path, environment().get_template(template).render(**context))


def write_text(path: Path, text: str) -> Path:
    """Write ``text`` to ``path`` by renaming a finished file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)
    return path
