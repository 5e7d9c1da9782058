"""Slopes of a lagged outcome on a predictor that its own past may have moved: difference GMM.

Centering on a client's mean with the lagged outcome beside it is biased in short series (Nickell
1981) and where the outcome moves the predictor (feedback): the mean holds what comes later. Here
the client is taken out by looking at changes only, and what came before stands in for them:

* :func:`arellano_bond`: first differences, one step, robust (Arellano & Bond 1991,
  doi:10.2307/2297968), equal to ``plm::pgmm(…, transformation = "d", collapse = TRUE)`` in R.
* :func:`client_trends`: each pair less the straight line through the client's later pairs, the
  forward orthogonal deviations of Arellano & Bover 1995 (doi:10.1016/0304-4076(94)01642-D) taken
  about a line instead of a mean: nothing that rises or falls steadily with one client is left.

Both ask of the predictor only that it is settled before the outcome (predetermined), and of the
errors that they are not serially correlated once client (and trend) and last outcome are held
equal. All of it is sums over clients: no matrix here is larger than the instruments.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, ndtr

from transforms.statistics.arrays import Bools, Floats, Ints, sums_by
from transforms.statistics.estimate import Estimate, wald

INSTRUMENT_LAGS = 3  # of the outcome and of the predictor, lags 2 to 4, collapsed
TREND_LAGS = 2  # the pair's own last outcome and predictor, and those of the pair before
FEWEST_CLIENTS = 30  # that contribute: an interval over clients is a large-sample one
PER_INSTRUMENT = 3  # clients for each instrument, at least
USABLE = 1e-10  # share of a column that must not follow from the others
LAST, SLOPE = 0, 1  # columns of the model: last outcome, predictor, then what is held equal


@dataclass(frozen=True)
class Pairs:
    """One row per client and pair of sessions, complete, in order within clients.

    Attributes
    ----------
    clients : codes 0…G−1, ascending
    sessions : number of the session, rising within a client; gaps are fine
    last : the outcome before (lag 1)
    predictor : settled before the outcome
    outcome : what is explained
    held : (N, q) further columns known in advance, such as functions of the session
    """

    clients: Ints
    sessions: Floats
    last: Floats
    predictor: Floats
    outcome: Floats
    held: Floats

    @classmethod
    def in_order(
        cls, clients: Ints, sessions: Floats, columns: tuple[Floats, Floats, Floats], held: Floats
    ) -> "Pairs":
        """Sort rows by client and session; ``columns`` are last, predictor, outcome."""
        _, codes = np.unique(clients, return_inverse=True)
        order = np.lexsort((sessions, codes))
        last, predictor, outcome = (np.asarray(c, dtype=float)[order] for c in columns)
        return cls(
            codes[order], np.asarray(sessions, dtype=float)[order], last, predictor, outcome,
            np.asarray(held, dtype=float)[order],
        )  # fmt: skip

    @property
    def columns(self) -> Floats:
        """The model's columns, then the outcome."""
        return np.column_stack([self.last, self.predictor, self.held, self.outcome])


@dataclass(frozen=True)
class PanelSlope:
    """A slope with what its credibility rests on.

    ``slope`` is in points of the outcome per point of the predictor, ``persistence`` the slope on
    the last outcome. ``serial_p`` is the test for second-order serial correlation in the changes
    (Arellano & Bond 1991): small means the instruments may not be used. ``overidentified_p`` is
    Hansen's test at the one-step estimate. Both None where they cannot be had.
    """

    slope: Estimate
    persistence: Estimate
    n_clients: int = 0
    n_instruments: int = 0
    serial_p: float | None = None
    overidentified_p: float | None = None


@dataclass(frozen=True)
class Moments:
    """A model after the client is taken out: rows, instruments, and the one-step weight Σ Z'HZ."""

    clients: Ints
    design: Floats
    outcome: Floats
    instruments: Floats
    weight: Floats


@dataclass(frozen=True)
class _Fit:
    fixed: Floats
    covariance: Floats
    residuals: Floats
    scores: Floats  # (G, L): each client's Z'e
    influence: Floats  # (p, L): how the moments move the coefficients


def arellano_bond(pairs: Pairs, *, lags: int = INSTRUMENT_LAGS, level: float = 0.95) -> PanelSlope:
    """Return the one-step difference GMM slope with errors robust to anything within a client.

    Parameters
    ----------
    lags : int
        Instruments are the last outcome and the predictor of the pair before and of ``lags`` − 1
        pairs before that, in levels, collapsed to one column per lag (Roodman 2009,
        doi:10.1177/1536867X0900900106); what is held equal instruments itself. With a gap in a
        client's sessions the pairs on both sides of it are compared.
    """
    return _slope_of(differences(pairs, lags), level, tests_serial=True)


def client_trends(pairs: Pairs, *, lags: int = TREND_LAGS, level: float = 0.95) -> PanelSlope:
    """Return the slope with a straight line of its own for every client, by two-stage squares.

    A pair needs two later ones. Instruments are the last outcome and the predictor of the pair
    itself and of ``lags`` − 1 pairs before, in levels: all that came before the errors left in it.
    """
    return _slope_of(forward_detrended(pairs, lags), level, tests_serial=False)


def differences(pairs: Pairs, lags: int) -> Moments:
    """Return changes from pair to pair, with levels up to the earlier of the two beside them."""
    found = same_client(pairs.clients, 1)
    columns: Floats = pairs.columns[1:] - pairs.columns[:-1]
    columns = _without_empty(columns[found[1:]], pairs.columns)
    clients = pairs.clients[found]
    own = _levels(pairs, range(1, lags + 1))[found]
    instruments = np.column_stack([own, columns[:, 2:-1]])
    # The errors of two changes in a row share one: H has 2 on its diagonal and -1 beside it.
    follows = clients[1:] == clients[:-1]
    beside = instruments[1:][follows].T @ instruments[:-1][follows]
    weight = 2 * instruments.T @ instruments - beside - beside.T
    return Moments(clients, columns[:, :-1], columns[:, -1], instruments, weight)


def forward_detrended(pairs: Pairs, lags: int) -> Moments:
    """Return each pair less the line through the client's later pairs, of equal variance."""
    columns, found = _beyond_later_line(pairs)
    columns = _without_empty(columns, pairs.columns)
    instruments = np.column_stack([_levels(pairs, range(lags))[found], columns[:, 2:-1]])
    return Moments(
        *(pairs.clients[found], columns[:, :-1], columns[:, -1], instruments),
        instruments.T @ instruments,
    )


def _without_empty(columns: Floats, before: Floats) -> Floats:
    """Return columns without those held equal of which nothing but rounding is left."""
    left = np.abs(columns).max(axis=0, initial=0) > USABLE * np.abs(before).max(axis=0, initial=0)
    left[[LAST, SLOPE, -1]] = True
    return columns[:, left]


def same_client(clients: Ints, back: int) -> Bools:
    """Return which rows have a row of their client ``back`` rows before."""
    found = np.zeros(len(clients), dtype=bool)
    found[back:] = clients[back:] == clients[: len(clients) - back]
    return found


def _levels(pairs: Pairs, lags: range) -> Floats:
    """Return last outcome and predictor some pairs ago, 0 where there was none."""
    found = []
    for column in (pairs.last, pairs.predictor):
        for back in lags:
            known = same_client(pairs.clients, back)
            before = np.zeros(len(column))
            before[known] = column[: len(column) - back][known[back:]]
            found.append(before)
    return np.column_stack(found)


def _beyond_later_line(pairs: Pairs) -> tuple[Floats, Bools]:
    """Return the columns less their later line, over the SD of that, and which rows have one."""
    clients, columns = pairs.clients, pairs.columns
    sizes = np.bincount(clients).astype(float)
    means = np.stack([np.bincount(clients, weights=c) / sizes for c in columns.T], axis=1)
    columns = columns - means[clients]
    session = pairs.sessions - (np.bincount(clients, weights=pairs.sessions) / sizes)[clients]
    n = _later(clients, np.ones(len(clients)))
    has_line = n >= 2
    n, one = n[has_line], _later(clients, session)[has_line]
    spread = _later(clients, session**2)[has_line] - one**2 / n
    away = session[has_line] - one / n
    beyond = np.empty((len(n), columns.shape[1]))
    for at, column in enumerate(columns.T):
        total = _later(clients, column)[has_line]
        slope = (_later(clients, session * column)[has_line] - one * total / n) / spread
        beyond[:, at] = column[has_line] - total / n - slope * away
    return beyond / np.sqrt(1 + 1 / n + away**2 / spread)[:, None], has_line


def _later(clients: Ints, column: Floats) -> Floats:
    """Return for each row the sum over the later rows of its client."""
    running = np.cumsum(column)
    last = np.searchsorted(clients, clients, side="right") - 1
    return running[last] - running


def _slope_of(moments: Moments, level: float, *, tests_serial: bool) -> PanelSlope:
    n_clients, n = len(np.unique(moments.clients)), len(moments.outcome)
    n_instruments = moments.instruments.shape[1]
    if reason := _why_not(moments, n_clients):
        none = Estimate.missing(reason, n, level)
        return PanelSlope(none, none, n_clients, n_instruments)
    fit = _fit(moments)
    errors = np.sqrt(np.maximum(np.diag(fit.covariance), 0.0))
    slope, persistence = (
        wald(float(fit.fixed[at]), float(errors[at]), n, level) for at in (SLOPE, LAST)
    )
    return PanelSlope(
        slope,
        persistence,
        n_clients,
        n_instruments,
        _serial_p(moments, fit) if tests_serial else None,
        _overidentified_p(fit, n_instruments - moments.design.shape[1]),
    )


def _why_not(moments: Moments, n_clients: int) -> str | None:
    fewest = max(FEWEST_CLIENTS, PER_INSTRUMENT * moments.instruments.shape[1])
    if n_clients < fewest:
        return f"fewer than {fewest} clients with enough pairs of sessions in a row"
    if not np.isfinite(moments.weight).all() or not np.isfinite(moments.outcome).all():
        return "a value is not a finite number"
    scale = np.sqrt(np.diag(moments.weight))
    if (scale == 0).any():
        return "an instrument does not vary"
    if np.linalg.eigvalsh(moments.weight / np.outer(scale, scale))[0] < USABLE:
        return "the instruments determine each other"
    told = moments.instruments.T @ moments.design / scale[:, None]
    size = np.sqrt(np.square(moments.design).sum(axis=0))
    if (size == 0).any() or np.linalg.svd(told / size, compute_uv=False)[-1] < USABLE:
        return "a predictor does not vary or its past does not tell of it"
    return None


def _fit(moments: Moments) -> _Fit:
    z, x, y = moments.instruments, moments.design, moments.outcome
    weight = _inverse(moments.weight)
    zx = z.T @ x
    influence = np.linalg.solve(zx.T @ weight @ zx, zx.T @ weight)
    fixed = influence @ (z.T @ y)
    residuals = y - x @ fixed
    _, codes = np.unique(moments.clients, return_inverse=True)
    scores = np.stack([sums_by(codes, column * residuals) for column in z.T], axis=1)
    covariance = influence @ (scores.T @ scores) @ influence.T
    return _Fit(fixed, covariance, residuals, scores, influence)


def _inverse(matrix: Floats) -> Floats:
    """Return the inverse of a positive matrix whose columns may be of any size."""
    scale = np.sqrt(np.diag(matrix))
    inverse: Floats = np.linalg.inv(matrix / np.outer(scale, scale)) / np.outer(scale, scale)
    return inverse


def _serial_p(moments: Moments, fit: _Fit) -> float | None:
    """Return p of m2, the test for second-order serial correlation of the changes' errors."""
    known = same_client(moments.clients, 2)
    if not known.any():
        return None
    before = np.zeros(len(fit.residuals))
    before[known] = fit.residuals[:-2][known[2:]]
    _, codes = np.unique(moments.clients, return_inverse=True)
    products = np.bincount(codes, weights=before * fit.residuals)
    shared = before @ moments.design
    variance = (
        products @ products
        - 2 * shared @ fit.influence @ (fit.scores.T @ products)
        + shared @ fit.covariance @ shared
    )
    if not variance > 0:
        return None
    return float(2 * ndtr(-abs(products.sum() / math.sqrt(variance))))


def _overidentified_p(fit: _Fit, freedom: int) -> float | None:
    """Return p of Hansen's J, the moments weighted by their own spread at the one-step estimate."""
    if freedom < 1:
        return None
    spread = fit.scores.T @ fit.scores
    scale = np.sqrt(np.diag(spread))
    if (scale == 0).any() or len(fit.scores) <= len(scale):
        return None
    total = fit.scores.sum(axis=0)
    return float(chdtrc(freedom, float(total @ _inverse(spread) @ total)))
