"""How long what is kept: config/retention.yml, read and checked."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from pipeline.home import Home
from pipeline.storage.site_settings import read_settings, schema_of

FILE = "retention.yml"


class Retention(BaseModel):
    """The file config/retention.yml; days are counted from the day of the run or of the change."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    releases: int = Field(
        5, ge=1, description="Newest finished releases that are kept, the published one among them"
    )
    work_days: int | None = Field(90, ge=1, description="Days folders of ended runs are kept")
    log_days: int | None = Field(30, ge=1, description="Days Airflow's task logs are kept")
    report_days: int | None = Field(None, ge=1, description="Days pages of runs are kept")
    lake_history_days: int | None = Field(
        None,
        ge=365,
        description="Days a row is kept after it was replaced, deleted or withdrawn; at least a "
        "year, as a file can no longer be withdrawn as if it had not come",
    )


def load_retention(home: Home) -> Retention:
    """Read and check config/retention.yml; without the file the defaults of `Retention` hold."""
    return read_settings(home, FILE, Retention, "See docs/operations.md")


def retention_schema() -> str:
    """Return the text of config/schema/retention.schema.json."""
    return schema_of(Retention)
