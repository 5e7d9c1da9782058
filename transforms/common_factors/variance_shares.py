"""How much of the outcome goes with alliance, therapist and modality, on the same rows?

The variance of the last score at equal first score, within clinics, is divided among three
sources. Each source's share is what it adds to the explained variance, averaged over all orders in
which the three can enter (Lindeman, Merenda & Gold 1980; the Shapley value), so no source profits
from being first. The therapist enters as a random intercept; explained is 1 minus the residual
variance over that of the first score alone. Shares and the residual sum to 1. They are
adjusted for degrees of freedom, so a source without any effect can come out just below 0.
"""

from itertools import combinations

import numpy as np

from transforms.common_factors.clinics import CLINIC_EFFECTS, Clinics
from transforms.common_factors.rows import (
    LEVEL,
    Columns,
    clinics_of,
    count_distinct,
    fields_of,
    records_by_scope,
)
from transforms.common_factors.table import ByStratum, CfTable, Row
from transforms.statistics import clinic_effects
from transforms.statistics.equivalence import t_interval
from transforms.statistics.estimate import Estimate
from transforms.statistics.reml import (
    GroupTotals,
    fit_random_intercept,
    profile_at,
    why_not_estimable,
)
from transforms.statistics.withheld import Record

INSTRUMENTS = ("alliance_instrument_id", "outcome_instrument_id")
SOURCES = ("alliance", "therapist", "modality")
ORDER_WEIGHT = {0: 1 / 3, 1: 1 / 6, 2: 1 / 3}  # by how many of the other two entered before
N_BLOCKS = 20  # therapists are left out in so many blocks to get a standard error


def variance_shares(strata: Columns, rows: Columns) -> list[Record]:
    """Divide the variance: one record per scope, pair of instruments and source.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group and both instruments
    rows : one entry per client
        stratum, therapist_code, modality_code, alliance_pomp, and pre_score and post_score
        turned so that higher is better.
    """
    return records_by_scope(
        strata, rows, INSTRUMENTS, lambda _, part: _records_of(part), _without_estimate
    )


def _without_estimate(part: Columns) -> list[Record]:
    n_modalities = count_distinct(part["modality_code"])
    return [{"source": name, "n_modalities": n_modalities} for name in (*SOURCES, "residual")]


def _records_of(part: Columns) -> list[Record]:
    _, codes = np.unique(part["therapist_code"], return_inverse=True)
    modalities = np.unique(part["modality_code"])
    levels = [(part["modality_code"] == code).astype(float) for code in modalities[1:]]
    clinics, of_clinics = clinic_effects.columns(clinics_of(part))
    design = np.column_stack(
        [np.ones(len(codes)), part["pre_score"], part["alliance_pomp"], *levels, clinics]
    )
    names = ("intercept", "pre", "alliance", *(f"modality={int(code)}" for code in modalities[1:]))
    names += of_clinics
    estimates = shares_with_interval(design, part["post_score"], codes, names)
    return [
        {"source": source}
        | fields_of(estimate)
        | {
            "n_clients": len(codes),
            "n_therapists": int(codes.max()) + 1,
            "n_modalities": len(modalities),
        }
        for source, estimate in estimates.items()
    ]


def shares_with_interval(
    design: np.ndarray, outcome: np.ndarray, codes: np.ndarray, names: tuple[str, ...]
) -> dict[str, Estimate]:
    """Return the share of every source and the residual, with jackknife intervals.

    Therapists are left out in at most 20 blocks (code modulo the number of blocks); the
    interval is on Student's t with one degree of freedom less than blocks.
    """
    near: dict[tuple[str, ...], float] = {}
    found = shares_of(GroupTotals.from_rows(codes, design, outcome, names), near)
    n, wanted = len(outcome), (*SOURCES, "residual")
    if isinstance(found, str):
        return {source: Estimate.missing(found, n, LEVEL) for source in wanted}
    n_blocks = min(N_BLOCKS, int(codes.max()) + 1)
    columns = list(zip(names, design.T, strict=True))
    left_out = []
    for block in range(n_blocks):
        kept = codes % n_blocks != block
        _, kept_codes = np.unique(codes[kept], return_inverse=True)
        # A clinic whose therapists are all left out has no column.
        is_there = [not n.startswith("clinic=") or bool(np.ptp(c[kept])) for n, c in columns]
        there = tuple(name for name, is_kept in zip(names, is_there, strict=True) if is_kept)
        shares = shares_of(
            GroupTotals.from_rows(kept_codes, design[kept][:, is_there], outcome[kept], there), near
        )
        if isinstance(shares, str):
            return {source: Estimate.missing(shares, n, LEVEL) for source in wanted}
        left_out.append([shares[source] for source in wanted])
    parts = np.array(left_out)
    variance = (n_blocks - 1) / n_blocks * np.square(parts - parts.mean(axis=0)).sum(axis=0)
    return {
        source: t_interval(found[source], float(np.sqrt(variance[at])), n_blocks - 1, n, LEVEL)
        for at, source in enumerate(wanted)
    }


def shares_of(
    totals: GroupTotals, near: dict[tuple[str, ...], float] | None = None
) -> dict[str, float] | str:
    """Return the share of every source and the residual, or the reason why there are none.

    ``near`` remembers the variance ratio of every model for the next rows, which are nearly
    the same.
    """
    near = {} if near is None else near
    if not any(name.startswith("modality=") for name in totals.names):
        return "fewer than 2 modalities"
    if reason := why_not_estimable(totals):
        return reason
    left: dict[tuple[str, ...], float] = {}
    for subset in (one for size in range(len(SOURCES) + 1) for one in combinations(SOURCES, size)):
        variance = _residual_variance(totals, subset, near)
        if variance is None:
            return "rows of one therapist do not differ after the predictors"
        left[subset] = variance
    start = left[()]
    shares: dict[str, float] = {}
    for source in SOURCES:
        others = [other for other in SOURCES if other != source]
        shares[source] = sum(
            ORDER_WEIGHT[size] * (left[before] - left[_with(before, source)]) / start
            for size in range(3)
            for before in combinations(others, size)
        )
    return shares | {"residual": left[SOURCES] / start}


def _with(before: tuple[str, ...], source: str) -> tuple[str, ...]:
    return tuple(name for name in SOURCES if name in before or name == source)


def _residual_variance(
    totals: GroupTotals, subset: tuple[str, ...], near: dict[tuple[str, ...], float]
) -> float | None:
    """Return the REML residual variance of the model with these sources."""
    wanted = [
        position
        for position, name in enumerate(totals.names)
        if name in ("intercept", "pre") or name.split("=")[0] in (*subset, "clinic")
    ]
    columns = [*wanted, len(totals.names)]
    part = GroupTotals(
        tuple(totals.names[position] for position in wanted),
        totals.sizes,
        totals.means[:, columns],
        totals.within[np.ix_(columns, columns)],
    )
    if "therapist" in subset:
        fit = fit_random_intercept(part, near=near.get(subset))
        if fit.is_estimated:
            near[subset] = fit.ratio
        return fit.var_residual
    rss = profile_at(part, 0.0, "ml").residual_sum_of_squares
    return rss / (part.n_rows - len(part.names))


class VarianceSharesRow(Row, total=False):
    """Share of the outcome variance that belongs to one source."""

    alliance_instrument_id: str
    outcome_instrument_id: str
    source: str
    n_clients: int
    n_therapists: int
    n_modalities: int


CLIENTS = ("therapist_code", "modality_code", "alliance_pomp", "pre_score", "post_score")
VARIANCE_SHARES = CfTable(
    VarianceSharesRow,
    (ByStratum(variance_shares, INSTRUMENTS, CLIENTS, "shares_exclusion_reason is null"),),
    Clinics(CLINIC_EFFECTS, (*INSTRUMENTS, "source")),
)
