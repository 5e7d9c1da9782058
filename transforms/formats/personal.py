"""Columns that say who answered, or where: no reader reads them."""

from __future__ import annotations

import re

_PERSONAL = re.compile(
    r"(panel-)?(recipient|contact|participant|respondent)?[ _-]?"
    r"((first|last|full|middle|given|family)?[ _-]?name|surname|forename|e-?mail([ _-]?address)?"
    r"|(mobile|tele)?[ _-]?phone([ _-]?number)?|mobile|cell)"
    r"|ip[ _-]?address|(location-)?location(latitude|longitude|accuracy)"
    r"|(street[ _-]?)?address|post[ _-]?code|zip([ _-]?code)?",
    re.IGNORECASE,
)


def is_personal(name: str) -> bool:
    """Whether a column of this name says who answered or where."""
    return _PERSONAL.fullmatch(name) is not None
