"""What a release says beside its checks: waivers, form changes, who stops answering.

Every part is read from a table of the schema ``quality``; a table the release does not have
leaves its part empty. Counts, names of files and columns, and words of people who decided;
no cell value, and no count of a therapist's clients.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import duckdb

from reports.validation.attrition import BY_SESSION, ClinicAttrition, attrition_of
from reports.validation.headline import Headline, headlines
from reports.validation.tables import RunQuality
from reports.validation.trends import RUNS, Trend, trends_of
from transforms.sql import records

# Rules about the way a form was answered (domain: careless and invalid responding): the same
# answer throughout, impossible speed, repeated answers, all at the top; then jumps, another mode
# and entry in bulk.
RESPONSE_STYLE = ("S14", "S15", "S18", "S30", "S28", "S29", "S31")

_PARTS = {
    "waivers": (
        "dq_waivers",
        """SELECT rule_id, clinic_id, scope, who, why, valid_from, valid_until, is_expired,
            days_left
        FROM quality.dq_waivers
        ORDER BY is_expired DESC, valid_until, rule_id, scope""",
    ),
    "approvals": (
        "dq_approvals",
        """SELECT run_id, asked_at, asked_because, choice, decided_by, reason, decided_at
        FROM quality.dq_approvals ORDER BY run_id DESC""",
    ),
    "form_changes": (
        "dq_form_changes",
        """SELECT run_id, run_at, clinic_id, source_file, table_name, change, column_name, message,
            remedy, is_blocking
        FROM quality.dq_form_changes
        WHERE change <> 'too_few_forms'
        ORDER BY run_at DESC, is_blocking DESC, clinic_id, source_file, change, column_name""",
    ),
    "too_few": (
        "dq_form_changes",
        """SELECT DISTINCT clinic_id, message, remedy
        FROM quality.dq_form_changes
        WHERE change = 'too_few_forms' AND run_id = $run_id
        ORDER BY clinic_id, message""",
    ),
    "repaired": (
        "dq_quarantine",
        """SELECT clinic_id, rule_id, max(title) AS title, coalesce(fixed_how, status) AS how,
            count(DISTINCT coalesce(row_key::VARCHAR, file_id || '/' || source_line)) AS n_rows,
            median(date_diff('day', first_seen, fixed_at)) AS median_days
        FROM quality.dq_quarantine
        WHERE status IN ('fixed', 'waived', 'erased')
        GROUP BY clinic_id, rule_id, how
        ORDER BY how, clinic_id, rule_id""",
    ),
    "ceiling": (
        "fct_session_process",
        """SELECT clinic_id, count(*) FILTER (WHERE is_alliance_ceiling) AS numerator,
            count(*) AS denominator, avg(is_alliance_ceiling::INTEGER) AS share
        FROM process.fct_session_process
        WHERE NOT is_alliance_missing
        GROUP BY clinic_id
        HAVING count(DISTINCT client_key) >= 11
        ORDER BY share DESC, clinic_id""",
    ),
    "answering": (
        "mbc_fidelity",
        """WITH latest AS (
            SELECT clinic_id, metric, numerator, denominator, month,
                max(month) OVER (PARTITION BY clinic_id) AS newest
            FROM quality.mbc_fidelity
            WHERE scope_level = 'clinic' AND NOT is_small AND metric IN
                ('completion', 'alliance_completion', 'completion_completers',
                 'completion_dropouts', 'paired', 'first_session_baseline')
        )
        SELECT clinic_id, metric, sum(numerator)::BIGINT AS numerator,
            sum(denominator)::BIGINT AS denominator,
            sum(numerator) / nullif(sum(denominator), 0)::DOUBLE AS share
        FROM latest
        WHERE month > newest - INTERVAL 12 MONTH
        GROUP BY clinic_id, metric
        ORDER BY clinic_id, metric""",
    ),
    "alerts": (
        "mbc_fidelity",
        """WITH latest AS (
            SELECT *, max(month) OVER (PARTITION BY clinic_id) AS newest
            FROM quality.mbc_fidelity
            WHERE scope_level = 'clinic' AND metric IN
                ('alerts_acknowledged', 'risk_closed_unacknowledged', 'time_to_acknowledge')
        ),
        year AS (SELECT * FROM latest WHERE month > newest - INTERVAL 12 MONTH)
        SELECT clinic_id, metric, sum(numerator)::BIGINT AS numerator,
            sum(denominator)::BIGINT AS denominator,
            sum(numerator) / nullif(sum(denominator), 0)::DOUBLE AS share,
            CASE WHEN metric = 'time_to_acknowledge' THEN arg_max(value, month) END AS median_days
        FROM year
        WHERE metric <> 'time_to_acknowledge' OR NOT is_small
        GROUP BY clinic_id, metric
        HAVING sum(denominator) >= 11
        ORDER BY clinic_id, metric""",
    ),
    "what_changed": (
        "dq_what_changed",
        """SELECT earlier_run_id, clinic_id, instrument_id, version, cause,
            class_before, class_after, n_episodes, n_compared
        FROM quality.dq_what_changed
        WHERE run_id = $run_id
        ORDER BY clinic_id, instrument_id, cause, class_before, class_after""",
    ),
}


@dataclass(frozen=True)
class Findings:
    """The parts of the page beside the checks, each a list of rows by column name.

    Attributes
    ----------
    headlines : per clinic id, and of the whole run under None
    trends : per (rule_id, clinic_id)
    answering : per clinic, by session number; none where no group is large enough
    denominators : what a rule counts, in words, per rule id; empty where it is not told
    """

    headlines: dict[str | None, Headline]
    trends: dict[tuple[str, str], Trend]
    answering: list[ClinicAttrition] = field(default_factory=list)
    denominators: dict[str, str] = field(default_factory=lambda: defaultdict(str))
    parts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def read_findings(con: duckdb.DuckDBPyConnection, quality: RunQuality) -> Findings:
    """Read all parts for the page of the run whose checks were read."""
    there = {
        row[0]
        for row in con.execute(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_schema IN ('quality', 'process')"
        ).fetchall()
    }
    run_id = quality.run_id
    return Findings(
        headlines=headlines(con, quality),
        trends=trends_of(records(con.execute(RUNS, {"run_id": run_id}))),
        answering=attrition_of(records(con.execute(BY_SESSION)))
        if "fct_session_process" in there
        else [],
        denominators=defaultdict(
            str,
            con.execute("SELECT rule_id, denominator FROM quality.dq_rules").fetchall()
            if "dq_rules" in there
            else [],
        ),
        parts={
            part: records(con.execute(sql, {"run_id": run_id} if "$run_id" in sql else None))
            if table in there
            else []
            for part, (table, sql) in _PARTS.items()
        },
    )
