"""Outcome by rupture class: none, repaired, unrepaired, and how the classes differ.

Everything comes from sums per clinic, detector, forms and class. Several clinics are never summed
as one: classes are compared within clinics and the differences averaged, weights n₁n₀/(n₁ + n₀);
a class's mean is that of clinics weighted by all their clients, its shares are of its own clients.
Repaired >= none > unrepaired is the hypothesis, not the reading: clients who improve stay long
enough to repair a rupture, and more sessions hold more ruptures.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from transforms.common_factors.clinics import WITHIN_CLINICS, Clinics
from transforms.common_factors.rows import (
    LEVEL,
    Columns,
    clinics_of,
    fields_of,
    records_by_scope,
    side_fields_of,
)
from transforms.common_factors.table import ByStratum, CfTable, Row
from transforms.statistics.correlation import fisher_interval, wilson_interval
from transforms.statistics.dropout_risk import risk_difference
from transforms.statistics.estimate import Estimate
from transforms.statistics.mantel_haenszel import risk_difference_in_strata
from transforms.statistics.withheld import Facts, Record

KEYS = ("detector", "instrument_id", "version", "outcome_instrument_id")
CLASSES = ("none", "repaired", "unrepaired")
# Sums of the clients of one class at one clinic.
SUMS = {
    "client_count": "count(*)",
    "therapist_count": "count(distinct therapist_key)",
    "improvement_sum": "sum(improvement)",
    "improvement_squares": "sum(improvement * improvement)",
    "session_sum": "sum(n_sessions_attended)",
    "reliable_known_count": "count(is_reliably_improved)",
    "reliable_count": "count(*) filter (where is_reliably_improved)",
    "dropout_known_count": "count(dropout_unilateral)",
    "dropout_count": "count(*) filter (where dropout_unilateral)",
}
_NO_SUCH_CLASS = "no client of this class"
_TOO_FEW = "fewer than two clients in a class"
_NO_VARIANCE = "improvement does not vary within the classes"


@dataclass(frozen=True, slots=True)
class Group:
    """Improvement of one class: clients, mean and sum of squared deviations."""

    n: int
    mean: float
    squares: float

    @property
    def variance(self) -> float:
        """Variance with n - 1; NaN below two clients."""
        return self.squares / (self.n - 1) if self.n > 1 else math.nan


def group_of(n: float, total: float, total_of_squares: float) -> Group:
    """Return a class from its count, sum and sum of squares; rounding cannot go below zero."""
    if n == 0:
        return Group(0, math.nan, math.nan)
    squares = total_of_squares - total * total / n
    # What is left of equal numbers is rounding, not variance.
    if squares <= 1e-9 * max(total_of_squares, 1.0):
        squares = 0.0
    return Group(int(n), total / n, squares)


def mean_interval(group: Group, *, level: float = LEVEL) -> Estimate:
    """Return the mean with the interval of Student's t."""
    if group.n == 0:
        return Estimate.missing(_NO_SUCH_CLASS, 0, level)
    if group.n < 2:
        return Estimate(group.mean, None, None, level, group.n)
    half_width = _quantile(group.n - 1, level) * math.sqrt(group.variance / group.n)
    return Estimate(group.mean, group.mean - half_width, group.mean + half_width, level, group.n)


def welch_difference(group: Group, reference: Group, *, level: float = LEVEL) -> Estimate:
    """Return the mean minus the reference's, with Welch's interval.

    Welch 1947 (doi:10.1093/biomet/34.1-2.28): unequal variances, degrees of freedom after
    Satterthwaite. No value when a class has fewer than two clients or nobody differs.
    """
    n = group.n + reference.n
    if min(group.n, reference.n) < 2:
        return Estimate.missing(_TOO_FEW, n, level)
    parts = [each.variance / each.n for each in (group, reference)]
    if sum(parts) == 0:
        return Estimate.missing(_NO_VARIANCE, n, level)
    freedom = sum(parts) ** 2 / sum(
        part**2 / (each.n - 1) for part, each in zip(parts, (group, reference), strict=True)
    )
    difference = group.mean - reference.mean
    half_width = _quantile(freedom, level) * math.sqrt(sum(parts))
    return Estimate(difference, difference - half_width, difference + half_width, level, n)


def point_biserial(group: Group, reference: Group, *, level: float = LEVEL) -> Estimate:
    """Return r of being in ``group`` (1) or ``reference`` (0) with improvement, Fisher's interval.

    The unit of Eubanks et al. 2018. It depends on how many are in each class.
    """
    n = group.n + reference.n
    if min(group.n, reference.n) < 2:
        return Estimate.missing(_TOO_FEW, n, level)
    within = group.squares + reference.squares
    if within == 0:
        return Estimate.missing(_NO_VARIANCE, n, level)
    between = group.n * reference.n / n * (group.mean - reference.mean) ** 2
    r = math.copysign(math.sqrt(between / (between + within)), group.mean - reference.mean)
    low, high = fisher_interval(r, n, level=level) or (None, None)
    return Estimate(r, low, high, level, n)


def mean_over_clinics(
    groups: Sequence[Group], weights: Sequence[float], *, level: float = LEVEL
) -> Estimate:
    """Return a class's mean over clinics by the clinics' weights; the variance is within clinics.

    A clinic without the class is left out.
    """
    if len(groups) == 1:
        return mean_interval(groups[0], level=level)
    there = [(group, w) for group, w in zip(groups, weights, strict=True) if group.n]
    n = sum(group.n for group, _ in there)
    if not there:
        return Estimate.missing(_NO_SUCH_CLASS, 0, level)
    total = sum(w for _, w in there)
    mean = sum(w * group.mean for group, w in there) / total
    pooled = within_clinics([group for group, _ in there])
    if pooled.freedom < 1:
        return Estimate(mean, None, None, level, n)
    spread = sum(w**2 / group.n for group, w in there) / total**2
    half_width = _quantile(pooled.freedom, level) * math.sqrt(pooled.variance * spread)
    return Estimate(mean, mean - half_width, mean + half_width, level, n)


def difference_over_clinics(
    groups: Sequence[Group], references: Sequence[Group], *, level: float = LEVEL
) -> Estimate:
    """Return the mean difference within clinics, averaged; Welch's interval with pooled variances.

    A clinic without one of the classes has no difference.
    """
    if len(groups) == 1:
        return welch_difference(groups[0], references[0], level=level)
    pairs = _clinics_with_both(groups, references)
    n = sum(one.n + other.n for one, other in pairs)
    sides = [within_clinics(side) for side in zip(*pairs, strict=True)] if pairs else []
    if not pairs or min(side.freedom for side in sides) < 1:
        return Estimate.missing(_TOO_FEW, n, level)
    weights = [one.n * other.n / (one.n + other.n) for one, other in pairs]
    total = sum(weights)
    parts = [
        side.variance
        * sum(w**2 / pair[at].n for w, pair in zip(weights, pairs, strict=True))
        / total**2
        for at, side in enumerate(sides)
    ]
    if sum(parts) == 0:
        return Estimate.missing(_NO_VARIANCE, n, level)
    freedom = sum(parts) ** 2 / sum(
        part**2 / side.freedom for part, side in zip(parts, sides, strict=True)
    )
    differences = [one.mean - other.mean for one, other in pairs]
    value = sum(w * d for w, d in zip(weights, differences, strict=True)) / total
    half_width = _quantile(freedom, level) * math.sqrt(sum(parts))
    return Estimate(value, value - half_width, value + half_width, level, n)


def point_biserial_over_clinics(
    groups: Sequence[Group], references: Sequence[Group], *, level: float = LEVEL
) -> Estimate:
    """Return r of class with improvement within clinics; clinics cost degrees of freedom."""
    if len(groups) == 1:
        return point_biserial(groups[0], references[0], level=level)
    pairs = _clinics_with_both(groups, references)
    n = sum(one.n + other.n for one, other in pairs)
    if n - len(pairs) < 2:
        return Estimate.missing(_TOO_FEW, n, level)
    weights = [one.n * other.n / (one.n + other.n) for one, other in pairs]
    differences = [one.mean - other.mean for one, other in pairs]
    within = sum(one.squares + other.squares for one, other in pairs)
    if within == 0:
        return Estimate.missing(_NO_VARIANCE, n, level)
    between = sum(w * d**2 for w, d in zip(weights, differences, strict=True))
    shared = sum(w * d for w, d in zip(weights, differences, strict=True))
    r = shared / math.sqrt(sum(weights) * (between + within))
    low, high = fisher_interval(r, n, level=level, n_given=len(pairs) - 1) or (None, None)
    return Estimate(r, low, high, level, n)


@dataclass(frozen=True, slots=True)
class _Within:
    variance: float
    freedom: int


def within_clinics(groups: Sequence[Group]) -> _Within:
    """Return the variance of a class within clinics and its degrees of freedom."""
    freedom = sum(max(group.n - 1, 0) for group in groups)
    squares = sum(group.squares for group in groups if group.n)
    return _Within(squares / freedom if freedom else math.nan, freedom)


def _clinics_with_both(
    groups: Sequence[Group], references: Sequence[Group]
) -> list[tuple[Group, Group]]:
    pairs = zip(groups, references, strict=True)
    return [(one, other) for one, other in pairs if one.n and other.n]


def rupture_outcome(strata: Columns, rows: Columns) -> list[Record]:
    """Compare the classes: one record per scope, detector, pair of forms and class.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group and KEYS
    rows : one entry per stratum and class
        stratum, class_code (position in CLASSES) and the columns SUMS.
    """
    return records_by_scope(strata, rows, KEYS, _classes_of, _classes_without_estimate)


def _classes_of(_: object, part: Columns) -> Iterator[Record]:
    sums, clinics = _sums_of(part), _by_clinic(part)
    for name in CLASSES:
        yield _record_of(name, sums, clinics)


def _classes_without_estimate(part: Columns) -> list[Record]:
    return [{"rupture_class": name} | _counts_of(own) for name, own in _sums_of(part).items()]


def _sums_of(part: Columns) -> dict[str, dict[str, float]]:
    return {
        name: {column: float(part[column][part["class_code"] == code].sum()) for column in SUMS}
        for code, name in enumerate(CLASSES)
    }


def _by_clinic(part: Columns) -> list[dict[str, dict[str, float]]]:
    """Return the sums of each clinic and class."""
    clinics = clinics_of(part)
    return [
        _sums_of({name: column[clinics == code] for name, column in part.items()})
        for code in np.unique(clinics)
    ]


def _counts_of(own: Mapping[str, float]) -> Record:
    return {"n_clients": int(own["client_count"]), "n_therapists": int(own["therapist_count"])}


Sums = Mapping[str, Mapping[str, float]]


def _record_of(name: str, sums: Sums, clinics: Sequence[Sums]) -> Record:
    own = sums[name]
    n = int(own["client_count"])
    groups = _groups(clinics, name)
    weights = [sum(part["client_count"] for part in each.values()) for each in clinics]
    record = (
        {"rupture_class": name}
        | _counts_of(own)
        | {
            "mean_sessions": own["session_sum"] / n if n else None,
            "sd_improvement": _sd(groups),
        }
        | fields_of(mean_over_clinics(groups, weights))
        | _share_fields("reliably_improved", own, "reliable")
        | _share_fields("dropout", own, "dropout")
    )
    for reference in ("none", "unrepaired"):
        record |= _difference_fields(name, reference, sums, clinics)
    r = (
        point_biserial_over_clinics(groups, _groups(clinics, "unrepaired"))
        if name == "repaired"
        else Estimate.missing("only the repaired are compared")
    )
    return record | side_fields_of(r, "repair_r")


def _difference_fields(name: str, reference: str, sums: Sums, clinics: Sequence[Sums]) -> Record:
    sides = [sums, *clinics] if len(clinics) > 1 else [sums]
    pairs = [(each[name], each[reference]) for each in sides]
    found = {
        "improvement": difference_over_clinics(_groups(clinics, name), _groups(clinics, reference)),
        "reliably_improved_percent": _share_difference(pairs, "reliable"),
        "dropout_percent": _share_difference(pairs, "dropout"),
    }
    fields: Record = {}
    for measure, estimate in found.items():
        shown = estimate if name != reference else Estimate.missing("the reference itself")
        fields |= side_fields_of(shown, f"{measure}_vs_{reference}")
    return fields


def _share_fields(name: str, own: Mapping[str, float], counts: str) -> Record:
    n, n_events = int(own[f"{counts}_known_count"]), int(own[f"{counts}_count"])
    share = wilson_interval(n_events, n, level=LEVEL).times(100)
    return side_fields_of(share, f"{name}_percent")


def _share_difference(pairs: Sequence[tuple[Facts, Facts]], counts: str) -> Estimate:
    """Return the difference of all, or where clinics follow, the one within clinics."""
    cells = np.array(
        [
            [side[f"{counts}_{what}"] for side in pair for what in ("count", "known_count")]
            for pair in pairs
        ]
    ).astype(int)
    if len(pairs) == 1:
        return risk_difference(*cells[0].tolist(), level=LEVEL).times(100)
    return risk_difference_in_strata(*cells[1:].T, level=LEVEL).times(100)


def _groups(clinics: Sequence[Sums], name: str) -> list[Group]:
    return [_improvement(sums[name]) for sums in clinics]


def _improvement(own: Mapping[str, float]) -> Group:
    return group_of(own["client_count"], own["improvement_sum"], own["improvement_squares"])


def _sd(groups: Sequence[Group]) -> float | None:
    pooled = within_clinics(groups)
    return math.sqrt(pooled.variance) if pooled.freedom else None


def _quantile(freedom: float, level: float) -> float:
    return float(stdtrit(freedom, 0.5 + level / 2))


class RuptureOutcomeRow(Row, total=False):
    """Outcome of one rupture class, and compared with two others."""

    detector: str
    instrument_id: str
    version: str
    outcome_instrument_id: str
    rupture_class: str
    n_clients: int
    n_therapists: int
    mean_sessions: float
    sd_improvement: float
    reliably_improved_percent: float
    reliably_improved_percent_ci_low: float
    reliably_improved_percent_ci_high: float
    dropout_percent: float
    dropout_percent_ci_low: float
    dropout_percent_ci_high: float
    improvement_vs_none: float
    improvement_vs_none_ci_low: float
    improvement_vs_none_ci_high: float
    reliably_improved_percent_vs_none: float
    reliably_improved_percent_vs_none_ci_low: float
    reliably_improved_percent_vs_none_ci_high: float
    dropout_percent_vs_none: float
    dropout_percent_vs_none_ci_low: float
    dropout_percent_vs_none_ci_high: float
    improvement_vs_unrepaired: float
    improvement_vs_unrepaired_ci_low: float
    improvement_vs_unrepaired_ci_high: float
    reliably_improved_percent_vs_unrepaired: float
    reliably_improved_percent_vs_unrepaired_ci_low: float
    reliably_improved_percent_vs_unrepaired_ci_high: float
    dropout_percent_vs_unrepaired: float
    dropout_percent_vs_unrepaired_ci_low: float
    dropout_percent_vs_unrepaired_ci_high: float
    repair_r: float
    repair_r_ci_low: float
    repair_r_ci_high: float


RUPTURE_OUTCOME = CfTable(
    RuptureOutcomeRow,
    (ByStratum(rupture_outcome, KEYS, ("class_code",), sums=SUMS),),
    Clinics(WITHIN_CLINICS, (*KEYS, "rupture_class")),
)
