"""One therapist's list for the morning as a page; returns its text and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from reports.drawing.templating import environment


def morning_page(one: Any, today: date, seen: Mapping[Any, str], lately: int) -> str:
    """Return the page of a `MorningList`; ``seen`` says each kind of concern in words."""
    return (
        environment()
        .get_template("morning.html.j2")
        .render(one=one, today=today, seen=seen, lately=lately)
    )
