"""What the quality tables are made of: files with their rows, clinics, the registry."""

from __future__ import annotations

from collections.abc import Set

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.audit.form_changes import FORM_CHANGES
from pipeline.home import Home
from pipeline.storage.configuration import read_clinic
from pipeline.storage.ledger import Ledger
from pipeline.storage.merged_clients import write_merged_clients
from pipeline.storage.parquet import write_rows
from transforms.errors import ConfigError
from transforms.statistics.withheld import Record

FILES = pa.schema(
    [
        ("clinic_id", pa.string()),
        ("clinic_group", pa.string()),
        ("file_id", pa.string()),
        ("source_file", pa.string()),
        ("table_name", pa.string()),
        ("received_at", pa.timestamp("us")),
        ("run_id", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("n_received", pa.int64()),
        ("n_duplicate", pa.int64()),
        ("n_quarantined", pa.int64()),
        ("n_accepted", pa.int64()),
        ("n_erased", pa.int64()),
    ]
)
CLINICS = pa.schema(
    [("clinic_id", pa.string()), ("clinic_group", pa.string()), ("name", pa.string())]
)
RULE_RESULTS = pa.schema(
    [
        ("run_id", pa.string()),
        ("run_at", pa.timestamp("us")),
        ("clinic_id", pa.string()),
        ("file_id", pa.string()),
        ("source_file", pa.string()),
        ("table_name", pa.string()),
        ("rule_id", pa.string()),
        ("title", pa.string()),
        ("category", pa.string()),
        ("severity", pa.string()),
        ("n_scope", pa.int64()),
        ("n_failed", pa.int64()),
        ("share_failed", pa.float64()),
        ("threshold", pa.float64()),
        ("state", pa.string()),
        ("message", pa.string()),
        # A waiver covers the result; and what it was before `rapport regrade` judged it again.
        ("is_waived", pa.bool_()),
        ("original_state", pa.string()),
        ("original_severity", pa.string()),
        ("original_threshold", pa.float64()),
        ("regraded_at", pa.timestamp("us")),
    ]
)
QUARANTINE = pa.schema(
    [
        ("table_name", pa.string()),
        ("clinic_id", pa.string()),
        ("file_id", pa.string()),
        ("source_file", pa.string()),
        ("source_sheet", pa.string()),
        ("source_line", pa.int64()),
        ("row_key", pa.uuid()),
        ("client_key", pa.uuid()),
        ("rule_id", pa.string()),
        ("column_name", pa.string()),
        ("reason", pa.string()),
        ("severity", pa.string()),
        ("takes_row_out", pa.bool_()),
        ("run_id", pa.string()),
        ("seen_at", pa.timestamp("us")),
    ]
)
# ``event`` is delivered (the row came again and was in order), deleted (a full snapshot lacks
# it) or erased.
QUARANTINE_EVENTS = pa.schema(
    [
        ("clinic_id", pa.string()),
        ("table_name", pa.string()),
        ("row_key", pa.uuid()),
        ("event", pa.string()),
        # Of a row without a key: the file it was in.
        ("earlier_file_id", pa.string()),
        ("file_id", pa.string()),
        ("source_file", pa.string()),
        ("run_id", pa.string()),
        ("happened_at", pa.timestamp("us")),
    ]
)


def write_quality_tables(con: duckdb.DuckDBPyConnection, home: Home, ledger: Ledger) -> None:
    """Export the ledger's files and the clinics for dbt; one owner, rewritten every night.

    A file that was refused has one row without a table, so that it is counted too.
    """
    folder = home.lake / "quality"
    clinics = _clinics(home, {row["clinic_id"] for row in ledger.all_files()})
    tables: dict[tuple[str, str], list[Record]] = {}
    for row in ledger.all_file_tables():
        tables.setdefault((row["clinic_id"], row["file_id"]), []).append(row)
    rows = []
    for file in ledger.all_files():
        key = (file["clinic_id"], file["file_id"])
        group = {"clinic_group": clinics[file["clinic_id"]]["clinic_group"]}
        empty = {"table_name": None} | {name: 0 for name in FILES.names if name.startswith("n_")}
        for table in tables.get(key) or [empty]:
            row = file | table | group
            rows.append({name: row[name] for name in FILES.names})
    write_rows(folder / "files.parquet", rows, FILES)
    named = [clinics[clinic_id] for clinic_id in sorted(clinics)]
    write_rows(folder / "clinics.parquet", named, CLINICS)
    write_merged_clients(con, home)
    write_rows(folder / "rule_results" / "empty.parquet", [], RULE_RESULTS)
    write_rows(folder / "form_changes" / "empty.parquet", [], FORM_CHANGES)
    write_rows(folder / "quarantine" / "empty.parquet", [], QUARANTINE)
    write_rows(folder / "quarantine_events" / "empty.parquet", [], QUARANTINE_EVENTS)


def _clinics(home: Home, clinic_ids: Set[str]) -> dict[str, dict[str, str]]:
    """Return group and name of each clinic; as last night wrote them where its YAML is wrong."""
    path = home.lake / "quality" / "clinics.parquet"
    earlier = pq.read_table(path).to_pylist() if path.exists() else []
    found = {row["clinic_id"]: row for row in earlier}
    for clinic_id in clinic_ids:
        row = {"clinic_id": clinic_id, "clinic_group": clinic_id, "name": clinic_id}
        try:
            clinic = read_clinic(home, clinic_id)
        except ConfigError:
            found.setdefault(clinic_id, row)
        else:
            found[clinic_id] = row | {
                "clinic_group": clinic.group,
                "name": clinic.name or clinic_id,
            }
    return {clinic_id: found[clinic_id] for clinic_id in clinic_ids}
