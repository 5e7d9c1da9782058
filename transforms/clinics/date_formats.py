"""Date formats a clinic declares: the order of day, month and year in each."""

from __future__ import annotations

import re
from itertools import combinations

_DIRECTIVES = re.compile(r"%-?([dmyY])")


def conflicting_formats(formats: tuple[str, ...]) -> tuple[str, str] | None:
    """Return two strptime formats that read the same text as different days, if there are any.

    Examples
    --------
    >>> conflicting_formats(("%d/%m/%Y", "%Y-%m-%d", "%m/%d/%Y"))
    ('%d/%m/%Y', '%m/%d/%Y')
    """
    for one, other in combinations(formats, 2):
        if _skeleton(one) == _skeleton(other) and order_of(one) != order_of(other):
            return one, other
    return None


def order_of(pattern: str) -> str:
    """Return day, month and year as the format has them, such as dmy."""
    return "".join(_DIRECTIVES.findall(pattern)).lower()


def _skeleton(pattern: str) -> str:
    """Return the date's part with its numbers made alike; a year of four digits stays apart."""
    found = list(_DIRECTIVES.finditer(pattern))
    if len(found) != 3:
        return pattern
    whole = pattern[found[0].start() : found[-1].end()]
    return _DIRECTIVES.sub(lambda one: "Y" if one[1] == "Y" else "N", whole)
