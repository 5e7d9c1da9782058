"""Let Great Expectations judge the counts of a run, and say which files are rejected.

SQL has found the broken rows (`expectations.marking`); here only counts are looked at, so the
same counts can be judged again later under other thresholds.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from expectations.catalogue import Catalogue, Rule
from expectations.rows.delivery import parquet
from expectations.verdicts import share_of, state_of
from transforms.contract import TABLES

if TYPE_CHECKING:
    import pandas as pd

# The suite of rules about files as a whole, which a reader decides before there are tables.
FILES = "files"
UNKNOWN = {"state": "error", "message": "the rule is not in the catalogue"}
UNCOUNTED = "the rule was not counted for this file"


@dataclass
class Judgement:
    """What a run's counts amount to.

    Attributes
    ----------
    rule_results : one row per rule x file x table, columns as lake/quality/rule_results
    rejected : (clinic_id, file_id) to the reasons, for files above a fatal rule's threshold
    """

    rule_results: list[dict[str, Any]] = field(default_factory=list)
    rejected: dict[tuple[str, str], list[str]] = field(default_factory=dict)


def judge(
    counts_paths: Sequence[Path],
    rules: Catalogue,
    run_id: str,
    run_at: datetime,
    validations: Path | None = None,
    *,
    with_suites: bool = True,
) -> Judgement:
    """Judge the counts of all clinics of a run.

    Parameters
    ----------
    counts_paths : Parquet files with one row per rule x file x table
        (`expectations.marking.COUNTS`). A row without a table is about the file as a whole.
    validations : folder to keep what Great Expectations said in, for its own pages
    with_suites : let Great Expectations judge; else the function that its expectation calls

    Notes
    -----
    State ``error``: the check could not run, in DuckDB or in Great Expectations. It is no
    verdict on the data, and it rejects no file. ``not_applicable``: nothing was in scope.
    """
    judgement = Judgement()
    if not counts_paths:
        return judgement
    in_force = Catalogue(rules=rules.in_force(run_at.date()))
    frames = _frames(counts_paths, in_force)
    judged = _with_suites(frames, rules, validations) if with_suites else _alone(frames, rules)
    for verdicts in judged:
        for verdict in verdicts:
            judgement.rule_results.append({"run_id": run_id, "run_at": run_at} | verdict)
    for row in judgement.rule_results:
        if row["severity"] == "fatal" and row["state"] == "fail":
            reasons = judgement.rejected.setdefault((row["clinic_id"], row["file_id"]), [])
            reasons.append(f"{row['rule_id']} {row['title']}: {row['message']}")
    return judgement


def _with_suites(
    frames: dict[str, pd.DataFrame], rules: Catalogue, validations: Path | None
) -> Iterator[list[dict[str, Any]]]:
    # Set before the import: Great Expectations logs every metric it registers.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    from expectations.judging.suites import BatchMaker

    maker = BatchMaker()
    for suite, counts in frames.items():
        yield _judge_suite(maker, suite, counts, rules, validations)


def _alone(frames: dict[str, pd.DataFrame], rules: Catalogue) -> Iterator[list[dict[str, Any]]]:
    """Judge without Great Expectations, whose import takes longer than a small file's check."""
    for counts in frames.values():
        yield [_judged_alone(row, rules.rule(row["rule_id"])) for row in counts.to_dict("records")]


def _judged_alone(row: dict[str, Any], rule: Rule | None) -> dict[str, Any]:
    if rule is None:
        return _verdict(row, None, dict(UNKNOWN))
    n_scope, n_failed = int(row["n_scope"]), int(row["n_failed"])
    error = row["error"] if isinstance(row["error"], str) and row["error"] else None
    state = state_of(n_scope, n_failed, rule.threshold, error)
    counted = {"n_scope": n_scope, "n_failed": n_failed, "state": state, "error": error}
    return _verdict(row, rule, {"state": state, "message": message_of(rule, counted)})


def _frames(counts_paths: Sequence[Path], rules: Catalogue) -> dict[str, pd.DataFrame]:
    with duckdb.connect() as con:
        counts = con.execute(
            f"""
            select clinic_id, file_id, source_file, table_name, rule_id,
                n_scope, n_failed, cast(error as varchar) as error
            from {parquet(counts_paths)}
            order by all
            """
        ).df()
    suites = counts["table_name"].fillna(FILES).replace("", FILES)
    return {
        str(suite): _with_uncounted(str(suite), own, rules).reset_index(drop=True)
        for suite, own in counts.groupby(suites)
    }


def _with_uncounted(suite: str, counts: pd.DataFrame, rules: Catalogue) -> pd.DataFrame:
    """Add an error row where a rule of this table is missing: silence would look like a pass."""
    import pandas as pd

    expected = [rule.id for rule in rules.rules if rule.table == suite]
    missing = [
        {
            "clinic_id": clinic_id,
            "file_id": file_id,
            "source_file": own["source_file"].iloc[0],
            "table_name": suite,
            "rule_id": rule_id,
            "n_scope": 0,
            "n_failed": 0,
            "error": UNCOUNTED,
        }
        for (clinic_id, file_id), own in counts.groupby(["clinic_id", "file_id"])
        for rule_id in expected
        if rule_id not in set(own["rule_id"])
    ]
    return pd.concat([counts, pd.DataFrame(missing)]) if missing else counts


def _judge_suite(
    maker: Any, suite: str, counts: pd.DataFrame, rules: Catalogue, validations: Path | None
) -> list[dict[str, Any]]:
    from expectations.judging.data_docs import keep
    from expectations.judging.suites import raised, suite_for

    present = set(counts["rule_id"])
    of_suite = [rule for rule in rules.rules if rule.id in present]
    states: dict[int, dict[str, Any]] = defaultdict(lambda: dict(UNKNOWN))
    validation = maker.batch(suite, counts).validate(suite_for(suite, of_suite))
    # One entry per rule and file, which nobody reads again: not to be copied to be kept.
    files = {
        id(result): (result.result.get("details") or {}).pop("files", [])
        for result in validation.results
    }
    if validations:
        keep(validations, suite, f"counts of {suite}", [validation])
    for result in validation.results:
        rule = rules.needed(result.expectation_config.kwargs["rule_id"])
        if raised(result.exception_info):
            for position in counts.index[counts["rule_id"] == rule.id]:
                message = "Great Expectations could not run the check"
                states[int(position)] = {"state": "error", "message": message}
            continue
        for each in files[id(result)]:
            states[each["position"]] = {
                "state": each["state"],
                "message": message_of(rule, each),
            }
    return [
        _verdict(row, rules.rule(row["rule_id"]), states[position])
        for position, row in enumerate(counts.to_dict("records"))
    ]


def message_of(rule: Rule, counted: dict[str, Any]) -> str:
    """Say in words what counts and a state amount to."""
    if counted["state"] == "error":
        return f"the check could not run: {counted['error']}"
    share = share_of(counted["n_scope"], counted["n_failed"])
    if counted["state"] == "not_applicable" or share is None:
        return f"nothing in scope ({rule.denominator})"
    allowed = f"{rule.threshold:.2%} allowed" if rule.threshold else "none allowed"
    # One row of a million must not read as none.
    shown = "under 0.01%" if 0 < share < 0.0001 else f"{share:.2%}"
    return f"{counted['n_failed']:,} of {counted['n_scope']:,} break it ({shown}; {allowed})"


def _verdict(row: dict[str, Any], rule: Rule | None, verdict: dict[str, Any]) -> dict[str, Any]:
    n_scope, n_failed = int(row["n_scope"]), int(row["n_failed"])
    return {
        "clinic_id": row["clinic_id"],
        "file_id": row["file_id"],
        "source_file": row["source_file"] if isinstance(row["source_file"], str) else None,
        "table_name": row["table_name"] if row["table_name"] in TABLES else None,
        "rule_id": row["rule_id"],
        "title": rule.title if rule else row["rule_id"],
        "category": rule.category if rule else "",
        "severity": rule.severity if rule else "warn",
        "n_scope": n_scope,
        "n_failed": n_failed,
        "share_failed": share_of(n_scope, n_failed),
        "threshold": rule.threshold if rule else 0.0,
        **verdict,
    }
