{#
    Responses that name no known session of their client: the session and the delivered episode
    they belong to by date. Empty for a clinic that exports session identifiers.
#}

with

responses as (

    select * from {{ ref('stg_lake__responses') }}

),

sessions as (

    select * from {{ ref('int_sessions') }}

),

delivered_episodes as (

    select * from {{ ref('stg_lake__episodes') }}

),

instruments as (

    select * from {{ ref('stg_lake__instruments') }}

),

{# Days from the form to its session that each timing allows. #}

timings as (

    select
        instrument_id,
        rater,
        case min(timing)
            when 'before_session' then 0
            else -{{ var('form_days_after_session') }}
        end as days_min,
        case min(timing)
            when 'after_session' then 0
            else {{ var('form_days_before_session') }}
        end as days_max

    from instruments

    group by
        instrument_id,
        rater

),

loose as (

    select
        responses.clinic_id,
        responses.response_key,
        responses.client_key,
        responses.instrument_id,
        responses.rater,
        responses.completed_at,
        responses.episode_key as given_episode_key,
        cast(responses.completed_at as date) as completed_date

    from responses

    {{ anti_join() }} sessions
        on
            responses.session_key = sessions.given_session_key
            and responses.client_key = sessions.client_key

),

{# An observer rates a recording, often weeks later: its date says nothing about the session. #}

nearby_sessions as (

    select
        loose.response_key,
        sessions.session_key,
        row_number() over (
            partition by loose.response_key
            order by
                abs({{ days_between('loose.completed_date', 'sessions.session_date') }}),
                abs({{ seconds_between('loose.completed_at', 'sessions.session_at') }}),
                sessions.session_at,
                sessions.session_key
        ) as candidate_number

    from loose

    inner join timings
        on
            loose.instrument_id = timings.instrument_id
            and loose.rater = timings.rater

    inner join sessions
        on
            loose.client_key = sessions.client_key
            and loose.clinic_id = sessions.clinic_id

    where
        loose.rater in ('client', 'therapist')
        and sessions.is_attended
        and {{ days_between('loose.completed_date', 'sessions.session_date') }}
        between timings.days_min and timings.days_max

),

nearest_sessions as (

    select
        nearby_sessions.response_key,
        sessions.session_key,
        sessions.session_date,
        sessions.therapist_key,
        sessions.episode_key

    from nearby_sessions

    inner join sessions on nearby_sessions.session_key = sessions.session_key

    where nearby_sessions.candidate_number = 1

),

placed as (

    select
        loose.clinic_id,
        loose.response_key,
        loose.client_key,
        loose.rater,
        loose.completed_date,
        nearest_sessions.session_key,
        nearest_sessions.therapist_key,
        coalesce(nearest_sessions.session_date, loose.completed_date) as contact_date,
        coalesce(delivered_episodes.episode_key, nearest_sessions.episode_key) as episode_key

    from loose

    left join nearest_sessions on loose.response_key = nearest_sessions.response_key

    left join delivered_episodes
        on
            loose.given_episode_key = delivered_episodes.episode_key
            and loose.client_key = delivered_episodes.client_key

),

{{ dated_episodes('placed', 'response_key', 'completed_date', 'delivered_episodes') }},

resolved as (

    select
        placed.clinic_id,
        placed.response_key,
        placed.client_key,
        placed.rater,
        placed.session_key,
        placed.therapist_key,
        placed.contact_date,
        coalesce(placed.episode_key, dated_episodes.episode_key) as episode_key

    from placed

    left join dated_episodes on placed.response_key = dated_episodes.response_key

)

select * from resolved
