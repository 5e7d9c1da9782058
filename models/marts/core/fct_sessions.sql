with

sessions as (

    select * from {{ ref('int_sessions') }}

),

derived_contacts as (

    select * from {{ ref('int_derived_contacts') }}

),

with_episodes as (

    select
        sessions.*,
        sessions.is_attended and sessions.is_treatment as is_counted,
        coalesce(sessions.episode_key, derived_contacts.episode_key) as final_episode_key

    from sessions

    left join derived_contacts
        on
            sessions.client_key = derived_contacts.client_key
            and sessions.clinic_id = derived_contacts.clinic_id
            and sessions.session_date = derived_contacts.contact_date

),

{#
    Order is data or unknown, never a key: of several counted sessions of a day each needs a moment
    of its own, by its time or by the order the clinic gives.
#}

days as (

    select
        final_episode_key,
        case
            when count(*) > count(distinct session_at) then 1
            when count(*) > 1 and not min({{ has_place('session_at') }}) then 1
            else 0
        end as is_unknown

    from with_episodes

    where is_counted

    group by
        final_episode_key,
        session_date

),

unordered as (

    select final_episode_key

    from days

    group by final_episode_key

    having max(is_unknown) = 1

),

numbered as (

    select
        with_episodes.clinic_id,
        with_episodes.session_key,
        with_episodes.final_episode_key as episode_key,
        with_episodes.client_key,
        with_episodes.therapist_key,
        with_episodes.session_at,
        with_episodes.session_at_utc,
        with_episodes.attendance,
        with_episodes.is_attended,
        with_episodes.session_type,
        with_episodes.is_treatment,
        case
            when with_episodes.is_counted and unordered.final_episode_key is null
                then row_number() over (
                    partition by with_episodes.final_episode_key, with_episodes.is_counted
                    order by with_episodes.session_at, with_episodes.session_key
                )
        end as session_number,
        with_episodes.duration_min,
        with_episodes.modality,
        with_episodes.homework_set,
        with_episodes.homework_percent,
        with_episodes.feedback_reviewed,
        with_episodes.is_derived,
        with_episodes.source_file,
        with_episodes.source_line

    from with_episodes

    left join unordered on with_episodes.final_episode_key = unordered.final_episode_key

)

select * from numbered
