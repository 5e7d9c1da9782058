"""Cumulative incidence of leaving, while finishing treatment competes with it.

One minus Kaplan–Meier of dropout overstates dropout: it treats clients who completed as if
they could still leave. The Aalen–Johansen estimator does not (domain brief §3.3).

Time is the session after which the client left; who is censored after session n was seen to
stay through the sessions before, so is at risk there and not at n.
"""

from dataclasses import dataclass, replace

import numpy as np

from transforms.statistics.arrays import Floats, Ints
from transforms.statistics.estimate import two_sided_z

DROPOUT, COMPETING, CENSORED = 1, 2, 0
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class CumulativeIncidence:
    """One entry per time with an event of any cause, in order.

    ``incidence`` and ``competing`` are probabilities (0 to 1) of having left, or having ended
    otherwise, by that time; ``se`` is that of ``incidence``. ``n_at_risk`` is just before.
    """

    time: Floats
    n_at_risk: Ints
    n_events: Floats
    incidence: Floats
    competing: Floats
    se: Floats

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Return pointwise log(−log) intervals; NaN where nobody has left yet, or everybody has."""
        z = two_sided_z(level)
        # All have left: 1 but for rounding, and so is a standard error of 0.
        inside = (self.incidence > 0) & (self.incidence < 1 - ROUNDING) & (self.se > 0)
        f = np.where(inside, self.incidence, 0.5)
        spread = z * np.where(inside, self.se, 0.0) / (f * np.log(f))
        low, high = f ** np.exp(-spread), f ** np.exp(spread)
        return np.where(inside, low, np.nan), np.where(inside, high, np.nan)


def cumulative_incidence(time: Floats, cause: Floats) -> CumulativeIncidence:
    """Estimate the cumulative incidence of cause 1 with cause 2 competing.

    Parameters
    ----------
    time : array
        When the client left or was last known; at equal times events precede censoring.
    cause : array of int
        1 the event, 2 a competing event, 0 censored.

    Notes
    -----
    Aalen & Johansen 1978. Variance by the delta method (Marubini & Valsecchi 1995, eq. 10.12):
    equal to the infinitesimal jackknife of R's ``survival::survfit``. ``cmprsk::cuminc`` gives the
    same estimates; its variance replaces n by n − 1 at ties, which makes up to 3 % of the error.
    """
    time, cause = np.asarray(time, dtype=float), np.asarray(cause)
    times, codes = np.unique(time, return_inverse=True)
    counts = [np.bincount(codes[cause == k], minlength=len(times)) for k in (0, 1, 2)]
    n_at_risk = len(time) - np.concatenate([[0], np.cumsum(sum(counts))])[:-1]
    has_event = (counts[1] + counts[2]) > 0
    n, d1, d2 = (part[has_event].astype(float) for part in (n_at_risk, counts[1], counts[2]))
    staying = np.cumprod(1 - (d1 + d2) / n) if len(n) else np.zeros(0)
    before = np.concatenate([[1.0], staying])[:-1]
    incidence, competing = np.cumsum(before * d1 / n), np.cumsum(before * d2 / n)
    return CumulativeIncidence(
        times[has_event], n.astype(int), d1.astype(int),
        incidence, competing, np.sqrt(_variance(n, d1, d2, before, incidence)),
    )  # fmt: skip


def cumulative_incidence_over_clinics(
    time: np.ndarray, cause: np.ndarray, clinics: np.ndarray
) -> CumulativeIncidence:
    """Average the curves of clinics, each weighted by its clients of this curve.

    Counts are those of all. A clinic's curve stays where it was after its last event; clinics are
    independent, so variances add with squared weights. Of one clinic its own curve.
    """
    of_all = cumulative_incidence(time, cause)
    codes, sizes = np.unique(clinics, return_counts=True)
    if len(codes) < 2:
        return of_all
    sums = np.zeros((3, len(of_all.time)))
    for code, weight in zip(codes, sizes / sizes.sum(), strict=True):
        own = cumulative_incidence(time[clinics == code], cause[clinics == code])
        last = np.searchsorted(own.time, of_all.time, side="right")
        for at, (part, power) in enumerate(((own.incidence, 1), (own.competing, 1), (own.se, 2))):
            sums[at] += (weight * np.concatenate([[0.0], part])[last]) ** power
    return replace(of_all, incidence=sums[0], competing=sums[1], se=np.sqrt(sums[2]))


def _variance(
    n: np.ndarray, d1: np.ndarray, d2: np.ndarray, before: np.ndarray, incidence: np.ndarray
) -> np.ndarray:
    """Return Var F(t) = Σ [F(t) − F(s)]²·A + B − 2[F(t) − F(s)]·C over the times s up to t."""
    d = d1 + d2
    left = n * (n - d)
    a = np.where(left > 0, d / np.where(left > 0, left, 1), 0.0)
    b = before**2 * (n - d1) * d1 / n**3
    c = before * d1 / n**2
    a_sum, af, aff = (np.cumsum(part) for part in (a, a * incidence, a * incidence**2))
    c_sum, cf = np.cumsum(c), np.cumsum(c * incidence)
    variance: Floats = incidence**2 * a_sum - 2 * incidence * af + aff + np.cumsum(b)
    of_all: Floats = np.maximum(variance - 2 * (incidence * c_sum - cf), 0.0)
    return of_all
