"""What a detector finds beyond noise, how it agrees with the client, and which one to read.

``estimate`` is the share of courses with a rupture less the share that noise alone gives the same
courses (transforms.common_factors.rupture_noise). Its interval joins Wilson's of what was observed
with the Monte Carlo error of the noise (MOVER: Zou & Donner 2008, doi:10.1002/sim.3095). The report
card holds a detector against the client's own report at the same session. Several clinics are
summed, each weighted by its courses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from transforms.common_factors.clinics import BY_CLIENTS, Clinics
from transforms.common_factors.rows import LEVEL, Columns, fields_of, place_of, side_fields_of
from transforms.common_factors.table import CfTable, PerClinic, Row, sums_per_clinic
from transforms.statistics.correlation import wilson_interval
from transforms.statistics.estimate import Estimate, two_sided_z
from transforms.statistics.heterogeneity import IDENTITY
from transforms.statistics.withheld import Facts, Record, withheld

KEYS = ("detector", "instrument_id", "version", "rater")
COUNTS = {
    "n_clients": "count(distinct client_key) filter (where is_judged)",
    "n_therapists": "count(distinct therapist_key) filter (where is_judged)",
    "n_episodes": "count(*) filter (where is_judged)",
    "n_rupture_episodes": "count(*) filter (where is_judged and n_ruptures > 0)",
    "n_repaired_episodes": "count(*) filter (where is_judged and rupture_class = 'repaired')",
    "n_unrepaired_episodes": "count(*) filter (where is_judged and rupture_class = 'unrepaired')",
    "n_reported_found": "coalesce(sum(n_reported_found), 0)",
    "n_reported_missed": "coalesce(sum(n_reported_missed), 0)",
    "n_unreported_found": "coalesce(sum(n_unreported_found), 0)",
    "n_unreported_quiet": "coalesce(sum(n_unreported_quiet), 0)",
}
# Of simulated series: courses' mean shares with a rupture, its Monte Carlo variance, and classes.
SUMS = COUNTS | {
    "noise_episodes": "count(n_noise_series)",
    "noise_share_sum": "coalesce(sum(n_noise_ruptures * 1.0 / n_noise_series), 0)",
    "noise_variance": "coalesce(sum(n_noise_ruptures * 1.0 * (n_noise_series - n_noise_ruptures)"
    " / (n_noise_series * n_noise_series * n_noise_series)), 0)",
    "noise_repaired": "coalesce(sum(n_noise_repaired), 0)",
    "noise_unrepaired": "coalesce(sum(n_noise_unrepaired), 0)",
}
NEARLY_EVERYONE = 0.9
# Below so many sessions with a report, and without, the card does not choose a detector.
CARD_SESSIONS = 10
OBSERVED = "observed: what a client reports is no signal that noise could give"
NEVER_JUDGED = "no course that the detector can judge"
MORE, NO_MORE = "more than noise", "no more than noise"
EVERYONE, REPORTED, UNKNOWN = "fires on nearly everyone", "the client's own report", "not judged"
BY_CARD = "more than noise, and agrees best with the clients' reports"
BY_EXCESS = "more than noise by the widest margin; too few reports to compare with"

Totals = Mapping[str, float]


def base_rates(rows: Columns) -> list[Record]:
    """Return one record per scope, detector and form; one detector of a scope and form is chosen.

    Parameters
    ----------
    rows : clinic_id, clinic_group, KEYS and SUMS; one entry per clinic
    """
    records: list[Record] = []
    for scope, clinics in sums_per_clinic(rows, KEYS, tuple(SUMS)):
        totals = dict(zip(SUMS, clinics.sum(axis=0).tolist(), strict=True))
        label = place_of(scope, KEYS) | {name: int(totals[name]) for name in COUNTS}
        shared = {"ci_level": LEVEL, "n_used": label["n_episodes"]}
        records += withheld(_record_of(label, totals), [label], shared)
    return with_choice(records)


def _record_of(label: Record, totals: Totals) -> Iterator[Record]:
    observed = wilson_interval(label["n_rupture_episodes"], label["n_episodes"], level=LEVEL)
    classed = label["n_repaired_episodes"] + label["n_unrepaired_episodes"]
    repaired = wilson_interval(label["n_repaired_episodes"], classed, level=LEVEL)
    noise, noise_repaired = _noise_of(totals), _noise_repaired_of(totals)
    yield (
        label
        | fields_of(excess(observed, noise).times(100))
        | side_fields_of(observed.times(100), "rupture_percent")
        | {"noise_percent": noise.times(100).value}
        | side_fields_of(repaired.times(100), "repaired_percent")
        | {"noise_repaired_percent": noise_repaired.times(100).value}
        | side_fields_of(excess(repaired, noise_repaired).times(100), "repaired_excess")
        | _card_of(label)
    )


def _noise_of(totals: Totals) -> Estimate:
    """Return the share of noise with its Monte Carlo interval."""
    n = int(totals["noise_episodes"])
    if not n:
        return Estimate.missing(NEVER_JUDGED if not totals["n_episodes"] else OBSERVED, 0, LEVEL)
    share = totals["noise_share_sum"] / n
    half_width = two_sided_z(LEVEL) * math.sqrt(totals["noise_variance"]) / n
    return Estimate(share, share - half_width, share + half_width, LEVEL, n)


def _noise_repaired_of(totals: Totals) -> Estimate:
    n = int(totals["noise_repaired"] + totals["noise_unrepaired"])
    return wilson_interval(int(totals["noise_repaired"]), n, level=LEVEL)


def excess(observed: Estimate, noise: Estimate) -> Estimate:
    """Return the observed share less that of noise, with the interval of both."""
    one, other = observed.with_ends, noise.with_ends
    if one is None or other is None:
        return Estimate.missing(noise.reason or observed.reason or NEVER_JUDGED, observed.n, LEVEL)
    difference = one[0] - other[0]
    return Estimate(
        difference,
        difference - math.hypot(one[0] - one[1], other[2] - other[0]),
        difference + math.hypot(one[2] - one[0], other[0] - other[1]),
        observed.ci_level,
        observed.n,
    )


def _card_of(label: Facts) -> Record:
    """Return sensitivity, specificity and predictive value against the client's report."""
    found, missed = label["n_reported_found"], label["n_reported_missed"]
    wrong, quiet = label["n_unreported_found"], label["n_unreported_quiet"]
    shares = {
        "sensitivity_percent": (found, found + missed),
        "specificity_percent": (quiet, quiet + wrong),
        "predictive_percent": (found, found + wrong),
    }
    fields: Record = {}
    for name, (part, whole) in shares.items():
        fields |= side_fields_of(wilson_interval(part, whole, level=LEVEL).times(100), name)
    return fields


def with_choice(records: Sequence[Record]) -> list[Record]:
    """Return the records with what each detector is worth, and which one of a form to read."""
    judged = [record | {"standing": standing_of(record)} for record in records]
    by_form: dict[tuple[object, ...], list[Record]] = {}
    for record in judged:
        place = ("scope_level", "scope_id", "instrument_id", "version")
        by_form.setdefault(tuple(record[name] for name in place), []).append(record)
    chosen = {id(best): why for best, why in map(_best_of, by_form.values()) if best is not None}
    return [
        record | {"is_chosen": id(record) in chosen, "chosen_because": chosen.get(id(record))}
        for record in judged
    ]


def standing_of(record: Facts) -> str:
    """Return in words what the detector finds beside noise."""
    if record.get("reason") == OBSERVED:
        return REPORTED
    if record.get("ci_low") is None:
        return UNKNOWN
    if record["rupture_percent"] >= 100 * NEARLY_EVERYONE:
        return EVERYONE
    return MORE if record["ci_low"] > 0 else NO_MORE


def _best_of(records: Sequence[Record]) -> tuple[Record | None, str]:
    """Return the detector to read and why; None where none finds more than noise."""
    able = [record for record in records if record["standing"] == MORE]
    carded = [record for record in able if _has_card(record)]
    if carded:
        return max(carded, key=_agreement), BY_CARD
    return max(able, key=lambda record: record["ci_low"], default=None), BY_EXCESS


def _has_card(record: Facts) -> bool:
    reported = record["n_reported_found"] + record["n_reported_missed"]
    unreported = record["n_unreported_found"] + record["n_unreported_quiet"]
    return bool(min(reported, unreported) >= CARD_SESSIONS)


def _agreement(record: Facts) -> float:
    """Return sensitivity + specificity in percent (Youden 1950, plus 100)."""
    return float(record["sensitivity_percent"] + record["specificity_percent"])


class RuptureBaseRatesRow(Row, total=False):
    """One detector on one form, beside noise and beside the client's report."""

    detector: str
    instrument_id: str
    version: str
    rater: str
    standing: str
    is_chosen: bool
    chosen_because: str
    rupture_percent: float
    rupture_percent_ci_low: float
    rupture_percent_ci_high: float
    noise_percent: float
    repaired_percent: float
    repaired_percent_ci_low: float
    repaired_percent_ci_high: float
    noise_repaired_percent: float
    repaired_excess: float
    repaired_excess_ci_low: float
    repaired_excess_ci_high: float
    sensitivity_percent: float
    sensitivity_percent_ci_low: float
    sensitivity_percent_ci_high: float
    specificity_percent: float
    specificity_percent_ci_low: float
    specificity_percent_ci_high: float
    predictive_percent: float
    predictive_percent_ci_low: float
    predictive_percent_ci_high: float
    n_clients: int
    n_therapists: int
    n_episodes: int
    n_rupture_episodes: int
    n_repaired_episodes: int
    n_unrepaired_episodes: int
    n_reported_found: int
    n_reported_missed: int
    n_unreported_found: int
    n_unreported_quiet: int


RUPTURE_BASE_RATES = CfTable(
    RuptureBaseRatesRow,
    (PerClinic(base_rates, KEYS, sums=SUMS),),
    Clinics(BY_CLIENTS, KEYS, IDENTITY),
)
