"""The public rows of one table: counts hidden or rounded, and everything that could tell them.

A statistic is recomputed from the published counts, rounded to what one person can move, or hidden
with a count it depends on. A list of reasons keeps the reasons and loses their counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from transforms.disclosure.cells import Row, System, broken_sums, system_of
from transforms.disclosure.protect import cells_to_hide, rounded
from transforms.disclosure.structure import Policy, Statistic, Table, holds
from transforms.statistics.correlation import wilson_interval

LABEL, SUPPRESSED = "precision_label", "suppressed"
# A statistic is printed in steps of 1, 2 or 5 times a power of ten.
STEPS = (1, 2, 5, 10)
# One person further from the mean than this many standard errors times the root of n is rare; an
# interval is 3.92 standard errors wide.
WIDTHS = 1.0


def controlled(
    rows: Sequence[Row], table: Table, clinics: Mapping[str, str | None], policy: Policy
) -> list[dict[str, Any]]:
    """Return the public rows of a table, in the given order.

    Parameters
    ----------
    rows : every column of the table; counts exact, or NULL where an earlier step hid one.
    clinics : every clinic with its group.

    Notes
    -----
    Where a declared sum does not hold, all counts of the table are hidden: what a reader could
    work out is then unknown.
    """
    system = system_of(rows, table, clinics)
    if broken_sums(system):
        hidden = system.published
    else:
        hidden = cells_to_hide(system, policy, _about_one(rows, table, system, policy))
    return [_public(n, row, table, system, hidden, policy) for n, row in enumerate(rows)]


def step_of(influence: float) -> float:
    """Return the smallest 1, 2 or 5 times a power of ten that is at least this large.

    >>> [step_of(x) for x in (0.011, 0.02, 0.3, 7)]
    [0.02, 0.02, 0.5, 10.0]
    """
    power = math.floor(math.log10(influence))
    # 10**-2 is no exact number: a hair above a step is the step.
    return next(s for s in (k * 10.0**power for k in STEPS) if s >= influence * (1 - 1e-9))


def _about_one(rows: Sequence[Row], table: Table, system: System, policy: Policy) -> frozenset[int]:
    """Return the cells of rows whose clients were seen by too few therapists."""
    counted = table.staff[0] if table.staff else None
    return frozenset(
        cell
        for (n, _), cell in system.places.items()
        if counted
        and 0 < (rows[n][counted] or 0) < policy.fewest_therapists
        and system.values[cell] > 0
    )


def _public(
    n: int, row: Row, table: Table, system: System, hidden: set[int], policy: Policy
) -> dict[str, Any]:
    counts = {
        column: _printed(system, system.places[n, column], hidden, policy)
        for column in table.counts
    }
    found = dict(row) | counts
    has_base = counts[table.base] is not None
    found |= {column: row[column] if has_base else None for column in table.staff}
    found |= _statistics(row, table, counts, policy)
    is_told = found.get("estimate") is not None
    if "estimate" in row and not is_told:
        found |= dict.fromkeys(table.with_estimate)
        found |= {LABEL: SUPPRESSED} if LABEL in row else {}
    if table.reasons:
        found[table.reasons] = reasons_only(row[table.reasons])
    return {column: found[column] for column in row if column not in table.left_out}


def _printed(system: System, cell: int, hidden: set[int], policy: Policy) -> int | None:
    value = system.values[cell]
    return None if cell in hidden or math.isnan(value) else rounded(value, policy)


def _statistics(
    row: Row, table: Table, counts: Mapping[str, int | None], policy: Policy
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in table.statistics:
        if holds(each.when, row) and not found.keys() & {*each.columns}:
            base = counts[table.base]
            needed = [counts[c] for c in (*each.of, *(each.share or ()), table.base)]
            if None in needed or not base or row[each.columns[0]] is None:
                found |= dict.fromkeys(each.columns)
            elif each.share:
                found |= _share(each, counts)
            else:
                found |= _coarse(each, row, base, policy)
    missing = {c for each in table.statistics for c in each.columns} - found.keys()
    return found | dict.fromkeys(missing)


def _share(each: Statistic, counts: Mapping[str, int | None]) -> dict[str, Any]:
    """Recompute a share and Wilson's interval from what is printed: it tells nothing more."""
    part, *whole = (counts[column] or 0 for column in each.share or ())
    total = max(sum(whole), part)
    told = wilson_interval(part, total)
    factor = 100.0 if each.percent else 1.0
    values = (told.value, told.ci_low, told.ci_high)
    return {
        column: None if value is None else round(value * factor, 4)
        for column, value in zip(each.columns, values, strict=False)
    }


def _coarse(each: Statistic, row: Row, base: int, policy: Policy) -> dict[str, Any]:
    """Round to what one person can move, or as many as the threshold for a curve."""
    if each.interval:
        low, high = (row[column] for column in each.interval)
        if low is None or high is None or not high > low:
            return dict.fromkeys(each.columns)
        influence = WIDTHS * (high - low) / math.sqrt(base)
    else:
        influence = policy.threshold / base if each.curve else (each.span or 0.0) / base
    step = step_of(influence)
    return {
        column: None if row[column] is None else round(round(row[column] / step) * step, 10) + 0.0
        for column in each.columns
    }


def reasons_only(text: str | None) -> str | None:
    """Return the reasons a text lists, without their counts and by name: an order tells sizes.

    >>> reasons_only("no score: early: 30; left: fewer than 11")
    'left; no score: early'
    """
    told = {part.rpartition(": ")[0] or part for part in (text or "").split("; ")}
    return "; ".join(sorted(told)) or None
