"""A lake small enough to work out by hand, and dbt run over it as the pipeline runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from pipeline.audit.class_changes import WHAT_CHANGED
from pipeline.storage.alert_history import ALERTS
from pipeline.storage.alert_log import ACKNOWLEDGEMENTS
from pipeline.storage.lake import (
    CLIENT_AGES,
    MARKERS,
    SCORES,
    THERAPIST_FLAGS,
)
from pipeline.storage.merged_clients import MERGED
from pipeline.storage.risk_flags import SCHEMA as FLAGS
from tests.conftest import ROOT
from transforms.contract import TABLES, lake_columns
from transforms.instruments.expected_curves import CURVE_COLUMNS, NUMBERS
from transforms.instruments.registry import load_registry
from transforms.instruments.tables import (
    INSTRUMENT_COLUMNS,
    SCALE_COLUMNS,
    registry_rows,
    scale_rows,
)

FILES = {
    "clinic_id": "VARCHAR",
    "clinic_group": "VARCHAR",
    "file_id": "VARCHAR",
    "source_file": "VARCHAR",
    "table_name": "VARCHAR",
    "received_at": "TIMESTAMP",
    "run_id": "VARCHAR",
    "status": "VARCHAR",
    "reason": "VARCHAR",
    "n_received": "BIGINT",
    "n_duplicate": "BIGINT",
    "n_quarantined": "BIGINT",
    "n_accepted": "BIGINT",
    "n_erased": "BIGINT",
}
CLINICS = {"clinic_id": "VARCHAR", "clinic_group": "VARCHAR", "name": "VARCHAR"}
RULE_RESULTS = {
    "run_id": "VARCHAR",
    "run_at": "TIMESTAMP",
    "clinic_id": "VARCHAR",
    "file_id": "VARCHAR",
    "source_file": "VARCHAR",
    "table_name": "VARCHAR",
    "rule_id": "VARCHAR",
    "title": "VARCHAR",
    "category": "VARCHAR",
    "severity": "VARCHAR",
    "n_scope": "BIGINT",
    "n_failed": "BIGINT",
    "share_failed": "DOUBLE",
    "threshold": "DOUBLE",
    "state": "VARCHAR",
    "message": "VARCHAR",
    "is_waived": "BOOLEAN",
    "original_state": "VARCHAR",
    "original_severity": "VARCHAR",
    "original_threshold": "DOUBLE",
    "regraded_at": "TIMESTAMP",
}
QUARANTINE = {
    "table_name": "VARCHAR",
    "clinic_id": "VARCHAR",
    "file_id": "VARCHAR",
    "source_file": "VARCHAR",
    "source_sheet": "VARCHAR",
    "source_line": "BIGINT",
    "row_key": "UUID",
    "client_key": "UUID",
    "rule_id": "VARCHAR",
    "column_name": "VARCHAR",
    "reason": "VARCHAR",
    "severity": "VARCHAR",
    "takes_row_out": "BOOLEAN",
    "run_id": "VARCHAR",
    "seen_at": "TIMESTAMP",
}
FORM_CHANGES = {
    "run_id": "VARCHAR",
    "run_at": "TIMESTAMP",
    "clinic_id": "VARCHAR",
    "file_id": "VARCHAR",
    "source_file": "VARCHAR",
    "table_name": "VARCHAR",
    "instrument_id": "VARCHAR",
    "change": "VARCHAR",
    "column_name": "VARCHAR",
    "message": "VARCHAR",
    "remedy": "VARCHAR",
    "is_blocking": "BOOLEAN",
}
QUARANTINE_EVENTS = {
    "clinic_id": "VARCHAR",
    "table_name": "VARCHAR",
    "row_key": "UUID",
    "event": "VARCHAR",
    "file_id": "VARCHAR",
    "source_file": "VARCHAR",
    "run_id": "VARCHAR",
    "happened_at": "TIMESTAMP",
    "earlier_file_id": "VARCHAR",
}
WAIVERS = {
    "rule_id": "VARCHAR",
    "clinic_id": "VARCHAR",
    "table_name": "VARCHAR",
    "source_file": "VARCHAR",
    "column_name": "VARCHAR",
    "scope": "VARCHAR",
    "who": "VARCHAR",
    "why": "VARCHAR",
    "valid_from": "DATE",
    "valid_until": "DATE",
    "is_active": "BOOLEAN",
    "is_expired": "BOOLEAN",
    "days_left": "BIGINT",
}
RULES = {
    "rule_id": "VARCHAR",
    "table_name": "VARCHAR",
    "title": "VARCHAR",
    "category": "VARCHAR",
    "severity": "VARCHAR",
    "threshold": "DOUBLE",
    "denominator": "VARCHAR",
    "owner": "VARCHAR",
    "why": "VARCHAR",
    "downstream": "VARCHAR",
    "remedy": "VARCHAR",
    "takes_row_out": "BOOLEAN",
}
APPROVALS = {
    "run_id": "VARCHAR",
    "asked_at": "TIMESTAMP",
    "asked_because": "VARCHAR",
    "choice": "VARCHAR",
    "decided_by": "VARCHAR",
    "reason": "VARCHAR",
    "decided_at": "TIMESTAMP",
}
CURVES = {name: "DOUBLE" if name in NUMBERS else "VARCHAR" for name in CURVE_COLUMNS}
PARSED = "partial_parse.msgpack"
RECEIVED = "2026-06-30 06:00:00"


def key(name: str) -> str:
    """Return a stable made-up pseudonym."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


@dataclass
class SmallLake:
    """Rows by folder of the lake, kept until they are written."""

    root: Path
    rows: dict[str, list[dict]] = field(default_factory=dict)

    def add(self, folder: str, **values) -> None:
        """Add one row to a folder of the lake; names of keys become keys."""
        for name, value in values.items():
            if name.endswith("_key") and value is not None:
                values[name] = key(value)
        self.rows.setdefault(folder, []).append(values)

    def deliver(self, table: str, clinic: str, file_id: str, **values) -> None:
        """Add one row of a canonical table, with where it came from."""
        line = 1 + len([r for r in self.rows.get(table, []) if r["file_id"] == file_id]) + 1
        self.add(
            table,
            **{
                "clinic_id": clinic,
                "file_id": file_id,
                "source_file": f"{clinic}/{file_id}.csv",
                "source_line": line,
                "received_at": RECEIVED,
            }
            | values,
        )

    def form(self, clinic: str, file_id: str, name: str, scores: dict, **values) -> None:
        """Add a response and its scores, as {scale: points}."""
        form = {"version": "standard", "rater": "client", "language": "any"} | values
        self.deliver("responses", clinic, file_id, response_key=name, **form)
        line = self.rows["responses"][-1]["source_line"]
        for scale, score in scores.items():
            self.add(
                "scores",
                response_key=name,
                file_id=file_id,
                source_line=line,
                scale=scale,
                score=score,
                score_source="computed",
                is_prorated=False,
                **{k: form[k] for k in ("instrument_id", "version", "rater", "language")},
            )

    def write(self) -> Path:
        """Write every folder, also the empty ones, and return the lake."""
        registry = load_registry(ROOT / "config" / "instruments")
        with duckdb.connect() as con:
            for name, table in TABLES.items():
                self._write(con, f"{name}/rows", name, lake_columns(table))
                self._write(con, f"superseded/{name}/rows", f"superseded/{name}", MARKERS)
            con.execute("set arrow_lossless_conversion = true")  # keys stay UUID
            self._write(con, "scores/rows", "scores", _types(con, SCORES))
            self._write(con, "client_ages/rows", "client_ages", CLIENT_AGES)
            self._write(con, "flags/rows", "flags", _types(con, FLAGS))
            self._write(con, "alerts/rows", "alerts", _types(con, ACKNOWLEDGEMENTS))
            self._write(con, "therapist_flags/rows", "therapist_flags", THERAPIST_FLAGS)
            self._write(con, "quality/rule_results/rows", "rule_results", RULE_RESULTS)
            self._write(con, "quality/form_changes/rows", "form_changes", FORM_CHANGES)
            self._write(con, "quality/quarantine/rows", "quarantine", QUARANTINE)
            events = "quality/quarantine_events/rows"
            self._write(con, events, "quarantine_events", QUARANTINE_EVENTS)
            self._write(con, "quality/merged_clients", "merged_clients", _types(con, MERGED))
            self._write(con, "quality/waivers", "waivers", WAIVERS)
            self._write(con, "quality/rules", "rules", RULES)
            self._write(con, "quality/approvals/rows", "approvals", APPROVALS)
            self._write(con, "quality/files", "files", FILES)
            self._write(con, "quality/clinics", "clinics", CLINICS)
            self.rows["instruments"] = registry_rows(registry)
            self.rows["scales"] = scale_rows(registry)
            self._write(con, "registry/instruments", "instruments", INSTRUMENT_COLUMNS)
            self._write(con, "registry/scales", "scales", SCALE_COLUMNS)
            self._write(con, "quality/what_changed", "what_changed", _types(con, WHAT_CHANGED))
            published = "quality/published_alerts"
            self._write(con, published, "published_alerts", _types(con, ALERTS))
            self._write(con, "registry/expected_curves", "expected_curves", CURVES)
        return self.root

    def _write(self, con, path: str, folder: str, columns: dict[str, str]) -> None:
        target = self.root / f"{path}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        definitions = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        con.execute(f"create or replace table written ({definitions})")
        for row in self.rows.get(folder, []):
            names = ", ".join(f'"{name}"' for name in row)
            marks = ", ".join("?" for _ in row)
            con.execute(f"insert into written ({names}) values ({marks})", [*row.values()])
        con.execute(f"copy written to '{target}'")


@dataclass(frozen=True)
class Built:
    """What dbt left: the file, the state of every node and what it printed."""

    path: Path
    states: dict[str, str]
    output: str

    def ask(self, query: str) -> list[tuple]:
        """Return the rows of a query against the built file."""
        with duckdb.connect(str(self.path), read_only=True) as con:
            return con.execute(query).fetchall()


@dataclass(frozen=True)
class Dbt:
    """`dbt build` in a child process, as the pipeline runs it, over one lake after another.

    What dbt has parsed is handed on from build to build. It parses all again when the path of the
    file or of a source changes, so every build finds both at the same place: through links.
    """

    place: Path

    def build(self, lake: Path, folder: Path, *selection: str) -> Built:
        """Build over a lake into a folder, which then holds the file and dbt's artifacts."""
        folder.mkdir(parents=True, exist_ok=True)
        self._point("lake", lake)
        self._point("build", folder)
        target = folder / "target"
        target.mkdir()
        if (self.place / PARSED).exists():
            shutil.copy(self.place / PARSED, target)
        finished = self._run(target, folder / "logs", *selection)
        results = target / "run_results.json"
        assert results.exists(), finished.stdout
        shutil.copy(target / PARSED, self.place)
        nodes = json.loads(results.read_text(encoding="utf-8"))["results"]
        return Built(
            folder / "analytics.duckdb",
            {_name(node["unique_id"]): node["status"] for node in nodes},
            finished.stdout,
        )

    def _point(self, name: str, target: Path) -> None:
        link = self.place / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)

    def _run(self, target: Path, logs: Path, *selection: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                str(Path(sys.executable).with_name("dbt")),
                *("--no-use-colors", "build", *selection),
                *("--project-dir", str(ROOT), "--profiles-dir", str(ROOT)),
                *("--target-path", str(target), "--log-path", str(logs)),
            ],
            env=os.environ
            | {
                "RAPPORT_LAKE": str(self.place / "lake"),
                "RAPPORT_BUILD": str(self.place / "build" / "analytics.duckdb"),
                "RAPPORT_CONFIG": str(ROOT / "config"),
                "PYTHONPATH": str(ROOT),
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
                "OPENBLAS_NUM_THREADS": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )


def _types(con, schema) -> dict[str, str]:
    """Return the DuckDB types of an Arrow schema."""
    empty = con.from_arrow(schema.empty_table())
    return dict(zip(empty.columns, map(str, empty.types), strict=True))


def _name(unique_id: str) -> str:
    """Return what a node is called; a unit test's model comes before its name."""
    kind, _, *names = unique_id.split(".")
    return f"unit_test {names[1]}" if kind == "unit_test" else names[0]
