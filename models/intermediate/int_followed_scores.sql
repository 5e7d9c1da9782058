{#
    Scores as a course reads them, by config/version_bridges.csv. Where a client's form changed on
    the way to a version that continues it, the earlier forms count as the later version. Where it
    changed to or from another instrument that shares a scale with it, the scores of that scale count
    as the other instrument's, if every form has the items and the two follow each other; what the
    form says of its own is then `is_continued_elsewhere`. Any other change begins a series of its
    own. `own_version` is the one whose cut-off judges the score.
#}

{{ config(materialized = 'view') }}

with

scores as (

    select * from {{ ref('fct_scores') }}

),

bridges as (

    select
        instrument_id,
        version,
        nullif(scale, '') as scale,
        continues_instrument_id,
        continues_as,
        continues_scale

    from {{ ref('version_bridges') }}

),

versions as (

    select
        episode_key,
        instrument_id,
        version,
        rater,
        min(completed_at) as first_at,
        max(completed_at) as last_at

    from scores

    where episode_key is not null

    group by
        episode_key,
        instrument_id,
        version,
        rater

),

{# A total alone cannot be taken apart. #}

without_items as (

    select distinct
        scores.episode_key,
        scores.instrument_id,
        scores.version,
        scores.rater

    from scores

    inner join bridges
        on
            scores.instrument_id = bridges.instrument_id
            and scores.version = bridges.version
            and scores.scale = bridges.scale

    where coalesce(scores.n_answered, 0) = 0

),

bridged as (

    select
        changed.episode_key,
        changed.instrument_id,
        changed.version,
        changed.rater,
        bridges.scale,
        bridges.continues_instrument_id,
        bridges.continues_as,
        bridges.continues_scale

    from versions as changed

    inner join bridges
        on
            changed.instrument_id = bridges.instrument_id
            and changed.version = bridges.version

    inner join versions as other
        on
            changed.episode_key = other.episode_key
            and changed.rater = other.rater
            and bridges.continues_instrument_id = other.instrument_id
            and bridges.continues_as = other.version

    {{ anti_join() }} without_items
        on
            changed.episode_key = without_items.episode_key
            and changed.instrument_id = without_items.instrument_id
            and changed.version = without_items.version
            and changed.rater = without_items.rater

    where
        bridges.scale is null
        or changed.last_at < other.first_at
        or other.last_at < changed.first_at

),

followed as (

    select
        scores.*,
        bridged.continues_instrument_id,
        bridged.continues_as,
        bridged.continues_scale,
        coalesce(bridged.scale = scores.scale, false) as is_shared_scale,
        coalesce(bridged.scale <> scores.scale, false) as is_continued_elsewhere

    from scores

    left join bridged
        on
            scores.episode_key = bridged.episode_key
            and scores.instrument_id = bridged.instrument_id
            and scores.version = bridged.version
            and scores.rater = bridged.rater

)

select
    episode_key,
    session_key,
    response_key,
    rater,
    score,
    is_prorated,
    completed_at,
    is_continued_elsewhere,
    case when is_shared_scale then continues_as else version end as own_version,
    case when is_shared_scale then continues_scale else scale end as scale,
    case when is_continued_elsewhere then instrument_id
        else coalesce(continues_instrument_id, instrument_id)
    end as instrument_id,
    case when is_continued_elsewhere then version
        else coalesce(continues_as, version)
    end as version

from followed
