"""All `measured` rules on a finished file: counted, judged and put into the form of the results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from expectations.catalogue import Catalogue
from expectations.published.bounds import check_bounds
from expectations.published.item_statistics import check_items
from expectations.published.measures import (
    Measure,
    measure,
    open_lake,
    result_of,
)
from expectations.published.promises import MARTS
from expectations.published.withheld_cells import check_withheld
from transforms.errors import Broken
from transforms.instruments.registry import Registry

# Counted in Python; the others have a query in expectations/measures.
IN_PYTHON = ("P06", "P07", "P10", "P11", "S10", "S11")


def measure_tables(
    analytics: Path, lake: Path, registry: Registry, rules: Catalogue
) -> list[Measure]:
    """Count every `measured` rule on the finished file.

    P07 needs an earlier one, see there; P06 is about the public file, see `check_public`.
    """
    with duckdb.connect(str(analytics), read_only=True) as con:
        open_lake(con, lake)
        found = measure(con, rules, leave_out=IN_PYTHON)
        rows = con.execute("select clinic_id from core.dim_clinics order by 1").fetchall()
        found += check_items(con, lake, [row[0] for row in rows], registry, rules)
        found += check_bounds(con, leave_out=[mart.table for mart in MARTS])
        return found + check_withheld(con)


def results_of(
    measures: Iterable[Measure], rules: Catalogue, run_id: str, run_at: datetime
) -> list[dict[str, Any]]:
    """Return one row per measure in the columns of lake/quality/rule_results, without a file.

    Rules that are not in force on the day of the run have none.
    """
    in_force = {rule.id: rule for rule in rules.in_force(run_at.date())}
    return [
        {"run_id": run_id, "run_at": run_at} | result_of(in_force[each.rule_id], each)
        for each in measures
        if each.rule_id in in_force
    ]


def broken_promises(
    results: Sequence[dict[str, Any]], contradicting: tuple[str, ...] = ()
) -> list[Broken]:
    """Return the fatal rules that failed or could not be checked, by rule, table and clinic.

    Parameters
    ----------
    contradicting : clinics of the episodes that break P05, whose result names none
    """
    broken: dict[tuple[str, str | None, str], list[str]] = {}
    for row in results:
        if row["severity"] != "fatal" or row["state"] not in ("fail", "error"):
            continue
        promise = f"{row['rule_id']} {row['title']} ({row['state']})"
        clinics = [row["clinic_id"]] if row["clinic_id"] else []
        if row["rule_id"] == "P05" and row["state"] == "fail":
            clinics = list(contradicting)
        of_promise = broken.setdefault((promise, row["table_name"], row["message"]), [])
        of_promise += clinics
    return [
        Broken(promise, table, message, tuple(sorted(set(clinics))))
        for (promise, table, message), clinics in sorted(broken.items(), key=str)
    ]
