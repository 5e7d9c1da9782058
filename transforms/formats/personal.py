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

_WHOSE = r"(?:(?:what is|please (?:enter|give|state|type)) )?(?:your |the client'?s |client )?"
_WHO = (
    r"(?:e-?mail(?:[ -]?(?:address|adresse))?|ip[ -_]?addr(?:ess(?:es)?)?|user ?name|"
    r"(?:full |first |last |middle |family |given |sur)?name|vorname|nachname|nom|pr[ée]nom|"
    r"(?:tele|mobile |cell ?)?phone(?: number)?|(?:home |postal |street )?address|"
    r"referrer url|ref(?:errer ?)?url)"
)
_QUESTION = re.compile(_WHOSE + _WHO + r" ?[?:*]*")


def is_personal(name: str) -> bool:
    """Whether a column of this name says who answered or where."""
    return _PERSONAL.fullmatch(name) is not None


def asks_who(text: str) -> bool:
    """Whether a question of this text asks who answers, or how to reach them.

    Examples
    --------
    >>> asks_who("Your e-mail address"), asks_who("My name is hard to spell")
    (True, False)
    """
    return is_personal(text) or _QUESTION.fullmatch(text.lower()) is not None
