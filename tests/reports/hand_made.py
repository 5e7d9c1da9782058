"""A quality database typed in by hand: three clinics, one night, known findings."""

from datetime import datetime
from pathlib import Path

import duckdb

from tests.reports.hand_made_findings import add_findings

RUN = "2026-11-22T050000-a1b2"
HOSTILE = '<img src=x onerror=alert(1)>"\u202efdp.csv'
CANARY = "Canary Zebra 1971-03-09"
WHOLE_KEY = "5eed0000-0000-4000-8000-0123456789ab"

VALUE, ATEMPORAL = "conformance/value", "plausibility/atemporal"

SCHEMA = """
CREATE SCHEMA core; CREATE SCHEMA quality;
CREATE TABLE core.dim_clinics (
    clinic_id VARCHAR, clinic_group VARCHAR, clinic_name VARCHAR, delivers_sessions BOOLEAN,
    delivers_episodes BOOLEAN, extract_date DATE);
CREATE TABLE core.fct_scores (score DOUBLE, note VARCHAR);
COMMENT ON TABLE core.fct_scores IS 'One row per completed questionnaire and scale.';
CREATE TABLE quality.dq_rule_results (
    run_id VARCHAR, run_at TIMESTAMP, clinic_id VARCHAR, file_id VARCHAR, source_file VARCHAR,
    table_name VARCHAR, rule_id VARCHAR, title VARCHAR, category VARCHAR, severity VARCHAR,
    n_scope BIGINT, n_failed BIGINT, share_failed DOUBLE, threshold DOUBLE, state VARCHAR,
    message VARCHAR, is_waived BOOLEAN, regraded_at TIMESTAMP,
    original_state VARCHAR, original_severity VARCHAR, original_threshold DOUBLE);
CREATE TABLE quality.dq_quarantine (
    table_name VARCHAR, clinic_id VARCHAR, file_id VARCHAR, source_file VARCHAR,
    source_sheet VARCHAR, source_line BIGINT, row_key UUID, rule_id VARCHAR, title VARCHAR,
    column_name VARCHAR, reason VARCHAR, severity VARCHAR, first_seen TIMESTAMP,
    last_seen TIMESTAMP, status VARCHAR, fixed_by_file VARCHAR, fixed_at TIMESTAMP,
    fixed_how VARCHAR);
CREATE TABLE quality.dq_balance (
    clinic_id VARCHAR, file_id VARCHAR, source_file VARCHAR,
    table_name VARCHAR, received_at TIMESTAMP, run_id VARCHAR, status VARCHAR, reason VARCHAR,
    n_received BIGINT, n_loaded BIGINT, n_duplicate BIGINT, n_superseded BIGINT,
    n_deleted BIGINT, n_quarantined BIGINT, n_erased BIGINT, is_balanced BOOLEAN);
"""

CLINICS = [
    ("harbor", "north", "Harbor Psychotherapy"),
    ("linden", "north", "Linden Street Clinic"),
    ("moor", "south", "Moor Counseling Service"),
    ("quay", "south", "Quay Practice"),
]

# clinic, file, table, rule, title, category, severity, scope, failed, threshold, state, message
RESULTS = [
    ("harbor", "h1", "responses", "S04", "Answers lie in the range of the form", VALUE,
     "quarantine", 14200, 37, 0.001, "fail", "37 answers lie outside the range of their form."),
    ("harbor", "h1", "responses", "S15", "Forms were not filled in at impossible speed",
     ATEMPORAL, "warn", 14200, 12, 0.01, "pass", None),
    ("harbor", "h1", "responses", "S01", "Each response has its own id", VALUE, "fatal",
     14200, 0, 0.0, "pass", None),
    ("harbor", "h2", "sessions", "N03", "Duration is possible", ATEMPORAL, "warn", 3100, 0,
     0.01, "pass", None),
    ("harbor", "h2", "sessions", "E12", "Case-mix fields are filled", "completeness", "warn", 310,
     47, 0.1, "fail", "47 episodes lack a case-mix field."),
    ("linden", "l1", "responses", "S01", "Each response has its own id", VALUE, "fatal",
     900, 900, 0.0, "fail", "All rows carry the same id."),
    ("linden", "l2", "sessions", "N02", "Attendance is a known code", VALUE, "quarantine",
     410, 3, 0.05, "pass", None),
    ("linden", "l2", "sessions", "S11", "Alpha is near the published value", ATEMPORAL,
     "warn", 0, 0, 0.0, "not_applicable", None),
    ("moor", "m1", "responses", "S04", "Answers lie in the range of the form", VALUE,
     "quarantine", 5000, 0, 0.001, "pass", None),
    ("moor", "m1", "responses", "S21", "Forms fall into their episode", ATEMPORAL, "warn",
     5000, 0, 0.02, "error", "The rule needs the table episodes, which this clinic never sent."),
    (None, None, "cf_therapist_effect", "P03", "Estimates lie in their range",
     "conformance/computational", "fatal", 12, 0, 0.0, "pass", None),
]  # fmt: skip

# clinic, file id, file name, table, status, reason, received, loaded, duplicate, superseded,
# quarantined, erased
BALANCE = [
    ("harbor", "h1", "responses_2026-11.csv", "responses", "accepted", None,
     14240, 14198, 3, 2, 37, 0),
    ("harbor", "h2", "sessions_2026-11.csv", "sessions", "accepted", None, 3100, 3100, 0, 0, 0, 0),
    ("linden", "l1", "export.xlsx", "responses", "rejected",
     "S01: all 900 rows carry the same response_id. Export one id per form.",
     900, 0, 0, 0, 900, 0),
    ("linden", "l2", "export.xlsx", "sessions", "accepted", None, 410, 407, 0, 0, 3, 0),
    ("linden", "l3", HOSTILE, None, "refused",
     "The file is not text and not a workbook. Export it again as CSV in UTF-8.",
     0, 0, 0, 0, 0, 0),
    ("moor", "m2", "dictionary.csv", None, "accepted", None, 0, 0, 0, 0, 0, 0),
    ("moor", "m1", "redcap_flat.csv", "responses", "accepted", None, 5000, 5000, 0, 0, 0, 0),
]  # fmt: skip


def build_database(path: Path) -> Path:
    """Write the quality database to ``path``."""
    at = datetime(2026, 11, 22, 5, 0)
    with duckdb.connect(str(path)) as connection:
        connection.execute(SCHEMA)
        connection.executemany(
            "INSERT INTO core.dim_clinics VALUES (?, ?, ?, true, true, DATE '2026-11-20')", CLINICS
        )
        connection.execute("INSERT INTO core.fct_scores SELECT 1, ? FROM range(1234)", [CANARY])
        for clinic, file_id, table, *rule, scope, failed, threshold, state, message in RESULTS:
            connection.execute(
                f"INSERT INTO quality.dq_rule_results VALUES ({', '.join('?' * 16)}, false"
                ", NULL, NULL, NULL, NULL)",
                [RUN, at, clinic, file_id, file_id, table, *rule, scope, failed,
                 failed / scope if scope else None, threshold, state, message],
            )  # fmt: skip
        for clinic, file_id, name, table, status, reason, *numbers in BALANCE:
            connection.execute(
                f"INSERT INTO quality.dq_balance VALUES ({', '.join('?' * 16)})",
                [
                    clinic,
                    file_id,
                    name,
                    table,
                    at,
                    RUN,
                    status,
                    reason,
                    *numbers[:4],
                    0,
                    *numbers[4:],
                    True,
                ],
            )
        connection.execute(
            """
            INSERT INTO quality.dq_quarantine
            SELECT 'responses', 'harbor', 'h1', 'responses_2026-11.csv', NULL, 100 + 7 * i,
                   ('5eed' || lpad(i::VARCHAR, 4, '0') || '-0000-4000-8000-0123456789ab')::UUID,
                   'S04', 'Answers lie in the range',
                   'item_' || (1 + i % 12), 'The answer lies outside the range of the form',
                   'quarantine', ?, ?, 'open', NULL, NULL, NULL
            FROM range(37) AS r (i)
            """,
            [at, at],
        )
        connection.execute(
            """
            INSERT INTO quality.dq_quarantine
            SELECT 'sessions', 'linden', 'l2', 'export.xlsx', 'sessions', 12 + i,
                   ('abcd' || lpad(i::VARCHAR, 4, '0') || '-0000-4000-8000-0123456789ab')::UUID,
                   'N02', 'Attendance is a known code', 'attendance',
                   'The attendance code is not in the list',
                   'quarantine', ?, ?, 'open', NULL, NULL, NULL
            FROM range(3) AS r (i)
            """,
            [at, at],
        )
        connection.execute(
            """
            INSERT INTO quality.dq_quarantine
            SELECT 'responses', 'harbor', 'h1', 'responses_2026-11.csv', NULL, 9000 + i,
                   ('beef' || lpad(i::VARCHAR, 4, '0') || '-0000-4000-8000-0123456789ab')::UUID,
                   'S15', 'No impossible speed', 'started_at',
                   'The form took less than two seconds per item', 'warn',
                   ?, ?, 'flagged', NULL, NULL, NULL
            FROM range(12) AS r (i)
            """,
            [at, at],
        )
        add_findings(connection)
        connection.execute("CREATE TABLE core.dim_clients (clinic_id VARCHAR, client_key UUID)")
        connection.execute("ALTER TABLE quality.dq_quarantine ADD COLUMN client_key UUID")
    return path
