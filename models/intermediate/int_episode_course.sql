{# What was booked, who held it, and how each episode ended (domain 3.2). #}

with

episodes as (

    select * from {{ ref('int_episodes') }}

),

sessions as (

    select * from {{ ref('fct_sessions') }}

),

clinics as (

    select * from {{ ref('dim_clinics') }}

),

{# Nobody is called TBC or Duty: a placeholder never holds an episode (rule T03). #}

placeholders as (

    select therapist_key

    from {{ ref('stg_lake__therapist_flags') }}

    where is_placeholder

),

counted as (

    select
        episode_key,
        count(*) filter (where is_treatment) as n_sessions_booked,
        count(*) filter (where is_attended and is_treatment) as n_sessions_attended,
        min(session_at) filter (where is_attended and is_treatment) as first_session_at,
        max(session_at) filter (where is_attended and is_treatment) as last_session_at,
        cast(max(session_at) as date) as last_booked_date,
        {{ last_by('attendance', 'session_at', 'session_key') }}
        filter (where is_treatment) as last_attendance,
        case when min(modality) = max(modality) then min(modality) end as only_modality

    from sessions

    group by episode_key

),

by_therapist as (

    select
        sessions.episode_key,
        sessions.therapist_key,
        count(*) filter (where sessions.is_attended and sessions.is_treatment) as n_held,
        max(sessions.session_at) as last_held_at

    from sessions

    {{ anti_join() }} placeholders on sessions.therapist_key = placeholders.therapist_key

    where sessions.therapist_key is not null

    group by
        sessions.episode_key,
        sessions.therapist_key

),

holders as (

    select
        episode_key,
        therapist_key,
        n_held,
        row_number() over (
            partition by episode_key
            order by n_held desc, last_held_at desc, therapist_key
        ) as therapist_number

    from by_therapist

),

joined as (

    select
        episodes.clinic_id,
        clinics.clinic_group,
        clinics.extract_date,
        episodes.episode_key,
        episodes.client_key,
        coalesce(
            holders.therapist_key,
            case when placeholders.therapist_key is null then episodes.therapist_key end
        ) as therapist_key,
        holders.n_held / nullif(cast(counted.n_sessions_attended as double), 0)
            as therapist_share,
        episodes.is_derived,
        episodes.referral_date,
        episodes.start_date,
        episodes.end_date,
        episodes.discharge_reason,
        coalesce(episodes.modality, counted.only_modality) as modality,
        episodes.problem,
        episodes.step,
        counted.first_session_at,
        counted.last_session_at,
        coalesce(counted.n_sessions_booked, 0) as n_sessions_booked,
        coalesce(counted.n_sessions_attended, 0) as n_sessions_attended,
        counted.last_attendance,
        coalesce(counted.last_booked_date, episodes.start_date) as last_booked_date

    from episodes

    left join counted on episodes.episode_key = counted.episode_key

    left join holders
        on
            episodes.episode_key = holders.episode_key
            and holders.therapist_number = 1

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
