"""Agreement of two raters and outcome: polynomial regression and its response surface.

A difference score forces two slopes to be equal and opposite; the surface lets the data say so.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from transforms.statistics import clinic_effects
from transforms.statistics.arrays import Codes, Floats
from transforms.statistics.cluster_robust import clustered_covariance
from transforms.statistics.estimate import Estimate

# Along the line of agreement (client = therapist) and of disagreement (client = -therapist).
SURFACE = {
    "a1": (1, 1, 0, 0, 0),
    "a2": (0, 0, 1, 1, 1),
    "a3": (1, -1, 0, 0, 0),
    "a4": (0, 0, 1, -1, 1),
}
FEWEST_CLUSTERS = 10  # below this, intervals from clusters are too narrow to print
SMALLEST_USABLE = 1e-9  # share of a column's length that must not follow from the others


@dataclass(frozen=True, slots=True)
class ResponseSurface:
    """Slopes ``b1``…``b5`` and surface parameters ``a1``…``a4``, all in points of the outcome.

    ``interval`` says where the standard errors come from: 'therapists' or 'rows'.
    """

    n: int
    n_clusters: int
    interval: str | None
    r_squared: float | None
    parameters: dict[str, Estimate]


def response_surface(
    client: Floats,
    therapist: Floats,
    outcome: Floats,
    given: Floats,
    clusters: Codes,
    *,
    clinics: np.ndarray | None = None,
    level: float = 0.95,
) -> ResponseSurface:
    """Fit outcome = b0 + g·given + b1C + b2T + b3C² + b4CT + b5T² by least squares.

    Parameters
    ----------
    client, therapist : array
        Both ratings on one scale, centered on the middle of the scale (not on their means).
    outcome, given : array
        Outcome and the score held equal (the first one), higher is better.
    clusters : array of int
        Therapist of each row.
    clinics : array of int, optional
        Clinic of each row; each but one gets a column.

    Returns
    -------
    ResponseSurface
        a1 = b1 + b2 (slope) and a2 = b3 + b4 + b5 (curve) along agreement; a3 = b1 − b2 and
        a4 = b3 − b4 + b5 along disagreement. No value, and a reason, where the data cannot carry
        the surface (no variance, one rating following from the other, too few rows).

    Notes
    -----
    Edwards 1994; Shanock et al. 2010, Journal of Business and Psychology 25:543-554. The surface
    parameters are linear in the slopes, so the delta method is exact. With ten therapists or more
    the covariance is clustered (CR1: G/(G−1)·(N−1)/(N−k)) and intervals use t with G − 1 degrees
    of freedom; with fewer it is that of ordinary least squares with N − k. Checked against R's
    ``lm`` and ``sandwich::vcovCL``.
    """
    n, n_clusters = len(outcome), len(np.unique(clusters))
    of_clinics, _ = clinic_effects.columns(np.zeros(n) if clinics is None else clinics)
    design = np.column_stack(
        [
            *(np.ones(n), given, client, therapist),
            *(client**2, client * therapist, therapist**2, of_clinics),
        ]
    )
    reason = _why_not(design, outcome)
    if reason:
        names = [*(f"b{number}" for number in range(1, 6)), *SURFACE]
        none = dict.fromkeys(names, Estimate.missing(reason, n, level))
        return ResponseSurface(n, n_clusters, None, None, none)
    scale = np.sqrt(np.mean(design**2, axis=0))
    inverse = np.linalg.inv((design / scale).T @ (design / scale)) / np.outer(scale, scale)
    slopes = inverse @ (design.T @ outcome)
    residuals = outcome - design @ slopes
    by_therapist = n_clusters >= FEWEST_CLUSTERS
    covariance = (
        clustered_covariance(design, residuals, inverse, clusters)
        if by_therapist
        else inverse * float(residuals @ residuals) / (n - design.shape[1])
    )
    df = n_clusters - 1 if by_therapist else n - design.shape[1]
    t = float(stdtrit(df, 0.5 + level / 2))

    def combination(weights: tuple[int, ...]) -> Estimate:
        vector = np.zeros(design.shape[1])
        vector[2:7] = weights
        value = float(vector @ slopes)
        half = t * math.sqrt(max(float(vector @ covariance @ vector), 0.0))
        return Estimate(value, value - half, value + half, level, n)

    units = np.eye(5, dtype=int)
    found = {f"b{number + 1}": combination(tuple(units[number])) for number in range(5)}
    found |= {name: combination(weights) for name, weights in SURFACE.items()}
    total = float(np.square(outcome - outcome.mean()).sum())
    r_squared = 1 - float(residuals @ residuals) / total
    return ResponseSurface(
        n, n_clusters, "therapists" if by_therapist else "rows", r_squared, found
    )


def _why_not(design: Floats, outcome: Floats) -> str | None:
    n, width = design.shape
    if n < width + 2:
        return f"fewer than {width + 2} dyads with both ratings and an outcome"
    spread = float(np.std(outcome))
    if spread <= 1e-12 * max(1.0, float(np.abs(outcome).max())):
        return "the outcome does not vary"
    lengths = np.sqrt(np.mean(design**2, axis=0))
    if (lengths <= 0).any():
        return "a rating does not vary"
    diagonal = np.abs(np.diag(np.linalg.qr(design / lengths, mode="r"))) / math.sqrt(n)
    if (diagonal < SMALLEST_USABLE).any():
        return "a rating does not vary, or follows from the other"
    return None
