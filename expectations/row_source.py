"""A staged row with everything its rules may look at: derived answers and joined contexts."""

from __future__ import annotations

import re

import duckdb

from expectations.context import ANY_OTHER_RATER
from expectations.delivery import Staged, file_id_of, parquet
from transforms.contract import RATERS, TABLES
from transforms.sql import text, texts

FOUND = "found_rows"
_SAME_KEY = "left join context_{0} as {0} on delivered.{0}_key = {0}.the_key"
_JOINS = {
    "instrument": f"""
        left join context_instrument as instrument
            on delivered.instrument_id = instrument.the_id
            and delivered.version = instrument.the_version
            and case when delivered.rater in ({texts(RATERS)})
                then delivered.rater else {text(ANY_OTHER_RATER)} end = instrument.the_rater
    """,
    "session": _SAME_KEY.format("session"),
    "episode": _SAME_KEY.format("episode"),
    "client": _SAME_KEY.format("client"),
    "therapist": _SAME_KEY.format("therapist"),
    "course": "left join context_course as course on delivered.episode_key = course.the_key",
    "form": "left join context_form as form on delivered.session_key = form.the_key",
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
    "episodes": ("client", "therapist", "course", "found"),
    "clients": ("found",),
    "therapists": ("found",),
}


def row_source(con: duckdb.DuckDBPyConnection, staged: Staged, sql: str) -> str:
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
        from ({_delivered(con, staged)}) as delivered
        {" ".join(joins)}
    """


def _delivered(con: duckdb.DuckDBPyConnection, staged: Staged) -> str:
    row_key = f"{TABLES[staged.table].key} as row_key"
    if staged.table != "responses":
        return f"select *, {row_key} from {staged.relation}"
    items = staged.items
    if not items:
        return f"""
            select *, {row_key}, cast(null as double) as lowest_answer,
                cast(null as double) as highest_answer, false as has_fraction,
                cast(null as integer) as last_answered, 0 as n_delivered_items
            from {staged.relation}
        """
    answers = ", ".join(items)
    fractions = " or ".join(f"{item} <> floor({item})" for item in items)
    numbered = sorted(((int(item.removeprefix("item_")), item) for item in items), reverse=True)
    last = " ".join(f"when {item} is not null then {number}" for number, item in numbered)
    several = len(items) > 1
    return f"""
        select *, {row_key},
            {f"least({answers})" if several else answers} as lowest_answer,
            {f"greatest({answers})" if several else answers} as highest_answer,
            coalesce({fractions}, false) as has_fraction,
            case {last} end as last_answered,
            {_delivered_items(con, staged)} as n_delivered_items
        from {staged.relation}
    """


def _delivered_items(con: duckdb.DuckDBPyConnection, staged: Staged) -> str:
    """Return SQL for the number of item columns in the row's own file."""
    counts: dict[str, int] = {}
    for path in staged.paths:
        names = [
            row[0] for row in con.execute(f"describe select * from {parquet([path])}").fetchall()
        ]
        n_items = sum(column.startswith("item_") for column in names)
        counts[file_id_of(path)] = max(n_items, counts.get(file_id_of(path), 0))
    most = max(counts.values())
    fewer = {file_id: n for file_id, n in counts.items() if n < most}
    if not fewer:
        return str(most)
    cases = " ".join(f"when {text(file_id)} then {n}" for file_id, n in fewer.items())
    return f"case file_id {cases} else {most} end"
