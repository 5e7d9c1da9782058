"""Small counts that sums give away, and what else must be hidden so that they do not.

A cell is a count; a sum is a set of cells whose counts, times their signs, add up to 0 (parts 1,
their total -1). Readers know the sums and the cells that are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from transforms.statistics.arrays import Bools, Floats

Sum = dict[int, float]
# Small cells that are known, and the visible cells by which.
Leak = tuple[set[int], list[int]]
# Numbers that are 0 but for rounding in a pseudo-inverse.
ZERO = 1e-9
WHOLE = 1e-4


def small_cells(sums: Sequence[Sum], values: Floats, small_number: int) -> set[int]:
    """Return the hidden cells that readers know to hold 1 to ``small_number`` - 1.

    Parameters
    ----------
    values : one count per cell, NaN where it is hidden.

    Notes
    -----
    Known are cells that the sums give away, and cells of a sum whose hidden parts together are
    small.
    """
    leaks = _leaks_by_steps(sums, values, small_number) + _all_leaks(sums, values, small_number)
    return set().union(*(cells for cells, _ in leaks))


def cells_to_hide(
    sums: Sequence[Sum], values: Floats, small_number: int, is_costly: Bools | None = None
) -> list[int]:
    """Return visible cells that, hidden as well, leave no small cell known; few of them.

    Parameters
    ----------
    is_costly : cells that are hidden only where no other would do, such as the total of all.

    Notes
    -----
    For each small cell that is known, the smallest count it is computed from is hidden, never a
    zero, until none is known; then each of these that need not be hidden is shown again, the
    largest first.

    Examples
    --------
    Of 61 clients in four clinics 6 are hidden; the clinic with 15 has to go as well.

    >>> total = {0: 1, 1: 1, 2: 1, 3: 1, 4: -1}
    >>> cells_to_hide([total], np.array([20, np.nan, 15, 20, 61]), 11)
    [2]
    """
    found: list[int] = []
    costly = np.zeros(len(values), dtype=bool) if is_costly is None else is_costly
    for part in _split(sums, len(values), lambda _cell: True):
        cells = sorted({cell for each in part for cell in each})
        place = {cell: n for n, cell in enumerate(cells)}
        own = [{place[cell]: sign for cell, sign in each.items()} for each in part]
        found += [cells[n] for n in _hide(own, values[cells], small_number, costly[cells])]
    return sorted(found)


def _hide(sums: Sequence[Sum], values: Floats, small_number: int, is_costly: Bools) -> list[int]:
    shown = values.copy()
    hidden: list[int] = []

    def by_steps(_near: int | None = None) -> list[Leak]:
        return _leaks_by_steps(sums, shown, small_number)

    def together(near: int | None = None) -> list[Leak]:
        return by_steps() or _all_leaks(sums, shown, small_number, near)

    # Step by step is fast and finds nearly all; what only several sums together tell comes last.
    for leaks_of in (by_steps, together):
        n_before = len(hidden)
        while picked := _pick(leaks_of(), sums, shown, is_costly):
            hidden += sorted(picked)
            shown[hidden] = np.nan
        if len(hidden) == n_before:
            continue
        for cell in sorted(hidden, key=lambda c: (is_costly[c], values[c], c), reverse=True):
            shown[cell] = values[cell]
            if leaks_of(cell):
                shown[cell] = np.nan
            else:
                hidden.remove(cell)
    return hidden


def _pick(leaks: Sequence[Leak], sums: Sequence[Sum], shown: Floats, is_costly: Bools) -> set[int]:
    """Return the cheapest visible count for each leak: the smallest, of the same sum if it can."""
    picked: set[int] = set()
    for small, sources in leaks:
        beside = {cell for each in sums if not small.isdisjoint(each) for cell in each}
        choice = [
            (bool(is_costly[cell]), cell not in beside, shown[cell], cell)
            for cell in sources
            if shown[cell] > 0
        ]
        if choice and picked.isdisjoint(cell for *_, cell in choice):
            picked.add(min(choice)[-1])
    return picked


def _leaks_by_steps(sums: Sequence[Sum], values: Floats, small_number: int) -> list[Leak]:
    """Return the leaks found by filling in, again and again, the only hidden cell of a sum."""
    known = {cell: float(values[cell]) for each in sums for cell in each}
    sources = {cell: {cell} for cell, value in known.items() if not np.isnan(value)}
    leaks: list[Leak] = []
    is_new = True
    while is_new:
        is_new = False
        for each in sums:
            unknown = [cell for cell in each if cell not in sources]
            if len(unknown) != 1:
                continue
            cell = unknown[0]
            others = [c for c in each if c != cell]
            known[cell] = -sum(each[c] * known[c] for c in others) / each[cell]
            sources[cell] = set().union(*(sources[c] for c in others))
            is_new = True
            if _is_small(known[cell], small_number):
                leaks.append(({cell}, sorted(sources[cell])))
    for each in sums:
        leaks += _small_together(each, values, small_number)
    return leaks


def _all_leaks(
    sums: Sequence[Sum], values: Floats, small_number: int, near: int | None = None
) -> list[Leak]:
    """Return what the sums tell together; with ``near``, only those linked to that cell."""
    return [
        leak
        for part in _parts(sums, values)
        if near is None or any(near in each for each in part)
        for leak in _leaks(part, values, small_number)
    ]


def _parts(sums: Sequence[Sum], values: Floats) -> list[list[Sum]]:
    """Split the sums with a hidden cell into groups that share no hidden cell.

    Only sums with one total: two sums set equal link whole tables, and are followed by steps.
    """
    with_total = [each for each in sums if sum(sign < 0 for sign in each.values()) == 1]
    return _split(with_total, len(values), lambda cell: np.isnan(values[cell]))


def _split(sums: Sequence[Sum], n_cells: int, links: Callable[[int], bool]) -> list[list[Sum]]:
    """Split sums into groups that share no cell that links; leave out those without one."""
    linked = [(n, cell) for n, each in enumerate(sums) for cell in each if links(cell)]
    if not linked:
        return []
    rows, columns = np.array(linked).T
    size = len(sums) + n_cells
    graph = coo_array((np.ones(len(rows)), (rows, columns + len(sums))), shape=(size, size))
    label = connected_components(graph, directed=False)[1]
    groups: dict[int, list[Sum]] = {}
    for n in dict.fromkeys(rows.tolist()):
        groups.setdefault(label[n], []).append(sums[n])
    return list(groups.values())


def _system(sums: Sequence[Sum], values: Floats) -> tuple[Floats, Floats, list[int]]:
    """Return equations and values of the cells that these sums are about, and which they are."""
    cells = sorted({cell for each in sums for cell in each})
    place = {cell: n for n, cell in enumerate(cells)}
    equations = np.zeros((len(sums), len(cells)))
    for n, each in enumerate(sums):
        for cell, sign in each.items():
            equations[n, place[cell]] = sign
    return equations, values[cells], cells


def _leaks(sums: Sequence[Sum], values: Floats, small_number: int) -> list[Leak]:
    """Return the small cells that these sums tell, each with the visible cells it is told by."""
    equations, own, cells = _system(sums, values)
    leaks = [
        ({cells[cell]}, [cells[source] for source in sources])
        for cell, value, sources in _derive(equations, own)
        if _is_small(value, small_number)
    ]
    for each in sums:
        leaks += _small_together(each, values, small_number)
    return leaks


def _small_together(each: Sum, values: Floats, small_number: int) -> list[Leak]:
    """Return the hidden parts of one sum if together they are known to be few."""
    hidden = {cell for cell in each if np.isnan(values[cell])}
    signs = {each[cell] for cell in hidden}
    if len(hidden) < 2 or len(signs) != 1:
        return []
    shown = [cell for cell in each if cell not in hidden]
    rest = sum(each[cell] * values[cell] for cell in shown) / signs.pop()
    return [(hidden, shown)] if _is_small(-rest, small_number) else []


def _is_small(value: float, small_number: int) -> bool:
    # No whole number: the sums contradict each other, and a reader cannot trust them.
    return 1 <= round(value) < small_number and abs(value - round(value)) < WHOLE


def _derive(equations: Floats, values: Floats) -> list[tuple[int, float, list[int]]]:
    """Return (hidden cell, value, visible cells it is computed from) of cells given away."""
    is_hidden = np.isnan(values)
    hidden = np.flatnonzero(is_hidden)
    if not hidden.size or not len(equations):
        return []
    known = -equations @ np.where(is_hidden, 0.0, values)
    inverse = np.linalg.pinv(equations[:, hidden])
    certain = np.diag(inverse @ equations[:, hidden]) > 1 - ZERO
    used = np.abs(inverse @ equations) > ZERO
    solution = inverse @ known
    return [
        (
            int(cell),
            round(float(solution[n]), 6) + 0.0,
            [int(c) for c in np.flatnonzero(used[n] & ~is_hidden)],
        )
        for n, cell in enumerate(hidden)
        if certain[n]
    ]
