"""Times of a declared zone, with their offset."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from transforms.errors import FileRefused
from transforms.formats.source import Note

# Stands in a cell for a time that cannot be read, so that it cannot pass for one.
UNREADABLE = "unreadable time"
# Day, month and year in an order the text does not say.
SHORT_DATE = r"^(\d{1,2})[-./ ](\d{1,2})[-./ ](\d{4}|\d{2})(\D.*)?$"
_SHORT_DATE = re.compile(SHORT_DATE)


def unread(text: str) -> str:
    """Return what stands for a time no format fits.

    One whose day and month may be exchanged stays: no later step reads it either, and the file
    is refused for it with its lines (`transforms.intake.date_order`).

    Examples
    --------
    >>> unread("31/12/2026 10:00"), unread("yesterday")
    ('31/12/2026 10:00', 'unreadable time')
    """
    return text if _SHORT_DATE.match(text) else UNREADABLE


class ZonedTimes:
    """Gives the times of one file by the clinic's clock, if its YAML declares a zone.

    An hour that occurs twice (clocks go back) is taken as its first occurrence; one that does
    not exist (clocks go forward) as if they had not gone forward yet.

    Parameters
    ----------
    declared : zone of the YAML, or None to leave times as they are.
    stated : zone the file itself names; its times are moved to the declared one.
    formats : strptime formats, tried before ISO 8601.

    Examples
    --------
    >>> ZonedTimes("Europe/London").local("2024-07-01 09:30:00")
    '2024-07-01 09:30:00+01:00'
    """

    def __init__(
        self, declared: str | None, *, stated: str | None = None, formats: tuple[str, ...] = ()
    ) -> None:
        self.formats = formats
        self.stated = stated
        self.clinic = _zone(declared) if declared else None
        self.zone = _zone(stated or declared) if declared else None

    def local(self, text: str) -> str:
        """Return the moment in the declared zone with its offset; without a zone the text stays.

        The cell keeps both, the clinic's day and the instant (`transforms.intake.clinic_times`).
        """
        if self.clinic is None or not text.strip():
            return text
        moment = self._parsed(text.strip())
        if moment is None:
            return unread(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.zone)
        try:
            # By way of UTC: an hour that does not exist becomes the one after it.
            return moment.astimezone(UTC).astimezone(self.clinic).isoformat(sep=" ")
        except OverflowError:  # in the first or last hours of the calendar
            return UNREADABLE

    def _parsed(self, text: str) -> datetime | None:
        for parse in (*map(_parser, self.formats), datetime.fromisoformat):
            try:
                return parse(text)
            except (ValueError, OverflowError):
                continue
        return None

    def note(self) -> Note:
        """Say what became of the times."""
        if self.zone is None or self.clinic is None:
            return Note("timezone", "times kept as written: no `timezone` in the clinic's YAML")
        by = "stated in the file" if self.stated else "declared in the YAML"
        told = f"times of {self.zone.key}, {by}, by the clock of {self.clinic.key}"
        return Note("timezone", told)


def _parser(pattern: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, pattern)


def _zone(name: str) -> ZoneInfo:
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo({"Z": "UTC"}.get(name, name))
    # Not raised while handling zoneinfo's error, which quotes the file.
    raise FileRefused(
        "F04", "The header states a time zone that is not known", "Export it again in UTC"
    )
