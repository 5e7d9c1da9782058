"""How much change is more than measurement error, and where the clinical range ends.

Jacobson & Truax 1991 (doi:10.1037/0022-006X.59.1.12) and effect sizes of change. Which
episode falls into which class is decided in SQL from thresholds of the registry; this
module computes such thresholds and describes samples. Improvement is positive everywhere.
"""

import math
from dataclasses import dataclass


def standard_error_of_measurement(sd: float, reliability: float) -> float:
    """Return SEM = SD·√(1 − r), in points of the scale."""
    _check(sd, reliability)
    return sd * math.sqrt(1 - reliability)


def standard_error_of_difference(sd: float, reliability: float) -> float:
    """Return Sdiff = √2·SEM, the error of a difference of two scores, in points.

    Jacobson, Follette & Revenstorf 1984 left out √2; Christensen & Mendoza 1986 put it in.
    """
    return math.sqrt(2) * standard_error_of_measurement(sd, reliability)


def standard_error_of_prediction(sd: float, reliability: float) -> float:
    """Return SD·√(1 − r²), the error of a second score predicted from the first, in points."""
    _check(sd, reliability)
    return sd * math.sqrt(1 - reliability**2)


@dataclass(frozen=True, slots=True)
class CutOffs:
    """The three cut-offs of Jacobson & Truax, in points of the scale.

    ``a`` lies two SDs outside the clinical mean, ``b`` within two SDs of the functional
    mean, ``c`` halfway between the two groups, weighted by their spread.
    """

    a: float
    b: float
    c: float


def clinical_cut_offs(
    *,
    clinical_mean: float,
    clinical_sd: float,
    functional_mean: float,
    functional_sd: float,
    higher_is_better: bool,
) -> CutOffs:
    """Return cut-offs a, b and c.

    Notes
    -----
    b uses the functional SD, as in the paper; some software uses the clinical one.
    """
    direction = 1 if higher_is_better else -1
    return CutOffs(
        a=clinical_mean + direction * 2 * clinical_sd,
        b=functional_mean - direction * 2 * functional_sd,
        c=(clinical_sd * functional_mean + functional_sd * clinical_mean)
        / (clinical_sd + functional_sd),
    )


@dataclass(frozen=True, slots=True)
class EffectSizes:
    """Uncontrolled pre–post effect sizes in SD units; positive is improvement.

    The same sample gives very different numbers, so always print which one is shown:
    ``d_pre`` divides by the pre SD (``g_pre`` is its small-sample correction, Becker 1988),
    ``d_av`` by the root mean square of both SDs, ``d_z`` by the SD of the change, and
    ``d_rm`` is ``d_z`` on the scale of the raw SD. All None, with a reason, if undefined.
    """

    n: int
    mean_improvement: float | None = None
    correlation: float | None = None
    d_pre: float | None = None
    g_pre: float | None = None
    d_av: float | None = None
    d_z: float | None = None
    d_rm: float | None = None
    reason: str | None = None


def small_sample_factor(degrees_of_freedom: int) -> float:
    """Return J(df) = 1 − 3 / (4·df − 1), Hedges' correction of a standardized mean."""
    return 1 - 3 / (4 * degrees_of_freedom - 1)


def effect_sizes_from_moments(
    *,
    n: int,
    mean_improvement: float,
    sd_pre: float,
    sd_post: float,
    sd_change: float,
    lost: int = 0,
) -> EffectSizes:
    """Describe change from published means and SDs; the correlation follows from the three SDs.

    ``lost`` are degrees of freedom spent beside the mean, as on the means of clinics.
    """
    if min(sd_pre, sd_post, sd_change) <= 0:
        return EffectSizes(n, reason="a standard deviation is zero")
    correlation = (sd_pre**2 + sd_post**2 - sd_change**2) / (2 * sd_pre * sd_post)
    correlation = min(max(correlation, -1.0), 1.0)
    d_pre = mean_improvement / sd_pre
    g_pre = small_sample_factor(n - 1 - lost) * d_pre
    d_z = mean_improvement / sd_change
    return EffectSizes(
        n=n,
        mean_improvement=mean_improvement,
        correlation=correlation,
        d_pre=d_pre,
        g_pre=g_pre,
        d_av=mean_improvement / math.sqrt((sd_pre**2 + sd_post**2) / 2),
        d_z=d_z,
        d_rm=d_z * math.sqrt(2 * (1 - correlation)),
    )


def _check(sd: float, reliability: float) -> None:
    if not (sd > 0 and 0 <= reliability <= 1):
        raise ValueError("an SD is positive and a reliability lies between 0 and 1")
