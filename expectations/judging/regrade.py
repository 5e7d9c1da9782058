"""Judge stored counts again, under the catalogue and the waivers of today.

Rows are not looked at again: what was loaded, quarantined or rejected then stays so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from expectations.catalogue import Catalogue
from expectations.judging.judge import message_of
from expectations.verdicts import state_of
from expectations.waivers import Waiver


def is_waived(result: dict[str, Any], waivers: Iterable[Waiver]) -> bool:
    """Return whether a waiver covered the result on the day of its run."""
    return any(waiver.covers(result, result["run_at"].date()) for waiver in waivers)


def regrade(
    results: Sequence[dict[str, Any]],
    rules: Catalogue,
    waivers: Iterable[Waiver],
    regraded_at: datetime,
) -> list[dict[str, Any]]:
    """Return the results with the verdict they would get today.

    Parameters
    ----------
    results : rows of lake/quality/rule_results. Not modified.

    Returns
    -------
    The same rows in the same order. A row whose verdict changed keeps the first one it ever had
    in the ``original_`` columns and the time in ``regraded_at``; brought back to it, it loses
    them again. A check that could not run then, a rule that the catalogue no longer has and the
    result of a dbt test stay as they are.
    """
    waivers = tuple(waivers)
    return [_again(row, rules, regraded_at) | _waived(row, waivers) for row in results]


def _waived(row: dict[str, Any], waivers: Sequence[Waiver]) -> dict[str, Any]:
    return {"is_waived": is_waived(row, waivers)}


def _again(row: dict[str, Any], rules: Catalogue, regraded_at: datetime) -> dict[str, Any]:
    rule = rules.rule(row["rule_id"])
    if rule is None or row["state"] == "error":
        return dict(row)
    state = state_of(row["n_scope"], row["n_failed"], rule.threshold, None)
    new = {"state": state, "severity": rule.severity, "threshold": rule.threshold}
    if all(row[column] == value for column, value in new.items()):
        return dict(row)
    first = {column: _first(row, column) for column in new}
    is_back = first == new
    return (
        row
        | new
        | {"message": message_of(rule, row | new)}
        | {f"original_{column}": None if is_back else value for column, value in first.items()}
        | {"regraded_at": None if is_back else regraded_at}
    )


def _first(row: dict[str, Any], column: str) -> Any:
    """Return what the row said before it was ever judged again."""
    return row[column] if row.get("regraded_at") is None else row[f"original_{column}"]
