{#
    Scores as a course reads them. Where a client's form changed on the way to a version that
    config/version_bridges.csv says continues it, the earlier forms count as the later version;
    any other change of version begins a series of its own. `own_version` is the form's.
#}

{{ config(materialized = 'view') }}

with

scores as (

    select * from {{ ref('fct_scores') }}

),

versions as (

    select distinct
        episode_key,
        instrument_id,
        version,
        rater

    from scores

    where episode_key is not null

),

bridges as (

    select * from {{ ref('version_bridges') }}

),

bridged as (

    select
        earlier.episode_key,
        earlier.instrument_id,
        earlier.version,
        earlier.rater,
        bridges.continues_as

    from versions as earlier

    inner join bridges
        on
            earlier.instrument_id = bridges.instrument_id
            and earlier.version = bridges.version

    inner join versions as later
        on
            earlier.episode_key = later.episode_key
            and earlier.instrument_id = later.instrument_id
            and earlier.rater = later.rater
            and bridges.continues_as = later.version

)

select
    scores.episode_key,
    scores.session_key,
    scores.response_key,
    scores.instrument_id,
    scores.version as own_version,
    scores.rater,
    scores.scale,
    scores.score,
    scores.is_prorated,
    scores.completed_at,
    coalesce(bridged.continues_as, scores.version) as version

from scores

left join bridged
    on
        scores.episode_key = bridged.episode_key
        and scores.instrument_id = bridged.instrument_id
        and scores.version = bridged.version
        and scores.rater = bridged.rater
