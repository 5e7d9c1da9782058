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

delivered_episodes as (

    select * from {{ ref('stg_lake__episodes') }}

),

derived_contacts as (

    select * from {{ ref('int_derived_contacts') }}

),

placed as (

    select
        responses.clinic_id,
        responses.client_key,
        coalesce(responses.therapist_key, delivered_episodes.therapist_key) as therapist_key,
        coalesce(responses.delivered_episode_key, derived_contacts.episode_key) as episode_key,
        responses.session_key,
        responses.session_link,
        responses.response_key,
        responses.completed_at,
        responses.completed_at_utc,
        responses.source_file,
        responses.source_line

    from responses

    left join delivered_episodes
        on responses.delivered_episode_key = delivered_episodes.episode_key

    left join derived_contacts
        on
            responses.client_key = derived_contacts.client_key
            and responses.clinic_id = derived_contacts.clinic_id
            and responses.contact_date = derived_contacts.contact_date

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
