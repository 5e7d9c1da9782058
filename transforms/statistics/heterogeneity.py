"""How much clinics differ in an estimate, from their own estimates and intervals.

Random effects by DerSimonian & Laird 1986 (doi:10.1016/0197-2456(86)90046-2); I² of Higgins &
Thompson 2002 (doi:10.1002/sim.1186); prediction interval for the next clinic of Higgins, Thompson &
Spiegelhalter 2009 (doi:10.1111/j.1467-985X.2008.00552.x), on t with k − 2 degrees of freedom.
Correlations are compared as Fisher's z, ratios as logs, shares as logits; everything else as it is.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from transforms.statistics.estimate import Estimate, two_sided_t, two_sided_z

FEWEST_FOR_PREDICTION = 5
IDENTITY, CORRELATION, RATIO, SHARE = "identity", "correlation", "ratio", "share"
_INSIDE = {
    IDENTITY: (-math.inf, math.inf),
    CORRELATION: (-1.0, 1.0),
    RATIO: (0.0, math.inf),
    SHARE: (0.0, 1.0),
}
_TO: dict[str, Callable[[float], float]] = {
    IDENTITY: float,
    CORRELATION: math.atanh,
    RATIO: math.log,
    SHARE: lambda share: math.log(share / (1 - share)),
}
_FROM: dict[str, Callable[[float], float]] = {
    IDENTITY: float,
    CORRELATION: math.tanh,
    RATIO: math.exp,
    SHARE: lambda logit: 1 / (1 + math.exp(-logit)),
}


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Clinics compared. ``tau`` is their SD on the compared scale, the rest in the estimate's unit.

    Fields that need more clinics than there are, are None. ``mean`` is the random-effects mean;
    ``is_sign_mixed`` whether some clinics lie above and some below no effect (shares: None).
    """

    n_clinics: int
    tau: float | None = None
    i_squared: float | None = None
    mean: Estimate | None = None
    prediction: tuple[float, float] | None = None
    is_sign_mixed: bool | None = None


def heterogeneity_of(estimates: Sequence[Estimate], scale: str = IDENTITY) -> Heterogeneity:
    """Compare the clinics' own estimates; one without an interval inside its scale cannot count."""
    found = [(each, place) for each in estimates if (place := _place_of(each, scale))]
    if len(found) < 2:
        return Heterogeneity(len(found))
    values = [value for _, (value, _) in found]
    variances = [variance for _, (_, variance) in found]
    tau2, i_squared = dersimonian_laird(values, variances)
    weights = [1 / (variance + tau2) for variance in variances]
    mean = sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)
    se = math.sqrt(1 / sum(weights))
    level = found[0][0].ci_level
    ends = _around(mean, two_sided_z(level) * se, scale)
    prediction = None
    if len(found) >= FEWEST_FOR_PREDICTION:
        half_width = two_sided_t(len(found) - 2, level) * math.sqrt(tau2 + se**2)
        prediction = _around(mean, half_width, scale)
    return Heterogeneity(
        len(found),
        math.sqrt(tau2),
        i_squared,
        Estimate(_FROM[scale](mean), *ends, level, sum(each.n for each, _ in found)),
        prediction,
        None if scale == SHARE else min(values) < 0 < max(values),
    )


def dersimonian_laird(values: Sequence[float], variances: Sequence[float]) -> tuple[float, float]:
    """Return tau² and I² (0 to 1) of two estimates or more with their sampling variances."""
    weights = [1 / variance for variance in variances]
    total = sum(weights)
    mean = sum(w * v for w, v in zip(weights, values, strict=True)) / total
    q = sum(w * (v - mean) ** 2 for w, v in zip(weights, values, strict=True))
    freedom = len(values) - 1
    scale = total - sum(w**2 for w in weights) / total
    return max((q - freedom) / scale, 0.0), max((q - freedom) / q, 0.0) if q > 0 else 0.0


def _place_of(estimate: Estimate, scale: str) -> tuple[float, float] | None:
    """Return the value and its variance, the interval taken as normal; None if it cannot count."""
    low, high = _INSIDE[scale]
    ends = estimate.with_ends
    if ends is None or not all(low < each < high for each in ends):
        return None
    value, ci_low, ci_high = (_TO[scale](each) for each in ends)
    if not ci_high > ci_low:
        return None
    return value, ((ci_high - ci_low) / (2 * two_sided_z(estimate.ci_level))) ** 2


def _around(mean: float, half_width: float, scale: str) -> tuple[float, float]:
    return _FROM[scale](mean - half_width), _FROM[scale](mean + half_width)
