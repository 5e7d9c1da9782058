"""What a clinic lost: rows and files of a night, and what is still open from the nights before.

Read from `quality.dq_balance`, `quality.dq_quarantine` and `quality.dq_rule_results`; who was
lost is counted by `client_key`, against `core.dim_clients`. docs/report.md has the definitions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb

from transforms.sql import records

# A row is lost while it is open in quarantine. A row of two rules is one row.
_ROWS = """
    held AS (
        SELECT clinic_id, table_name, coalesce(row_key::VARCHAR, file_id || '/' || source_line)
                AS row_id,
            any_value({client_key}) AS client_key, list(DISTINCT file_id) AS file_ids,
            min(first_seen) FILTER (WHERE status = 'open') AS since,
            bool_or(status = 'open') AS is_open
        FROM quality.dq_quarantine
        WHERE status IN ('open', 'waived')
        GROUP BY ALL
    )
"""

# A file that could not be read, or waits for an answer, is open until one of its name is accepted
# or the rule it broke is waived. When it is read again every night its first night counts.
_OFF = """
    off AS (
        SELECT files.clinic_id, files.file_id, any_value(files.status) AS status,
            min(coalesce(results.run_at, files.received_at)) AS since,
            coalesce(bool_or(results.is_waived AND results.run_id = files.run_id), false)
                AS is_waived
        FROM quality.dq_balance AS files
        LEFT JOIN quality.dq_rule_results AS results
            ON files.clinic_id = results.clinic_id AND files.file_id = results.file_id
            AND results.state = 'fail'
        WHERE files.status IN ('refused', 'held') AND NOT EXISTS (
            SELECT 1 FROM quality.dq_balance AS later
            WHERE later.clinic_id = files.clinic_id AND later.source_file = files.source_file
                AND later.status = 'accepted' AND later.run_id > files.run_id)
        GROUP BY files.clinic_id, files.file_id
    )
"""

_STANDINGS = """
    WITH {rows}, {off},
    known AS (SELECT DISTINCT clinic_id, client_key FROM {people}),
    night AS (
        SELECT clinic_id, count(DISTINCT file_id) AS n_files,
            count(DISTINCT file_id) FILTER (WHERE status <> 'accepted') AS n_files_off,
            count(DISTINCT file_id) FILTER (WHERE status = 'refused') AS n_files_unread,
            coalesce(sum(n_received - n_erased), 0)::BIGINT AS n_received,
            coalesce(sum(n_received - n_erased - n_quarantined)
                FILTER (WHERE status = 'accepted'), 0)::BIGINT AS n_usable,
            list(DISTINCT file_id) AS file_ids
        FROM quality.dq_balance WHERE run_id = $run_id GROUP BY clinic_id
    ),
    ever AS (
        SELECT clinic_id, max(received_at) AS last_delivery,
            count(DISTINCT file_id) AS n_files_ever,
            coalesce(sum(n_loaded) FILTER (WHERE status = 'accepted'), 0)::BIGINT AS n_loaded
        FROM quality.dq_balance GROUP BY clinic_id
    ),
    of_rows AS (
        SELECT held.clinic_id, count(*) FILTER (WHERE is_open) AS n_open_rows,
            count(*) FILTER (WHERE NOT is_open) AS n_waived_rows, min(since) AS rows_since,
            count(*) FILTER (WHERE NOT is_open AND list_has_any(held.file_ids, night.file_ids))
                AS n_waived_tonight,
            count(DISTINCT held.client_key) FILTER (WHERE is_open AND known.client_key IS NULL)
                AS n_open_clients,
            count(DISTINCT held.client_key) FILTER (WHERE known.client_key IS NULL)
                AS n_held_clients
        FROM held
        LEFT JOIN night ON held.clinic_id = night.clinic_id
        LEFT JOIN known
            ON held.clinic_id = known.clinic_id AND held.client_key = known.client_key
        GROUP BY held.clinic_id
    ),
    of_files AS (
        SELECT clinic_id, count(*) FILTER (WHERE NOT is_waived) AS n_open_files,
            count(*) AS n_off_files, min(since) FILTER (WHERE NOT is_waived) AS files_since
        FROM off GROUP BY clinic_id
    ),
    people AS (
        SELECT clinic_id, count(DISTINCT client_key) AS n_clients
        FROM (
            SELECT clinic_id, client_key FROM known
            UNION ALL SELECT clinic_id, client_key FROM held
        ) GROUP BY clinic_id
    )
    SELECT ever.clinic_id, coalesce(n_files, 0) AS n_files,
        coalesce(n_files_off, 0) AS n_files_off, coalesce(n_files_unread, 0) AS n_files_unread,
        coalesce(n_received, 0) AS n_received, coalesce(n_usable, 0) AS n_usable,
        coalesce(n_waived_tonight, 0) AS n_waived_tonight, n_loaded, n_files_ever,
        coalesce(n_open_rows, 0) AS n_open_rows, coalesce(n_waived_rows, 0) AS n_waived_rows,
        coalesce(n_open_clients, 0) AS n_open_clients,
        coalesce(n_held_clients, 0) AS n_held_clients, coalesce(n_clients, 0) AS n_clients,
        coalesce(n_open_files, 0) AS n_open_files, coalesce(n_off_files, 0) AS n_off_files,
        rows_since, files_since, last_delivery
    FROM ever
    LEFT JOIN night ON ever.clinic_id = night.clinic_id
    LEFT JOIN of_rows ON ever.clinic_id = of_rows.clinic_id
    LEFT JOIN of_files ON ever.clinic_id = of_files.clinic_id
    LEFT JOIN people ON ever.clinic_id = people.clinic_id
"""
_NOBODY = "(SELECT NULL::VARCHAR AS clinic_id, NULL::UUID AS client_key WHERE false)"

# A rule that rejected a whole file lost all of its rows, also those it did not mark.
_LOSSES = """
    WITH {off},
    fatal AS (
        SELECT DISTINCT clinic_id, file_id, rule_id, run_id FROM quality.dq_rule_results
        WHERE state = 'fail' AND severity = 'fatal' AND file_id IS NOT NULL AND NOT is_waived
    ),
    rejecting AS (SELECT DISTINCT clinic_id, file_id, rule_id FROM fatal),
    open_rows AS (
        SELECT held.clinic_id, coalesce(rejecting.rule_id, held.rule_id) AS rule_id, held.title,
            held.table_name || '/'
                || coalesce(held.row_key::VARCHAR, held.file_id || '/' || held.source_line)
                AS row_id,
            {client_key} AS client_key, held.severity, held.first_seen
        FROM quality.dq_quarantine AS held
        LEFT JOIN rejecting
            ON held.rule_id = 'FILE' AND held.clinic_id = rejecting.clinic_id
            AND held.file_id = rejecting.file_id
        WHERE held.status = 'open'
    ),
    lost AS (
        SELECT clinic_id, rule_id, any_value(title) AS title, any_value(severity) AS severity,
            count(DISTINCT row_id) AS n_rows, count(DISTINCT client_key) AS n_clients,
            0 AS n_files, min(first_seen) AS since
        FROM open_rows GROUP BY clinic_id, rule_id
        UNION ALL
        SELECT fatal.clinic_id, fatal.rule_id, NULL, NULL, sum(files.n_received), 0, 0, NULL
        FROM fatal INNER JOIN quality.dq_balance AS files
            ON fatal.clinic_id = files.clinic_id AND fatal.file_id = files.file_id
            AND fatal.run_id = files.run_id
        WHERE files.status = 'rejected' AND files.run_id = $run_id
        GROUP BY fatal.clinic_id, fatal.rule_id
        UNION ALL
        SELECT off.clinic_id, fatal.rule_id, NULL, NULL, 0, 0, count(DISTINCT off.file_id),
            min(off.since)
        FROM off INNER JOIN rejecting AS fatal
            ON off.clinic_id = fatal.clinic_id AND off.file_id = fatal.file_id
        WHERE NOT off.is_waived AND off.status = 'refused'
        GROUP BY off.clinic_id, fatal.rule_id
    )
    SELECT clinic_id, rule_id, max(title) AS title, max(severity) AS severity,
        max(n_rows)::BIGINT AS n_rows, max(n_clients) AS n_clients, max(n_files) AS n_files,
        min(since) AS since
    FROM lost GROUP BY clinic_id, rule_id
"""


@dataclass(frozen=True)
class Standing:
    """One clinic in one run: what came, what of it can be used, what is open.

    Attributes
    ----------
    n_received, n_usable : rows of this run's files, without erased ones
    n_waived_tonight : of those that cannot be used, rows that only waived rules hold back
    n_files_off, n_files_unread : of this run's files, not loaded; of those, not readable
    n_loaded, n_files_ever : rows current in the tables, files delivered so far
    n_open_rows, n_waived_rows : rows held back, of all nights
    n_open_clients, n_held_clients, n_clients : of whom nothing else is in the tables, with an open
        row; with one, waived or not; all
    n_open_files, n_off_files : files unread or waiting, of all nights; waived ones included
    rows_since, files_since : since when the oldest is open; None where nothing is
    """

    clinic_id: str
    n_files: int = 0
    n_files_off: int = 0
    n_files_unread: int = 0
    n_received: int = 0
    n_usable: int = 0
    n_waived_tonight: int = 0
    n_loaded: int = 0
    n_files_ever: int = 0
    n_open_rows: int = 0
    n_waived_rows: int = 0
    n_open_clients: int = 0
    n_held_clients: int = 0
    n_clients: int = 0
    n_open_files: int = 0
    n_off_files: int = 0
    rows_since: datetime | None = None
    files_since: datetime | None = None
    last_delivery: datetime | None = None

    def is_silent(self, *, is_waived_lost: bool) -> bool:
        """Whether nothing came in this run, and nothing of the others is open."""
        n_open = self.n_open_rows + self.n_open_files
        if is_waived_lost:
            n_open = self.n_open_rows + self.n_waived_rows + self.n_off_files
        return not self.n_files and not n_open

    def age_days(self, run_at: datetime | None) -> int | None:
        """Return the days since the clinic last delivered; None where that is not known."""
        if run_at is None or self.last_delivery is None:
            return None
        return max((run_at.date() - self.last_delivery.date()).days, 0)

    def shares_lost(self, *, is_waived_lost: bool) -> dict[str, float]:
        """Return the share lost of each kind that can be told, in words.

        Parameters
        ----------
        is_waived_lost : whether what a waiver covers counts as lost
        """
        n_tonight = self.n_received - self.n_usable
        n_rows, n_clients, n_files = self.n_open_rows, self.n_open_clients, self.n_open_files
        if is_waived_lost:
            n_rows, n_clients = n_rows + self.n_waived_rows, self.n_held_clients
            n_files = self.n_off_files
        else:
            n_tonight = max(n_tonight - self.n_waived_tonight, 0)
        if n_clients == self.n_clients:
            n_clients = 0  # nobody is known: a release without clients, as `rapport check` makes
        n_rows_ever = self.n_loaded + self.n_open_rows + self.n_waived_rows
        n_unread_now = min(self.n_files_unread, n_files)
        shares = {
            "of the rows delivered": (n_tonight, self.n_received),
            "of all rows": (n_rows, n_rows_ever),
            "of the clients": (n_clients, self.n_clients),
            "of the files delivered": (n_unread_now, self.n_files),
            "of all files": (n_files, self.n_files_ever),
        }
        return {words: n / of for words, (n, of) in shares.items() if of and n}


@dataclass(frozen=True)
class Loss:
    """What one rule lost of one clinic, of all nights, that is not yet fixed or waived.

    Attributes
    ----------
    n_rows, n_clients : open rows in quarantine, and of a rejected file all rows
    n_files : files that could not be read; nobody knows how many rows they have
    """

    title: str | None
    severity: str | None
    n_rows: int
    n_clients: int
    n_files: int
    since: datetime | None


def read_standings(con: duckdb.DuckDBPyConnection, run_id: str) -> dict[str, Standing]:
    """Return every clinic that ever delivered, per id."""
    rows = records(con.execute(_sql(con, _STANDINGS), {"run_id": run_id}))
    return {row["clinic_id"]: Standing(**row) for row in rows}


def read_losses(con: duckdb.DuckDBPyConnection, run_id: str) -> dict[tuple[str, str], Loss]:
    """Return what each rule lost, per (rule_id, clinic_id)."""
    rows = records(con.execute(_sql(con, _LOSSES), {"run_id": run_id}))
    return {(row.pop("rule_id"), row.pop("clinic_id")): Loss(**row) for row in rows}


def _sql(con: duckdb.DuckDBPyConnection, query: str) -> str:
    """Fill in what a release may lack: one of before `client_key`, or made by `rapport check`."""
    found = con.execute(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE column_name = 'client_key'"
    ).fetchall()
    tables = {table for table, _ in found}
    parts = {
        "people": "core.dim_clients" if "dim_clients" in tables else _NOBODY,
        "client_key": "client_key" if "dq_quarantine" in tables else "NULL::UUID",
        "off": _OFF,
    }
    return query.format(**parts, rows=_ROWS.format(**parts))
