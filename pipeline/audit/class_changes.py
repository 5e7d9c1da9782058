"""How many episodes change class because a definition changed, and from what to what.

The new build is held against the published release, over episodes whose first and last forms are
the same in both: what differs there is not new data but a cut-off, norm, key, method or program.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from pipeline.home import Home
from pipeline.progress import say
from pipeline.storage.duckdb_session import quoted
from pipeline.storage.ledger import Ledger
from pipeline.storage.parquet import copy_query, write_rows
from transforms.sql import only_row

WHAT_CHANGED = pa.schema(
    [
        ("run_id", pa.string()),
        ("run_at", pa.timestamp("us")),
        ("earlier_run_id", pa.string()),
        ("clinic_id", pa.string()),
        ("instrument_id", pa.string()),
        ("version", pa.string()),
        ("method", pa.string()),
        ("cause", pa.string()),
        ("class_before", pa.string()),
        ("class_after", pa.string()),
        ("n_episodes", pa.int64()),
        ("n_compared", pa.int64()),
    ]
)
TABLE = "quality.dq_what_changed"


def keep_history(home: Home) -> None:
    """Hand what earlier releases said on to the new build.

    The published release is the history, so a run that never published leaves no trace in it.
    """
    target = home.lake / "quality" / "what_changed.parquet"
    if home.published.exists():
        with duckdb.connect(str(home.published.resolve()), read_only=True) as con:
            if _has(con, "main", TABLE):
                copy_query(con, f"select * from {TABLE}", target)
                return
    write_rows(target, [], WHAT_CHANGED)


def compare_with_published(home: Home, run_id: str, build: Path) -> int:
    """Add the classes that moved to the build's ``quality.dq_what_changed``; return how many.

    Nothing is compared without a published release, or with one made before the table of changes
    told raters apart. One line with counts goes to the run's log.
    """
    if not home.published.exists():
        return 0
    published = home.published.resolve()
    with duckdb.connect(str(build)) as con:
        con.execute(f"attach {quoted(published)} as earlier (read_only)")
        # Releases from before raters were told apart have no such column, and no carers' classes.
        if not _has(con, "earlier", "core.fct_episode_change", "rater"):
            return 0
        con.execute(_CLASSES.format(name="classes_before", database="earlier."))
        con.execute(_CLASSES.format(name="classes_after", database=""))
        started = Ledger(home).run(run_id)["started_at"]
        con.execute(
            f"insert into {TABLE} by name {_MOVED}", [run_id, started, published.parent.name]
        )
        moved = con.execute(
            f"select coalesce(sum(n_episodes), 0)::bigint, count(distinct instrument_id) "
            f"from {TABLE} where run_id = ?",
            [run_id],
        )
        n_moved, n_measures = only_row(moved)
        con.execute("drop table classes_before")
        con.execute("drop table classes_after")
        con.execute("detach earlier")
    if n_moved:
        say(
            f"    changed: {n_moved:,} class(es) of {n_measures} measure(s) differ from the "
            f"published release on the same forms; see {TABLE}"
        )
    return int(n_moved)


def _has(con: duckdb.DuckDBPyConnection, database: str, table: str, column: str = "") -> bool:
    schema, name = table.split(".")
    query = (
        "select 1 from duckdb_columns() where schema_name = ? and table_name = ? "
        "and (database_name = ? or ? = 'main') and (column_name = ? or ? = '')"
    )
    asked = [schema, name, database, database, column, column]
    return con.execute(query, asked).fetchone() is not None


# Every class with the forms it rests on; the NHS pair rests on four scores.
_CLASSES = """
    create or replace temp table {name} as
    select
        changes.clinic_id,
        changes.episode_key,
        changes.instrument_id,
        changes.version,
        changes.rater,
        changes.method,
        concat_ws('/', changes.pre_response_key, changes.post_response_key) as forms,
        changes.score_pre,
        changes.score_post,
        coalesce(changes.change_class, 'not judged') as change_class,
        instruments.definition_version,
        concat_ws(
            '/', methods.critical, methods.operator, methods.start_cutoff, methods.start_operator,
            methods.end_cutoff, methods.end_operator, methods.kind
        ) as thresholds,
        concat_ws('/', methods.sd, methods.mean, methods.post_weight) as sample
    from {database}core.fct_episode_change as changes
    left join (
        select instrument_id, version, rater,
            string_agg(definition_version, '/' order by definition_version) as definition_version
        from {database}core.dim_instruments
        group by instrument_id, version, rater
    ) as instruments
        on changes.instrument_id = instruments.instrument_id
        and changes.version = instruments.version
        and changes.rater = instruments.rater
    left join {database}core.dim_change_methods as methods
        on changes.instrument_id = methods.instrument_id
        and changes.version = methods.version
        and changes.rater = methods.rater
        and changes.method = methods.method
    union all
    select
        clinic_id,
        episode_key,
        'phq9, gad7' as instrument_id,
        '' as version,
        'client' as rater,
        'nhs_talking_therapies' as method,
        concat_ws('/', nhs_phq9_pre, nhs_phq9_post, nhs_anxiety_pre, nhs_anxiety_post) as forms,
        null,
        null,
        case
            when nhs_is_reliably_recovered then 'recovered'
            when nhs_is_reliably_improved then 'improved'
            when nhs_is_reliably_deteriorated then 'deteriorated'
            when is_nhs_paired then 'unchanged'
        end as change_class,
        (
            select string_agg(definition_version, '/' order by instrument_id, definition_version)
            from {database}core.dim_instruments
            where instrument_id in ('phq9', 'gad7') and rater = 'client'
        ),
        null,
        null
    from {database}core.fct_episodes
    where is_nhs_paired
"""

# A method that became usable, or no longer is, moves from or to 'not judged'.
_MOVED = """
    with same_forms as (
        select distinct
            classes_after.clinic_id,
            classes_after.episode_key,
            classes_after.instrument_id,
            classes_after.version,
            classes_after.rater
        from classes_after
        inner join classes_before
            on classes_after.episode_key = classes_before.episode_key
            and classes_after.instrument_id = classes_before.instrument_id
            and classes_after.version = classes_before.version
            and classes_after.rater = classes_before.rater
            and classes_after.forms = classes_before.forms
    ),
    methods as (
        select distinct instrument_id, version, rater, method from classes_after
        union
        select distinct instrument_id, version, rater, method from classes_before
    ),
    compared as (
        select
            same_forms.clinic_id,
            methods.*,
            coalesce(before.change_class, 'not judged') as class_before,
            coalesce(after.change_class, 'not judged') as class_after,
            case
                when before.definition_version is distinct from after.definition_version
                    and before.definition_version is not null
                    and after.definition_version is not null
                    then 'instrument definition'
                when before.thresholds is distinct from after.thresholds then 'change method'
                when before.sample is distinct from after.sample then 'reference sample'
                else 'program'
            end as cause
        from same_forms
        inner join methods
            on same_forms.instrument_id = methods.instrument_id
            and same_forms.version = methods.version
            and same_forms.rater = methods.rater
        left join classes_before as before
            on same_forms.episode_key = before.episode_key
            and methods.instrument_id = before.instrument_id
            and methods.version = before.version
            and methods.rater = before.rater
            and methods.method = before.method
        left join classes_after as after
            on same_forms.episode_key = after.episode_key
            and methods.instrument_id = after.instrument_id
            and methods.version = after.version
            and methods.rater = after.rater
            and methods.method = after.method
    ),
    counted as (
        select
            *,
            count(*) over (partition by clinic_id, instrument_id, version, method) as n_compared
        from compared
    )
    select
        $1 as run_id,
        $2 as run_at,
        $3 as earlier_run_id,
        clinic_id,
        instrument_id,
        version,
        method,
        cause,
        class_before,
        class_after,
        count(*) as n_episodes,
        any_value(n_compared) as n_compared
    from counted
    where class_before <> class_after
    group by clinic_id, instrument_id, version, method, cause, class_before, class_after
    order by all
"""
