"""Who reads only what is public, knows the method and solves for the rest.

For each count that is not shown (hidden in a row, or never published but known to be there: the
rest of a share, all candidates) the smallest and the largest whole number it can be in any table
that fits every shown number. The texts are read too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from transforms.disclosure.cells import system_of
from transforms.disclosure.structure import Policy, Table

MOST = 10**5


def bounds_of_everything(
    public: Sequence[Mapping], table: Table, clinics: Mapping, policy: Policy, cells: set[int]
) -> dict[int, tuple[int, int]]:
    """Return the bounds of these cells, from the public rows alone."""
    system = system_of(public, table, clinics)
    low, high = _spans(public, system, policy)
    matrix = np.zeros((len(system.sums), len(system.values)))
    for n, each in enumerate(system.sums):
        for cell, sign in each.items():
            matrix[n, cell] = sign
    own: dict[int, tuple] = {}
    for cell in cells:
        if cell not in own:
            linked = _linked(matrix, cell)
            own |= {each: linked for each in linked[1] if each in cells}
    return {
        cell: tuple(
            round(sign * _solve(matrix[rows][:, columns], low[columns], high[columns], sign, at))
            for sign, at in ((1, columns.index(cell)), (-1, columns.index(cell)))
        )
        for cell, (rows, columns) in own.items()
    }


def floor_of(public, table, clinics, policy, cell) -> int:
    """Return the least a cell can be when only zeros are told: each hidden part is at least 1."""
    blind = [
        {**row, **{c: row[c] if row[c] == 0 else None for c in table.counts}} for row in public
    ]
    return bounds_of_everything(blind, table, clinics, policy, {cell})[cell][0]


def told_too_much(exact, public, table, clinics, policy) -> dict:
    """Return the small counts of which the reader knows more than that they are small.

    Exact rows are read only to know which counts are small.
    """
    truth = system_of(exact, table, clinics)
    small = {
        cell
        for cell, value in enumerate(truth.values)
        if not math.isnan(value) and policy.smallest <= value < policy.threshold
    }
    found = bounds_of_everything(public, table, clinics, policy, small)
    red = {}
    for cell, (low, high) in found.items():
        is_low = low <= policy.smallest or low <= floor_of(public, table, clinics, policy, cell)
        if high < policy.threshold - 1 or not is_low:
            red[cell] = (truth.values[cell], low, high)
    return red


def counts_in(text: str | None) -> list[int]:
    """Return the counts that a text of reasons tells: ``no score: 12; left: fewer than 11``."""
    return [int(number) for number in re.findall(r": (\d+)(?=;|$)", text or "")]


def _spans(public, system, policy):
    """A printed count is one of few; a hidden one at least 1; any other at least 0."""
    low, high = np.zeros(len(system.values)), np.full(len(system.values), float(MOST))
    for (n, column), cell in system.places.items():
        printed = public[n][column]
        if printed is None:
            low[cell] = max(low[cell], policy.smallest)
        else:
            fitting = [
                c for c in range(max(0, printed - 20), printed + 21) if _prints(c, policy, printed)
            ]
            low[cell], high[cell] = max(low[cell], fitting[0]), min(high[cell], fitting[-1])
    return low, high


def _prints(count: int, policy: Policy, printed: int) -> bool:
    """Say whether this count is printed so: the rule of docs/disclosure.md, written once more."""
    if count < policy.threshold:
        return count == printed == 0
    nearest = policy.base * ((2 * count + policy.base) // (2 * policy.base))
    return max(nearest, policy.base * -(-policy.threshold // policy.base)) == printed


def _linked(matrix, cell):
    rows, columns, size = set(), {cell}, 0
    while len(columns) > size:
        size = len(columns)
        rows = set(np.flatnonzero(matrix[:, sorted(columns)].any(axis=1)))
        columns |= set(np.flatnonzero(matrix[sorted(rows)].any(axis=0)))
    return sorted(rows), sorted(int(column) for column in columns)


def _solve(matrix, low, high, sign, at):
    aim = np.zeros(len(low))
    aim[at] = sign
    rules = LinearConstraint(matrix, 0, 0) if len(matrix) else ()
    found = milp(aim, constraints=rules, bounds=Bounds(low, high), integrality=np.ones(len(low)))
    assert found.x is not None, "the public numbers contradict each other"
    return sign * found.fun * sign
