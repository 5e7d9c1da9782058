"""The headline of a run, with and without waivers: the one place that computes it.

"96 % pass, 3 waivers, 1 expires in 5 days"
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from reports.validation.tables import Check

# A waiver that ends within so many days is announced.
SOON_DAYS = 14

_WAIVERS = """
    SELECT clinic_id, is_expired, days_left
    FROM quality.dq_waivers
    WHERE valid_from <= $day
"""


@dataclass(frozen=True)
class Headline:
    """What a run's checks amount to.

    Attributes
    ----------
    n_applied : rules x clinics with something in scope, those that could not run included
    n_pass : of those, passed
    n_waived : of those, fell short, but only in what a waiver covers
    n_waivers : waivers in force; ``n_expired`` those whose last day is over
    n_ending : waivers in force that end within two weeks, the next one in ``next_days`` days
    """

    n_applied: int
    n_pass: int
    n_waived: int
    n_waivers: int
    n_expired: int
    n_ending: int
    next_days: int | None

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
    def text(self) -> str:
        """The headline in words; the share is the one without waivers, rounded down."""
        share = self.pass_share
        parts = ["nothing was checked" if share is None else f"{int(share * 100 + 1e-9)} % pass"]
        if self.n_waivers:
            parts.append(f"{self.n_waivers} waiver{'s' if self.n_waivers > 1 else ''}")
        if self.n_ending:
            verb = "expires" if self.n_ending == 1 else "expire, the next"
            parts.append(f"{self.n_ending} {verb} in {_days(self.next_days)}")
        if self.n_expired:
            parts.append(f"{self.n_expired} expired")
        return ", ".join(parts)


def without_waivers(n_applied: int, n_pass: int) -> Headline:
    """Return the headline of a run whose summary knows of no waivers."""
    return Headline(n_applied, n_pass, 0, 0, 0, 0, None)


def headlines(
    con: duckdb.DuckDBPyConnection, checks: Sequence[Check], run_at: datetime | None
) -> dict[str | None, Headline]:
    """Return the headline of all checks of a run under None, and of each clinic under its id.

    A waiver of every clinic counts for each of them. Waivers that begin after ``run_at`` do not
    count; a release without the table has none.
    """
    has_waivers = con.execute(
        "SELECT count(*) > 0 FROM information_schema.tables "
        "WHERE table_schema = 'quality' AND table_name = 'dq_waivers'"
    ).fetchone()[0]
    waivers = (
        con.execute(_WAIVERS, {"day": run_at.date()}).fetchall() if has_waivers and run_at else []
    )
    of_clinics: dict[str, list[Check]] = defaultdict(list)
    for check in checks:
        of_clinics[check.clinic_id].append(check)
    found = {None: _headline(checks, waivers)}
    for clinic_id, of_clinic in of_clinics.items():
        found[clinic_id] = _headline(of_clinic, [w for w in waivers if w[0] in (None, clinic_id)])
    return found


def _headline(checks: Sequence[Check], waivers: Sequence[tuple[Any, bool, int]]) -> Headline:
    days_left = [days for _, is_expired, days in waivers if not is_expired]
    ending = [days for days in days_left if days <= SOON_DAYS]
    return Headline(
        sum(check.state != "not_applicable" for check in checks),
        sum(check.state == "pass" for check in checks),
        sum(check.state_with_waivers == "waived" for check in checks),
        len(days_left),
        len(waivers) - len(days_left),
        len(ending),
        min(ending, default=None),
    )


def _days(n: int | None) -> str:
    return "1 day" if n == 1 else f"{n} days"
