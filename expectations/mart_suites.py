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

from expectations.catalogue import RULES, Catalogue, Rule, load_rules
from expectations.verdicts import share_of, state_of
from transforms.sql import name

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "common_factors"


@dataclass(frozen=True)
class Bound:
    """A column that lies in [low, high]; with ``where``, in rows whose column has that value."""

    column: str
    low: float | None
    high: float | None = None
    where: tuple[str, str] | None = None
    is_open: bool = False


@dataclass(frozen=True)
class Mart:
    """One aggregate table and the columns that have natural bounds."""

    table: str
    bounds: tuple[Bound, ...]


_CORRELATION = {"low": -1.0, "high": 1.0}
_SHARE = {"low": 0.0, "high": 1.0}
_RISKS = ("risk_low", "risk_middle", "risk_high")
MARTS = (
    Mart(
        "cf_alliance_outcome",
        tuple(
            Bound(column, **_CORRELATION) for column in ("estimate", "zero_order_r", "spearman_r")
        ),
    ),
    Mart(
        "cf_within_between_alliance",
        (
            Bound("estimate", **_CORRELATION, where=("parameter", "repeated_measures_r")),
            Bound("client_variance_share", **_SHARE),
        ),
    ),
    Mart(
        "cf_early_alliance_dropout",
        (
            *(Bound("estimate", **_SHARE, where=("metric", risk)) for risk in _RISKS),
            Bound("estimate", **_CORRELATION, where=("metric", "risk_difference")),
            Bound("estimate", 0.0, where=("metric", "odds_ratio"), is_open=True),
            Bound("estimate", 0.0, where=("metric", "hazard_ratio_per_sd"), is_open=True),
        ),
    ),
    Mart(
        "cf_therapist_effect",
        (
            Bound("estimate", **_SHARE),
            Bound("icc_unadjusted", **_SHARE),
            Bound("var_therapist", 0.0),
            Bound("var_residual", 0.0, is_open=True),
        ),
    ),
    Mart(
        "cf_therapist_caterpillar",
        (Bound("se", 0.0, is_open=True), Bound("reliability", **_SHARE)),
    ),
    Mart("cf_outcome_change", (Bound("estimate", **_SHARE),)),
    Mart("cf_effect_size", (Bound("correlation", **_CORRELATION),)),
    Mart(
        "cf_dropout_definitions",
        (
            Bound("estimate", **_SHARE),
            Bound("not_judged_percent", 0.0, 100.0),
            Bound("discharge_unknown_percent", 0.0, 100.0),
        ),
    ),
    *(
        Mart(
            table,
            tuple(
                Bound(column, **_CORRELATION)
                for column in ("estimate", "zero_order_r", "spearman_r")
            ),
        )
        for table in (
            "cf_core_conditions",
            "cf_goal_consensus_collaboration",
            "cf_attachment_alliance",
            "cf_countertransference",
        )
    ),
    Mart(
        "cf_empathy_outcome",
        (
            Bound("estimate", **_CORRELATION, where=("metric", "empathy")),
            Bound("estimate", -2.0, 2.0, where=("metric", "difference")),
            Bound("williams_p", **_SHARE),
        ),
    ),
    Mart(
        "cf_homework",
        (Bound("estimate", **_CORRELATION, where=("parameter", "repeated_measures_r")),),
    ),
    Mart(
        "cf_congruence",
        (
            Bound("estimate", -100.0, 100.0, where=("parameter", "bias")),
            Bound("estimate", **_CORRELATION, where=("unit", "correlation")),
            Bound("r_squared", **_SHARE),
        ),
    ),
)
EPISODES = "core.fct_episodes"
# Jacobson & Truax 1991 and the NHS Talking Therapies manual: true for a contradictory row.
CONTRADICTIONS = """
    (jt_class = 'recovered' and not (jt_is_case_at_start and is_reliably_improved))
    or (jt_class = 'improved' and not is_reliably_improved)
    or (jt_class in ('deteriorated', 'harmed') and not is_reliably_deteriorated)
    or (jt_class = 'harmed' and jt_is_case_at_start)
    or (jt_class = 'unchanged' and (is_reliably_improved or is_reliably_deteriorated))
    or jt_class not in ('recovered', 'improved', 'unchanged', 'deteriorated', 'harmed')
    or (nhs_is_recovered and not nhs_is_case_at_start)
    or (nhs_is_reliably_recovered and not (nhs_is_recovered and nhs_is_reliably_improved))
    or (nhs_is_reliably_improved and nhs_is_reliably_deteriorated)
"""


@dataclass
class _Tally:
    """Values looked at and broken for one rule and table; an error ends it."""

    n_scope: int = 0
    n_failed: int = 0
    error: str | None = None
    broken: list[str] = field(default_factory=list)


def check_marts(
    analytics: Path, run_id: str, run_at: datetime, rules: Path = RULES
) -> list[dict[str, Any]]:
    """Check the marts of a finished file.

    Returns
    -------
    One row per rule x mart in the columns of lake/quality/rule_results, without clinic and file.
    """
    catalogue = load_rules(rules)
    # Set before the import: Great Expectations logs every metric it registers.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    from expectations.suites import BatchMaker

    maker = BatchMaker()
    results = []
    with duckdb.connect(str(analytics), read_only=True) as con:
        for mart in MARTS:
            tallies = _check_mart(con, mart, maker)
            results += [(f"{SCHEMA}.{mart.table}", rule, tally) for rule, tally in tallies.items()]
        results.append((EPISODES, "P05", _check_episodes(con)))
    return [
        {"run_id": run_id, "run_at": run_at} | _result(catalogue, rule_id, table, tally)
        for table, rule_id, tally in results
    ]


def _check_mart(con: duckdb.DuckDBPyConnection, mart: Mart, maker: Any) -> dict[str, _Tally]:
    tallies = {"P03": _Tally(), "P08": _Tally()}
    try:
        rows = con.execute(f"select * from {SCHEMA}.{name(mart.table)}").df()
    except duckdb.Error:
        return {rule: _Tally(error="the table is missing") for rule in tallies}
    for number, (part, expectations) in enumerate(_promises(mart, rows)):
        if len(part):
            suite = f"{mart.table}_{number}"
            for result in maker.validate(suite, part, expectations, COUNTS_ONLY):
                meta = result.expectation_config.meta
                _count(tallies[meta["rule_id"]], meta["promise"], result)
    return tallies


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
            yield rows[rows[column] == value], [_between(bound)]
    with_benchmark = rows[rows["benchmark_value"].notna()]
    yield (
        with_benchmark,
        [_filled("benchmark_source"), _filled("benchmark_is_comparable")],
    )
    is_other = with_benchmark["benchmark_is_comparable"] == False  # noqa: E712 - NULL is neither
    yield with_benchmark[is_other], [_filled("benchmark_why_not")]


def _between(bound: Bound) -> Any:
    import great_expectations.expectations as gxe

    return gxe.ExpectColumnValuesToBeBetween(
        column=bound.column,
        min_value=bound.low,
        max_value=bound.high,
        strict_min=bound.is_open,
        severity="critical",
        notes="An impossible estimate or count must not be published.",
        meta={"rule_id": "P03", "promise": f"{bound.column} in its range"},
    )


def _not_below(upper: str, lower: str) -> Any:
    import great_expectations.expectations as gxe

    return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A=upper,
        column_B=lower,
        or_equal=True,
        ignore_row_if="either_value_is_missing",
        severity="critical",
        notes="An interval contains its estimate.",
        meta={"rule_id": "P03", "promise": f"{upper} not below {lower}"},
    )


def _filled(column: str) -> Any:
    import great_expectations.expectations as gxe

    return gxe.ExpectColumnValuesToNotBeNull(
        column=column,
        severity="warning",
        notes="A figure beside ours can be looked up, or says why it cannot be compared.",
        meta={"rule_id": "P08", "promise": f"{column} filled"},
    )


def _count(tally: _Tally, promise: str, result: Any) -> None:
    from expectations.suites import raised

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
        n_scope, n_failed = con.execute(
            f"""
            select
                count(*) filter (where jt_class is not null or nhs_is_case_at_start is not null),
                count(*) filter (where {CONTRADICTIONS})
            from {EPISODES}
            """
        ).fetchone()
    except duckdb.Error as error:
        return _Tally(error=f"the episodes could not be counted ({type(error).__name__})")
    broken = ["a change class contradicts its definition"] if n_failed else []
    return _Tally(n_scope, n_failed, broken=broken)


def _result(catalogue: Catalogue, rule_id: str, table: str, tally: _Tally) -> dict[str, Any]:
    rule = catalogue.rule(rule_id)
    state = state_of(tally.n_scope, tally.n_failed, rule.threshold, tally.error)
    return {
        "clinic_id": None,
        "file_id": None,
        "source_file": None,
        "table_name": table,
        "rule_id": rule_id,
        "title": rule.title,
        "category": rule.category,
        "severity": rule.severity,
        "n_scope": tally.n_scope,
        "n_failed": tally.n_failed,
        "share_failed": share_of(tally.n_scope, tally.n_failed),
        "threshold": rule.threshold,
        "state": state,
        "message": _message(rule, state, tally),
    }


def _message(rule: Rule, state: str, tally: _Tally) -> str:
    if state == "error":
        return f"the check could not run: {tally.error}"
    if state == "not_applicable":
        return f"nothing in scope ({rule.denominator})"
    broken = f": {'; '.join(tally.broken)}" if tally.broken else ""
    return f"{tally.n_failed:,} of {tally.n_scope:,} values break it{broken}"
