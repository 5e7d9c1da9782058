"""### deliveries

Looks once an hour whether a clinic's expected delivery (`expects` in its YAML) is late, and tells
somebody, once. Changes nothing. docs/operations.md
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import dag, task


@dag(
    schedule="10 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["rapport"],
    doc_md=__doc__,
)
def deliveries() -> None:
    """Lay out the one task."""

    @task
    def watch() -> int:
        from pipeline import night

        return night.watch()

    watch()


deliveries()
