"""A cf_ table declared once: the columns of its rows, and the estimates that fill it.

Candidates come as an Arrow table and rows leave as one, so any engine can hold both. A family's
module declares its tables beside the functions that make their rows; the schema follows from the
row's type, and the contract of the published table must agree with it (checked by a test).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa

from transforms.arrow import numbers_of, table_of
from transforms.common_factors.clinics import Clinics, groups_of
from transforms.common_factors.rows import Columns
from transforms.common_factors.scopes import Scope, scopes
from transforms.statistics.withheld import Record

PLACE = ("clinic_id", "clinic_group")
USABLE = "exclusion_reason is null"


class Interval(TypedDict, total=False):
    """An estimate; here as in every row, what is missing is NULL."""

    estimate: float
    ci_low: float
    ci_high: float
    ci_level: float
    n_used: int
    reason: str


class Row(Interval, total=False):
    """What every cf_ table has: an estimate of one scope, and how its clinics differ."""

    scope_level: str
    scope_id: str
    pooling: str
    n_clinics: int
    tau: float
    i_squared_percent: float
    prediction_low: float
    prediction_high: float
    clinics_disagree: bool


@dataclass(frozen=True)
class ByStratum:
    """Estimates from one row per client, which a scope takes from the strata it covers.

    ``estimate`` takes the strata (``stratum``, the clinic and ``keys``) and the numbers of each row
    (``stratum``, ``values`` and ``sums``), in an order that does not hang on how the engine read
    them. With ``sums`` (name to SQL) a row is all candidates that are equal in the columns.
    """

    estimate: Callable[[Record, Record], list[Record]]
    keys: tuple[str, ...]
    values: tuple[str, ...]
    where: str = USABLE
    stratum: str = "stratum"
    sums: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the candidates that are read, each once."""
        return tuple(dict.fromkeys([self.stratum, *PLACE, *self.keys, *self.values]))

    def rows_of(self, candidates: pa.Table) -> list[Record]:
        """Return the rows of every scope."""
        # Rows that are equal in every column are interchangeable, so this is a full order.
        read = [self.stratum, *self.values, *self.sums]
        rows = numbers_of(_in_order(candidates.select(read)))
        codes = candidates[self.stratum].to_numpy(zero_copy_only=False)
        # Strata none of whose candidates is wanted leave gaps: those that are left are renumbered.
        known, first = np.unique(codes, return_index=True)
        rows["stratum"] = np.searchsorted(known, rows.pop(self.stratum))
        named = candidates.take(pa.array(first))
        strata = numbers_of(named.select([*PLACE, *self.keys]))
        return self.estimate({"stratum": np.arange(len(known))} | strata, rows)


@dataclass(frozen=True)
class PerClinic:
    """Estimates from counts or sums, one row per clinic and ``keys``.

    ``values`` are read as they are; ``sums`` (name to SQL) are over all candidates of the row.
    """

    estimate: Callable[[Record], list[Record]]
    keys: tuple[str, ...]
    values: tuple[str, ...] = ()
    where: str = "true"
    sums: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the candidates that are read."""
        return (*PLACE, *self.keys, *self.values)

    def rows_of(self, candidates: pa.Table) -> list[Record]:
        """Return the rows of every scope."""
        return self.estimate(numbers_of(_in_order(candidates, ("clinic_id", *self.keys))))


@dataclass(frozen=True)
class CfTable:
    """A cf_ table: the type of its rows, and the estimates that fill it, one per input.

    ``clinics`` says how a row over several clinics was made of them.
    """

    row: type
    estimates: tuple[ByStratum | PerClinic, ...]
    clinics: Clinics

    def fill(self, *candidates: pa.Table) -> pa.Table:
        """Return the rows of all estimates, each made from its own candidates."""
        parts = zip(self.estimates, candidates, strict=True)
        rows = [row for part, frame in parts for row in part.rows_of(frame)]
        return table_of(self.row, self.clinics.beside(rows, groups_of(candidates)))


def estimated(table: CfTable, *models: Any) -> pa.Table:
    """Fill a table from the relations of DuckDB that a dbt model refers to, one per estimate."""
    parts = zip(table.estimates, models, strict=True)
    return table.fill(
        *(handed_over(model, part.columns, part.where, part.sums) for part, model in parts)
    )


def handed_over(
    model: Any, columns: Sequence[str], where: str = "true", sums: Mapping[str, str] | None = None
) -> pa.Table:
    """Return columns of a relation of DuckDB, or sums by them; nothing else knows an engine."""
    listed, rows = ", ".join(columns), model.filter(where)
    if not sums:
        return rows.project(listed).to_arrow_table()
    named = [f"{sql} as {name}" for name, sql in sums.items()]
    return rows.aggregate(", ".join([listed, *named]), listed).to_arrow_table()


def sums_per_clinic(
    rows: Columns, keys: Sequence[str], names: Sequence[str]
) -> Iterator[tuple[Scope, np.ndarray]]:
    """Yield every scope with the numbers of its clinics, one row each."""
    lists = {name: rows[name].tolist() for name in (*PLACE, *keys)}
    strata = list(zip(*(lists[key] for key in keys), strict=True))
    totals = np.column_stack([rows[name].astype(float) for name in names])
    for scope in scopes(lists["clinic_id"], lists["clinic_group"], strata):
        yield scope, totals[list(scope.strata)]


def _in_order(table: pa.Table, columns: tuple[str, ...] | None = None) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in columns or table.column_names])
