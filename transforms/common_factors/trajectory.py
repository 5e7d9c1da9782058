"""How the alliance moves over treatment: every client's line and shape, and their summary.

Shapes, first that fits: ``u`` (a curve that is high at both ends: 8 ratings or more, a positive
quadratic term beyond chance, the lowest point in the middle half), ``v`` (a rupture that was
regained within a few sessions, from the rupture detectors), ``rising`` or ``falling`` (the
client's shrunken slope is beyond chance), else ``flat``. Descriptive: a slope says little about
the outcome (domain brief §4.14).
"""

import numpy as np
from scipy.special import stdtrit

from transforms.common_factors.clinics import CLINIC_EFFECTS, Clinics
from transforms.common_factors.rows import (
    LEVEL,
    Columns,
    clinics_of,
    count_distinct,
    fields_of,
    records_by_scope,
    unstack,
)
from transforms.common_factors.scopes import Scope
from transforms.common_factors.table import ByStratum, CfTable, Row
from transforms.statistics import clinic_effects
from transforms.statistics.arrays import Bools, Ints
from transforms.statistics.correlation import pearson, wilson_interval
from transforms.statistics.estimate import Estimate, two_sided_z
from transforms.statistics.heterogeneity import CORRELATION, IDENTITY, SHARE
from transforms.statistics.random_slopes import (
    ClientSums,
    SlopesFit,
    SlopesFitted,
    fit_random_slopes,
)
from transforms.statistics.withheld import Facts, Record

INSTRUMENT = ("alliance_instrument_id",)
SHAPES = ("flat", "rising", "falling", "u", "v")
METRICS = ("typical_slope", "slope_sd", "slope_improvement_r", *(f"share_{s}" for s in SHAPES))
FEWEST_FOR_U = 8
MIDDLE_HALF = (0.25, 0.75)


def trajectory_records(strata: Columns, rows: Columns) -> tuple[list[Record], list[Record]]:
    """Return one record per client, and per scope, alliance instrument and metric.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group, alliance_instrument_id
    rows : one entry per client with 4 ratings or more
        stratum, episode_code, therapist_code, n_ratings; t is the log of the session number and
        y the alliance (0–100): sum_t, sum_tt, sum_y, sum_ty, sum_yy; s is the session number:
        sum_s, sum_s2, sum_s3, sum_s4, sum_sy, sum_s2y; first_session, last_session, has_v (0/1)
        and improvement (NULL if unknown). Slopes of clients come from the overall model.
    """
    clients: list[Record] = []
    shape_of: dict[int, int] = {}

    def of_everybody(_: object, part: Columns) -> list[Record]:
        fit = fit_random_slopes(sums_of(part))
        shapes = shapes_of(fit, part)
        if shapes is not None:
            shape_of.update(zip(part["episode_code"].tolist(), shapes.tolist(), strict=True))
        return [*_summary(fit, part, shapes), *_client_records(fit, part, shapes)]

    def describe(scope: Scope, part: Columns) -> list[Record]:
        if scope.level == "overall":
            return of_everybody(scope, part)
        fit = fit_random_slopes(sums_of(part))
        known = [shape_of.get(code) for code in part["episode_code"].tolist()]
        return _summary(fit, part, None if None in known else np.array(known))

    labels = [{"metric": metric} for metric in METRICS]
    summaries = []
    for record in records_by_scope(strata, rows, INSTRUMENT, describe, labels):
        if "metric" in record:
            summaries.append(record)
        elif record["scope_level"] == "overall":
            clients.append(record)
    return clients, summaries


def sums_of(part: Columns) -> ClientSums:
    """Return the sums the model needs, of several clinics with ratings less the clinic's mean.

    A clinic that rates high is no client with a line of their own; lines may still differ.
    """
    names = ("n_ratings", "sum_t", "sum_tt", "sum_y", "sum_ty", "sum_yy")
    n, t, tt, y, ty, yy = (part[name].astype(float) for name in names)
    clinics = clinics_of(part)
    if clinic_effects.extra_clinics(clinics):
        level = np.empty(len(n))
        for rows in clinic_effects.each_clinic(clinics):
            level[rows] = y[rows].sum() / n[rows].sum()
        level -= y.sum() / n.sum()
        y, ty, yy = y - n * level, ty - level * t, yy - 2 * level * y + n * level**2
    return ClientSums(n, t, tt, y, ty, yy)


def shapes_of(fit: SlopesFit, part: Columns) -> Ints | None:
    """Return the position in ``SHAPES`` of every client; None without a model."""
    if fit.reason is not None:
        return None
    half_width = two_sided_z(LEVEL) * fit.client_slope_sds
    shapes = np.zeros(fit.n_clients, dtype=int)
    shapes[fit.client_slopes - half_width > 0] = SHAPES.index("rising")
    shapes[fit.client_slopes + half_width < 0] = SHAPES.index("falling")
    shapes[part["has_v"] == 1] = SHAPES.index("v")
    shapes[is_u_shaped(part)] = SHAPES.index("u")
    return shapes


def is_u_shaped(part: Columns) -> Bools:
    """Return who has 8 ratings or more on a parabola that opens upward with its bottom inside.

    The quadratic term must be above 0 by Student's t (two-sided 95 %, n − 3 degrees of freedom)
    and the lowest point between a quarter and three quarters of the rated sessions.
    """
    n = part["n_ratings"].astype(float)
    # Centered on the client's own range, the powers are far from collinear.
    middle = (part["first_session"] + part["last_session"]) / 2
    half = np.maximum((part["last_session"] - part["first_session"]) / 2, 0.5)
    powers = _shifted_powers(part, middle, half)
    gram = np.stack([np.stack([powers[i + j] for j in range(3)], -1) for i in range(3)], -2)
    right = np.stack(_shifted_products(part, middle, half), -1)
    usable = (n >= FEWEST_FOR_U) & (np.linalg.det(gram) > 1e-9)
    safe = np.where(usable[:, None, None], gram, np.eye(3))
    inverse = np.linalg.inv(safe)
    beta = np.einsum("cij,cj->ci", inverse, right)
    rss = np.maximum(part["sum_yy"] - np.einsum("ci,ci->c", beta, right), 0.0)
    freedom = np.maximum(n - 3, 1)
    se = np.sqrt(rss / freedom * np.maximum(inverse[:, 2, 2], 0))
    is_convex = beta[:, 2] > stdtrit(freedom, 0.5 + LEVEL / 2) * se
    bottom = -beta[:, 1] / np.where(is_convex, 2 * beta[:, 2], 1.0)
    place = (bottom + 1) / 2
    is_inside = (place >= MIDDLE_HALF[0]) & (place <= MIDDLE_HALF[1])
    is_u: Bools = usable & is_convex & is_inside
    return is_u


def _shifted_powers(part: Columns, middle: np.ndarray, half: np.ndarray) -> list[np.ndarray]:
    """Return Σ((s − middle)/half)^k for k = 0…4."""
    s = [part["n_ratings"].astype(float), *(part[f"sum_s{k}"] for k in ("", "2", "3", "4"))]
    m = middle
    moved = [
        s[0],
        s[1] - m * s[0],
        s[2] - 2 * m * s[1] + m**2 * s[0],
        s[3] - 3 * m * s[2] + 3 * m**2 * s[1] - m**3 * s[0],
        s[4] - 4 * m * s[3] + 6 * m**2 * s[2] - 4 * m**3 * s[1] + m**4 * s[0],
    ]
    return [power / half**k for k, power in enumerate(moved)]


def _shifted_products(part: Columns, middle: np.ndarray, half: np.ndarray) -> list[np.ndarray]:
    """Return Σy, Σy(s − middle)/half and Σy((s − middle)/half)²."""
    y, sy, s2y = part["sum_y"], part["sum_sy"], part["sum_s2y"]
    return [y, (sy - middle * y) / half, (s2y - 2 * middle * sy + middle**2 * y) / half**2]


def _client_records(fit: SlopesFit, part: Columns, shapes: Ints | None) -> list[Record]:
    if shapes is None or fit.reason is not None:
        return []
    half_width = two_sided_z(LEVEL) * fit.client_slope_sds
    return unstack(
        {"ci_level": LEVEL, "n_clients_in_model": fit.n_clients},
        {
            "episode_code": part["episode_code"].astype(int),
            "slope": fit.client_slopes,
            "slope_ci_low": fit.client_slopes - half_width,
            "slope_ci_high": fit.client_slopes + half_width,
            "shape": np.array(SHAPES, dtype=object)[shapes],
        },
    )


def _summary(fit: SlopesFit, part: Columns, shapes: Ints | None) -> list[Record]:
    n = fit.n_clients
    missing = Estimate.missing(fit.reason or "no overall model", n, LEVEL)
    known = ~np.isnan(part["improvement"])
    estimates = {
        "typical_slope": fit.typical_slope(LEVEL),
        "slope_sd": missing if fit.reason else Estimate(fit.slope_sd, None, None, LEVEL, n),
        "slope_improvement_r": (
            _slope_improvement_r(fit, part, known) if isinstance(fit, SlopesFitted) else missing
        ),
    }
    counts: dict[str, int] = {}
    for position, shape in enumerate(SHAPES):
        name = f"share_{shape}"
        if shapes is None:
            estimates[name] = missing
            continue
        counts[name] = int((shapes == position).sum())
        estimates[name] = wilson_interval(counts[name], n, level=LEVEL)
    return [
        {"metric": metric}
        | fields_of(estimate)
        | {
            "n_of_shape": counts.get(metric),
            "n_clients": int(known.sum()) if metric == "slope_improvement_r" else n,
            "n_therapists": count_distinct(part["therapist_code"]),
        }
        for metric, estimate in estimates.items()
    ]


def _slope_improvement_r(fit: SlopesFitted, part: Columns, known: np.ndarray) -> Estimate:
    clinics = clinics_of(part)[known]
    measures = (fit.client_slopes[known], part["improvement"][known])
    return pearson(
        *(clinic_effects.centered(measure, clinics) for measure in measures),
        level=LEVEL,
        lost=clinic_effects.extra_clinics(clinics),
    )


def _scale_of(row: Facts) -> str:
    if row["metric"] == "slope_improvement_r":
        return CORRELATION
    return IDENTITY if row["metric"] in ("typical_slope", "slope_sd") else SHARE


def _clients_and_summaries(strata: Columns, rows: Columns) -> list[Record]:
    clients, summaries = trajectory_records(strata, rows)
    return [*clients, *summaries]


class AllianceTrajectoryRow(Row, total=False):
    """Line and shape of one client (episode_code), or one metric of a scope."""

    alliance_instrument_id: str
    metric: str
    n_of_shape: int
    n_clients: int
    n_therapists: int
    episode_code: int
    slope: float
    slope_ci_low: float
    slope_ci_high: float
    shape: str
    n_clients_in_model: int


LINES = (
    "episode_code",
    "therapist_code",
    "n_ratings",
    "first_session",
    "last_session",
    "sum_t",
    "sum_tt",
    "sum_y",
    "sum_ty",
    "sum_yy",
    "sum_s",
    "sum_s2",
    "sum_s3",
    "sum_s4",
    "sum_sy",
    "sum_s2y",
    "has_v",
    "improvement",
)
ALLIANCE_TRAJECTORY = CfTable(
    AllianceTrajectoryRow,
    (ByStratum(_clients_and_summaries, INSTRUMENT, LINES),),
    Clinics(CLINIC_EFFECTS, (*INSTRUMENT, "metric"), _scale_of),
)
