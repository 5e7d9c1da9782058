"""One therapist's list for the morning as a page; returns its text and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from reports.clinical.rendering import rendered


def morning_page(one: Any, today: date, seen: Mapping[Any, str], lately: int) -> str:
    """Return the page of a `MorningList`; ``seen`` says each kind of concern in words."""
    return rendered("morning.html.j2", one=one, today=today, seen=seen, lately=lately)
