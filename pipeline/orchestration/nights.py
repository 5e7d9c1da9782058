"""When a night is due: by the clock, and never one that was missed before the service started.

Airflow's own timetable begins with the last missed run, though `catchup` is off. `make serve` says
in RAPPORT_NIGHTS_FROM since when it is there; without it, as in the service of docker-compose.yml,
the last missed night is made up for.
"""

from __future__ import annotations

import os

import pendulum
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable

SINCE = "RAPPORT_NIGHTS_FROM"


class NightsFromNowOn(CronTriggerTimetable):
    """Cron, from the time the service started on."""

    def next_dagrun_info(
        self,
        *,
        last_automated_data_interval: DataInterval | None,
        restriction: TimeRestriction,
    ) -> DagRunInfo | None:
        """Return the next night, at the earliest when the service was there."""
        if since := os.environ.get(SINCE):
            started = pendulum.parse(since)
            assert isinstance(started, pendulum.DateTime)
            earliest = max(filter(None, (restriction.earliest, started)))
            restriction = restriction._replace(earliest=earliest)
        return super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )
