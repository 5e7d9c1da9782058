"""Which counts must be hidden so that no small one can be worked out, found by solving.

The reader of the tables knows the method, every sum, and for each shown count the few counts that
are rounded to it. What they can say about a cell is the smallest and the largest value it has in
any table of whole numbers that fits. A small cell is safe when both ends stay possible: 1 (or 0,
where zeros are hidden) and the threshold less one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array, eye_array, hstack
from scipy.sparse.csgraph import connected_components

from transforms.disclosure.cells import System
from transforms.disclosure.structure import Policy

Span = tuple[float, float]
WHOLE = 1e-6


def rounded(count: float, policy: Policy) -> int:
    """Return a shown count as it is printed: a multiple of the base, never below the threshold.

    >>> [rounded(n, Policy()) for n in (0, 11, 12, 17, 18, 1234)]
    [0, 15, 15, 15, 20, 1235]
    """
    if count == 0:
        return 0
    smallest = math.ceil(policy.threshold / policy.base) * policy.base
    return max(math.floor(count / policy.base + 0.5) * policy.base, smallest)


def span_of(printed: int, policy: Policy) -> Span:
    """Return the counts that are printed like this.

    >>> span_of(15, Policy()), span_of(20, Policy()), span_of(0, Policy())
    ((11, 17), (18, 22), (0, 0))
    """
    if printed == 0:
        return 0, 0
    low = printed - policy.base // 2
    smallest = math.ceil(policy.threshold / policy.base) * policy.base
    at_least = policy.threshold if printed == smallest else low
    return max(policy.threshold, min(low, at_least)), printed + (policy.base - 1) // 2


@dataclass
class Known:
    """What a reader knows about the cells of one connected part."""

    sums: csr_array
    low: np.ndarray
    high: np.ndarray

    def reach(self, cells: Sequence[int], floor: float, ceiling: float) -> dict[int, Span]:
        """Return for each cell how low and how high it can be, as far as that is asked.

        A cell that can be as low as ``floor`` (or as high as ``ceiling``) is not followed further.
        """
        lows = self._ends(cells, 1.0, floor)
        highs = self._ends(cells, -1.0, ceiling)
        return {cell: (lows[cell], highs[cell]) for cell in cells}

    def _ends(self, cells: Sequence[int], sign: float, enough: float) -> dict[int, float]:
        """Return the best end found of every cell, several at once while that helps."""
        ends = dict.fromkeys(cells, math.inf if sign > 0 else -math.inf)
        open_cells, is_helping = list(cells), True
        while open_cells and is_helping:
            before = len(open_cells)
            open_cells = self._follow(open_cells, open_cells, sign, enough, ends)
            is_helping = len(open_cells) < before
        for cell in open_cells:
            if sign * ends[cell] > sign * enough:
                self._follow([cell], open_cells, sign, enough, ends)
        return ends

    def _follow(
        self,
        wanted: Sequence[int],
        noted: Sequence[int],
        sign: float,
        enough: float,
        ends: dict[int, float],
    ) -> list[int]:
        aim = np.zeros(len(self.low))
        aim[list(wanted)] = sign
        found = milp(
            aim,
            constraints=LinearConstraint(self.sums, 0, 0) if self.sums.shape[0] else (),
            bounds=Bounds(self.low, self.high),
            integrality=np.ones(len(self.low)),
        )
        if found.x is None:
            raise ArithmeticError("the published counts contradict each other")
        values = np.round(found.x)
        for cell in noted:
            ends[cell] = sign * min(sign * ends[cell], sign * values[cell])
        return [cell for cell in noted if sign * ends[cell] > sign * enough]


def cells_to_hide(
    system: System, policy: Policy, about_one: frozenset[int] = frozenset()
) -> set[int]:
    """Return the published cells to hide: the small ones, and others until no small one is told.

    Parameters
    ----------
    about_one : cells of rows that are about one therapist's clients; hidden whatever their size.
    """
    values = np.array(system.values, dtype=float)
    published = system.published
    hidden = {
        cell
        for cell in published
        if math.isnan(values[cell]) or policy.is_small(values[cell]) or cell in about_one
    }
    sensitive = {c for c, v in enumerate(values) if policy.is_small(v) or c in about_one}
    sensitive |= {cell for cell in published if math.isnan(values[cell])}
    for part in parts_of(system.sums, len(values)):
        own = sensitive & {*part}
        if own:
            hidden |= _protect(system, policy, part, own, hidden & {*part}, about_one)
    return hidden


def _protect(
    system: System,
    policy: Policy,
    part: Sequence[int],
    sensitive: set[int],
    hidden: set[int],
    about_one: frozenset[int],
) -> set[int]:
    """Hide more cells of one part until no sensitive one is told; all of it where that fails.

    Hiding only widens what is possible: a cell found safe stays safe, and is not asked for again.
    """
    hidden = {*hidden}
    told = told_cells(system, policy, part, sensitive, hidden, about_one)
    while told:
        before = len(hidden)
        for cell, (floor, _) in sorted(told.items(), key=lambda c: (system.values[c[0]], c)):
            for aim in _aims(system, policy, cell, floor, about_one):
                hidden |= _cheapest(system, policy, part, hidden, cell, aim)
        told = told_cells(system, policy, part, {*told}, hidden, about_one)
        if told and len(hidden) == before:
            return hidden | {c for c in part if c in system.published and system.values[c] > 0}
    return hidden


def _aims(
    system: System, policy: Policy, cell: int, floor: float, about_one: frozenset[int]
) -> list[Span]:
    """Return the spans a cell must be able to reach."""
    if cell in about_one:
        return [(system.values[cell] + policy.threshold - 1, math.inf)]
    return [(policy.threshold - 1, math.inf), (-math.inf, floor)]


def _cheapest(
    system: System, policy: Policy, part: Sequence[int], hidden: set[int], cell: int, aim: Span
) -> set[int]:
    """Return shown cells that, hidden, let a cell reach its aim at the least cost.

    A table that fits all sums is sought in which the cell has such a value and as few shown counts
    as possible, by cost, leave the span they are printed as: those are hidden.
    """
    place = {c: n for n, c in enumerate(part)}
    spans, n = known_spans(system, policy, hidden), len(part)
    low, high = (np.array([spans[c][end] for c in part], dtype=float) for end in (0, 1))
    free = known_spans(system, policy, system.published)
    may_move = np.array([c in system.published and system.values[c] > 0 for c in part])
    least = np.where(may_move, [free[c][0] for c in part], low)
    most = np.where(may_move, [free[c][1] for c in part], high)
    at = place[cell]
    least[at], most[at] = max(least[at], aim[0]), min(most[at], aim[1])
    if least[at] > most[at]:
        return set()
    # x, then how far each count lies above its span, then how far below.
    sums, one, none = _matrix(system.sums, place), eye_array(n), csr_array((n, n))
    costs = np.array([1 + system.costs[c] + min(system.values[c], 1e4) / 1e5 for c in part])
    found = milp(
        np.concatenate([np.zeros(n), np.nan_to_num(costs, nan=1.0), np.nan_to_num(costs, nan=1.0)]),
        constraints=[
            LinearConstraint(hstack([sums, csr_array((sums.shape[0], 2 * n))], format="csr"), 0, 0),
            LinearConstraint(hstack([one, -one, none], format="csr"), -np.inf, high),
            LinearConstraint(hstack([one, none, one], format="csr"), low, np.inf),
        ],
        bounds=Bounds(
            np.concatenate([least, np.zeros(2 * n)]), np.concatenate([most, np.full(2 * n, np.inf)])
        ),
    )
    if found.x is None:
        return set()
    away = found.x[n : 2 * n] + found.x[2 * n :]
    return {c for c in part if away[place[c]] > WHOLE and c in system.published} - hidden


def told_cells(
    system: System,
    policy: Policy,
    part: Sequence[int],
    sensitive: set[int],
    hidden: set[int],
    about_one: frozenset[int] = frozenset(),
) -> dict[int, Span]:
    """Return the sensitive cells of which a reader knows more than that they are small.

    Each comes with the span that it ought to reach. Its lower end is above 1 where hidden parts
    alone, each at least 1, say so.
    """
    place = {cell: n for n, cell in enumerate(part)}
    known = _known(system, policy, place, hidden)
    ceiling = policy.threshold - 1
    told = {}
    small = [place[cell] for cell in sorted(sensitive - about_one)]
    ends = known.reach(small, policy.smallest, ceiling)
    high = [cell for cell, (low, _) in ends.items() if policy.smallest < low < policy.threshold]
    floors = dict.fromkeys(small, policy.smallest)
    if high:
        not_zero = {cell for cell in system.published if system.values[cell] != 0}
        unseen = _known(system, policy, place, hidden | not_zero)
        floors |= {cell: low for cell, (low, _) in unseen.reach(high, 0, -math.inf).items()}
    for cell, (low, most) in ends.items():
        if most < ceiling or floors[cell] < low < policy.threshold:
            told[part[cell]] = (floors[cell], ceiling)
    one = [place[cell] for cell in sorted(sensitive & about_one)]
    for cell, (low, most) in known.reach(one, -math.inf, math.inf).items():
        if most - low < ceiling:
            told[part[cell]] = (low, low + ceiling)
    return told


def _known(system: System, policy: Policy, place: Mapping[int, int], hidden: set[int]) -> Known:
    spans = known_spans(system, policy, hidden)
    low = np.array([spans[cell][0] for cell in place], dtype=float)
    high = np.array([spans[cell][1] for cell in place], dtype=float)
    return Known(_matrix(system.sums, place), low, high)


def known_spans(system: System, policy: Policy, hidden: set[int]) -> dict[int, Span]:
    """Return what stands in the tables about each cell: a span of counts.

    A hidden count is at least 1 where zeros are shown; one that nobody publishes is at least 0.
    """
    most = 10 * max((v for v in system.values if not math.isnan(v)), default=0) + 1000
    published, spans = system.published, {}
    for cell, value in enumerate(system.values):
        if cell not in published:
            spans[cell] = (0, most)
        elif cell in hidden or math.isnan(value):
            spans[cell] = (policy.smallest, most)
        else:
            spans[cell] = span_of(rounded(value, policy), policy)
    return spans


def parts_of(sums: Sequence[Mapping[int, int]], n_cells: int) -> list[list[int]]:
    """Split cells into parts that no sum links, cells without a sum each on its own."""
    links = [(n, cell) for n, each in enumerate(sums) for cell in each]
    rows = np.array([n for n, _ in links], dtype=int)
    columns = np.array([cell for _, cell in links], dtype=int)
    size = len(sums) + n_cells
    graph = coo_array((np.ones(len(links)), (rows, columns + len(sums))), shape=(size, size))
    label = connected_components(graph, directed=False)[1][len(sums) :]
    parts: dict[int, list[int]] = defaultdict(list)
    for cell, name in enumerate(label):
        parts[name].append(cell)
    return list(parts.values())


def _matrix(sums: Sequence[Mapping[int, int]], place: Mapping[int, int]) -> csr_array:
    own = [each for each in sums if next(iter(each)) in place]
    entries = [(n, place[c], s) for n, each in enumerate(own) for c, s in each.items()]
    rows, columns, signs = zip(*entries, strict=True) if entries else ((), (), ())
    return csr_array((signs, (rows, columns)), shape=(len(own), len(place)), dtype=float)
