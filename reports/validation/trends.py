"""How a rule has developed over the runs: when it was first broken, and where it changed.

The change point is the split of the runs whose two sides differ most in their share of broken
rows (binomial likelihood ratio, one split: the first step of binary segmentation). It is told
only where the split would be surprising by chance (p < 0.001 after Bonferroni's correction for
the number of splits tried), where both sides have at least two runs, and where the share moved
by at least one percentage point: with many rows every split is surprising.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, groupby
from typing import Any

from markupsafe import Markup

LEVEL = 0.001
SMALLEST_STEP = 0.01
RUNS_A_SIDE = 2
RUNS_SHOWN = 30
WIDTH, HEIGHT, MARGIN = 90, 22, 3

# The last 30 runs of each rule and clinic, and the first run of all in which a row broke it: what
# a page costs does not grow with the runs before it.
RUNS = f"""
    WITH counted AS (
        SELECT coalesce(clinic_id, 'all') AS clinic_id, rule_id, run_id, max(run_at) AS run_at,
            sum(n_scope)::BIGINT AS n_scope, sum(n_failed)::BIGINT AS n_failed
        FROM quality.dq_rule_results
        WHERE run_id <= $run_id AND state IN ('pass', 'fail')
        GROUP BY ALL
        HAVING sum(n_scope) > 0
    )
    SELECT clinic_id, rule_id, run_at, n_scope, n_failed,
        min(run_at) FILTER (WHERE n_failed > 0) OVER (PARTITION BY clinic_id, rule_id)
            AS first_seen
    FROM counted
    QUALIFY row_number() OVER (PARTITION BY clinic_id, rule_id ORDER BY run_id DESC)
        <= {RUNS_SHOWN}
    ORDER BY clinic_id, rule_id, run_id
"""


@dataclass(frozen=True)
class Count:
    """Rows that break a rule, of those looked at (at least 1), in one run."""

    run_at: datetime
    n_scope: int
    n_failed: int

    @property
    def share(self) -> float:
        """Broken rows of those looked at."""
        return self.n_failed / self.n_scope


@dataclass(frozen=True)
class Change:
    """From ``run_at`` on the share is ``after``; before it was ``before``."""

    run_at: datetime
    before: float
    after: float


@dataclass(frozen=True)
class Trend:
    """One rule of one clinic over the last 30 runs that had rows to look at, the oldest first.

    Attributes
    ----------
    first_seen : first run of all in which a row broke the rule; None where none ever did
    """

    counts: tuple[Count, ...]
    first_seen: datetime | None

    @property
    def change(self) -> Change | None:
        """Where the share changed, None where it did not."""
        return change_point(self.counts)

    @property
    def line(self) -> Markup:
        """The share over the runs as a small drawing; empty for a single run."""
        return sparkline([count.share for count in self.counts])


def trends_of(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], Trend]:
    """Return the trend per rule and clinic from the answer of ``RUNS``."""
    trends = {}
    for (rule_id, clinic_id), of_rule in groupby(
        rows, key=lambda row: (row["rule_id"], row["clinic_id"])
    ):
        runs = list(of_rule)
        counts = tuple(Count(run["run_at"], run["n_scope"], run["n_failed"]) for run in runs)
        trends[rule_id, clinic_id] = Trend(counts, runs[0]["first_seen"])
    return trends


def change_point(counts: Sequence[Count]) -> Change | None:
    """Return the most surprising change of the share, None where nothing is surprising."""
    splits = range(RUNS_A_SIDE, len(counts) - RUNS_A_SIDE + 1)
    if not splits or not any(count.n_failed for count in counts):
        return None
    sums = list(
        accumulate(
            ((count.n_failed, count.n_scope) for count in counts),
            lambda so_far, new: (so_far[0] + new[0], so_far[1] + new[1]),
            initial=(0, 0),
        )
    )
    n_failed, n_scope = sums[-1]
    both = _log_likelihood(n_failed, n_scope)
    gains = {
        at: _log_likelihood(*sums[at])
        + _log_likelihood(n_failed - sums[at][0], n_scope - sums[at][1])
        - both
        for at in splits
    }
    at = max(splits, key=lambda split: gains[split])
    before = sums[at][0] / sums[at][1]
    after = (n_failed - sums[at][0]) / (n_scope - sums[at][1])
    # 2 x the gain follows chi-square with one degree of freedom, its tail is erfc(sqrt(gain)).
    chance = math.erfc(math.sqrt(max(gains[at], 0.0))) * len(splits)
    if chance >= LEVEL or abs(after - before) < SMALLEST_STEP:
        return None
    return Change(counts[at].run_at, before, after)


def _log_likelihood(n_failed: int, n_scope: int) -> float:
    n_good = n_scope - n_failed
    failed = n_failed * math.log(n_failed / n_scope) if n_failed else 0.0
    return failed + (n_good * math.log(n_good / n_scope) if n_good else 0.0)


def sparkline(shares: Sequence[float]) -> Markup:
    """Draw shares as a line from 0 to the largest; empty for fewer than two."""
    if len(shares) < 2:
        return Markup("")
    top = max(shares) or 1.0
    step = (WIDTH - 2 * MARGIN) / (len(shares) - 1)
    room = HEIGHT - 2 * MARGIN
    points = [
        (round(MARGIN + i * step, 1), round(HEIGHT - MARGIN - room * share / top, 1))
        for i, share in enumerate(shares)
    ]
    line = " ".join(f"{x:g},{y:g}" for x, y in points)
    return Markup(
        '<svg class="trend" viewBox="0 0 {} {}" aria-hidden="true" focusable="false">'
        '<polyline points="{}"/><circle cx="{}" cy="{}" r="2.5"/></svg>'
    ).format(WIDTH, HEIGHT, line, *points[-1])
