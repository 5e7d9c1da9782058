"""A staged row with everything its rules may look at: derived answers and joined contexts."""

from __future__ import annotations

import re

from expectations.rows.context import INSTRUMENT_JOIN
from expectations.rows.delivery import Staged
from transforms.contract import TABLES

FOUND = "found_rows"
_SAME_KEY = "left join context_{0} as {0} on delivered.{0}_key = {0}.the_key"
_JOINS = {
    "instrument": INSTRUMENT_JOIN,
    "session": _SAME_KEY.format("session"),
    "episode": _SAME_KEY.format("episode"),
    "client": _SAME_KEY.format("client"),
    "therapist": _SAME_KEY.format("therapist"),
    "course": "left join context_course as course on delivered.episode_key = course.the_key",
    "form": "left join context_form as form on delivered.session_key = form.the_key",
    "age": """
        left join context_age as age
            on delivered.client_key = age.the_key and delivered.start_date = age.the_day
    """,
    "found": f"""
        left join {FOUND} as found
            on delivered.row_key = found.row_key
            and delivered.source_line = found.source_line
            and delivered.file_id = found.file_id
    """,
}
ALIASES = {
    "responses": ("instrument", "session", "episode", "client", "therapist", "found"),
    "sessions": ("episode", "client", "therapist", "form", "found"),
    "episodes": ("client", "therapist", "course", "age", "found"),
    "clients": ("found",),
    "therapists": ("found",),
}


def row_source(staged: Staged, sql: str) -> str:
    """Return SQL for the table's rows with the aliases that ``sql`` uses, each as one struct."""
    joins, structs = [], []
    wanted = {
        alias: sorted(set(re.findall(rf"\b{alias}\.(\w+)", sql))) for alias in ALIASES[staged.table]
    }
    joined = dict(_JOINS)
    if staged.table == "responses":
        # A form without an episode of its own belongs to its session's.
        joined["episode"] = """
            left join context_episode as episode
                on coalesce(delivered.episode_key, session.in_episode) = episode.the_key
        """
        if wanted["episode"] and not wanted["session"]:
            wanted["session"] = ["in_episode"]
    for alias, fields in wanted.items():
        if fields:
            joins.append(joined[alias])
            packed = ", ".join(f"{field}: {alias}.{field}" for field in fields)
            structs.append(f", {{{packed}}} as {alias}")
    return f"""
        select delivered.*{"".join(structs)}
        from ({_delivered(staged)}) as delivered
        {" ".join(joins)}
    """


def _delivered(staged: Staged) -> str:
    answered = f"coalesce({', '.join(staged.items)})" if staged.items else "null"
    return f"""
        select *, {TABLES[staged.table].key} as row_key, {answered} is not null as is_answered
        from {staged.relation}
    """
