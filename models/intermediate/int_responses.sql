{#
    Every response with its session, its therapist and the delivered episode it belongs to. One that
    names no known session of its client is loose: session and episode are found by its date. A
    response outside every delivered episode has the one its contact_date falls into
    (int_derived_contacts).
#}

with

responses as (

    select * from {{ ref('stg_lake__responses') }}

),

sessions as (

    select * from {{ ref('int_sessions') }}

),

derived_forms as (

    select * from {{ ref('int_derived_forms') }}

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
        min(timing) as timing,
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

known as (

    select
        responses.*,
        sessions.session_key as known_session_key,
        derived_forms.session_key as derived_session_key,
        sessions.session_key is null as is_loose,
        cast(responses.completed_at as date) as completed_date

    from responses

    left join sessions
        on
            responses.session_key = sessions.given_session_key
            and responses.client_key = sessions.client_key

    left join derived_forms on responses.response_key = derived_forms.response_key

),

{# An observer rates a recording, often weeks later: its date says nothing about the session. #}

nearby_sessions as (

    select
        known.response_key,
        sessions.session_key,
        timings.timing,
        abs({{ days_between('known.completed_date', 'sessions.session_date') }}) as days_apart,
        {{ has_time('known.completed_at') }}
        and {{ has_time('sessions.session_at') }} as is_timed,
        {{ has_place('sessions.session_at') }}
        and known.completed_at = sessions.session_at as is_same_place,
        case
            when known.completed_at_utc is not null and sessions.session_at_utc is not null
                then {{ seconds_between('sessions.session_at_utc', 'known.completed_at_utc') }}
            else {{ seconds_between('sessions.session_at', 'known.completed_at') }}
        end as seconds_since_begin,
        coalesce(sessions.duration_min, {{ var('session_minutes') }}) * 60 as seconds_long

    from known

    inner join timings
        on
            known.instrument_id = timings.instrument_id
            and known.rater = timings.rater

    inner join sessions
        on
            known.client_key = sessions.client_key
            and known.clinic_id = sessions.clinic_id

    where
        known.is_loose
        and known.derived_session_key is null
        and known.rater in ('client', 'therapist')
        and sessions.is_attended
        and {{ days_between('known.completed_date', 'sessions.session_date') }}
        between timings.days_min and timings.days_max

),

{#
    Nobody rates a session that has not begun, nor fills in before one that is over. Where either
    carries no time of day, only the day can tell.
#}

allowed_sessions as (

    select
        response_key,
        session_key,
        rank() over (
            partition by response_key
            order by
                case when is_timed then abs(seconds_since_begin) else days_apart * 24 * 60 * 60 end,
                case when is_same_place then 0 else 1 end
        ) as nearness

    from nearby_sessions

    where
        not is_timed
        or case timing
            when 'after_session' then seconds_since_begin >= 0
            when 'before_session' then seconds_since_begin < seconds_long
            else true
        end

),

{# Two sessions equally near: the form belongs to one of them, nobody can say to which. #}

nearest_sessions as (

    select
        response_key,
        count(*) > 1 as is_ambiguous,
        case when count(*) = 1 then min(session_key) end as session_key

    from allowed_sessions

    where nearness = 1

    group by response_key

),

placed as (

    select
        known.*,
        chosen.session_key as placed_session_key,
        chosen.therapist_key as session_therapist_key,
        coalesce(nearest_sessions.is_ambiguous, false) as is_ambiguous,
        coalesce(chosen.session_date, known.completed_date) as contact_date,
        coalesce(delivered_episodes.episode_key, chosen.episode_key) as delivered_episode_key

    from known

    left join nearest_sessions on known.response_key = nearest_sessions.response_key

    left join sessions as chosen
        on
            coalesce(
                known.known_session_key, known.derived_session_key, nearest_sessions.session_key
            )
            = chosen.session_key

    left join delivered_episodes
        on
            known.episode_key = delivered_episodes.episode_key
            and known.client_key = delivered_episodes.client_key

),

loose as (

    select
        clinic_id,
        client_key,
        response_key,
        completed_date,
        delivered_episode_key as episode_key

    from placed

    where is_loose

),

{{ dated_episodes('loose', 'response_key', 'completed_date', 'delivered_episodes') }},

resolved as (

    select
        placed.clinic_id,
        placed.response_key,
        placed.client_key,
        placed.placed_session_key as session_key,
        coalesce(placed.delivered_episode_key, dated_episodes.episode_key)
            as delivered_episode_key,
        coalesce(placed.therapist_key, placed.session_therapist_key) as therapist_key,
        case
            when not placed.is_loose then 'given'
            when placed.placed_session_key is not null then 'by_time'
            when placed.is_ambiguous then 'ambiguous'
            else 'none'
        end as session_link,
        placed.contact_date,
        placed.rater,
        placed.completed_at,
        placed.completed_at_utc,
        placed.received_at,
        placed.source_file,
        placed.source_line

    from placed

    left join dated_episodes on placed.response_key = dated_episodes.response_key

)

select * from resolved
