"""`rapport case`: one client's whole course as a page in the vault.

Reads the published release; the page names the client by the clinic's own identifier, which is
noted in the audit chain first. Every number stands with the file and line it came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.commands.reidentify import reidentify
from pipeline.commands.trace import Trace, trace
from pipeline.home import Home
from pipeline.storage.duckdb_session import open_published
from pipeline.vault.pages import write_private
from reports.clinical.case import case_page
from transforms.sql import records
from transforms.statistics.withheld import Record

KIND = "case"  # folder of these among the pages of the vault
REASON = "case view"
# One row per booked session; the last form of an instrument at a session is the one that counts.
SESSIONS = """
    with forms as (
        select
            session_key, instrument_id, rater,
            arg_max(source_file, (completed_at, response_key)) as source_file,
            arg_max(source_line, (completed_at, response_key)) as source_line
        from core.fct_scores
        where client_key = $client::uuid and session_key is not null
        group by all
    )
    select
        sessions.episode_key, sessions.session_key, sessions.session_at, sessions.session_number,
        sessions.attendance, sessions.is_attended, sessions.is_derived,
        sessions.homework_set, sessions.homework_percent,
        sessions.source_file, sessions.source_line,
        process.alliance_instrument_id, process.alliance_pomp, process.bond_pomp,
        process.task_pomp, process.goal_pomp,
        alliance.source_file as alliance_file, alliance.source_line as alliance_line,
        process.outcome_instrument_id, process.outcome_score,
        expected.expected, expected.lower, expected.upper, expected.is_not_on_track,
        outcome.source_file as outcome_file, outcome.source_line as outcome_line
    from core.fct_sessions as sessions
    left join process.fct_session_process as process using (session_key)
    left join process.fct_expected_response as expected using (session_key)
    left join forms as alliance
        on sessions.session_key = alliance.session_key and alliance.rater = 'client'
        and process.alliance_instrument_id = alliance.instrument_id
    left join forms as outcome
        on sessions.session_key = outcome.session_key and outcome.rater = 'client'
        and process.outcome_instrument_id = outcome.instrument_id
    where sessions.client_key = $client::uuid
    order by sessions.session_at, sessions.session_key
"""
# Below fifty courses (too imprecise) nobody can say that a detector finds noise.
RUPTURES = """
    select
        ruptures.episode_key, ruptures.session_number, ruptures.session_at, ruptures.detector,
        ruptures.instrument_id, ruptures.rater, ruptures.drop_points, ruptures.intensity,
        ruptures.resolution, ruptures.repair_state, ruptures.repaired_session_number,
        rates.detector is not null as is_like_noise
    from process.fct_ruptures as ruptures
    left join common_factors.cf_rupture_base_rates as rates
        on rates.scope_level = 'overall' and rates.precision_label = 'exploratory'
        and rates.standing in ('no more than noise', 'fires on nearly everyone')
        and ruptures.detector = rates.detector and ruptures.instrument_id = rates.instrument_id
        and ruptures.version = rates.version and ruptures.rater = rates.rater
    where ruptures.client_key = $client::uuid
    order by ruptures.session_at, ruptures.detector, ruptures.rupture_key
"""
GAINS = """
    select
        episode_key, session_number, next_session_at, kind, instrument_id, magnitude, is_reversed
    from process.fct_sudden_gains where client_key = $client::uuid and is_primary_outcome
    order by episode_key, session_number, kind, sudden_gain_key
"""
ALERTS = """
    select
        episode_key, raised_at, alert_kind, rule, status, status_at, closed_reason, closed_by,
        snoozed_until, acknowledged_at, acknowledged_by, source_file, source_line
    from process.fct_alerts where client_key = $client::uuid
    order by raised_at, alert_kind, alert_key
"""
EPISODES = """
    select
        episode_key, clinic_id, start_date, end_date, course_status, outcome_instrument_id,
        therapist_key
    from core.fct_episodes where client_key = $client::uuid
    order by start_date, episode_key
"""


@dataclass(frozen=True)
class Case:
    """Rows of one client as dictionaries, each list in order of time; ``trace`` has the forms."""

    client_ids: list[str]
    episodes: list[Record]
    sessions: list[Record]
    ruptures: list[Record]
    gains: list[Record]
    alerts: list[Record]
    trace: Trace


def write_case(home: Home, client_key: str, by: str) -> Path:
    """Write the page of one client into ``vault/pages/case/`` and return where it lies.

    Raises
    ------
    NothingToDoError
        The key is no key, nothing is published, the release knows no such client, or the vault has
        no identifier for it (any more).
    VaultError
        Others may read the vault.
    """
    traced = trace(home, client_key)
    parts = {
        "episodes": EPISODES,
        "sessions": SESSIONS,
        "ruptures": RUPTURES,
        "gains": GAINS,
        "alerts": ALERTS,
    }
    with open_published(home, "case") as con:
        rows = {
            part: records(con.execute(query, {"client": client_key}))
            for part, query in parts.items()
        }
    clinics = {row["clinic_id"] for row in [*rows["episodes"], *traced.scores]}
    client_ids = [
        named
        for clinic in sorted(clinics)
        for named in reidentify(home, clinic, client_key, by, REASON)
    ]
    case = Case(client_ids=sorted(set(client_ids)), trace=traced, **rows)
    return write_private(home, f"{KIND}/{client_key.lower()}.html", case_page(case))
