"""The counts of one table as the unknowns of a system: which there are, and what adds up.

A cell is a count of one scope; counts that are always equal are one cell. Cells are published
(they stand in a row) or not (a remainder, or all candidates: readers know that they are there).
Rows of different ages were counted on different days and share no cell and no sum.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from transforms.disclosure.structure import CountSum, Table, Term, holds, written

Row = Mapping[str, Any]
# Name, scope level, scope, keys with their values, age.
Cell = tuple[Any, ...]
Place = tuple[int, str]
AGE = "_run"


@dataclass
class System:
    """The cells of one table.

    Attributes
    ----------
    places : where each published cell stands: number of the row, and column
    values : the count of every cell; NaN where nobody told us
    sums : cell -> sign; each adds up to 0
    costs : what hiding a cell costs beside others: 0 for who is left out, more for a row's base
    """

    places: dict[Place, int] = field(default_factory=dict)
    values: list[float] = field(default_factory=list)
    sums: list[dict[int, int]] = field(default_factory=list)
    costs: list[int] = field(default_factory=list)

    @property
    def published(self) -> set[int]:
        """Cells that stand in a row."""
        return {*self.places.values()}


def system_of(rows: Sequence[Row], table: Table, clinics: Mapping[str, str | None]) -> System:
    """Return the cells and sums of a table.

    Parameters
    ----------
    rows : the table, its counts exact; NULL where an earlier step hid one.
    clinics : every clinic with its group.
    """
    return _Reader(rows, table, clinics).read()


class _Reader:
    def __init__(
        self, rows: Sequence[Row], table: Table, clinics: Mapping[str, str | None]
    ) -> None:
        self.rows, self.table, self.clinics = rows, table, clinics
        self.same: dict[Cell, Cell] = {}
        self.counts: dict[Cell, float] = {}
        self.at: dict[Place, Cell] = {}
        self.here = {self._place(row, row): n for n, row in enumerate(rows)}
        self.families = {
            (row["scope_id"], row.get(AGE), *(row[key] for key in table.family))
            for row in rows
            if row["scope_level"] == "clinic"
        }
        self.with_rows = {
            (row["scope_id"], row.get(AGE)) for row in rows if row["scope_level"] == "clinic"
        }

    def read(self) -> System:
        for n, row in enumerate(self.rows):
            for column in self.table.counts:
                self._note((n, column), self._cell(row, Term(name=column)), row[column])
        linked = [*self._declared()]
        linked += [*self._over_scopes(linked)]
        sums = [each for each in linked if not self._merge(each)]
        return self._numbered(sums)

    def _note(self, place: Place, cell: Cell, value: float | None) -> None:
        self.at[place] = cell
        known = math.nan if value is None else float(value)
        self.counts[cell] = self.counts.get(cell, known) if math.isnan(known) else known

    def _cell(self, row: Row, term: Term) -> Cell:
        keys = self.table.keys if term.by is None else term.by
        values = tuple((key, term.at.get(key, row[key])) for key in keys)
        return (term.name, row["scope_level"], row["scope_id"], values, row.get(AGE))

    def _place(self, row: Row, values: Mapping[str, Any]) -> Cell:
        keys = tuple(written(values.get(key, row[key])) for key in self.table.keys)
        return (row["scope_level"], row["scope_id"], keys, row.get(AGE))

    def _declared(self) -> Iterator[dict[Cell, int]]:
        for each in self.table.sums:
            for row in self.rows:
                if holds(each.when, row):
                    found = self._signed(row, each)
                    if found:
                        yield found

    def _signed(self, row: Row, each: CountSum) -> dict[Cell, int] | None:
        """Return the cells of a sum as this row has it; None where a row of it is not there."""
        found: dict[Cell, int] = defaultdict(int)
        for sign, term in each.terms:
            if not term.is_unpublished:
                other = self.here.get(self._place(row, {**row, **term.at}))
                if other is None:
                    return None
                found[self.at[other, term.name]] += sign
            else:
                found[self._cell(row, term)] += sign
        return found

    def _over_scopes(self, linked: Sequence[Mapping[Cell, int]]) -> Iterator[dict[Cell, int]]:
        """Yield that clinics make their group and all; one clinic alone is its total."""
        cells = {*self.at.values()} | {cell for each in linked for cell in each}
        totals = [cell for cell in cells if cell[1] in ("overall", "group")]
        for total in sorted(totals, key=str):
            name, level, scope, keys, age = total
            own = [c for c, group in self.clinics.items() if level == "overall" or group == scope]
            has_family = [c for c in own if self._family(c, keys, age) in self.families]
            parts = {c: (name, "clinic", c, keys, age) for c in own}
            there = [c for c in own if parts[c] in cells]
            if len(own) == 1 or (
                self._is_of_persons(name) and there == has_family[:1] == has_family
            ):
                if there:
                    yield {parts[there[0]]: 1, total: -1}
            elif there and self._is_added(name, keys):
                if name not in self.table.counts:
                    others = [] if self.table.others_have_none else own
                    there += [c for c in others if (c, age) not in self.with_rows]
                elif {*has_family} - {*there}:
                    continue
                yield {**{parts[c]: 1 for c in there}, total: -1}

    def _is_of_persons(self, name: str) -> bool:
        """Return whether a clinic without this row has none: not so for who was left out."""
        return name in self.table.counts and name != self.table.left_out_count

    def _is_added(self, name: str, keys: Cell) -> bool:
        values = dict(keys)
        return any(term.name == name and holds(term.at, values) for term in self.table.scopes)

    def _family(self, clinic: str, keys: Cell, age: Any) -> Cell:
        values = dict(keys)
        return (clinic, age, *(values.get(key) for key in self.table.family))

    def _merge(self, each: Mapping[Cell, int]) -> bool:
        """Take two cells for one where a sum says that they are equal."""
        if sorted(each.values()) != [-1, 1]:
            return not any(each.values())
        first, second = (self._root(cell) for cell in each)
        if first != second:
            self.same[second] = first
            if math.isnan(self.counts.get(first, math.nan)) and second in self.counts:
                self.counts[first] = self.counts[second]
        return True

    def _cost(self, row: Row, column: str) -> int:
        if column == self.table.left_out_count:
            return 0
        of_all = 2 if row["scope_level"] == "overall" else 0
        return of_all + (4 if column == self.table.base else 3)

    def _root(self, cell: Cell) -> Cell:
        while cell in self.same:
            cell = self.same[cell]
        return cell

    def _numbered(self, sums: Sequence[Mapping[Cell, int]]) -> System:
        numbers: dict[Cell, int] = {}
        found = System()
        unique: dict[frozenset[tuple[int, int]], dict[int, int]] = {}
        for each in sums:
            total: dict[int, int] = defaultdict(int)
            for cell, sign in each.items():
                total[numbers.setdefault(self._root(cell), len(numbers))] += sign
            known = {cell: sign for cell, sign in total.items() if sign}
            ahead = known[min(known)] if known else 1
            if known:
                unique[frozenset((cell, sign * ahead) for cell, sign in known.items())] = known
        for place, cell in self.at.items():
            found.places[place] = numbers.setdefault(self._root(cell), len(numbers))
        found.values = [self.counts.get(cell, math.nan) for cell in numbers]
        found.costs = [0] * len(numbers)
        for (row, column), number in found.places.items():
            found.costs[number] = max(found.costs[number], self._cost(self.rows[row], column))
        found.sums = list(unique.values())
        _fill(found)
        return found


def _fill(system: System) -> None:
    """Work out the counts nobody tells from the others, one unknown of a sum at a time."""
    is_new = True
    while is_new:
        is_new = False
        for each in system.sums:
            unknown = [cell for cell in each if math.isnan(system.values[cell])]
            if len(unknown) == 1:
                rest = sum(s * system.values[c] for c, s in each.items() if c != unknown[0])
                system.values[unknown[0]] = -rest / each[unknown[0]]
                is_new = True


def broken_sums(system: System) -> list[dict[int, int]]:
    """Return the sums whose counts are all known and do not add up, or lie below 0."""
    return [
        each
        for each in system.sums
        if not any(math.isnan(system.values[cell]) for cell in each)
        and (
            abs(sum(sign * system.values[cell] for cell, sign in each.items())) > 1e-6
            or min(system.values[cell] for cell in each) < 0
        )
    ]
