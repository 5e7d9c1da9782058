"""Which points of a curve are told: no step between two of them is a small count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from transforms.disclosure.cells import AGE, Row
from transforms.disclosure.structure import SCOPE, Curve, Policy, Table


def hidden_points(rows: Sequence[Row], table: Table, policy: Policy) -> set[int]:
    """Return the rows of curves that are not told.

    From those at risk and the share of two points a reader can work out how many left and how many
    ended otherwise in between: neither may be small, nor may those who are left after a point.
    """
    hidden: set[int] = set()
    for curve in (each.curve for each in table.statistics if each.curve):
        of_curve: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for n, row in enumerate(rows):
            if row[curve.left] is not None:
                keys = [row[key] for key in (*SCOPE, *table.keys) if key != curve.along]
                of_curve[row.get(AGE), *keys].append(n)
        for points in of_curve.values():
            points.sort(key=lambda n: rows[n][curve.along])
            told = {*_told([rows[n] for n in points], table.base, curve, policy)}
            hidden |= {n for at, n in enumerate(points) if at not in told}
    return hidden


def _told(points: Sequence[Row], base: str, curve: Curve, policy: Policy) -> Iterator[int]:
    left_before = left_told = 0
    after_told = points[0][base]
    for at, row in enumerate(points):
        left = row[curve.left]
        after = row[curve.at_risk] - (left - left_before)
        left_before = left
        steps = (left - left_told, after_told - after - (left - left_told), after)
        if (
            left > 0
            and row[curve.at_risk] >= policy.threshold
            and not any(map(policy.is_small, steps))
        ):
            yield at
            left_told, after_told = left, after
