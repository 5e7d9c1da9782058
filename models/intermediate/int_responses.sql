{# Every response with its session, episode and therapist. #}

with

responses as (

    select * from {{ ref('stg_lake__responses') }}

),

sessions as (

    select * from {{ ref('int_sessions') }}

),

loose_responses as (

    select * from {{ ref('int_loose_responses') }}

),

delivered_episodes as (

    select * from {{ ref('stg_lake__episodes') }}

),

derived_contacts as (

    select * from {{ ref('int_derived_contacts') }}

),

resolved as (

    select
        responses.clinic_id,
        responses.response_key,
        responses.client_key,
        coalesce(sessions.session_key, loose_responses.session_key) as session_key,
        coalesce(
            delivered_episodes.episode_key,
            sessions.episode_key,
            loose_responses.episode_key,
            derived_contacts.episode_key
        ) as episode_key,
        coalesce(
            responses.therapist_key,
            sessions.therapist_key,
            loose_responses.therapist_key
        ) as therapist_key,
        case
            when sessions.session_key is not null then 'given'
            when loose_responses.session_key is not null then 'by_time'
            when loose_responses.is_ambiguous then 'ambiguous'
            else 'none'
        end as session_link,
        responses.rater,
        responses.completed_at,
        responses.completed_at_utc,
        responses.received_at,
        responses.source_file,
        responses.source_line

    from responses

    left join sessions
        on
            responses.session_key = sessions.given_session_key
            and responses.client_key = sessions.client_key

    left join loose_responses on responses.response_key = loose_responses.response_key

    left join delivered_episodes
        on
            responses.episode_key = delivered_episodes.episode_key
            and responses.client_key = delivered_episodes.client_key

    left join derived_contacts
        on
            responses.client_key = derived_contacts.client_key
            and responses.clinic_id = derived_contacts.clinic_id
            and coalesce(sessions.session_date, loose_responses.contact_date)
            = derived_contacts.contact_date

)

select * from resolved
