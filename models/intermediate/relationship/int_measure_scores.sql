{# Scored forms of the relationship measures: one row per response and measure. #}

with

scores as (

    select * from {{ ref('stg_lake__scores') }}

),

measures as (

    select * from {{ ref('int_measures') }}

),

responses as (

    select * from {{ ref('int_responses') }}

),

derived_contacts as (

    select * from {{ ref('int_derived_contacts') }}

),

measured as (

    select
        scores.response_key,
        scores.instrument_id,
        scores.version,
        scores.rater,
        measures.measure,
        scores.score,
        {{ pomp('scores.score', 'measures.score_min', 'measures.score_max') }} as pomp

    from scores

    inner join measures
        on
            scores.instrument_id = measures.instrument_id
            and scores.version = measures.version
            and scores.rater = measures.rater
            and scores.scale = measures.scale

    where scores.score is not null

),

placed as (

    select
        responses.clinic_id,
        coalesce(responses.delivered_episode_key, derived_contacts.episode_key) as episode_key,
        responses.session_key,
        responses.completed_at,
        measured.*

    from measured

    inner join responses on measured.response_key = responses.response_key

    left join derived_contacts
        on
            responses.client_key = derived_contacts.client_key
            and responses.clinic_id = derived_contacts.clinic_id
            and responses.contact_date = derived_contacts.contact_date

    where coalesce(responses.delivered_episode_key, derived_contacts.episode_key) is not null

)

select * from placed
