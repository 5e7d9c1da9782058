"""Which rows of the night replace those that outsiders have: not before enough has changed.

Two releases that differ by one client give that client away. The rows of one family (the same
question asked of every scope) are replaced together, when each row that changed changed by as many
persons as the threshold; until then the family of the release before stays, with its date. After
`at_latest_days` a family is replaced whatever changed: between two such releases the printed
numbers differ by less than one step per person, see `transforms.disclosure.control`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from transforms.disclosure.structure import SCOPE, Policy, Table

Row = dict[str, Any]
RUN, SINCE = "_run", "_since"

Key = tuple[Any, ...]


def rows_in_force(
    new: Sequence[Row], old: Sequence[Row], table: Table, policy: Policy, run_id: str, today: date
) -> list[Row]:
    """Return the rows that are public from tonight, each with the run and the day it is from.

    Parameters
    ----------
    new : tonight's exact rows.
    old : the exact rows behind the newest release, with their run and day.
    """
    stamped = [row | {RUN: run_id, SINCE: today} for row in new]
    before, after = _families(old, table), _families(stamped, table)
    kept: list[Row] = []
    for key in sorted({*before, *after}, key=str):
        theirs, ours = before.get(key, []), after.get(key, [])
        kept += ours if _is_enough(theirs, ours, table, policy, today) else theirs
    return kept


def _is_enough(
    old: Sequence[Row], new: Sequence[Row], table: Table, policy: Policy, today: date
) -> bool:
    if not old or (today - min(row[SINCE] for row in old)).days >= policy.at_latest_days:
        return True
    before, after = _by_key(old, table), _by_key(new, table)
    changes = [(before.get(key), after.get(key)) for key in {*before, *after}]
    return all(
        _is_same(*pair, table) or _moved(*pair, table) >= policy.threshold for pair in changes
    )


def _is_same(old: Row | None, new: Row | None, table: Table) -> bool:
    """Return whether all that is told of the persons a row is about stayed; others may come."""
    if old is None or new is None:
        return old is new
    told = [c for c, role in table.roles.items() if role in ("counts", "statistic")]
    return all(old.get(column) == new[column] for column in told if column != table.left_out_count)


def _moved(old: Row | None, new: Row | None, table: Table) -> int:
    sizes = [0 if row is None else row[table.base] for row in (old, new)]
    return 0 if None in sizes else abs(sizes[1] - sizes[0])


def _families(rows: Sequence[Row], table: Table) -> Mapping[Key, list[Row]]:
    found: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(row[key] for key in table.family)].append(row)
    return found


def _by_key(rows: Sequence[Row], table: Table) -> dict[Key, Row]:
    return {tuple(row[key] for key in (*SCOPE, *table.keys)): row for row in rows}
