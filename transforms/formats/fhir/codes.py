"""LOINC codes of the registry: which instrument, item, scale or answer a code stands for.

The displays are those of LOINC's answer list LL358-3, as HL7's US Core example (CC0) has them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from transforms.instruments.definition import Instrument
from transforms.instruments.registry import Registry

LOINC = "http://loinc.org"
_ITEM = re.compile(r"item_([1-9]\d*)")
_ANSWER = re.compile(r"answer_(\d+)")
# `/44250-9`, `LINC-44250-9`, `44250-9`
_IN_LINK_ID = re.compile(r"(?:^|[^0-9])(\d{3,7}-\d)$")
DISPLAYS = {
    "LA6568-5": "not at all",
    "LA6569-3": "several days",
    "LA6570-1": "more than half the days",
    "LA6571-9": "nearly every day",
}


@dataclass(frozen=True)
class Codes:
    """The LOINC codes of one instrument.

    items : code to item number, optional items included. scales : code to scale.
    answers : answer code to number.
    """

    instrument: Instrument
    panels: frozenset[str] = frozenset()
    items: dict[str, int] = field(default_factory=dict)
    scales: dict[str, str] = field(default_factory=dict)
    answers: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Id of the instrument."""
        return self.instrument.instrument_id

    @cached_property
    def scored(self) -> frozenset[int]:
        """Item numbers that are not optional."""
        return frozenset(range(1, self.instrument.grid.n + 1))

    def knows(self, code: str) -> bool:
        """Whether the code is an item or score of the instrument."""
        return code in self.items or code in self.scales


def codes_of(instrument: Instrument) -> Codes:
    """Sort the codes of one definition."""
    items, scales, answers, panels = {}, {}, {}, set()
    for loinc in instrument.loinc:
        if match := _ITEM.fullmatch(loinc.what):
            items[loinc.code] = int(match[1])
        elif match := _ANSWER.fullmatch(loinc.what):
            answers[loinc.code] = float(match[1])
        elif loinc.what == "panel":
            panels.add(loinc.code)
        elif loinc.what in instrument.scales:
            scales[loinc.code] = loinc.what
        elif loinc.what == "difficulty" and instrument.grid.optional:
            items[loinc.code] = instrument.grid.optional[0].item
    return Codes(instrument, frozenset(panels), items, scales, answers)


def registry_codes(registry: Registry) -> tuple[Codes, ...]:
    """Return the codes of every instrument that has some for its items; default versions only."""
    found = (codes_of(one) for one in registry.instruments if one.is_default and one.loinc)
    return tuple(codes for codes in found if codes.items)


def code_in(link_id: str) -> str | None:
    """Return the LOINC code a linkId ends with, if its check digit is right.

    Examples
    --------
    >>> code_in("/44250-9"), code_in("item-3"), code_in("44250-8")
    ('44250-9', None, None)
    """
    match = _IN_LINK_ID.search(link_id)
    return match[1] if match and _has_check_digit(match[1]) else None


def _has_check_digit(code: str) -> bool:
    """Whether the last digit is LOINC's check digit (Luhn's modulus 10)."""
    digits, _, check = code.partition("-")
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * 2 if place % 2 == 0 else int(digit)
        total += doubled - 9 if doubled > 9 else doubled
    return (10 - total % 10) % 10 == int(check)
