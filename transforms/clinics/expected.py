"""When a clinic is expected to deliver, by its own clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Expects(BaseModel):
    """What makes a delivery late, missing or too small; somebody is told (docs/operations.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: list[Day] = Field(min_length=1, description="Weekdays on which a delivery is expected.")
    by: str = Field(
        "07:00",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        description="Hour and minute by which it is to be there, by the clinic's clock "
        "(`timezone`, else UTC).",
    )
    rows: int | None = Field(
        None, ge=1, description="Fewest rows that what one night takes in should have."
    )

    def due(self, zone: str | None, now: datetime) -> tuple[datetime, datetime]:
        """Return the last two times a delivery was due at ``now``, the earlier first; all in UTC.

        A delivery is due at the minute itself. What came since the earlier time answers the later.
        """
        at = time.fromisoformat(self.by)
        today = now.replace(tzinfo=UTC).astimezone(clock := ZoneInfo(zone or "UTC")).date()
        found: list[datetime] = []
        for day in (today - timedelta(days=n) for n in range(15)):  # one weekday: 7 and 14 ago
            due = datetime.combine(day, at, clock).astimezone(UTC).replace(tzinfo=None)
            if DAYS[day.weekday()] in self.days and due <= now:
                found.append(due)
        return found[1], found[0]
