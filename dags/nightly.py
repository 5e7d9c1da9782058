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
| `publish` | switches the link analysts open | yesterday's release stays |
| `close_run` | writes the summary; fails the run if anything failed | |

Running it again is always safe. Data is never retried: the same file fails the same way twice.
Only disk and network errors are. Runbook: docs/runbook.md
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import (
    Asset,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
    TriggerRule,
    chain,
    dag,
    get_current_context,
    task,
)

ANALYTICS = Asset(name="rapport_analytics", uri="file://rapport/published/analytics.duckdb")


def step(name: str, **options):
    """Return the task that calls `pipeline.night.<name>` with the run's id."""

    @task(task_id=name, **options)
    def call(run: dict):
        from pipeline import night

        return night.step(name, run)

    return call


@dag(
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,  # one night at a time: one writer of lake and ledger
    tags=["rapport"],
    doc_md=__doc__,
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": ExceptionRetryPolicy(
            rules=[
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
    def open_run() -> dict:
        from pipeline import night

        return night.step("open_run", {})

    @task.short_circuit
    def is_anything_new(run: dict) -> bool:
        return run["is_new"]

    @task
    def clinics(run: dict) -> list[dict]:
        return [{"run_id": run["run_id"], "clinic_id": clinic} for clinic in run["clinics"]]

    @task(map_index_template="{{ clinic_id }}")
    def intake(item: dict) -> dict:
        from pipeline import night

        get_current_context()["clinic_id"] = item["clinic_id"]
        return night.step("intake", item)

    run = open_run()
    items = clinics(run)
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
        step("publish", outlets=[ANALYTICS])(run),
        step("close_run", trigger_rule=TriggerRule.ALL_DONE)(run),
    )


nightly()
