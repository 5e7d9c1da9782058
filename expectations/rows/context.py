"""What a row is checked against: the delivery's own rows, the lake's current rows, the registry.

Builds temporary relations on the caller's connection. The names of their columns never collide
with staged columns, so that a rule can write staged columns without a prefix.

=====================  ==========================================================================
relation               one row per
=====================  ==========================================================================
staged_<table>         delivered row of the table (a view over the staged Parquet)
context_instrument     instrument, version and rater (every rater, also an illegal one)
context_client         client: known, quarantined or only mentioned by an episode or a session
context_therapist      therapist
context_episode        episode
context_session        session
context_scale          instrument, version, rater and scale
context_course         episode: its attended sessions
context_age            client and day an episode began: the age in whole years
context_form           session that nobody attended but an after-session form names
=====================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from expectations.rows.courses import (
    add_courses,
    add_periods,
    build_ages,
    build_forms,
)
from expectations.rows.delivery import Lake, parquet
from transforms.contract import ATTENDED, RATERS, TABLES, lake_columns
from transforms.sql import only_row, text, texts

# A rater outside the closed set finds the instrument, never a legal definition.
ANY_OTHER_RATER = "other"
# The definition of a row of ``delivered``, its rater legal or not.
INSTRUMENT_JOIN = f"""
    left join context_instrument as instrument
        on delivered.instrument_id = instrument.the_id
        and delivered.version = instrument.the_version
        and case when delivered.rater in ({texts(RATERS)})
            then delivered.rater else {text(ANY_OTHER_RATER)} end = instrument.the_rater
"""
# Tables others refer to: context, key, and the columns it offers beside acceptance.
PARENTS = {
    "clients": ("client", "client_key", ", employment"),
    "therapists": ("therapist", "therapist_key", ", profession"),
    "episodes": (
        "episode",
        "episode_key",
        """, client_key as for_client, start_date as starts_on, end_date as ends_on,
            -- A baseline of the waiting time is within its episode.
            least(referral_date, start_date) as begins_on""",
    ),
    "sessions": (
        "session",
        "session_key",
        f""", client_key as for_client, therapist_key as by_therapist, session_at as held_at,
            coalesce(attendance in ({texts(ATTENDED)}), false) as is_attended,
            session_type as kind, episode_key as in_episode""",
    ),
}


def build_instruments(con: duckdb.DuckDBPyConnection, registry: Path) -> None:
    """Make ``context_instrument`` and ``context_scale`` from the registry's Parquet files."""
    raters = ", ".join(f"({text(rater)})" for rater in (*RATERS, ANY_OTHER_RATER))
    con.execute(
        f"""
        create or replace temp table context_instrument as
        with definitions as (
            select
                instrument_id, version, rater, any_value(family) as family,
                any_value(timing) as timing, max(n_items) as n_items,
                max(n_item_columns) as n_item_columns,
                min(item_min) as item_min, max(item_max) as item_max,
                min(item_step) as item_step, bool_and(is_scores_supplied) as is_scores_supplied,
                bool_or(higher_is_better) as higher_is_better,
                max(n_reversed) as n_reversed, max(age_low) as age_low, min(age_high) as age_high,
                any_value(primary_scale) as primary_scale
            from {parquet([registry / "instruments.parquet"])}
            group by instrument_id, version, rater
        ),
        candidates as (
            select
                definitions.*,
                asked.rater as the_rater,
                definitions.rater = asked.rater as is_rater_legal,
                row_number() over (
                    partition by instrument_id, version, asked.rater
                    order by definitions.rater = asked.rater desc, definitions.rater
                ) as preference
            from definitions, (values {raters}) as asked(rater)
        ),
        -- Another form of the family, with as many items in the same direction on a shorter
        -- scale, is easily mistaken for this one.
        siblings as (
            select definitions.instrument_id, definitions.version, definitions.rater,
                max(other.item_max) as shorter_max
            from definitions
            inner join definitions as other
                on definitions.family = other.family and definitions.n_items = other.n_items
                and definitions.item_min = other.item_min and definitions.item_max > other.item_max
                and definitions.higher_is_better = other.higher_is_better
            group by all
        )
        select
            candidates.instrument_id as the_id, candidates.version as the_version, the_rater,
            is_rater_legal, family, timing, n_items, n_item_columns, item_min, item_max, item_step,
            is_scores_supplied, shorter_max, n_reversed, age_low, age_high, primary_scale,
            row_number() over (order by candidates.instrument_id, candidates.version, the_rater)
                as number
        from candidates
        left join siblings
            on candidates.instrument_id = siblings.instrument_id
            and candidates.version = siblings.version and candidates.rater = siblings.rater
        where preference = 1
        """
    )
    con.execute(
        f"""
        create or replace temp table context_scale as
        select instrument_id, version, rater, scale,
            min(min_answered) as min_answered, max(rc_value) as reliable_change
        from {parquet([registry / "scales.parquet"])}
        group by instrument_id, version, rater, scale
        """
    )


def build_parents(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    therapist_ids: Sequence[Path] = (),
    ages: Sequence[Path] = (),
    client_ids: Sequence[Path] = (),
) -> None:
    """Make the contexts of clients, therapists, episodes and sessions, all accepted so far."""
    held = {table: lake.rows(con, table) for table in PARENTS}
    if any(held.values()):
        _mention(con)
    for table, (stem, key, columns) in PARENTS.items():
        _build(con, f"context_{stem}", table, key, columns, held[table])
    add_courses(con, client_ids)
    add_periods(con, lake, therapist_ids)
    build_ages(con, ages)
    build_forms(con)


def refuse(con: duckdb.DuckDBPyConnection, table: str, quarantined: str) -> None:
    """Note in the context that rows of ``table`` were quarantined.

    Parameters
    ----------
    quarantined : str
        Relation (row_key, file_id, source_line) of the table's quarantined rows.

    Notes
    -----
    A key stays accepted while the lake, or another row of the delivery, holds a good row for it.
    """
    stem, key, _ = PARENTS[table]
    same_row = f"""
        on rows.{TABLES[table].key} = gone.row_key
        and rows.file_id = gone.file_id and rows.source_line = gone.source_line
    """
    con.execute(
        f"""
        update context_{stem}
        set is_accepted = false
        where not is_in_lake
        and the_key in (
            select rows.{key} from staged_{table} as rows semi join {quarantined} as gone {same_row}
        )
        and the_key not in (
            select rows.{key} from staged_{table} as rows anti join {quarantined} as gone {same_row}
            where rows.{key} is not null
        )
        """
    )


@dataclass(frozen=True)
class Service:
    """What a clinic's YAML says about its service.

    ages : youngest and oldest age at the start of an episode, both included
    go_live : instrument to the first day it was used
    looked_at : files whose changed form somebody found right
    """

    ages: tuple[int, int] = (4, 110)
    go_live: Mapping[str, date] = field(default_factory=dict)
    looked_at: tuple[str, ...] = ()

    def facts(self) -> dict[str, str]:
        """Return it as SQL by placeholder."""
        days = ", ".join(f"{text(key)}: date '{day}'" for key, day in sorted(self.go_live.items()))
        return {
            ":youngest": str(self.ages[0]),
            ":oldest": str(self.ages[1]),
            ":go_live": f"cast(map {{{days}}} as map(varchar, date))",
            ":looked_at": f"[{texts(self.looked_at)}]::varchar[]",
        }


def facts(con: duckdb.DuckDBPyConnection, lake: Lake) -> dict[str, str]:
    """Return what the clinic has ever delivered, as SQL by placeholder."""
    known = {}
    for table in PARENTS:
        is_known = (
            con.execute(f"select 1 from staged_{table} limit 1").fetchone()
            or lake.rows(con, table) is not None
        )
        known[f":knows_{table}"] = "true" if is_known else "false"
    (since,) = only_row(con.execute("select cast(min(held_at) as date) from context_session"))
    (languages,) = only_row(
        con.execute("select count(distinct language) from staged_responses where language <> 'any'")
    )
    groups = con.execute("select 1 from staged_sessions where group_key is not null limit 1")
    return known | {
        ":knows_groups": "true" if groups.fetchone() else "false",
        ":sessions_since": f"date '{since}'" if since else "cast(null as date)",
        ":n_languages": str(languages),
    }


def _mention(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``mentioned``, the keys the delivery names: a large lake is read for them only."""
    keys = [
        f"select distinct {key} as the_key from staged_{table}"
        for table in TABLES
        for key in ("client_key", "session_key", "episode_key")
        if key in lake_columns(TABLES[table])
    ]
    con.execute(f"create or replace temp table mentioned as {' union '.join(keys)}")


def _build(
    con: duckdb.DuckDBPyConnection,
    context: str,
    table: str,
    key: str,
    columns: str,
    held: str | None,
) -> None:
    """Make ``context`` with one row per key, however often the key was delivered."""
    place = "received_at as seen_at, file_id as seen_in, source_line as seen_line"
    wanted = (
        "client_key in (from mentioned)" if "client_key" in lake_columns(TABLES[table]) else "true"
    )
    from_lake = f"""
        union all
        select {key} as the_key, true as is_accepted, true as is_in_lake, {place}{columns}
        from ({held})
        where {wanted} or {key} in (from mentioned)
    """
    con.execute(
        f"""
        create or replace temp table {context} as
        select * from (
            select {key} as the_key, true as is_accepted, false as is_in_lake, {place}{columns}
            from staged_{table}
            {from_lake if held else ""}
        )
        where the_key is not null
        """
    )
    _keep_latest(con, context)


def _keep_latest(con: duckdb.DuckDBPyConnection, context: str) -> None:
    # Choosing among repeats sorts them; most deliveries have none.
    con.execute(
        f"""
        create or replace temp table repeats as
        select the_key from {context} group by the_key having count(*) > 1
        """
    )
    if con.execute("select 1 from repeats limit 1").fetchone():
        con.execute(
            f"""
            create or replace temp table {context} as
            select * from {context} anti join repeats using (the_key)
            union all
            select * replace (bool_or(is_in_lake) over (partition by the_key) as is_in_lake)
            from {context} semi join repeats using (the_key)
            qualify row_number() over (
                partition by the_key
                order by is_in_lake, seen_at desc, seen_in desc, seen_line desc
            ) = 1
            """
        )
