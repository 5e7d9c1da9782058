"""The headline of a run, with and without waivers: the one place that computes it.

"96.4 % of 12,300 rows usable, 1 of 7 files not loaded, 35 rows open since 15 Nov 2026, 3 waivers"

What can be used comes first, what did not come or could not be read next, then what is open since
when. Checks that passed are no headline: a night without rows passes all of them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from reports.drawing.templating import day
from reports.validation.standing import Standing
from reports.validation.tables import EVERY_CLINIC, Check, RunQuality
from transforms.formats.source import plural
from transforms.sql import only_row

# A waiver that ends within so many days is announced.
SOON_DAYS = 14

_WAIVERS = """
    SELECT clinic_id, is_expired, days_left
    FROM quality.dq_waivers
    WHERE valid_from <= $day
"""


@dataclass(frozen=True)
class Headline:
    """What a run amounts to, of all clinics or of one.

    Attributes
    ----------
    n_received, n_usable, n_files, n_files_off : rows and files of the run; not loaded ones
    n_clinics, n_silent : clinics that ever delivered; of those, without a file in the run
    n_open_rows, n_open_files, since : rows held back and files unread, of all nights; the oldest
    n_applied : rules x clinics with something in scope, those that could not run included
    n_pass : of those, passed
    n_waived : of those, fell short, but only in what a waiver covers
    n_waivers : waivers in force; ``n_expired`` those whose last day is over
    n_ending : waivers in force that end within two weeks, the next one in ``next_days`` days
    """

    n_received: int = 0
    n_usable: int = 0
    n_files: int = 0
    n_files_off: int = 0
    n_clinics: int = 0
    n_silent: int = 0
    n_open_rows: int = 0
    n_open_files: int = 0
    since: datetime | None = None
    n_applied: int = 0
    n_pass: int = 0
    n_waived: int = 0
    n_waivers: int = 0
    n_expired: int = 0
    n_ending: int = 0
    next_days: int | None = None

    @property
    def pass_share(self) -> float | None:
        """Passed checks of those that applied; None where none applied."""
        return self.n_pass / self.n_applied if self.n_applied else None

    @property
    def pass_share_with_waivers(self) -> float | None:
        """The same where what is waived does not count, neither as passed nor as applied."""
        counted = self.n_applied - self.n_waived
        return self.n_pass / counted if counted else None

    @property
    def usable_share(self) -> float | None:
        """Rows that can be used of those delivered; None where no row was read."""
        return self.n_usable / self.n_received if self.n_received else None

    @property
    def text(self) -> str:
        """The headline in words; the share is rounded down, so that 100 % means every row."""
        return ", ".join([*self._delivered(), *self._open(), *self._waived()])

    def _delivered(self) -> list[str]:
        if not self.n_files:
            return ["nothing was delivered"]
        share = self.usable_share
        parts = (
            ["no row could be read"]
            if share is None
            else [f"{_floor(share)} % of {plural(self.n_received, 'row')} usable"]
        )
        if self.n_files_off:
            parts.append(f"{self.n_files_off} of {plural(self.n_files, 'file')} not loaded")
        if self.n_silent:
            parts.append(f"{self.n_silent} of {plural(self.n_clinics, 'clinic')} sent nothing")
        return parts

    def _open(self) -> list[str]:
        counts = ((self.n_open_rows, "row"), (self.n_open_files, "file"))
        found = " and ".join(plural(n, word) for n, word in counts if n)
        since = f" since {day(self.since)}" if self.since else ""
        return [f"{found} open{since}"] if found else []

    def _waived(self) -> list[str]:
        parts = [plural(self.n_waivers, "waiver")] if self.n_waivers else []
        if self.n_ending:
            verb = "expires" if self.n_ending == 1 else "expire, the next"
            parts.append(f"{self.n_ending} {verb} in {plural(self.next_days or 0, 'day')}")
        if self.n_expired:
            parts.append(f"{self.n_expired} expired")
        return parts


def headlines(con: duckdb.DuckDBPyConnection, quality: RunQuality) -> dict[str | None, Headline]:
    """Return the headline of a run under None, and of each clinic under its id.

    Audits of the published tables are in none of them. A waiver of every clinic counts for each.
    Waivers that begin after the run do not count; a release without the table has none.
    """
    (has_waivers,) = only_row(
        con.execute(
            "SELECT count(*) > 0 FROM information_schema.tables "
            "WHERE table_schema = 'quality' AND table_name = 'dq_waivers'"
        )
    )
    run_at = quality.run_at
    waivers = (
        con.execute(_WAIVERS, {"day": run_at.date()}).fetchall() if has_waivers and run_at else []
    )
    of_clinics: dict[str, list[Check]] = defaultdict(list)
    for check in quality.clinic_checks:
        of_clinics[check.clinic_id].append(check)
    standings = {
        clinic.clinic_id: quality.standings.get(clinic.clinic_id, Standing(clinic.clinic_id))
        for clinic in quality.clinics
        if clinic.clinic_id != EVERY_CLINIC
    }
    found: dict[str | None, Headline] = {
        None: _headline(standings.values(), quality.clinic_checks, waivers)
    }
    for clinic_id, standing in standings.items():
        own = [waiver for waiver in waivers if waiver[0] in (None, clinic_id)]
        found[clinic_id] = _headline([standing], of_clinics[clinic_id], own)
    return found


def _headline(
    standings: Iterable[Standing],
    checks: Sequence[Check],
    waivers: Sequence[tuple[Any, bool, int]],
) -> Headline:
    standings = list(standings)
    days_left = [days for _, is_expired, days in waivers if not is_expired]
    ending = [days for days in days_left if days <= SOON_DAYS]
    since = [at for one in standings for at in (one.rows_since, one.files_since) if at]
    return Headline(
        n_received=sum(one.n_received for one in standings),
        n_usable=sum(one.n_usable for one in standings),
        n_files=sum(one.n_files for one in standings),
        n_files_off=sum(one.n_files_off for one in standings),
        n_clinics=len(standings),
        n_silent=sum(not one.n_files for one in standings),
        n_open_rows=sum(one.n_open_rows for one in standings),
        n_open_files=sum(one.n_open_files for one in standings),
        since=min(since, default=None),
        n_applied=sum(check.state != "not_applicable" for check in checks),
        n_pass=sum(check.state == "pass" for check in checks),
        n_waived=sum(check.state_with_waivers == "waived" for check in checks),
        n_waivers=len(days_left),
        n_expired=len(waivers) - len(days_left),
        n_ending=len(ending),
        next_days=min(ending, default=None),
    )


def _floor(share: float) -> str:
    return f"{math.floor(share * 1000 + 1e-9) / 10:.1f}".removesuffix(".0")
