"""Two nested random intercepts by REML, from group totals.

The model is ``y = Xβ + v[cluster] + u[group] + e``: clients in therapists in clinics, or
sessions in clients in therapists. Groups lie wholly inside one cluster. As in
:mod:`transforms.statistics.reml` the rows enter only through group sizes, group means and the
pooled within-group cross-products, so the cost is that of the groups, not of the rows.

With ``a = var_group/var_residual``, ``b = var_cluster/var_residual``, ``w = n/(1 + n·a)`` and
``W = Σw`` over the groups of a cluster, X'V⁻¹X is again a sum of positive terms: within-group
cross-products, weighted spread of the group means around their cluster's weighted mean, and
``W/(1 + b·W)`` times the cluster mean's own product.

Source: Bates et al. 2015, doi:10.18637/jss.v067.i01, two nested grouping factors. Checked
against lme4 1.1-31 (tests/reference/nested_reml.R).
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from scipy.optimize import brentq, minimize, minimize_scalar, root

from transforms.statistics.arrays import Bools, Codes, Floats, Ints, sums_by
from transforms.statistics.estimate import Estimate
from transforms.statistics.profile_likelihood import deviance_drop
from transforms.statistics.reml import GroupTotals, why_not_estimable

STARTS = (0.0, 0.003, 0.03, 0.3, 3.0)  # ratios tried before the exact search, in both directions
LARGEST_RATIO = 1e6
ZERO_RATIO = 1e-9


@dataclass(frozen=True)
class NestedFitted:
    """A fitted model.

    ``icc_group`` and ``icc_cluster`` are shares (0 to 1) of the variance left by the
    predictors. Variances are in squared points of the outcome; zero is an allowed estimate.
    """

    names: tuple[str, ...]
    n_rows: int
    n_groups: int
    n_clusters: int
    fixed: Floats
    fixed_covariance: Floats
    var_group: float
    var_cluster: float
    var_residual: float
    log_likelihood: float
    is_estimated: ClassVar[Literal[True]] = True
    reason: ClassVar[None] = None

    @property
    def icc_group(self) -> float:
        return self._share(self.var_group)

    @property
    def icc_cluster(self) -> float:
        return self._share(self.var_cluster)

    def _share(self, variance: float) -> float:
        return variance / (self.var_group + self.var_cluster + self.var_residual)


@dataclass(frozen=True)
class NestedNotFitted:
    """The reason why there is no model; every number is None."""

    names: tuple[str, ...]
    n_rows: int
    n_groups: int
    n_clusters: int
    reason: str
    is_estimated: ClassVar[Literal[False]] = False
    fixed: ClassVar[None] = None
    fixed_covariance: ClassVar[None] = None
    var_group: ClassVar[None] = None
    var_cluster: ClassVar[None] = None
    var_residual: ClassVar[None] = None
    icc_group: ClassVar[None] = None
    icc_cluster: ClassVar[None] = None
    log_likelihood: ClassVar[None] = None


NestedFit = NestedFitted | NestedNotFitted


@dataclass(frozen=True)
class _Point:
    """The likelihood at one pair of ratios, with β and the residual variance at their best."""

    deviance: float
    slope: Floats
    fixed: Floats
    inverse: Floats
    rss: float


def fit_nested(totals: GroupTotals, clusters: Codes, method: str = "reml") -> NestedFit:
    """Fit the model.

    Parameters
    ----------
    totals : GroupTotals
        Complete rows, totalled by group.
    clusters : int array (G,)
        Cluster code of each group, 0…C−1 or any codes.
    method : {"reml", "ml"}

    Returns
    -------
    NestedFit
        :class:`NestedNotFitted`, with a reason, when the model cannot be estimated.
    """
    codes = _codes(clusters)
    n_clusters = int(codes.max()) + 1 if len(codes) else 0
    described = (totals.names, totals.n_rows, totals.n_groups, n_clusters)
    if reason := why_not_nested(totals, codes):
        return NestedNotFitted(*described, reason)
    ratios = _best_ratios(totals, codes, method)
    if max(ratios) >= LARGEST_RATIO / 2:
        return NestedNotFitted(*described, "rows of one group do not differ after the predictors")
    found = _at(totals, codes, ratios, method)
    var_residual = found.rss / _freedom(totals, method)
    return NestedFitted(
        *described,
        fixed=found.fixed,
        fixed_covariance=found.inverse * var_residual,
        var_group=ratios[0] * var_residual,
        var_cluster=ratios[1] * var_residual,
        var_residual=var_residual,
        log_likelihood=-found.deviance / 2,
    )


def share_interval(
    totals: GroupTotals, clusters: Codes, which: str, *, level: float = 0.95
) -> Estimate:
    """Return the share of one level's variance with its profile (REML) interval.

    Parameters
    ----------
    which : {"group", "cluster"}

    Notes
    -----
    For each candidate share the other ratio is set to its best. The lower end is 0 when a
    model without that level is not rejected.
    """
    codes = _codes(clusters)
    fit = fit_nested(totals, codes)
    if not fit.is_estimated:
        return Estimate.missing(fit.reason, totals.n_rows, level)
    value = fit.icc_group if which == "group" else fit.icc_cluster
    limit = -2 * fit.log_likelihood + deviance_drop(level)

    other = fit.var_cluster if which == "group" else fit.var_group
    fitted = other / (other + fit.var_residual)

    def excess(share: float) -> float:
        return _profile_of_share(totals, codes, which, share, fitted) - limit

    low = 0.0
    if value > ZERO_RATIO and excess(0.0) > 0:
        low = float(brentq(excess, 0.0, value, xtol=1e-10))
    high = 1 - 1e-6
    if excess(high) <= 0:
        return Estimate.missing("the interval has no upper end", totals.n_rows, level)
    return Estimate(
        value, low, float(brentq(excess, value, high, xtol=1e-10)), level, totals.n_rows
    )


def why_not_nested(totals: GroupTotals, codes: Ints) -> str | None:
    """Return why the totals cannot carry both levels, or None when they can."""
    if reason := why_not_estimable(totals):
        return reason
    n_clusters = int(codes.max()) + 1
    if n_clusters < 2:
        return "fewer than 2 clusters"
    if totals.n_groups <= n_clusters:
        return "no cluster has 2 groups"
    return None


def _profile_of_share(
    totals: GroupTotals, codes: Ints, which: str, share: float, fitted: float
) -> float:
    """Return the deviance of one share with the other level at its best.

    ``fitted`` is the other level's own share of what the first leaves, in the fitted model: the
    bounded search may end beside it, and the estimate would then lie outside its own interval.
    """

    def deviance(other_share: float) -> float:
        other = other_share / (1 - other_share)
        held = share * (1 + other) / (1 - share)
        ratios = (held, other) if which == "group" else (other, held)
        return _at(totals, codes, ratios, "reml").deviance

    found = minimize_scalar(
        deviance, bounds=(0.0, 0.999), method="bounded", options={"xatol": 1e-9}
    )
    return min(float(found.fun), deviance(0.0), deviance(fitted))


def _codes(clusters: Codes) -> Ints:
    return np.unique(np.asarray(clusters), return_inverse=True)[1]


def _freedom(totals: GroupTotals, method: str) -> int:
    if method not in ("reml", "ml"):
        raise ValueError(f"method is 'reml' or 'ml', not {method!r}")
    return totals.n_rows - (len(totals.names) if method == "reml" else 0)


def _at(totals: GroupTotals, codes: Ints, ratios: tuple[float, float], method: str) -> _Point:
    """Evaluate −2 log likelihood and its slope in both ratios."""
    a, b = ratios
    n_clusters, means = int(codes.max()) + 1, totals.means
    w = totals.sizes / (1 + totals.sizes * a)
    cluster_w = sums_by(codes, w, n_clusters)
    sums = np.stack([sums_by(codes, w * column, n_clusters) for column in means.T], axis=1)
    cluster_means = sums / cluster_w[:, None]
    spread = means - cluster_means[codes]
    shrunk = 1 + b * cluster_w
    products = totals.within + (spread * w[:, None]).T @ spread
    products += (cluster_means * (cluster_w / shrunk)[:, None]).T @ cluster_means

    of_cluster = cluster_means * (cluster_w / shrunk)[:, None]
    of_group = w[:, None] * (means - (b * of_cluster)[codes])
    slopes = [-of_group.T @ of_group, -of_cluster.T @ of_cluster]
    traces = [float((w - b * w**2 / shrunk[codes]).sum()), float((cluster_w / shrunk).sum())]

    inverse = np.linalg.inv(products[:-1, :-1])
    fixed = inverse @ products[:-1, -1]
    contrast = np.append(-fixed, 1.0)
    rss = max(float(contrast @ products @ contrast), np.finfo(float).tiny)
    freedom = _freedom(totals, method)
    deviance = freedom * (1 + math.log(2 * math.pi * rss / freedom))
    deviance += float(np.log1p(totals.sizes * a).sum() + np.log(shrunk).sum())
    if method == "reml":
        deviance += float(np.linalg.slogdet(products[:-1, :-1])[1])
    slope = np.empty(2)
    for position, (change, trace) in enumerate(zip(slopes, traces, strict=True)):
        slope[position] = trace + freedom * float(contrast @ change @ contrast) / rss
        if method == "reml":
            slope[position] += float(np.sum(inverse * change[:-1, :-1]))
    return _Point(deviance, slope, fixed, inverse, rss)


def _best_ratios(totals: GroupTotals, codes: Ints, method: str) -> tuple[float, float]:
    """Return the ratios with the highest likelihood: a bounded search, then slope zero exactly."""
    start = min(
        ((a, b) for a in STARTS for b in STARTS),
        key=lambda pair: _at(totals, codes, pair, method).deviance,
    )

    def target(ratios: Floats) -> tuple[float, Floats]:
        found = _at(totals, codes, (ratios[0], ratios[1]), method)
        return found.deviance, found.slope

    coarse = minimize(
        target, np.array(start), jac=True, method="L-BFGS-B", bounds=[(0.0, LARGEST_RATIO)] * 2
    ).x
    free = coarse > ZERO_RATIO
    ratios = np.where(free, coarse, 0.0)
    if free.any():
        ratios[free] = _polished(totals, codes, method, ratios, free)
    return float(ratios[0]), float(ratios[1])


def _polished(totals: GroupTotals, codes: Ints, method: str, ratios: Floats, free: Bools) -> Floats:
    """Solve for a zero slope of the free ratios, in their logarithms."""

    def slope(logs: Floats) -> Floats:
        full = ratios.copy()
        full[free] = np.exp(np.clip(logs, -40, math.log(LARGEST_RATIO)))
        return _at(totals, codes, (full[0], full[1]), method).slope[free] * full[free]

    found = root(slope, np.log(ratios[free]), tol=1e-12)
    moved = np.abs(found.x - np.log(ratios[free])).max() < 0.5
    return np.exp(found.x) if moved else ratios[free]
