"""What the quality tables of one release say about one run.

Reads counts, keys, file names, lines and reasons. Never reads a table that holds answers,
scores or dates of a patient: of those it only counts the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from reports.validation.standing import Loss, Standing, read_losses, read_standings
from transforms.sql import only_row, records

EVERY_CLINIC = "all"  # scope of a check that belongs to no single clinic, such as one on a mart
COUNTED_SCHEMAS = ("core", "process", "common_factors", "quality")


@dataclass(frozen=True)
class Clinic:
    """A clinic as ``core.dim_clinics`` names it."""

    clinic_id: str
    clinic_group: str | None
    name: str | None

    @property
    def label(self) -> str:
        """Name for a reader, the id where there is none."""
        if self.clinic_id == EVERY_CLINIC:
            return "Published tables"
        return self.name or self.clinic_id


@dataclass(frozen=True)
class Check:
    """One rule on the files that one clinic delivered in the run.

    Attributes
    ----------
    state_with_waivers : as ``state``, and ``waived`` where only what a waiver covers falls short
    n_lost, n_lost_clients, n_unread : open rows, their clients and unread files, of all nights
    open_since : since when the oldest of these is open
    """

    clinic_id: str
    rule_id: str
    title: str
    category: str
    severity: str
    n_scope: int
    n_failed: int
    threshold: float | None
    state: str
    state_with_waivers: str
    message: str | None
    table_names: str
    n_lost: int = 0
    n_lost_clients: int = 0
    n_unread: int = 0
    open_since: datetime | None = None

    @property
    def shown_state(self) -> str:
        """The state, and ``open`` where the rule fell short of nothing but rows of it are open."""
        is_open = self.n_lost and self.state in ("pass", "not_applicable")
        return "open" if is_open else self.state

    @property
    def share_failed(self) -> float | None:
        """Failed rows of the rows in scope, ``None`` where nothing was in scope or known."""
        if not self.n_scope or self.state == "error":
            return None
        return self.n_failed / self.n_scope


@dataclass(frozen=True)
class FileBalance:
    """One file and table: how many rows came and where each of them went."""

    clinic_id: str
    file_id: str
    source_file: str
    table_name: str | None
    status: str
    reason: str | None
    n_received: int
    n_loaded: int
    n_duplicate: int
    n_superseded: int
    n_quarantined: int
    n_erased: int
    is_balanced: bool | None


@dataclass(frozen=True)
class HeldRow:
    """One listed row and one reason for it: held back, or loaded and flagged."""

    rule_id: str
    clinic_id: str
    source_file: str
    source_sheet: str | None
    source_line: int | None
    table_name: str
    column_name: str | None
    reason: str
    severity: str | None
    row_key: str | None
    first_seen: datetime | None
    status: str | None


@dataclass(frozen=True)
class TableCount:
    """A published table and its number of rows."""

    schema_name: str
    table_name: str
    n_rows: int
    description: str | None


@dataclass(frozen=True)
class RunQuality:
    """Everything the page of one run shows."""

    run_id: str
    run_at: datetime | None
    clinics: list[Clinic]
    checks: list[Check]
    files: list[FileBalance]
    totals: list[FileBalance]
    held_rows: list[HeldRow]
    tables: list[TableCount]
    standings: dict[str, Standing] = field(default_factory=dict)

    @property
    def clinic_checks(self) -> list[Check]:
        """Checks on what the clinics delivered."""
        return [check for check in self.checks if check.clinic_id != EVERY_CLINIC]

    @property
    def audits(self) -> list[Check]:
        """Checks on the published tables, which are no clinic's fault."""
        return [check for check in self.checks if check.clinic_id == EVERY_CLINIC]


def read_run_quality(analytics: Path, run_id: str) -> RunQuality:
    """Read what the page of ``run_id`` needs from the DuckDB file ``analytics``."""
    with duckdb.connect(str(analytics), read_only=True) as connection:
        connection.execute("SET threads = 2")
        checks, run_at = _read_checks(connection, run_id), _read_run_at(connection, run_id)
        files = _read_files(connection, run_id)
        held_rows = _read_held_rows(connection)
        named = {
            *(check.clinic_id for check in checks),
            *(line.clinic_id for line in files),
            *(row.clinic_id for row in held_rows),
        }
        return RunQuality(
            run_id=run_id,
            run_at=run_at,
            clinics=_read_clinics(connection, named),
            checks=checks,
            files=files,
            totals=_read_totals(connection),
            held_rows=held_rows,
            tables=_read_table_counts(connection),
            standings=read_standings(connection, run_id),
        )


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, *values: object) -> list[dict[str, Any]]:
    return records(connection.execute(sql, list(values)))


def _read_run_at(connection: duckdb.DuckDBPyConnection, run_id: str) -> datetime | None:
    row = connection.execute(
        "SELECT max(run_at) FROM quality.dq_rule_results WHERE run_id = ?", [run_id]
    ).fetchone()
    return row[0] if row else None


# The worst file decides the state of a check: error before fail would hide bad data, so fail
# comes first; a check that ran nowhere is not applicable, never a pass.
_CHECKS = """
    SELECT
        coalesce(clinic_id, 'all') AS clinic_id,
        rule_id,
        min(title) AS title,
        coalesce(min(category), 'other') AS category,
        min(severity) AS severity,
        coalesce(sum(n_scope), 0)::BIGINT AS n_scope,
        coalesce(sum(n_failed), 0)::BIGINT AS n_failed,
        min(threshold) AS threshold,
        CASE
            WHEN bool_or(state = 'fail') THEN 'fail'
            WHEN bool_or(state = 'error') THEN 'error'
            WHEN bool_or(state = 'pass') THEN 'pass'
            ELSE 'not_applicable'
        END AS state,
        CASE
            WHEN bool_or(state = 'fail' AND NOT is_waived) THEN 'fail'
            WHEN bool_or(state = 'error' AND NOT is_waived) THEN 'error'
            WHEN bool_or(state IN ('fail', 'error')) THEN 'waived'
            WHEN bool_or(state = 'pass') THEN 'pass'
            ELSE 'not_applicable'
        END AS state_with_waivers,
        string_agg(DISTINCT message, ' ' ORDER BY message)
            FILTER (WHERE state IN ('fail', 'error')) AS message,
        coalesce(string_agg(DISTINCT table_name, ', ' ORDER BY table_name), '') AS table_names
    FROM quality.dq_rule_results
    WHERE run_id = ?
    GROUP BY ALL
"""


def _read_checks(connection: duckdb.DuckDBPyConnection, run_id: str) -> list[Check]:
    """Return the checks of the run with what they lost, and rules that still hold rows back."""
    losses = read_losses(connection, run_id)
    checks = []
    for row in _rows(connection, _CHECKS, run_id):
        check = Check(**row)
        checks.append(_with_loss(check, losses.pop((check.rule_id, check.clinic_id), None)))
    return checks + [
        _with_loss(_not_asked(rule_id, clinic_id, loss), loss)
        for (rule_id, clinic_id), loss in losses.items()
    ]


def _with_loss(check: Check, loss: Loss | None) -> Check:
    if loss is None:
        return check
    return replace(
        check,
        n_lost=loss.n_rows,
        n_lost_clients=loss.n_clients,
        n_unread=loss.n_files,
        open_since=loss.since,
    )


def _not_asked(rule_id: str, clinic_id: str, loss: Loss) -> Check:
    """Return a rule that nothing of this run was held against; rows of earlier nights are open."""
    return Check(
        clinic_id=clinic_id,
        rule_id=rule_id,
        title=loss.title or "",
        category="other",
        severity=loss.severity or "quarantine",
        n_scope=0,
        n_failed=0,
        threshold=None,
        state="not_applicable",
        state_with_waivers="not_applicable",
        message=None,
        table_names="",
    )


def _read_files(connection: duckdb.DuckDBPyConnection, run_id: str) -> list[FileBalance]:
    lines = _rows(
        connection,
        """
        SELECT
            clinic_id, file_id, source_file, table_name, status, reason,
            coalesce(n_received, 0) AS n_received, coalesce(n_loaded, 0) AS n_loaded,
            coalesce(n_duplicate, 0) AS n_duplicate, coalesce(n_superseded, 0) AS n_superseded,
            coalesce(n_quarantined, 0) AS n_quarantined, coalesce(n_erased, 0) AS n_erased,
            is_balanced
        FROM quality.dq_balance
        WHERE run_id = ?
        ORDER BY
            CASE status
                WHEN 'refused' THEN 0 WHEN 'rejected' THEN 1 WHEN 'held' THEN 2 ELSE 3
            END,
            clinic_id, source_file, table_name
        """,
        run_id,
    )
    return [FileBalance(**line) for line in lines]


def _read_totals(connection: duckdb.DuckDBPyConnection) -> list[FileBalance]:
    """Sum the balance of every file so far, per clinic and table."""
    lines = _rows(
        connection,
        """
        SELECT
            clinic_id, '' AS file_id,
            count(DISTINCT file_id)::VARCHAR AS source_file,
            table_name, '' AS status, NULL AS reason,
            coalesce(sum(n_received), 0)::BIGINT AS n_received,
            coalesce(sum(n_loaded), 0)::BIGINT AS n_loaded,
            coalesce(sum(n_duplicate), 0)::BIGINT AS n_duplicate,
            coalesce(sum(n_superseded), 0)::BIGINT AS n_superseded,
            coalesce(sum(n_quarantined), 0)::BIGINT AS n_quarantined,
            coalesce(sum(n_erased), 0)::BIGINT AS n_erased,
            bool_and(is_balanced) AS is_balanced
        FROM quality.dq_balance
        WHERE status = 'accepted' AND table_name IS NOT NULL
        GROUP BY clinic_id, table_name
        ORDER BY clinic_id, table_name
        """,
    )
    return [FileBalance(**line) for line in lines]


def _read_held_rows(connection: duckdb.DuckDBPyConnection) -> list[HeldRow]:
    lines = _rows(
        connection,
        """
        SELECT
            rule_id, clinic_id, source_file, source_sheet, source_line, table_name,
            column_name, reason, severity, row_key::VARCHAR AS row_key, first_seen, status
        FROM quality.dq_quarantine
        WHERE coalesce(status, 'open') IN ('open', 'flagged')
        ORDER BY rule_id, clinic_id, source_file, source_sheet, source_line, column_name, row_key
        """,
    )
    return [HeldRow(**line) for line in lines]


def _read_clinics(connection: duckdb.DuckDBPyConnection, named: set[str]) -> list[Clinic]:
    """Return known clinics, then those that only the quality tables mention."""
    known = [
        Clinic(**row)
        for row in _rows(
            connection,
            "SELECT clinic_id, clinic_group, clinic_name AS name FROM core.dim_clinics ORDER BY 1",
        )
    ]
    missing = sorted(named - {clinic.clinic_id for clinic in known} - {EVERY_CLINIC})
    clinics = known + [Clinic(clinic_id, None, None) for clinic_id in missing]
    return clinics + ([Clinic(EVERY_CLINIC, None, None)] if EVERY_CLINIC in named else [])


def _read_table_counts(connection: duckdb.DuckDBPyConnection) -> list[TableCount]:
    found = connection.execute(
        """
        SELECT schema_name, table_name, comment FROM duckdb_tables()
        UNION ALL
        SELECT schema_name, view_name, comment FROM duckdb_views() WHERE NOT internal
        ORDER BY ALL
        """
    ).fetchall()
    counts = []
    for schema, table, comment in found:
        if schema not in COUNTED_SCHEMAS:
            continue
        (n_rows,) = only_row(connection.execute(f'SELECT count(*) FROM "{schema}"."{table}"'))
        counts.append(TableCount(schema, table, n_rows, comment))
    return sorted(counts, key=lambda c: (COUNTED_SCHEMAS.index(c.schema_name), c.table_name))
