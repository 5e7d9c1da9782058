"""### retention

Deletes once a day what `config/retention.yml` no longer wants kept: old releases, folders of ended
runs, task logs, pages, rows that stopped being current. Never what is live. docs/operations.md
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import dag, task


@dag(
    schedule="0 12 * * *",  # far from the night, which would keep it waiting
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["rapport"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=30)},
)
def retention() -> None:
    """Lay out the one task."""

    @task
    def retain() -> dict[str, Any]:
        from pipeline import night

        deleted: dict[str, Any] = night.step("retain", {})
        return deleted

    retain()


retention()
