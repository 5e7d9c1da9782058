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

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, eye_array, hstack

from transforms.disclosure.cells import System
from transforms.disclosure.structure import Policy

Span = tuple[float, float]
WHOLE = 1e-6
# How many cells around a cell may move; None: all that are linked to it.
REACHES = (200, None)
# Sums with more cells, over many clinics, are not followed to all of them.
SHORT = 8


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


def cells_to_hide(
    system: System, policy: Policy, about_one: frozenset[int] = frozenset()
) -> set[int]:
    """Return the published cells to hide: the small ones, and others until no small one is told.

    Parameters
    ----------
    about_one : cells of rows that are about one therapist's clients; hidden whatever their size.
    """
    return _Protection(system, policy, about_one).hide()


class _Protection:
    def __init__(self, system: System, policy: Policy, about_one: frozenset[int]) -> None:
        self.system, self.policy, self.about_one = system, policy, about_one
        self.values = np.array(system.values, dtype=float)
        self.published = system.published
        self.most = 10 * max((v for v in system.values if not math.isnan(v)), default=0) + 1000
        self.sums_of: dict[int, list[int]] = defaultdict(list)
        for n, each in enumerate(system.sums):
            for cell in each:
                self.sums_of[cell].append(n)
        self.hidden = {c for c in self.published if self._is_sensitive(c)}

    def hide(self) -> set[int]:
        """Give every sensitive cell the room it needs, the smallest first."""
        sensitive = [c for c in range(len(self.values)) if self._is_sensitive(c)]
        small = [c for c in sensitive if c not in self.about_one]
        has_room = {sign: self._with_room(small, sign) for sign in (1, -1)}
        for cell in sorted(sensitive, key=lambda c: (self.values[c], c)):
            missing = [sign for sign in (1, -1) if cell not in has_room[sign]]
            if not all(self._make_room(cell, sign) for sign in missing):
                # Nothing can: all that is linked to it goes.
                near, _ = self._around(cell, None)
                self.hidden |= {c for c in near if c in self.published and self.values[c] != 0}
        return self.hidden

    def _with_room(self, cells: Sequence[int], sign: int) -> set[int]:
        """Return cells that reach the upper (1) or lower (-1) end as things are, many at once.

        Each table that is found moves as many of the cells as it can, each no further than needed.
        """
        found: set[int] = set()
        todo = [c for c in cells if self.sums_of[c]]
        near = sorted({c for n in range(len(self.system.sums)) for c in self.system.sums[n]})
        place = {c: n for n, c in enumerate(near)}
        while todo:
            low, high = self._spans(near, self.hidden)
            rules = [self._adds_up(near, range(len(self.system.sums)))]
            n, k, end = len(near), len(todo), self._end(sign)
            wide = hstack([rules[0].A, csr_array((rules[0].A.shape[0], k))], format="csr")
            one = csr_array(
                (np.ones(k), (range(k), [place[c] for c in todo])), shape=(k, n), dtype=float
            )
            # y lies on this side of x, and no further than the end: sign * y <= sign * x, end.
            beside = hstack([sign * one, -sign * eye_array(k)], format="csr")
            free, ends = np.full(k, np.inf), np.full(k, float(end))
            y_low, y_high = (-free, ends) if sign > 0 else (ends, free)
            x = _whole_solution(
                np.concatenate([np.zeros(n), np.full(k, -float(sign))]),
                [LinearConstraint(wide, 0, 0), LinearConstraint(beside, 0, np.inf)],
                Bounds(np.concatenate([low, y_low]), np.concatenate([high, y_high])),
                n,
            )
            reached = {
                c for c in todo if x is not None and sign * x[place[c]] >= sign * end - WHOLE
            }
            found |= reached
            todo = [c for c in todo if c not in reached] if reached else []
        return found | {c for c in cells if not self.sums_of[c]}

    def _end(self, sign: int) -> int:
        return self.policy.threshold - 1 if sign > 0 else self.policy.smallest

    def _is_sensitive(self, cell: int) -> bool:
        value = self.values[cell]
        if math.isnan(value):
            return cell in self.published
        return self.policy.is_small(value) or cell in self.about_one

    def _make_room(self, cell: int, sign: int) -> bool:
        wide, low = self._end(1), self._end(-1)
        if cell in self.about_one:
            return sign < 0 or self._let_reach(cell, (self.values[cell] + wide, math.inf))
        if math.isnan(self.values[cell]) and self._least(cell, self.hidden) >= wide + 1:
            return True  # whoever hid it, it is no small one
        if sign > 0:
            return self._let_reach(cell, (wide, math.inf))
        return self._let_reach(cell, (-math.inf, low)) or self._let_reach(
            cell, (-math.inf, self._least(cell))
        )

    def _let_reach(self, cell: int, aim: Span) -> bool:
        """Hide at the least cost what keeps a cell from its aim; say whether that is possible."""
        for reach in REACHES:
            found = self._cheapest(cell, aim, reach)
            if found is not None:
                self.hidden |= found
                return True
        return False

    def _least(self, cell: int, hidden: set[int] | None = None) -> float:
        """Return the least a cell can be; by default where all but zeros is hidden."""
        near, sums = self._around(cell, None)
        all_hidden = self.hidden | {c for c in near if self.values[c] != 0}
        low, high = self._spans(near, all_hidden if hidden is None else hidden)
        found = milp(
            np.array([1.0 if c == cell else 0.0 for c in near]),
            constraints=self._adds_up(near, sums) if sums else (),
            bounds=Bounds(low, high),
            integrality=np.ones(len(near)),
        )
        return math.inf if found.x is None else round(found.fun)

    def _cheapest(self, cell: int, aim: Span, reach: int | None) -> set[int] | None:
        """Return shown cells that, hidden, let a cell reach its aim; None where none do.

        A table that fits all sums is sought in which the cell has such a value and as few shown
        counts as possible, by cost, leave the span they are printed as: those are hidden.
        """
        near, sums = self._around(cell, reach)
        n, at = len(near), near.index(cell)
        low, high = self._spans(near, self.hidden)
        may_move = [c in self.published and self.values[c] > 0 for c in near]
        least = np.where(may_move, self.policy.smallest, low)
        most = np.where(may_move, self.most, high)
        least[at], most[at] = max(least[at], aim[0]), min(most[at], aim[1])
        if least[at] > most[at]:
            return None
        # x, then how far each count lies above its span, then how far below.
        one, none = eye_array(n), csr_array((n, n))
        costs = [1 + self.system.costs[c] + min(self.values[c], 1e4) / 1e5 for c in near]
        costs = np.nan_to_num(costs, nan=1.0)
        rules = [
            LinearConstraint(hstack([one, -one, none], format="csr"), -np.inf, high),
            LinearConstraint(hstack([one, none, one], format="csr"), low, np.inf),
        ]
        if sums:
            told = self._adds_up(near, sums)
            wide = hstack([told.A, csr_array((len(sums), 2 * n))], format="csr")
            rules.append(LinearConstraint(wide, told.lb, told.ub))
        bounds = Bounds(
            np.concatenate([least, np.zeros(2 * n)]), np.concatenate([most, np.full(2 * n, np.inf)])
        )
        aims = np.concatenate([np.zeros(n), costs, costs])
        x = _whole_solution(aims, rules, bounds, n)
        if x is None:
            return None
        away = x[n : 2 * n] + x[2 * n :]
        return {c for c, d in zip(near, away, strict=True) if d > WHOLE and c in self.published}

    def _around(self, cell: int, reach: int | None) -> tuple[list[int], list[int]]:
        """Return the cells nearest to this one and the sums they are in.

        Cells further away keep their true counts; one that nobody knows cannot, and is taken along.
        """
        near, ring = {cell: None}, [cell]
        while ring and (reach is None or len(near) < reach):
            sums = dict.fromkeys(n for each in ring for n in self.sums_of[each])
            linked = [c for n in sums for c in self._some_of(n, near, reach)]
            ring = [c for c in dict.fromkeys(linked) if c not in near]
            near |= dict.fromkeys(ring)
        ring = list(near)
        while ring:
            linked = [c for each in ring for n in self.sums_of[each] for c in self.system.sums[n]]
            ring = [c for c in dict.fromkeys(linked) if c not in near and np.isnan(self.values[c])]
            near |= dict.fromkeys(ring)
        return list(near), list(dict.fromkeys(n for c in near for n in self.sums_of[c]))

    def _some_of(self, n: int, near: Mapping[int, None], reach: int | None) -> list[int]:
        """Return the cells of a sum; of a long one those that cost least to move, and the near."""
        cells = list(self.system.sums[n])
        if reach is None or len(cells) <= SHORT:
            return cells
        cost = self.system.costs
        ranked = sorted(cells, key=lambda c: (c not in near, c not in self.hidden, cost[c], c))
        return ranked[:SHORT]

    def _adds_up(self, near: Sequence[int], sums: Sequence[int]) -> LinearConstraint:
        place = {c: n for n, c in enumerate(near)}
        entries = [
            (n, place[c], sign)
            for n, each in enumerate(sums)
            for c, sign in self.system.sums[each].items()
            if c in place
        ]
        rows, columns, signs = zip(*entries, strict=True)
        matrix = csr_array((signs, (rows, columns)), shape=(len(sums), len(near)), dtype=float)
        rest = np.array(
            [
                -sum(s * self.values[c] for c, s in self.system.sums[n].items() if c not in place)
                for n in sums
            ]
        )
        return LinearConstraint(matrix, rest, rest)

    def _spans(self, cells: Sequence[int], hidden: set[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return what stands in the tables about each cell: the least and the most it can be.

        A hidden count is at least 1 where zeros are shown; one that nobody publishes at least 0.
        """
        spans = [self._span(cell, hidden) for cell in cells]
        least, most = (np.array([span[end] for span in spans], dtype=float) for end in (0, 1))
        return least, most

    def _span(self, cell: int, hidden: set[int]) -> Span:
        if cell not in self.published:
            return 0, self.most
        if cell in hidden:
            return self.policy.smallest, self.most
        return span_of(rounded(self.values[cell], self.policy), self.policy)


def _whole_solution(
    aims: np.ndarray, rules: list[LinearConstraint], bounds: Bounds, n: int
) -> np.ndarray | None:
    """Solve; where the first ``n`` numbers come out broken, solve again in whole numbers."""
    found = milp(aims, constraints=rules, bounds=bounds)
    if found.x is not None and np.abs(found.x[:n] - np.round(found.x[:n])).max() > WHOLE:
        whole = np.concatenate([np.ones(n), np.zeros(len(aims) - n)])
        # A limit by nodes, not by time: the same counts give the same file on any machine.
        found = milp(
            aims, constraints=rules, bounds=bounds, integrality=whole, options={"node_limit": 2000}
        )
    solution: np.ndarray | None = found.x
    return solution
