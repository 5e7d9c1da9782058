{#
    Outcome scores of treatment sessions on instruments other than the episode's own (those are
    in fct_session_process). Of two forms of a session the one completed last counts.
#}

with

scores as (

    select * from {{ ref('int_followed_scores') }}

),

scales as (

    select * from {{ ref('int_scales') }}

    where
        family = 'outcome'
        and rater = 'client'
        and is_primary

),

episode_instruments as (

    select * from {{ ref('int_episode_instruments') }}

),

sessions as (

    select * from {{ ref('fct_sessions') }}

),

chosen as (

    select
        episode_key,
        instrument_id,
        version

    from episode_instruments

    where role = 'outcome'

),

other_scores as (

    select
        scores.episode_key,
        scores.session_key,
        scores.response_key,
        scores.completed_at,
        scores.instrument_id,
        scores.version,
        scores.score

    from scores

    inner join scales
        on
            scores.instrument_id = scales.instrument_id
            and scores.version = scales.version
            and scores.rater = scales.rater
            and scores.scale = scales.scale

    left join chosen
        on
            scores.episode_key = chosen.episode_key
            and scores.instrument_id = chosen.instrument_id
            and scores.version = chosen.version

    where
        scores.score is not null
        and chosen.episode_key is null

),

numbered as (

    select
        sessions.episode_key,
        sessions.session_number,
        other_scores.instrument_id,
        other_scores.version,
        {{ last_by('other_scores.score', 'other_scores.completed_at', 'other_scores.response_key') }}
            as score

    from other_scores

    inner join sessions on other_scores.session_key = sessions.session_key

    where sessions.session_number is not null

    group by
        sessions.episode_key,
        sessions.session_number,
        other_scores.instrument_id,
        other_scores.version

)

select * from numbered
