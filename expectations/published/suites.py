"""What the published marts promise: ordinary column expectations, and counts where SQL must look.

The common-factors tables are small aggregates, so Great Expectations may read them. Episodes are
people: of them only counts leave the database.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from expectations.catalogue import RULES, Catalogue, load_rules
from expectations.published.measures import Measure, result_of
from expectations.published.promises import CONTRADICTIONS, EPISODES, MARTS, Bound, Mart
from transforms.sql import name, only_row

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "common_factors"
DECIMALS = 9


@dataclass
class _Tally:
    """Values looked at and broken for one rule and table; an error ends it."""

    n_scope: int = 0
    n_failed: int = 0
    error: str | None = None
    broken: list[str] = field(default_factory=list)


def check_marts(
    analytics: Path,
    run_id: str,
    run_at: datetime,
    rules: Path = RULES,
    validations: Path | None = None,
) -> list[dict[str, Any]]:
    """Check the marts of a finished file.

    Parameters
    ----------
    validations : folder to keep what Great Expectations said in, for its own pages

    Returns
    -------
    One row per rule x mart in the columns of lake/quality/rule_results, without clinic and file;
    of rules that are in force on the day of the run.
    """
    catalogue = Catalogue(rules=load_rules(rules).in_force(run_at.date()))
    # Set before the import: Great Expectations logs every metric it registers.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    from expectations.judging.suites import BatchMaker

    maker = BatchMaker()
    results = []
    with duckdb.connect(str(analytics), read_only=True) as con:
        for mart in MARTS:
            tallies = _check_mart(con, mart, maker, validations)
            results += [(f"{SCHEMA}.{mart.table}", rule, tally) for rule, tally in tallies.items()]
        results.append((EPISODES, "P05", _check_episodes(con)))
    return [
        {"run_id": run_id, "run_at": run_at} | _result(catalogue, rule_id, table, tally)
        for table, rule_id, tally in results
        if catalogue.rule(rule_id) is not None
    ]


def _check_mart(
    con: duckdb.DuckDBPyConnection, mart: Mart, maker: Any, validations: Path | None
) -> dict[str, _Tally]:
    from expectations.judging.data_docs import keep

    tallies = {"P03": _Tally(), "P08": _Tally()}
    try:
        rows = con.execute(f"select * from {SCHEMA}.{name(mart.table)}").df()
    except duckdb.Error:
        return {rule: _Tally(error="the table is missing") for rule in tallies}
    rows = _without_rounding(mart, rows)
    parts = [
        maker.validate(f"{mart.table}_{number}", part, expectations, COUNTS_ONLY)
        for number, (part, expectations) in enumerate(_promises(mart, rows))
        if len(part)
    ]
    if validations and parts:
        keep(validations, mart.table, f"{SCHEMA}.{mart.table}", parts)
    for result in (result for part in parts for result in part.results):
        meta = result.expectation_config.meta
        _count(tallies[meta["rule_id"]], meta["promise"], result)
    return tallies


def _without_rounding(mart: Mart, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows to nine decimals, as P03 compares everywhere; open bounds stay exact."""
    is_open = {bound.column for bound in mart.bounds if bound.is_open}
    decimals = {c: DECIMALS for c in rows.select_dtypes("float").columns if c not in is_open}
    return rows.round(decimals)


# Great Expectations would otherwise keep and print the failing values.
COUNTS_ONLY = {
    "result_format": "SUMMARY",
    "partial_unexpected_count": 0,
    "exclude_unexpected_values": True,
}


def _promises(mart: Mart, rows: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, list[Any]]]:
    """Yield parts of the mart with what Great Expectations must find in each."""
    yield (
        rows,
        [
            *(_between(bound) for bound in mart.bounds if bound.where is None),
            _not_below("estimate", "ci_low"),
            _not_below("ci_high", "estimate"),
            *(_between(Bound(column, 0.0)) for column in rows.columns if column.startswith("n_")),
        ],
    )
    for bound in mart.bounds:
        if bound.where is not None:
            column, value = bound.where
            only = f"{bound.column}, {_range(bound)}, in rows whose {column} is {value}"
            yield rows[rows[column] == value], [_between(bound, only)]
    with_benchmark = rows[rows["benchmark_value"].notna()]
    yield (
        with_benchmark,
        [_filled("benchmark_source"), _filled("benchmark_is_comparable")],
    )
    is_other = with_benchmark["benchmark_is_comparable"] == False  # noqa: E712 - NULL is neither
    yield with_benchmark[is_other], [_filled("benchmark_why_not")]


def _between(bound: Bound, described: str | None = None) -> Any:
    import great_expectations.expectations as gxe
    from great_expectations.expectations.metadata_types import FailureSeverity

    return gxe.ExpectColumnValuesToBeBetween(
        column=bound.column,
        description=described,
        min_value=bound.low,
        max_value=bound.high,
        strict_min=bound.is_open,
        severity=FailureSeverity.CRITICAL,
        notes="An impossible estimate or count must not be published.",
        meta={"rule_id": "P03", "promise": f"{bound.column} in its range"},
    )


def _range(bound: Bound) -> str:
    if bound.high is None:
        return f"{'above' if bound.is_open else 'at least'} {bound.low:g}"
    return f"from {bound.low:g} to {bound.high:g}"


def _not_below(upper: str, lower: str) -> Any:
    import great_expectations.expectations as gxe
    from great_expectations.expectations.metadata_types import FailureSeverity

    return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A=upper,
        column_B=lower,
        or_equal=True,
        ignore_row_if="either_value_is_missing",
        severity=FailureSeverity.CRITICAL,
        notes="An interval contains its estimate.",
        meta={"rule_id": "P03", "promise": f"{upper} not below {lower}"},
    )


def _filled(column: str) -> Any:
    import great_expectations.expectations as gxe
    from great_expectations.expectations.metadata_types import FailureSeverity

    return gxe.ExpectColumnValuesToNotBeNull(
        column=column,
        severity=FailureSeverity.WARNING,
        notes="A figure beside ours can be looked up, or says why it cannot be compared.",
        meta={"rule_id": "P08", "promise": f"{column} filled"},
    )


def _count(tally: _Tally, promise: str, result: Any) -> None:
    from expectations.judging.suites import raised

    if raised(result.exception_info):
        tally.error = f"Great Expectations could not check: {promise}"
        return
    counts = result.result
    tally.n_scope += int(counts["element_count"]) - int(counts.get("missing_count") or 0)
    tally.n_failed += int(counts["unexpected_count"])
    if not result.success:
        tally.broken.append(promise)


def _check_episodes(con: duckdb.DuckDBPyConnection) -> _Tally:
    try:
        counted = con.execute(
            f"""
            select
                count(*) filter (where jt_class is not null or nhs_is_case_at_start is not null),
                count(*) filter (where {CONTRADICTIONS})
            from {EPISODES}
            """
        )
        n_scope, n_failed = only_row(counted)
    except duckdb.Error as error:
        return _Tally(error=f"the episodes could not be counted ({type(error).__name__})")
    broken = ["a change class contradicts its definition"] if n_failed else []
    return _Tally(n_scope, n_failed, broken=broken)


def contradicting_clinics(analytics: Path) -> tuple[str, ...]:
    """Return the clinics of the episodes that break P05."""
    with duckdb.connect(str(analytics), read_only=True) as con:
        rows = con.execute(
            f"select distinct clinic_id from {EPISODES} where {CONTRADICTIONS} order by 1"
        ).fetchall()
    return tuple(row[0] for row in rows)


def _result(catalogue: Catalogue, rule_id: str, table: str, tally: _Tally) -> dict[str, Any]:
    broken = "; ".join(tally.broken)
    counted = Measure(rule_id, None, table, tally.n_scope, tally.n_failed, broken, tally.error)
    return result_of(catalogue.needed(rule_id), counted, " values")
