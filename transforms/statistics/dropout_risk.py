"""Who leaves early: risks by early alliance, their comparison, and how definitions agree.

Only clients still in treatment at the landmark session enter (domain brief §3.3): those who
left before it could never have given the rating, so comparing them would be circular.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from transforms.statistics import clinic_effects
from transforms.statistics.arrays import Bools, Codes, Floats, Ints
from transforms.statistics.correlation import wilson_interval
from transforms.statistics.cox import fit_cox
from transforms.statistics.cox_time_varying import SessionCoxFit, fit_session_cox, strata_apart
from transforms.statistics.estimate import Estimate, two_sided_t, two_sided_z
from transforms.statistics.mantel_haenszel import odds_ratio_in_strata, risk_difference_in_strata

LANDMARK_SESSION = 3
TERTILES = ("low", "middle", "high")


@dataclass(frozen=True, slots=True)
class Tertiles:
    """Tertile of each value (0 low, 1 middle, 2 high) and the values where they end.

    Equal values always share a tertile, so with a ceiling the three are not equally large and
    the highest may be empty. Several clinics are cut each by its own, so they have no such values.
    """

    codes: Ints
    low_ends_at: float | None
    middle_ends_at: float | None


def tertiles(values: Floats) -> Tertiles:
    """Cut values into thirds: low up to the 1/3 quantile, middle up to the 2/3 quantile."""
    if len(values) == 0:
        return Tertiles(np.zeros(0, dtype=int), None, None)
    # inverted_cdf: a cut is always an observed value, in every quantile library the same one.
    ends = np.quantile(values, [1 / 3, 2 / 3], method="inverted_cdf")
    codes = np.searchsorted(ends, values, side="left")
    return Tertiles(codes, float(ends[0]), float(ends[1]))


def tertiles_within(values: np.ndarray, clinics: np.ndarray) -> Tertiles:
    """Cut the values of each clinic into thirds of its own."""
    if clinic_effects.extra_clinics(clinics) == 0:
        return tertiles(values)
    codes = np.zeros(len(values), dtype=int)
    for rows in clinic_effects.each_clinic(clinics):
        codes[rows] = tertiles(values[rows]).codes
    return Tertiles(codes, None, None)


def risk_difference(
    n_events: int, n: int, n_events_reference: int, n_reference: int, *, level: float = 0.95
) -> Estimate:
    """Return risk minus reference risk (−1 to 1) with Newcombe's interval.

    Newcombe 1998, method 10 (doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I):
    built from the two Wilson intervals, so it stays inside −1…1 and works with no events.
    """
    first = wilson_interval(n_events, n, level=level)
    second = wilson_interval(n_events_reference, n_reference, level=level)
    if first.with_ends is None or second.with_ends is None:
        return Estimate.missing("a tertile is empty", n + n_reference, level)
    (risk, low, high), (reference, reference_low, reference_high) = (
        first.with_ends,
        second.with_ends,
    )
    difference = risk - reference
    below = math.hypot(risk - low, reference_high - reference)
    above = math.hypot(high - risk, reference - reference_low)
    return Estimate(difference, difference - below, difference + above, level, n + n_reference)


def odds_ratio(
    n_events: int, n: int, n_events_reference: int, n_reference: int, *, level: float = 0.95
) -> Estimate:
    """Return the odds ratio against the reference with Woolf's interval; no cell may be zero."""
    cells = (n_events, n - n_events, n_events_reference, n_reference - n_events_reference)
    if min(cells) <= 0:
        reason = "a tertile has no dropout or nobody who stayed"
        return Estimate.missing(reason, n + n_reference, level)
    log_ratio = math.log(cells[0] * cells[3] / (cells[1] * cells[2]))
    half_width = two_sided_z(level) * math.sqrt(sum(1 / cell for cell in cells))
    low, high = math.exp(log_ratio - half_width), math.exp(log_ratio + half_width)
    return Estimate(math.exp(log_ratio), low, high, level, n + n_reference)


@dataclass(frozen=True, slots=True)
class EarlyAllianceDropout:
    """Dropout by tertile of the alliance at the landmark, low first.

    Risks are 0 to 1; comparisons are low against high.
    """

    cuts: Tertiles
    n_clients: tuple[int, ...]
    n_dropouts: tuple[int, ...]
    risks: tuple[Estimate, ...]
    risk_difference: Estimate
    odds_ratio: Estimate


def dropout_by_tertile(
    alliance: np.ndarray,
    dropped_out: np.ndarray,
    *,
    clinics: np.ndarray | None = None,
    level: float = 0.95,
) -> EarlyAllianceDropout:
    """Compare dropout between tertiles of the alliance at the landmark session.

    Parameters
    ----------
    alliance : array
        Rating at the landmark session, higher is better.
    dropped_out : array of bool
        True for a dropout; clients whose ending is unknown are left out before.
    clinics : array, optional
        Clinic of each client. Of several, thirds are cut within clinics; risks are of all clients
        of a third, and both comparisons are averages within clinics (Mantel–Haenszel).
    """
    clinics = np.zeros(len(alliance)) if clinics is None else clinics
    cuts = tertiles_within(alliance, clinics)
    n = np.bincount(cuts.codes, minlength=3)
    events = np.bincount(cuts.codes, weights=dropped_out, minlength=3).astype(int)
    risks = tuple(
        wilson_interval(int(k), int(size), level=level)
        if size
        else Estimate.missing("too many equal ratings to fill this tertile", 0, level)
        for k, size in zip(events, n, strict=True)
    )
    difference, ratio = _low_against_high(cuts.codes, dropped_out, clinics, level)
    return EarlyAllianceDropout(
        cuts,
        tuple(int(size) for size in n),
        tuple(int(k) for k in events),
        risks,
        difference,
        ratio,
    )


def _low_against_high(
    thirds: np.ndarray, dropped_out: np.ndarray, clinics: np.ndarray, level: float
) -> tuple[Estimate, Estimate]:
    """Return risk difference and odds ratio of the low against the high third."""
    cells = np.array(
        [
            [
                count
                for third in (0, 2)
                for count in (
                    int(dropped_out[rows & (thirds == third)].sum()),
                    int((rows & (thirds == third)).sum()),
                )
            ]
            for rows in clinic_effects.each_clinic(clinics)
        ]
    ).reshape(-1, 4)
    if len(cells) > 1:
        return (
            risk_difference_in_strata(*cells.T, level=level),
            odds_ratio_in_strata(*cells.T, level=level),
        )
    sides = cells[0].tolist() if len(cells) else [0, 0, 0, 0]
    return risk_difference(*sides, level=level), odds_ratio(*sides, level=level)


def hazard_ratio_per_sd(
    sessions_attended: Floats,
    dropped_out: Bools,
    alliance: Floats,
    clusters: Codes,
    *,
    is_known: np.ndarray | None = None,
    clinics: np.ndarray | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return the hazard ratio of dropout per SD of the alliance at the landmark.

    Parameters
    ----------
    sessions_attended : array of int, at least the landmark session
        Attended treatment sessions so far. The event happens instead of the next one, so time
        is sessions_attended + 1, counted from the landmark.
    dropped_out : array of bool
        False means censored (cause-specific hazard).
    alliance, clusters : arrays
        Rating at the landmark; therapist code for the cluster-robust interval.
    is_known : array of bool, optional
        Whether the ending is known; by default all are. Who is still in treatment, or ended
        nobody knows how, was last at risk before the last session: what came instead of the
        next one is not known.
    clinics : array, optional
        Clinic of each client. Of several, each has its own hazard (strata), and the SD is the one
        within clinics.

    Notes
    -----
    Below 1: a better alliance goes with a lower hazard of leaving.
    """
    if clinics is not None and clinic_effects.extra_clinics(clinics):
        known = 1 if is_known is None else is_known
        duration = sessions_attended + known - LANDMARK_SESSION
        within = _stratified(duration, dropped_out, alliance, clusters, clinics)
        return within.hazard_ratio(0, times=clinic_effects.spread(alliance, clinics), level=level)
    spread = float(np.std(alliance, ddof=1)) if len(alliance) > 1 else 0.0
    _, codes = np.unique(clusters, return_inverse=True)
    last_at_risk = sessions_attended + (1 if is_known is None else is_known)
    fit = fit_cox(last_at_risk - LANDMARK_SESSION, dropped_out, alliance, codes)
    if fit.reason:
        return Estimate.missing(fit.reason, fit.n, level)
    if fit.log_hazard_ratio is None or fit.robust_se is None:
        raise ValueError("a fit on clusters without a reason has a ratio and a robust error")
    n_clusters = int(codes.max()) + 1
    if n_clusters < 2:
        return Estimate.missing("fewer than 2 therapists", fit.n, level)
    # The sandwich is too small with few clusters: G / (G − 1), and t with G − 1 degrees of freedom.
    t = two_sided_t(n_clusters - 1, level)
    half_width = t * fit.robust_se * math.sqrt(n_clusters / (n_clusters - 1))
    ends = [
        math.exp(spread * (fit.log_hazard_ratio + side * half_width)) for side in (-1.0, 0.0, 1.0)
    ]
    return Estimate(ends[1], ends[0], ends[2], level, fit.n)


def _stratified(
    duration: np.ndarray,
    dropped_out: np.ndarray,
    alliance: np.ndarray,
    clusters: np.ndarray,
    clinics: np.ndarray,
) -> SessionCoxFit:
    start, stop = strata_apart(np.zeros(len(duration)), duration, clinics)
    within = clinic_effects.centered(alliance, clinics)
    return fit_session_cox(start, stop, dropped_out, within[:, None], clusters)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Share of episodes on which two definitions say the same, among those both can judge."""

    first: str
    second: str
    n: int
    n_agree: int
    share: Estimate


def agreement_matrix(definitions: Mapping[str, Floats], *, level: float = 0.95) -> list[Agreement]:
    """Compare every pair of definitions (arrays of 1 dropout, 0 not, NaN cannot be judged)."""
    names = list(definitions)
    found = []
    for position, first in enumerate(names):
        for second in names[position + 1 :]:
            one, other = definitions[first], definitions[second]
            both = ~(np.isnan(one) | np.isnan(other))
            n, n_agree = int(both.sum()), int((one == other)[both].sum())
            share = wilson_interval(n_agree, n, level=level)
            found.append(Agreement(first, second, n, n_agree, share))
    return found
