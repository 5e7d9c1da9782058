"""Two risks compared within strata (clinics) and averaged over them.

Weights of Mantel & Haenszel: n₁n₀/(n₁ + n₀). With one stratum callers use intervals made for it.
"""

import math

import numpy as np

from transforms.statistics.estimate import Estimate, two_sided_z, wald


def risk_difference_in_strata(
    events: np.ndarray,
    n: np.ndarray,
    events_reference: np.ndarray,
    n_reference: np.ndarray,
    *,
    level: float = 0.95,
) -> Estimate:
    """Return the common risk difference with the variance of Sato 1989 (doi:10.2307/2532443).

    Consistent with few large and with many small strata. Parameters have one entry per stratum.
    """
    a, b = events.astype(float), events_reference.astype(float)
    used = (n > 0) & (n_reference > 0)
    a, b, n1, n0 = a[used], b[used], n[used].astype(float), n_reference[used].astype(float)
    total = int(n.sum() + n_reference.sum())
    if not used.any():
        return Estimate.missing("no clinic has both sides", total, level)
    size = n1 + n0
    weights = n1 * n0 / size
    value = float((a * n0 / size - b * n1 / size).sum() / weights.sum())
    p = (n1**2 * b - n0**2 * a + n1 * n0 * (n0 - n1) / 2) / size**2
    q = (a * (n0 - b) + b * (n1 - a)) / (2 * size)
    variance = (value * p.sum() + q.sum()) / weights.sum() ** 2
    found = wald(value, math.sqrt(max(variance, 0.0)), total, level).with_ends
    if found is None:
        return Estimate.missing("nobody, or everybody, has the event on both sides", total, level)
    _, low, high = found
    return Estimate(value, max(low, -1.0), min(high, 1.0), level, total)


def odds_ratio_in_strata(
    events: np.ndarray,
    n: np.ndarray,
    events_reference: np.ndarray,
    n_reference: np.ndarray,
    *,
    level: float = 0.95,
) -> Estimate:
    """Return the common odds ratio with the variance of Robins, Breslow & Greenland 1986.

    doi:10.2307/2531052. Parameters have one entry per stratum.
    """
    used = (n > 0) & (n_reference > 0)
    a, c = events[used].astype(float), events_reference[used].astype(float)
    b, d = n[used] - a, n_reference[used] - c
    total = int(n.sum() + n_reference.sum())
    size = a + b + c + d
    r, s = a * d / size, b * c / size
    if r.sum() <= 0 or s.sum() <= 0:
        reason = "a tertile has no dropout or nobody who stayed"
        return Estimate.missing(reason, total, level)
    p, q = (a + d) / size, (b + c) / size
    variance = (
        (p * r).sum() / (2 * r.sum() ** 2)
        + (p * s + q * r).sum() / (2 * r.sum() * s.sum())
        + (q * s).sum() / (2 * s.sum() ** 2)
    )
    value = r.sum() / s.sum()
    half_width = two_sided_z(level) * math.sqrt(float(variance))
    ends = (float(value * math.exp(-half_width)), float(value * math.exp(half_width)))
    return Estimate(float(value), *ends, level, total)
