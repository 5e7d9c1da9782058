"""What was known on a date: the lake's rows as any earlier night saw them.

Two times belong to every row. ``observed_at``: when the fact was true, as the clinic recorded it.
``received_at``: when this lake learned it. A row is known from the night that brought it until
the night that replaced or deleted it. docs/as-of.md has the same query for SQL alone.
"""

from __future__ import annotations

from datetime import datetime

from pipeline.home import Home
from pipeline.storage.duckdb_session import quoted
from transforms.contract import Table

# Whether a person is a client or a therapist has no date of its own.
OBSERVED_AT = {
    "responses": "completed_at",
    "sessions": "session_at",
    "episodes": "start_date",
    "therapists": "valid_from",
}


def rows_as_of(home: Home, table: Table, known_at: datetime) -> str:
    """Return SQL for the rows of a table that were current at ``known_at``, nights of it included.

    Returns
    -------
    str
        Query with the lake's columns, and ``observed_at`` (timestamp, NULL where the fact has no
        date). One row per natural key and clinic.
    """
    moment = f"cast({quoted(known_at.isoformat())} as timestamp)"
    observed = f"cast({OBSERVED_AT.get(table.name, 'null')} as timestamp)"
    options = "union_by_name = true, hive_partitioning = false"
    rows = home.lake / table.name / "**" / "*.parquet"
    markers = home.lake / "superseded" / table.name / "**" / "*.parquet"
    return f"""
        select held.*, {observed} as observed_at
        from read_parquet({quoted(rows)}, {options}) as held
        anti join (
            select * from read_parquet({quoted(markers)}, {options}) where marked_at <= {moment}
        ) as gone
            on held.{table.key} = gone.row_key
            and held.file_id = gone.file_id
            and held.source_line = gone.source_line
        where held.received_at <= {moment}
    """
