with

scores as (

    select * from {{ ref('stg_lake__scores') }}

),

{# Countertransference is never shown for one client or therapist: only cf_ tables, pooled. #}

pooled_instruments as (

    select distinct
        instrument_id,
        version,
        rater

    from {{ ref('stg_lake__instruments') }}

    where family = 'countertransference'

),

responses as (

    select * from {{ ref('int_responses') }}

),

episodes as (

    select * from {{ ref('int_episodes') }}

),

placed as (

    select
        responses.clinic_id,
        responses.client_key,
        coalesce(responses.therapist_key, episodes.therapist_key) as therapist_key,
        responses.episode_key,
        responses.session_key,
        responses.session_link,
        responses.response_key,
        responses.completed_at,
        responses.completed_at_utc,
        responses.source_file,
        responses.source_line

    from responses

    left join episodes on responses.episode_key = episodes.episode_key

),

joined as (

    select
        placed.clinic_id,
        placed.client_key,
        placed.therapist_key,
        placed.episode_key,
        placed.session_key,
        placed.session_link,
        scores.response_key,
        scores.instrument_id,
        scores.version,
        scores.rater,
        scores.scale,
        scores.score,
        scores.n_answered,
        scores.n_items,
        scores.is_prorated,
        scores.score_source,
        scores.submitted_score,
        scores.score_version,
        placed.completed_at,
        placed.completed_at_utc,
        placed.source_file,
        placed.source_line

    from scores

    inner join placed on scores.response_key = placed.response_key

    {{ anti_join() }} pooled_instruments
        on
            scores.instrument_id = pooled_instruments.instrument_id
            and scores.version = pooled_instruments.version
            and scores.rater = pooled_instruments.rater

)

select * from joined
