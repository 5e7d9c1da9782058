"""Times as web surveys write them: with a zone behind, half days, or in a declared format.

A time that states its own zone becomes UTC. One that does not becomes UTC if the clinic's YAML
declares a zone, and stays as it is otherwise. Day and month are never guessed: what is neither
ISO 8601 nor in a declared format is marked as unreadable.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from transforms.formats.source import Note
from transforms.formats.time_zones import UNREADABLE, unread

# Year first: cannot be mistaken.
_PLAIN = (
    "%Y/%m/%d %I:%M:%S %p",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y-%m-%d %I:%M:%S %p",
)
_OFFSET = re.compile(
    r"(?P<stem>.*\S) (?:GMT|UTC)(?:(?P<sign>[+-−])(?P<h>\d{1,2})(?::?(?P<m>\d\d))?)?"
)
_NAMED = {"CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2, "EET": 2, "EEST": 3, "OEZ": 2, "OESZ": 3}
_HALVES = {
    "a.m.": "AM", "p.m.": "PM", "a. m.": "AM", "p. m.": "PM", "vorm.": "AM", "nachm.": "PM"
}  # fmt: skip


class SurveyTimes:
    """Reads the times of one file and counts those it cannot read.

    Parameters
    ----------
    declared : zone of times that state none, or None to leave them as they are.
    formats : strptime formats, tried before ISO 8601 and the ones with the year first.

    Examples
    --------
    >>> SurveyTimes(None).read("2026/11/22 3:04:05 PM GMT+1")
    '2026-11-22 14:04:05'
    >>> SurveyTimes("Europe/Oslo").read("2026-11-22 15:04:05")
    '2026-11-22 14:04:05'
    """

    def __init__(self, declared: str | None, formats: tuple[str, ...] = ()) -> None:
        self.zone = ZoneInfo(declared) if declared else None
        self.formats = formats
        self.n_unreadable = 0
        self.n_stated = 0
        self._parsed = lru_cache(4096)(self._parse)

    def read(self, text: str) -> str:
        """Return a time as ISO 8601 without its zone."""
        moment = self._parsed(text)
        if moment is None:
            self.n_unreadable += 1
            return unread(text)
        if moment.tzinfo is None and self.zone is None:
            return moment.isoformat(sep=" ")
        self.n_stated += moment.tzinfo is not None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.zone)
        try:
            return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
        except OverflowError:  # in the first or last hours of the calendar
            self.n_unreadable += 1
            return UNREADABLE

    def _parse(self, text: str) -> datetime | None:
        moment = _first(text, self.formats)
        if moment is None:
            with suppress(ValueError, OverflowError):
                return datetime.fromisoformat(text)
            stem, offset = _without_zone(text)
            moment = _first(stem, (*self.formats, *_PLAIN))
            if moment and offset:
                return moment.replace(tzinfo=offset)
        return moment

    def note(self) -> Note:
        """Say what became of the times."""
        if self.zone:
            return Note(
                "timezone",
                f"times converted from {self.zone.key}, declared in the YAML, to UTC "
                f"({self.n_stated:,} state a zone of their own)",
            )
        if self.n_stated:
            return Note(
                "timezone",
                f"{self.n_stated:,} times converted from their own zone to UTC; any other is kept "
                "as written",
            )
        return Note("timezone", "times kept as written: no `timezone` in the clinic's YAML")


def _first(text: str, formats: tuple[str, ...]) -> datetime | None:
    """Return the time in the first format that fits."""
    for pattern in formats:
        with suppress(ValueError, OverflowError):
            return datetime.strptime(text, pattern)
    return None


def _without_zone(text: str) -> tuple[str, timezone | None]:
    """Return a time without the zone behind it, half days in English, and the zone."""
    stem, _, last = text.rpartition(" ")
    offset = None
    if match := _OFFSET.fullmatch(text):
        stem, minutes = match["stem"], 60 * int(match["h"] or 0) + int(match["m"] or 0)
        minutes = minutes if match["sign"] in (None, "+") else -minutes
        if abs(minutes) >= 24 * 60:
            return text, None
        offset = timezone(timedelta(minutes=minutes))
    elif last.upper() in _NAMED:
        offset = timezone(timedelta(hours=_NAMED[last.upper()]))
    else:
        stem = text
    for word, half in _HALVES.items():
        if stem.lower().endswith(" " + word):
            stem = f"{stem[: -len(word)]}{half}"
    return stem, offset
