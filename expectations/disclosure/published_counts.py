"""Counts of people in the aggregate tables, and the sums by which readers can compute one.

Sums are over scopes (the clinics of a group, and of all), over the parts of a row that PARTS
names, and over the categories that CATEGORIES names. Counts that are the same in every row of
two categories that shows both are one and the same count; so are persons kept and left out
together, where their number never differs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import duckdb
import numpy as np

from expectations.disclosure.linear_attack import Sum
from transforms.sql import name
from transforms.statistics.arrays import Bools, Floats

SCHEMA = "common_factors"
# Counts of other things than clients and what they did: they say nothing about one. That a clinic
# has few therapists is no secret; whose clients they are, is.
NOT_PEOPLE = ("n_therapists", "n_modalities", "n_clinics", "n_instruments")
# Text that describes a row and is no part of its key.
WORDS = (
    "agreement",
    "caution",
    "confounding",
    "definition_version",
    "evidence",
    "exclusion_reasons",
    "interval_from",
    "is_boundary",
    "model",
    "not_estimable_reason",
    "precision_label",
    "reason",
    "scope_id",
    "scope_level",
    "standing",
    "unit",
    "verdict",
    "verdict_at_24",
    "verdict_at_30",
)
# Kinds of columns that tell the cells of a table apart.
DISCRETE = ("VARCHAR", "BOOLEAN", "BIGINT", "INTEGER")
PERSONS = ("client_key", "episode_key", "therapist_key")
# Total and parts in one row.
PARTS = {
    "cf_rupture_summary": (
        ("n_ruptures", ("n_repaired", "n_unrepaired", "n_undecided")),
        ("n_episodes", ("n_none_episodes", "n_rupture_episodes")),
    ),
    "cf_modality_equivalence": (("n_clients", ("n_clients_modality", "n_clients_compared")),),
}
# Column, the values that exclude each other, the count of each, the count of all.
CATEGORIES = {
    "cf_outcome_change": (
        "metric",
        ("reliably_improved", "unchanged", "reliably_deteriorated"),
        "n_events",
        "n_episodes",
    ),
}
# Categories of a column with more values, such as session numbers, are not compared in pairs.
MOST_CATEGORIES = 8
# So many rows must agree before two counts are taken for the same.
ENOUGH = 3
# Not those an estimate was computed from.
LEFT_OUT = "n_excluded"
Cell = tuple[int, str]


@dataclass(frozen=True)
class PublishedCounts:
    """The counts of one table.

    Attributes
    ----------
    places : every (rowid, column) that holds a count, with the number of its cell; several
        places may hold the same cell
    values : one count per cell, NaN where hidden
    sums : what adds up to 0, see `expectations.disclosure.linear_attack`
    is_overall : cells that count people of all clinics
    """

    places: dict[Cell, int]
    values: Floats
    sums: list[Sum]
    is_overall: Bools


def aggregates(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Return the columns (name to type) of every table that counts people by scope."""
    found: dict[str, dict[str, str]] = {}
    rows = con.execute(
        "select table_name, column_name, data_type from duckdb_columns() "
        "where schema_name = ? order by table_name, column_index",
        [SCHEMA],
    )
    for table, column, kind in rows.fetchall():
        found.setdefault(table, {})[column] = kind
    return {
        table: columns
        for table, columns in found.items()
        if "scope_level" in columns and not any(person in columns for person in PERSONS)
    }


def keys_of(columns: dict[str, str]) -> list[str]:
    """Return what, beside the scope, tells the rows of a table apart."""
    return [
        column
        for column, kind in columns.items()
        if kind in DISCRETE and column not in WORDS and not column.startswith(("n_", "benchmark_"))
    ]


def counts_of(columns: dict[str, str]) -> list[str]:
    """Return the columns that count people, or what they did."""
    return [c for c in columns if c.startswith("n_") and not c.startswith(NOT_PEOPLE)]


def read_counts(
    con: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str]
) -> PublishedCounts:
    """Read a table's counts and find the sums between them."""
    keys, counts = keys_of(columns), counts_of(columns)
    listed = ", ".join(name(c) for c in ("scope_level", "scope_id", *keys, *counts))
    cursor = con.execute(f"select rowid, {listed} from {SCHEMA}.{name(table)} order by rowid")
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    groups = dict(con.execute("select clinic_id, clinic_group from core.dim_clinics").fetchall())
    return _Reader(table, keys, counts, rows, groups).read()


class _Reader:
    """The rows of one table on their way to cells and sums."""

    def __init__(
        self,
        table: str,
        keys: list[str],
        counts: list[str],
        rows: list[dict[str, Any]],
        groups: dict[str, str | None],
    ) -> None:
        self.table, self.keys, self.counts, self.rows = table, keys, counts, rows
        self.groups = groups
        self.same = {(n, count): (n, count) for n in range(len(rows)) for count in counts}

    def read(self) -> PublishedCounts:
        linked: list[dict[Cell, float]] = []
        for key in self.keys:
            linked += self._across(key)
        linked += [*self._scopes(), *self._parts(), *self._categories()]
        cells: dict[Cell, int] = {}
        sums: dict[frozenset[tuple[int, float]], Sum] = {}
        for each in linked:
            total: Sum = defaultdict(float)
            for cell, sign in each.items():
                total[cells.setdefault(self._root(cell), len(cells))] += sign
            known = {cell: sign for cell, sign in total.items() if sign}
            # Cells that are the same make the same sum again, and backwards.
            ahead = known[min(known)] if known else 0
            sums.setdefault(frozenset((cell, sign * ahead) for cell, sign in known.items()), known)
        places: dict[Cell, int] = {}
        values: dict[int, float] = {}
        totals = {row["rowid"] for row in self.rows if row["scope_level"] == "overall"}
        for n, row in enumerate(self.rows):
            for count in self.counts:
                number = cells.setdefault(self._root((n, count)), len(cells))
                places[row["rowid"], count] = number
                if row[count] is not None:
                    values[number] = float(row[count])
        overall = [places[cell] for cell in places if cell[0] in totals]
        is_overall = np.zeros(len(cells), dtype=bool)
        is_overall[overall] = True
        filled = np.array([values.get(number, np.nan) for number in range(len(cells))])
        return PublishedCounts(places, filled, [each for each in sums.values() if each], is_overall)

    def _root(self, cell: Cell) -> Cell:
        while cell in self.same and self.same[cell] != cell:
            cell = self.same[cell]
        return cell

    def _cells_of(self, *without: str) -> dict[tuple[Any, ...], list[int]]:
        """Return the rows by their key, scopes apart unless ``without`` names them."""
        columns = [c for c in ("scope_level", "scope_id", *self.keys) if c not in without]
        found: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for n, row in enumerate(self.rows):
            found[tuple(row[c] for c in columns)].append(n)
        return found

    def _scopes(self) -> Iterator[dict[Cell, float]]:
        for own in self._cells_of("scope_level", "scope_id").values():
            clinics = [n for n in own if self.rows[n]["scope_level"] == "clinic"]
            for total in own:
                level, scope = self.rows[total]["scope_level"], self.rows[total]["scope_id"]
                if level == "clinic":
                    continue
                parts = [
                    n
                    for n in clinics
                    if level == "overall" or self.groups.get(self.rows[n]["scope_id"]) == scope
                ]
                for count in self.counts if parts else ():
                    yield {(n, count): 1.0 for n in parts} | {(total, count): -1.0}

    def _parts(self) -> Iterator[dict[Cell, float]]:
        for total, parts in PARTS.get(self.table, ()):
            for n in range(len(self.rows)):
                yield {(n, part): 1.0 for part in parts} | {(n, total): -1.0}

    def _categories(self) -> Iterator[dict[Cell, float]]:
        if self.table not in CATEGORIES:
            return
        key, values, part, total = CATEGORIES[self.table]
        for own in self._cells_of(key).values():
            rows = {self.rows[n][key]: n for n in own}
            if rows.keys() >= {*values}:
                parts = {(rows[value], part): 1.0 for value in values}
                yield parts | {(rows[values[0]], total): -1.0}

    def _across(self, key: str) -> Iterator[dict[Cell, float]]:
        """Note counts that are the same in two categories; yield sums that are."""
        categories = sorted({row[key] for row in self.rows}, key=str)
        if not 2 <= len(categories) <= MOST_CATEGORIES:
            return
        by_value = [{self.rows[n][key]: n for n in own} for own in self._cells_of(key).values()]
        linked: dict[tuple[int, str], int] = {}
        for one, other in combinations(categories, 2):
            pairs = [(own[one], own[other]) for own in by_value if one in own and other in own]
            for count in self.counts:
                if self._agree(pairs, (count,)):
                    for first, second in pairs:
                        self.same[self._root((second, count))] = self._root((first, count))
                elif count != LEFT_OUT and LEFT_OUT in self.counts:
                    kept = (count, LEFT_OUT)
                    if self._agree(pairs, kept):
                        yield from self._differences(pairs, kept, linked)

    def _differences(
        self,
        pairs: list[tuple[int, int]],
        counts: tuple[str, ...],
        linked: dict[tuple[int, str], int],
    ) -> Iterator[dict[Cell, float]]:
        """Yield that the counts of two rows have one sum, where no rows between them say so."""
        for first, second in pairs:
            ends = [linked.get((n, counts[0]), n) for n in (first, second)]
            if ends[0] == ends[1]:
                continue
            for cell, end in linked.items():
                if end == ends[1] and cell[1] == counts[0]:
                    linked[cell] = ends[0]
            linked |= {(n, counts[0]): ends[0] for n in (first, second)}
            yield {(first, c): 1.0 for c in counts} | {(second, c): -1.0 for c in counts}

    def _agree(self, pairs: list[tuple[int, int]], counts: tuple[str, ...]) -> bool:
        """Return whether the sum of the counts is equal in every pair that shows it."""
        shown = 0
        for first, second in pairs:
            ours = [self.rows[first][c] for c in counts]
            theirs = [self.rows[second][c] for c in counts]
            if None in ours or None in theirs:
                continue
            if sum(ours) != sum(theirs):
                return False
            shown += sum(ours) > 0
        return shown >= ENOUGH
