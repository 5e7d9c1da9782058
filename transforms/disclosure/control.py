"""The public rows of one table: counts hidden or rounded, and everything that could tell them.

A statistic is recomputed from the published counts, rounded to what one person can move, or hidden
with a count it depends on. A list of reasons keeps the reasons and loses their counts.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from transforms.disclosure.cells import AGE, Row, System, broken_sums, system_of
from transforms.disclosure.curves import hidden_points
from transforms.disclosure.protect import cells_to_hide, rounded
from transforms.disclosure.structure import Policy, Statistic, Table, holds, written
from transforms.statistics.correlation import wilson_interval

LABEL, SUPPRESSED = "precision_label", "suppressed"
# A table's own least number of clients or therapists: below it a statistic goes on no page.
BELOW_ITS_LEAST = "too few"
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
    counts = [_counts(n, table, system, hidden, policy) for n in range(len(rows))]
    here = {_place(row, table): own for row, own in zip(rows, counts, strict=True)}
    untold = hidden_points(rows, table, policy)
    public = [
        _public(row, own, {} if n in untold else _statistics(row, table, here, policy), table)
        for n, (row, own) in enumerate(zip(rows, counts, strict=True))
    ]
    if table.disagreement:
        _say_who_disagrees(public, rows, table, clinics)
    return [
        {column: found[column] for column in row if column not in table.left_out}
        for row, found in zip(rows, public, strict=True)
    ]


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
    fewest = max(policy.fewest_therapists, table.fewest_therapists or 0)
    return frozenset(
        cell
        for (n, _), cell in system.places.items()
        if counted and 0 < (rows[n][counted] or 0) < fewest and system.values[cell] > 0
    )


def _counts(
    n: int, table: Table, system: System, hidden: set[int], policy: Policy
) -> dict[str, int | None]:
    """Return what a row prints; what its persons did is hidden with their number."""
    counts = {
        column: _printed(system, system.places[n, column], hidden, policy)
        for column in table.counts
    }
    if counts[table.base] is not None:
        return counts
    return {c: count if c == table.left_out_count else None for c, count in counts.items()}


def _place(row: Row, table: Table, at: Mapping[str, str] = MappingProxyType({})) -> tuple[Any, ...]:
    keys = [at.get(key, written(row[key])) for key in table.keys]
    return (row["scope_level"], row["scope_id"], row.get(AGE), *keys)


def _public(
    row: Row,
    counts: Mapping[str, int | None],
    told: Mapping[str, Any],
    table: Table,
) -> dict[str, Any]:
    nothing = dict.fromkeys(column for each in table.statistics for column in each.columns)
    found: dict[str, Any] = {**row, **counts, **nothing, **told}
    has_base = counts[table.base] is not None
    found |= {column: row[column] if has_base else None for column in table.staff}
    is_told = found.get("estimate") is not None
    if "estimate" in row and not is_told:
        found |= dict.fromkeys(table.with_estimate)
        found |= {LABEL: SUPPRESSED} if LABEL in row else {}
    if table.reasons:
        found[table.reasons] = reasons_only(row[table.reasons])
    return found


def _printed(system: System, cell: int, hidden: set[int], policy: Policy) -> int | None:
    value = system.values[cell]
    return None if cell in hidden or math.isnan(value) else rounded(value, policy)


def _statistics(
    row: Row,
    table: Table,
    here: Mapping[tuple[Any, ...], Mapping[str, int | None]],
    policy: Policy,
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if row.get(LABEL) != BELOW_ITS_LEAST:
        for each in table.statistics:
            if holds(each.when, row) and not found.keys() & {*each.columns}:
                found |= _told(each, row, table, here, policy)
    return found


def _told(
    each: Statistic,
    row: Row,
    table: Table,
    here: Mapping[tuple[Any, ...], Mapping[str, int | None]],
    policy: Policy,
) -> dict[str, Any]:
    """Return one statistic; nothing where a count that it is made of is hidden or not there."""
    counts = here[_place(row, table)]
    base = counts[table.base]
    needed = [here.get(_place(row, table, t.at), {}).get(t.name) for t in each.of]
    needed += [counts[column] for column in each.share or ()]
    if None in needed or not base or row[each.columns[0]] is None:
        return dict.fromkeys(each.columns)
    return _share(each, counts) if each.share else _coarse(each, row, base, policy)


def _say_who_disagrees(
    public: Sequence[dict[str, Any]],
    rows: Sequence[Row],
    table: Table,
    clinics: Mapping[str, str | None],
) -> None:
    """Say of pooled rows whether clinics lie on both sides of no effect, from what is printed."""
    of_clinics: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row, found in zip(rows, public, strict=True):
        if row["scope_level"] == "clinic":
            of_clinics[_place(row, table)[2:]].append(found)
    for row, found in zip(rows, public, strict=True):
        none = _no_effect(row, table)
        level, group, *_ = _place(row, table)
        told = [
            own["estimate"]
            for own in of_clinics[_place(row, table)[2:]]
            if own["estimate"] is not None
            and (level == "overall" or clinics[own["scope_id"]] == group)
        ]
        is_compared = level != "clinic" and len(told) > 1 and found["estimate"] is not None
        found[table.disagreement or ""] = (
            min(told) < none < max(told) if is_compared and none is not None else None
        )


def _no_effect(row: Row, table: Table) -> float | None:
    return next(
        (s.no_effect for s in table.statistics if "estimate" in s.columns and holds(s.when, row)),
        None,
    )


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
