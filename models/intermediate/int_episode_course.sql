{# How each episode ended (domain 3.2) and who held it. #}

{{ config(materialized = 'view') }}

with

episodes as (

    select * from {{ ref('int_episodes') }}

),

episode_sessions as (

    select * from {{ ref('int_episode_sessions') }}

),

clinics as (

    select * from {{ ref('int_clinics') }}

),

placeholders as (

    select therapist_key

    from {{ ref('stg_lake__therapist_flags') }}

    where is_placeholder

),

joined as (

    select
        episodes.clinic_id,
        clinics.clinic_group,
        clinics.extract_date,
        episodes.episode_key,
        episodes.client_key,
        coalesce(
            episode_sessions.therapist_key,
            case when placeholders.therapist_key is null then episodes.therapist_key end
        ) as therapist_key,
        episode_sessions.therapist_share,
        episodes.is_derived,
        episodes.referral_date,
        episodes.start_date,
        episodes.end_date,
        episodes.discharge_reason,
        coalesce(episodes.modality, episode_sessions.only_modality) as modality,
        episodes.problem,
        episodes.step,
        episode_sessions.first_session_at,
        episode_sessions.last_session_at,
        coalesce(episode_sessions.n_sessions_booked, 0) as n_sessions_booked,
        coalesce(episode_sessions.n_sessions_attended, 0) as n_sessions_attended,
        episode_sessions.last_attendance,
        coalesce(episode_sessions.last_booked_date, episodes.start_date) as last_booked_date

    from episodes

    left join episode_sessions on episodes.episode_key = episode_sessions.episode_key

    left join clinics on episodes.clinic_id = clinics.clinic_id

    left join placeholders on episodes.therapist_key = placeholders.therapist_key

),

statuses as (

    select
        *,
        discharge_reason is not null or end_date is not null as is_discharged,
        case
            when
                discharge_reason in (
                    'deceased',
                    'declined',
                    'not_taken_on',
                    'moved_or_stepped',
                    'provider_or_other'
                )
                then discharge_reason
            when discharge_reason in ('completed', 'dropout') and n_sessions_attended = 0
                then 'declined'
            when discharge_reason in ('completed', 'dropout') then discharge_reason
            when discharge_reason is not null or end_date is not null then 'unknown'
            when
                {{ days_between('last_booked_date', 'extract_date') }}
                > {{ var('new_episode_gap_days') }}
                then 'inactive_open'
            else 'open'
        end as course_status

    from joined

),

with_eligibility as (

    select
        *,
        n_sessions_attended >= 1
        and course_status in (
            'completed', 'dropout', 'moved_or_stepped', 'provider_or_other', 'deceased'
        ) as is_dropout_eligible

    from statuses

)

select * from with_eligibility
