"""How often the alliance ruptures and is repaired, per scope, detector and form.

The rate is per session at risk, because more sessions hold more ruptures: a ratio of sums
per clinic, its standard error linearized with episodes as clusters (Taylor; Cochran 1977, Sampling
Techniques, 6.4). Shares of episodes have Wilson's interval. Several clinics are summed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from transforms.common_factors.clinics import BY_CLIENTS, Clinics
from transforms.common_factors.rows import LEVEL, Columns, fields_of, place_of, side_fields_of
from transforms.common_factors.table import CfTable, PerClinic, Row, sums_per_clinic
from transforms.statistics.correlation import wilson_interval
from transforms.statistics.estimate import Estimate, two_sided_z
from transforms.statistics.heterogeneity import SHARE
from transforms.statistics.withheld import Record, withheld

KEYS = ("detector", "instrument_id", "version", "rater")
# Sums of one clinic's episodes; but for the classes, of those that the detector can judge.
SUMS = {
    "n_clients": "count(distinct client_key) filter (where is_judged)",
    "n_therapists": "count(distinct therapist_key) filter (where is_judged)",
    "n_episodes": "count(*) filter (where is_judged)",
    "n_none_episodes": "count(*) filter (where rupture_class = 'none')",
    "n_repaired_episodes": "count(*) filter (where rupture_class = 'repaired')",
    "n_unrepaired_episodes": "count(*) filter (where rupture_class = 'unrepaired')",
    "n_rupture_episodes": "count(*) filter (where is_judged and n_ruptures > 0)",
    "n_u_shape_episodes": "count(*) filter (where is_judged and is_u_shape)",
} | {
    name: f"coalesce(sum({what}) filter (where is_judged), 0)"
    for name, what in {
        "n_ruptures": "n_ruptures",
        "n_opportunities": "n_opportunities",
        "n_repaired": "n_repaired",
        "n_unrepaired": "n_unrepaired",
        "n_unrepaired_terminal": "n_unrepaired_terminal",
        "n_undecided": "n_unrepaired_terminal + n_pending + n_not_rated_after",
        "n_v_shapes": "n_v_shapes",
        "ruptures_squared": "n_ruptures * n_ruptures",
        "cross_products": "n_ruptures * n_opportunities",
        "opportunities_squared": "n_opportunities * n_opportunities",
    }.items()
}


def rupture_rates(rows: Columns) -> list[Record]:
    """Return one record per scope, detector and form.

    Parameters
    ----------
    rows : clinic_id, clinic_group, KEYS and SUMS; one entry per clinic
    """
    records = []
    for scope, clinics in sums_per_clinic(rows, KEYS, tuple(SUMS)):
        totals = dict(zip(SUMS, clinics.sum(axis=0).astype(int).tolist(), strict=True))
        label = place_of(scope, KEYS) | {n: totals[n] for n in SUMS if n.startswith("n_")}
        shared = {"ci_level": LEVEL, "n_used": totals["n_episodes"]}
        records += withheld(_rates_of(label, totals), [label], shared)
    return records


def _rates_of(label: Record, totals: Mapping[str, int]) -> Iterator[Record]:
    with_rupture, repaired = totals["n_rupture_episodes"], totals["n_repaired_episodes"]
    classed = repaired + totals["n_unrepaired_episodes"]
    yield (
        label
        | fields_of(rate_per_session(totals))
        | side_fields_of(_percent(with_rupture, totals["n_episodes"]), "rupture_percent")
        | side_fields_of(_percent(repaired, classed), "repaired_percent")
    )


def rate_per_session(totals: Mapping[str, int]) -> Estimate:
    """Return ruptures per session at risk; without an interval where its error is 0."""
    n, at_risk = totals["n_episodes"], totals["n_opportunities"]
    if not at_risk:
        return Estimate.missing("no session at which a rupture could be seen", n, LEVEL)
    rate = totals["n_ruptures"] / at_risk
    squares = (
        totals["ruptures_squared"]
        - 2 * rate * totals["cross_products"]
        + rate * rate * totals["opportunities_squared"]
    )
    se = math.sqrt(max(squares, 0.0) * n / (n - 1)) / at_risk if n > 1 else 0.0
    if se == 0:
        return Estimate(rate, None, None, LEVEL, n)
    half_width = two_sided_z(LEVEL) * se
    return Estimate(rate, max(rate - half_width, 0.0), rate + half_width, LEVEL, n)


def _percent(n_events: int, n: int) -> Estimate:
    return wilson_interval(n_events, n, level=LEVEL).times(100)


class RuptureSummaryRow(Row, total=False):
    """Ruptures and their repair by one detector on one form."""

    detector: str
    instrument_id: str
    version: str
    rater: str
    rupture_percent: float
    rupture_percent_ci_low: float
    rupture_percent_ci_high: float
    repaired_percent: float
    repaired_percent_ci_low: float
    repaired_percent_ci_high: float
    n_clients: int
    n_therapists: int
    n_episodes: int
    n_none_episodes: int
    n_repaired_episodes: int
    n_unrepaired_episodes: int
    n_rupture_episodes: int
    n_u_shape_episodes: int
    n_ruptures: int
    n_opportunities: int
    n_repaired: int
    n_unrepaired: int
    n_unrepaired_terminal: int
    n_undecided: int
    n_v_shapes: int


RUPTURE_SUMMARY = CfTable(
    RuptureSummaryRow,
    (PerClinic(rupture_rates, KEYS, sums=SUMS),),
    Clinics(BY_CLIENTS, KEYS, SHARE),
)
