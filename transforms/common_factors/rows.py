"""Flat records of estimates: one dict per scope and estimate, ready to become a table row.

Nothing is suppressed or labeled here; that is decided in SQL, from the counts a record carries.
Columns come from DuckDB's ``fetchnumpy``, where NULL is a masked entry.
Every estimate passes through :func:`records_by_scope`, which no estimator's defect leaves.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from transforms.common_factors.scopes import Scope, StratifiedRows, scopes
from transforms.statistics.estimate import Estimate
from transforms.statistics.withheld import Facts, Record, withheld

Columns = Mapping[str, np.ndarray]
Labels = Sequence[Facts] | Callable[[Columns], Sequence[Facts]]
LEVEL = 0.95


def each_scope(
    strata: Columns, rows: Columns, keys: Sequence[str]
) -> Iterator[tuple[Scope, dict[str, np.ndarray]]]:
    """Yield every scope with its rows.

    Parameters
    ----------
    strata : columns stratum (0…S−1, each once), clinic_id, clinic_group and ``keys``
    rows : columns of numbers, ``stratum`` among them

    Yields
    ------
    The scope and its rows, with a column ``clinic`` (a code): an estimate over several clinics
    must not take their differences for those of clients.
    """
    order = np.argsort(strata["stratum"], kind="stable")
    ordered = {name: _without_mask(column)[order].tolist() for name, column in strata.items()}
    instruments = [tuple(ordered[key][i] for key in keys) for i in range(len(order))]
    wanted = scopes(ordered["clinic_id"], ordered["clinic_group"], instruments)
    columns = {name: _without_mask(column) for name, column in rows.items() if name != "stratum"}
    stratum = np.asarray(rows["stratum"], dtype=int)
    _, clinics = np.unique(np.array(ordered["clinic_id"], dtype=object), return_inverse=True)
    columns["clinic"] = clinics.astype(int)[stratum]
    yield from StratifiedRows(stratum, columns).each(wanted)


def clinics_of(part: Columns) -> np.ndarray:
    """Return the clinic of each row; rows that name none are of one."""
    if "clinic" in part:
        return part["clinic"]
    return np.zeros(len(next(iter(part.values()))), dtype=int)


def records_by_scope(
    strata: Columns,
    rows: Columns,
    keys: Sequence[str],
    describe: Callable[[Scope, dict[str, np.ndarray]], Iterable[Record]],
    labels: Labels = ({},),
) -> list[Record]:
    """Return the records of every scope, placed; scopes of the same strata are estimated once.

    Where one clinic is all there is of an instrument, clinic, group and overall hold equal rows.

    Parameters
    ----------
    labels : what tells the records of one scope apart
        If ``describe`` breaks off, each label it did not come to has a record without an
        estimate, see :func:`transforms.statistics.withheld.withheld`.
    """
    known: dict[tuple[int, ...], list[Record]] = {}
    records = []
    for scope, part in each_scope(strata, rows, keys):
        if scope.strata not in known:
            known[scope.strata] = withheld(
                _while_read(describe, scope, part),
                labels(part) if callable(labels) else labels,
                counts_of(part),
            )
        records += [place_of(scope, keys) | record for record in known[scope.strata]]
    return records


def by_direction(
    strata: Columns, of: Callable[[Columns, int], list[Record]]
) -> Callable[[Scope, Columns], list[Record]]:
    """Return a description of a scope that is told the direction of its outcome instrument."""
    directions = direction_of(strata)
    return lambda scope, part: of(part, directions[scope.key[1]])


def parameters(names: Iterable[str]) -> list[Record]:
    """Return the labels of records that differ in their parameter."""
    return [{"parameter": name} for name in names]


def counts_of(part: Columns) -> Record:
    """Return the columns a record has even without an estimate; rows are clients or name theirs."""
    n = len(next(iter(part.values())))
    n_clients = count_distinct(part["client_code"]) if "client_code" in part else n
    counts = {"ci_level": LEVEL, "n_used": n, "n_clients": n_clients}
    if "therapist_code" in part:
        counts["n_therapists"] = count_distinct(part["therapist_code"])
    return counts


def _while_read(
    describe: Callable[[Scope, dict[str, np.ndarray]], Iterable[Record]],
    scope: Scope,
    part: dict[str, np.ndarray],
) -> Iterator[Record]:
    """Begin the estimate only when the first record is read, where a defect is caught."""
    yield from describe(scope, part)


def direction_of(strata: Columns) -> dict[str, int]:
    """Return the direction (1 higher is better, −1 lower) of each outcome instrument."""
    pairs = zip(strata["outcome_instrument_id"], strata["direction"], strict=True)
    return {str(instrument): int(direction) for instrument, direction in pairs}


def place_of(scope: Scope, keys: Sequence[str]) -> Record:
    """Return the columns that say which rows a record covers."""
    return {
        "scope_level": scope.level,
        "scope_id": scope.scope_id,
        **dict(zip(keys, scope.key, strict=True)),
    }


def fields_of(estimate: Estimate) -> Record:
    """Return the columns of a record's headline estimate."""
    return {
        "estimate": estimate.value,
        "ci_low": estimate.ci_low,
        "ci_high": estimate.ci_high,
        "ci_level": estimate.ci_level,
        "n_used": estimate.n,
        "reason": estimate.reason,
    }


def side_fields_of(estimate: Estimate, name: str) -> Record:
    """Return the columns of a second estimate of the same rows, named ``name``."""
    return {
        name: estimate.value,
        f"{name}_ci_low": estimate.ci_low,
        f"{name}_ci_high": estimate.ci_high,
    }


def count_distinct(codes: np.ndarray) -> int:
    """Return how many different codes there are."""
    return len(np.unique(codes))


def unstack(shared: Facts, columns: Mapping[str, np.ndarray]) -> list[Record]:
    """Return one record per entry of the arrays, each with the shared fields."""
    lists = {name: column.tolist() for name, column in columns.items()}
    names = list(lists)
    return [
        {**shared, **dict(zip(names, values, strict=True))}
        for values in zip(*lists.values(), strict=True)
    ]


def _without_mask(column: np.ndarray) -> np.ndarray:
    if not np.ma.isMaskedArray(column):
        return np.asarray(column)
    # filled(None) would mean numpy's own filler, '?' for text.
    missing = np.array(None if column.dtype == object else np.nan)
    return np.where(np.ma.getmaskarray(column), missing, column.data)
