"""The headline of a run, with and without waivers: the one place that computes it.

"96 % pass, 3 waivers, 1 expires in 5 days"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

# A waiver that ends within so many days is announced.
SOON_DAYS = 14

_STATES = """
    select state, state_with_waivers, count(*)
    from quality.dq_rule_status
    where run_id = $run_id
        and ($clinic_id is null or clinic_id = $clinic_id)
        and state <> 'not_applicable'
    group by all
"""
_WAIVERS = """
    select
        count(*) filter (where not is_expired) as n_active,
        count(*) filter (where is_expired) as n_expired,
        count(*) filter (where not is_expired and days_left <= $soon) as n_ending,
        min(days_left) filter (where not is_expired and days_left <= $soon) as next_days
    from quality.dq_waivers
    where valid_from <= (select cast(max(run_at) as date) from quality.dq_rule_status
        where run_id = $run_id)
        and ($clinic_id is null or coalesce(clinic_id, $clinic_id) = $clinic_id)
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
    """Return the headline of a run whose release or summary knows of no waivers."""
    return Headline(n_applied, n_pass, 0, 0, 0, 0, None)


def headline(con: duckdb.DuckDBPyConnection, run_id: str, clinic_id: str | None = None) -> Headline:
    """Read the headline of one run, of all clinics and the published tables or of one clinic."""
    scope: dict[str, Any] = {"run_id": run_id, "clinic_id": clinic_id}
    states = con.execute(_STATES, scope).fetchall()
    waivers = con.execute(_WAIVERS, scope | {"soon": SOON_DAYS}).fetchone()
    return Headline(
        sum(n for _, _, n in states),
        sum(n for state, _, n in states if state == "pass"),
        sum(n for _, with_waivers, n in states if with_waivers == "waived"),
        *waivers,
    )


def _days(n: int | None) -> str:
    return "1 day" if n == 1 else f"{n} days"
