"""### nightly

Takes every clinic's new exports from `landing/` to `published/analytics.duckdb`.

| task | does | on failure |
|---|---|---|
| `open_run` | finds new files; ends the night here when there are none | nothing has changed |
| `intake` | one per clinic: reads, maps, pseudonymizes, marks broken rows | the others go on |
| `judge` | Great Expectations judges the counts of broken rows | nothing has changed |
| `accept` | good rows to the lake, others to quarantine; rows balance | a new run repeats it |
| `build` | one `dbt build` into a new DuckDB file | yesterday's release stays |
| `audit` | checks the marts | yesterday's release stays |
| `report` | writes the validation report | yesterday's release stays |
| `gate` | finds whether a person must be asked (config/gate.yml) | yesterday's release stays |
| `approve` | only then: waits for publish, publish without, or reject | time-out rejects |
| `decide` | carries the answer out and writes down who and why | yesterday's release stays |
| `publish` | switches the link analysts open | yesterday's release stays |
| `close_run` | writes the summary; fails the run if anything failed | |

Running it again is always safe. Data is never retried: the same file fails the same way twice.
Only disk and network errors are. Runbook: docs/runbook.md
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import (
    Asset,
    ExceptionRetryPolicy,
    Param,
    RetryAction,
    RetryRule,
    TriggerRule,
    chain,
    dag,
    get_current_context,
    task,
)

from pipeline.orchestration.nights import NightsFromNowOn

ANALYTICS = Asset(name="rapport_analytics", uri="file://rapport/published/analytics.duckdb")


# What one task passes to the next: Airflow's stand-in while the night is laid out, then the value.
Passed = Any
HOURS_TO_ANSWER = float(os.environ.get("RAPPORT_APPROVAL_HOURS", "12"))
PUBLISH, WITHOUT, REJECT = "publish", "publish without", "reject"


def step(name: str, **options: Any) -> Callable[[Passed], Passed]:
    """Return the task that calls `pipeline.night.<name>` with the run's id."""

    @task(task_id=name, **options)
    def call(run: Passed) -> Passed:
        from pipeline import night

        return night.step(name, run)

    return call


@dag(
    schedule=NightsFromNowOn("0 2 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,  # nights queue here; the writer lock keeps everybody else out
    tags=["rapport"],
    doc_md=__doc__,
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": ExceptionRetryPolicy(
            rules=[
                RetryRule(
                    exception="transforms.errors.BusyError",
                    action=RetryAction.RETRY,
                    reason="somebody else writes; see pipeline/storage/writer_lock.py",
                ),
                RetryRule(
                    exception="transforms.errors.RapportError",
                    action=RetryAction.FAIL,
                    reason="a refusal of ours is the same tomorrow",
                ),
                RetryRule(exception=OSError, action=RetryAction.RETRY, reason="disk or network"),
                RetryRule(exception=Exception, action=RetryAction.FAIL, reason="a defect"),
            ]
        ),
    },
)
def nightly() -> None:
    """Lay out the night."""

    @task
    def open_run() -> dict[str, Any]:
        from pipeline import night

        opened: dict[str, Any] = night.step("open_run", {})
        return opened

    @task.short_circuit
    def is_anything_new(run: Passed) -> bool:
        return bool(run["is_new"])

    @task
    def clinics(run: Passed) -> list[dict[str, str]]:
        return [{"run_id": run["run_id"], "clinic_id": clinic} for clinic in run["clinics"]]

    @task(map_index_template="{{ clinic_id }}")
    def intake(item: Passed) -> dict[str, Any]:
        from pipeline import night

        # Airflow's own keys are typed; this one is ours, for the template above.
        get_current_context()["clinic_id"] = item["clinic_id"]  # type: ignore[typeddict-unknown-key]
        counted: dict[str, Any] = night.step("intake", item)
        return counted

    @task.branch
    def is_approval_needed(asked: Passed) -> str:
        if not asked["is_asked"]:
            return "publish"
        # `rapport run` has no page to answer on: it ends, and `rapport approve` goes on.
        return "close_run" if os.environ.get("RAPPORT_UNATTENDED") else "approve"

    @task(pool="duckdb_writer")
    def decide(run: Passed, answer: Passed) -> dict[str, Any]:
        from pipeline import night

        user, given = answer.get("responded_by_user") or {}, answer.get("params_input") or {}
        named = str(given.get("without") or "").replace(",", " ").split()
        decided: dict[str, Any] = night.step(
            "decide",
            run
            | {
                "choice": answer["chosen_options"][0],
                "without": named,
                "by": str(user.get("name") or user.get("id") or "time-out"),
                "why": str(given.get("reason") or "none given"),
            },
        )
        return decided

    run = open_run()
    items = clinics(run)
    asked = step("gate", pool="duckdb_writer")(run)
    branch = is_approval_needed(asked)
    approve = HITLOperator(
        task_id="approve",
        subject="Publish this night's tables?",
        body=(
            "[Validation report](/rapport/{{ ti.xcom_pull(task_ids='report') }})\n\n"
            "{% for line in ti.xcom_pull(task_ids='gate')['because'] %}* {{ line }}\n{% endfor %}"
        ),
        options=[PUBLISH, WITHOUT, REJECT],
        defaults=REJECT,
        response_timeout=timedelta(hours=HOURS_TO_ANSWER),
        params={
            # Airflow's page disables every button while a field that may not be null is empty.
            "without": Param(
                None, type=["null", "string"], title="Clinics to leave out, with commas"
            ),
            "reason": Param("", type="string", title="Reason; no patient data"),
        },
    )
    publish = step("publish", outlets=[ANALYTICS], trigger_rule="none_failed_min_one_success")(run)
    close = step("close_run", trigger_rule=TriggerRule.ALL_DONE)(run)
    chain(
        is_anything_new(run),
        items,
        intake.expand(item=items),
        # A clinic whose intake broke off does not hold up the others; nor do no new files at all
        # when only the configuration changed.
        step("judge", trigger_rule=TriggerRule.ALL_DONE)(run),
        step("accept", pool="duckdb_writer")(run),
        step("build", pool="duckdb_writer")(run),
        step("audit", pool="duckdb_writer")(run),
        step("report")(run),
        asked,
        branch,
        [approve, publish, close],
    )
    chain(approve, decide(run, approve.output), publish, close)


nightly()
