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

numbered as (

    select
        clinic_id,
        session_key,
        final_episode_key as episode_key,
        client_key,
        therapist_key,
        session_at,
        session_at_utc,
        attendance,
        is_attended,
        session_type,
        is_treatment,
        case
            when is_counted
                then row_number() over (
                    partition by final_episode_key, is_counted
                    order by session_at, session_key
                )
        end as session_number,
        duration_min,
        modality,
        homework_set,
        homework_percent,
        feedback_reviewed,
        is_derived,
        source_file,
        source_line

    from with_episodes

)

select * from numbered
