{#
    Every response with its session, its therapist and the delivered episode it belongs to. One that
    names no known session of its client is loose: session and episode are found by its date. A
    response outside every delivered episode has the one its contact_date falls into
    (int_derived_contacts).
#}

with

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
        min(family) as family,
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

loose as (

    select
        responses.clinic_id,
        responses.response_key,
        responses.client_key,
        {{ is_filled_in_around_sessions('responses.rater', 'timings.family') }} as is_around_session,
        timings.timing,
        timings.days_min,
        timings.days_max,
        responses.completed_at,
        responses.completed_at_utc,
        derived_forms.session_key as derived_session_key,
        responses.episode_key as given_episode_key,
        cast(responses.completed_at as date) as completed_date

    from {{ ref('stg_lake__responses') }} as responses

    {{ anti_join() }} {{ ref('int_sessions') }} as sessions
        on
            responses.session_key = sessions.given_session_key
            and responses.client_key = sessions.client_key

    left join {{ ref('int_derived_forms') }} as derived_forms
        on responses.response_key = derived_forms.response_key

    left join timings
        on
            responses.instrument_id = timings.instrument_id
            and responses.rater = timings.rater

),

{# An observer rates a recording, often weeks later: its date says nothing about the session. #}

nearby_sessions as (

    select
        loose.response_key,
        sessions.session_key,
        loose.timing,
        abs({{ days_between('loose.completed_date', 'sessions.session_date') }}) as days_apart,
        {{ has_time('loose.completed_at') }}
        and {{ has_time('sessions.session_at') }} as is_timed,
        {{ has_place('sessions.session_at') }}
        and loose.completed_at = sessions.session_at as is_same_place,
        case
            when loose.completed_at_utc is not null and sessions.session_at_utc is not null
                then {{ seconds_between('sessions.session_at_utc', 'loose.completed_at_utc') }}
            else {{ seconds_between('sessions.session_at', 'loose.completed_at') }}
        end as seconds_since_begin,
        coalesce(sessions.duration_min, {{ var('session_minutes') }}) * 60 as seconds_long

    from loose

    inner join {{ ref('int_sessions') }} as sessions
        on
            loose.client_key = sessions.client_key
            and loose.clinic_id = sessions.clinic_id

    where
        loose.is_around_session
        and loose.derived_session_key is null
        and sessions.is_attended
        and {{ days_between('loose.completed_date', 'sessions.session_date') }}
        between loose.days_min and loose.days_max

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
        loose.clinic_id,
        loose.response_key,
        loose.client_key,
        loose.is_around_session,
        loose.completed_date,
        chosen.session_key,
        chosen.therapist_key,
        coalesce(nearest_sessions.is_ambiguous, false) as is_ambiguous,
        coalesce(chosen.session_date, loose.completed_date) as contact_date,
        coalesce(delivered_episodes.episode_key, chosen.episode_key) as episode_key

    from loose

    left join nearest_sessions on loose.response_key = nearest_sessions.response_key

    left join {{ ref('int_sessions') }} as chosen
        on coalesce(loose.derived_session_key, nearest_sessions.session_key) = chosen.session_key

    left join delivered_episodes
        on
            loose.given_episode_key = delivered_episodes.episode_key
            and loose.client_key = delivered_episodes.client_key

),

{{ dated_episodes('placed', 'response_key', 'completed_date', 'delivered_episodes') }},

linked as (

    select
        placed.response_key,
        placed.is_around_session,
        placed.session_key,
        placed.therapist_key,
        placed.is_ambiguous,
        placed.contact_date,
        coalesce(placed.episode_key, dated_episodes.episode_key) as episode_key

    from placed

    left join dated_episodes on placed.response_key = dated_episodes.response_key

),

resolved as (

    select
        responses.clinic_id,
        responses.response_key,
        responses.client_key,
        coalesce(sessions.session_key, linked.session_key) as session_key,
        coalesce(
            delivered_episodes.episode_key, sessions.episode_key, linked.episode_key
        ) as delivered_episode_key,
        coalesce(responses.therapist_key, sessions.therapist_key, linked.therapist_key)
            as therapist_key,
        case
            when sessions.session_key is not null then 'given'
            when linked.session_key is not null then 'by_time'
            when linked.is_ambiguous then 'ambiguous'
            else 'none'
        end as session_link,
        coalesce(sessions.session_date, linked.contact_date) as contact_date,
        linked.is_around_session,
        responses.rater,
        responses.completed_at,
        responses.completed_at_utc,
        responses.received_at,
        responses.source_file,
        responses.source_line

    from {{ ref('stg_lake__responses') }} as responses

    left join {{ ref('int_sessions') }} as sessions
        on
            responses.session_key = sessions.given_session_key
            and responses.client_key = sessions.client_key

    left join linked on responses.response_key = linked.response_key

    left join delivered_episodes
        on
            responses.episode_key = delivered_episodes.episode_key
            and responses.client_key = delivered_episodes.client_key

)

select * from resolved
