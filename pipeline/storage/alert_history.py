"""Alerts of the published release, handed on to the next build.

Alerts are made anew every night. One that the data no longer raise, because a form was corrected
or a model learned more, must not vanish from the list somebody is working through: the next build
keeps it as closed.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from pipeline.home import Home
from pipeline.storage.ledger import Ledger
from pipeline.storage.parquet import copy_query, write_rows

ALERTS = pa.schema(
    [
        ("alert_key", pa.uuid()),
        ("clinic_id", pa.string()),
        ("client_key", pa.uuid()),
        ("episode_key", pa.uuid()),
        ("session_key", pa.uuid()),
        ("therapist_key", pa.uuid()),
        ("alert_kind", pa.string()),
        ("raised_at", pa.timestamp("us")),
        ("rule", pa.string()),
        ("threshold", pa.float64()),
        ("definition_version", pa.string()),
        ("status", pa.string()),
        ("status_at", pa.timestamp("us")),
        ("closed_reason", pa.string()),
        ("closed_by", pa.string()),
        ("snoozed_until", pa.date32()),
        ("acknowledged_at", pa.timestamp("us")),
        ("acknowledged_by", pa.string()),
        ("response_key", pa.uuid()),
        ("instrument_id", pa.string()),
        ("source_file", pa.string()),
        ("source_line", pa.int64()),
        ("last_published_at", pa.timestamp("us")),
    ]
)
# Columns that releases from before alerts could be snoozed or closed by a person do not have.
_ABSENT = {"closed_by": "varchar", "snoozed_until": "date"}


def keep_alerts(home: Home) -> None:
    """Write the published alerts where the new build reads them; none before the first release.

    ``last_published_at`` is the start of the run that published them, so that a build killed and
    started again says the same; NULL where the ledger does not know it.
    """
    target = home.lake / "quality" / "published_alerts.parquet"
    if home.published.exists():
        published = home.published.resolve()
        with duckdb.connect(str(published), read_only=True) as con:
            if columns := _columns(con):
                known = {run["run_id"]: run["started_at"] for run in Ledger(home).all_runs()}
                started = known.get(published.parent.name)
                at = f"'{started:%Y-%m-%d %H:%M:%S.%f}'" if started else "null"
                listed = ", ".join(
                    name if name in columns else f"null::{_ABSENT[name]} as {name}"
                    for name in ALERTS.names[:-1]
                )
                copy_query(
                    con,
                    f"select {listed}, cast({at} as timestamp) as last_published_at "
                    "from process.fct_alerts order by alert_key",
                    target,
                )
                return
    write_rows(target, [], ALERTS)


def _columns(con: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the columns of the published alerts; none where there is no such table."""
    found = con.execute(
        "select column_name from duckdb_columns() "
        "where schema_name = 'process' and table_name = 'fct_alerts'"
    )
    return {name for (name,) in found.fetchall()}
