"""What stands beside the checks, typed in by hand: waivers, history, repairs, answering.

Added to the database of `hand_made`. The view of rule states is the model's own SQL.
"""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

MODEL = Path(__file__).parents[2] / "models" / "marts" / "quality" / "dq_rule_status.sql"

SCHEMA = """
CREATE SCHEMA process;
CREATE TABLE quality.dq_waivers (
    rule_id VARCHAR, clinic_id VARCHAR, scope VARCHAR, who VARCHAR, why VARCHAR, valid_from DATE,
    valid_until DATE, is_expired BOOLEAN, days_left BIGINT);
CREATE TABLE quality.dq_approvals (
    run_id VARCHAR, asked_at TIMESTAMP, asked_because VARCHAR, choice VARCHAR, decided_by VARCHAR,
    reason VARCHAR, decided_at TIMESTAMP);
CREATE TABLE quality.dq_form_changes (
    run_id VARCHAR, run_at TIMESTAMP, clinic_id VARCHAR, file_id VARCHAR, source_file VARCHAR,
    table_name VARCHAR, instrument_id VARCHAR, change VARCHAR, column_name VARCHAR,
    message VARCHAR, remedy VARCHAR, is_blocking BOOLEAN);
CREATE TABLE quality.dq_what_changed (
    run_id VARCHAR, run_at TIMESTAMP, earlier_run_id VARCHAR, clinic_id VARCHAR,
    instrument_id VARCHAR, version VARCHAR, method VARCHAR, cause VARCHAR, class_before VARCHAR,
    class_after VARCHAR, n_episodes BIGINT, n_compared BIGINT);
CREATE TABLE quality.dq_rules (rule_id VARCHAR, denominator VARCHAR, remedy VARCHAR);
CREATE TABLE quality.mbc_fidelity (
    scope_level VARCHAR, clinic_id VARCHAR, month DATE, metric VARCHAR, numerator BIGINT,
    denominator BIGINT, is_small BOOLEAN, value DOUBLE);
CREATE TABLE core.fct_episodes (episode_key BIGINT, course_status VARCHAR);
CREATE TABLE process.fct_session_process (
    clinic_id VARCHAR, client_key BIGINT, episode_key BIGINT, session_number BIGINT,
    is_outcome_missing BOOLEAN, is_alliance_missing BOOLEAN, is_alliance_ceiling BOOLEAN);
"""

# Two waivers in force, one of them for five more days; one is over.
WAIVERS = """
INSERT INTO quality.dq_waivers VALUES
    ('E12', 'harbor', 'harbor', 'A. Lead', 'Migration of the case-mix form', DATE '2026-11-01',
     DATE '2026-11-27', false, 5),
    ('S21', 'moor', 'moor', 'A. Lead', 'Moor has no table of episodes', DATE '2026-11-01',
     DATE '2027-02-20', false, 90),
    ('N03', 'linden', 'linden', 'A. Lead', 'Old calendar', DATE '2026-05-01', DATE '2026-10-31',
     true, 0);
UPDATE quality.dq_rule_results SET is_waived = true
WHERE (rule_id, clinic_id) IN (('E12', 'harbor'), ('S21', 'moor'));
"""

# Three good runs of S04, three bad ones; then the run of `hand_made` with 37 rows.
HISTORY = """
INSERT INTO quality.dq_rule_results
SELECT '2026-11-' || (15 + i) || 'T050000-old0', TIMESTAMP '2026-11-15 05:00' + to_days(i::INTEGER),
    'harbor', 'old', 'old.csv', 'responses', 'S04', 'Answers lie in the range of the form',
    'conformance/value', 'quarantine', 14200, n, n / 14200, 0.001, if(n > 0, 'fail', 'pass'), NULL,
    false, NULL, NULL, NULL, NULL
FROM range(1, 7) AS r (i), (SELECT unnest([0, 1400]) AS n) WHERE (n > 0) = (i > 3);
"""

# Two rows that were repaired after one and after three days, one that a waiver lets pass.
REPAIRED = """
INSERT INTO quality.dq_quarantine
SELECT 'sessions', 'linden', 'l0', 'export_old.xlsx', 'sessions', 5 + i,
    ('f1ed000' || i || '-0000-4000-8000-0123456789ab')::UUID, 'N04', 'Inside its episode',
    'session_at', 'The session lies outside its episode', 'quarantine',
    TIMESTAMP '2026-11-10', TIMESTAMP '2026-11-10', if(i = 3, 'waived', 'fixed'),
    if(i = 3, NULL, 'export.xlsx'),
    if(i = 3, NULL, TIMESTAMP '2026-11-10' + to_days((2 * i - 1)::INTEGER)),
    if(i = 3, NULL, 'corrected')
FROM range(1, 4) AS r (i);
"""

OTHER = """
INSERT INTO quality.dq_approvals VALUES
    ('2026-11-22T050000-a1b2', '2026-11-22 05:20', 'linden: more rows held back than allowed',
     'publish', 'a.lead', 'Known migration', '2026-11-22 07:45');
INSERT INTO quality.dq_form_changes VALUES
    ('2026-11-22T050000-a1b2', '2026-11-22 05:00', 'linden', 'l1', 'export.xlsx', 'responses',
     'phq9', 'recoded_items', 'item_3', 'The answers of this column start at 1 now.',
     'Export raw codes.', true),
    ('2026-11-22T050000-a1b2', '2026-11-22 05:00', 'harbor', 'h2', 'sessions_2026-11.csv',
     'sessions', NULL, 'added_column', 'room', 'A new column.', 'Nothing; it is not read.', false),
    ('2026-11-22T050000-a1b2', '2026-11-22 05:00', 'harbor', 'h3', 'phq9_2026-11.csv',
     'responses', 'phq9', 'too_few_forms', NULL, 'phq9: 12 forms so far.', 'Compare.', false);
INSERT INTO quality.dq_what_changed VALUES
    ('2026-11-22T050000-a1b2', '2026-11-22 05:00', '2026-11-21T050000-old0', 'harbor', 'phq9', '1',
     'registry', 'late_form', 'unchanged', 'reliably_improved', 3, 210);
INSERT INTO quality.dq_rules VALUES
    ('S15', 'answered questionnaires with start and completion', 'Check the two times.');
INSERT INTO quality.mbc_fidelity VALUES
    ('clinic', 'harbor', DATE '2026-10-01', 'completion', 180, 240, false, 0.75),
    ('clinic', 'harbor', DATE '2026-11-01', 'completion', 30, 60, false, 0.5),
    ('clinic', 'harbor', DATE '2026-11-01', 'completion_dropouts', 4, 10, true, 0.4),
    ('clinic', 'harbor', DATE '2025-11-01', 'alerts_acknowledged', 90, 90, false, 1),
    ('clinic', 'harbor', DATE '2025-12-01', 'alerts_acknowledged', 0, 25, false, 0),
    ('clinic', 'harbor', DATE '2026-11-01', 'alerts_acknowledged', 15, 15, false, 1),
    ('clinic', 'harbor', DATE '2026-10-01', 'risk_closed_unacknowledged', 4, 6, true, 0.6667),
    ('clinic', 'harbor', DATE '2026-11-01', 'risk_closed_unacknowledged', 2, 5, true, 0.4),
    ('clinic', 'linden', DATE '2026-11-01', 'risk_closed_unacknowledged', 10, 10, true, 1),
    ('clinic', 'harbor', DATE '2026-10-01', 'time_to_acknowledge', NULL, 12, false, 2),
    ('clinic', 'harbor', DATE '2026-11-01', 'time_to_acknowledge', NULL, 3, true, 9);
"""

# Twelve clients of Harbor who completed and eleven who dropped out, of whom ten reach session 3.
# At session 2 eight of the eleven have a symptom form and five an alliance form. Those who
# completed rate the alliance at the top in session 3.
ANSWERING = """
INSERT INTO core.fct_episodes
SELECT i, if(i <= 12, 'completed', 'dropout') FROM range(1, 24) AS r (i)
UNION ALL SELECT 24, 'open';
INSERT INTO process.fct_session_process
SELECT 'harbor', i, i, session, i BETWEEN 13 AND 15 AND session = 2,
    i BETWEEN 13 AND 18 AND session = 2,
    if(i BETWEEN 13 AND 18 AND session = 2, NULL, i <= 12 AND session = 3)
FROM range(1, 25) AS r (i), range(1, 4) AS s (session) WHERE NOT (i = 23 AND session = 3);
"""


def add_findings(connection: duckdb.DuckDBPyConnection) -> None:
    """Add everything to a database that `hand_made.SCHEMA` is in."""
    for sql in (SCHEMA, WAIVERS, HISTORY, REPAIRED, OTHER, ANSWERING):
        connection.execute(sql)
    model = MODEL.read_text(encoding="utf-8")
    model = model.replace(
        "{{ ref('dq_rule_results').include(database=false) }}", "quality.dq_rule_results"
    )
    sql = re.sub(r"\{#.*?#\}|\{\{.*?\}\}", "", model, flags=re.DOTALL)
    connection.execute(f"CREATE VIEW quality.dq_rule_status AS {sql}")
