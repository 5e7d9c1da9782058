{# One row per episode with a booking: counts, first and last contact, and who held it. #}

with

sessions as (

    select * from {{ ref('fct_sessions') }}

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

{# Nobody is called TBC or Duty: a placeholder never holds an episode (rule T03). #}

placeholders as (

    select therapist_key

    from {{ ref('stg_lake__therapist_flags') }}

    where is_placeholder

),

by_therapist as (

    select
        episode_key,
        therapist_key,
        count(*) filter (where is_attended and is_treatment) as n_held,
        max(session_at) as last_held_at

    from sessions

    where
        therapist_key is not null
        and therapist_key not in (select placeholders.therapist_key from placeholders)

    group by
        episode_key,
        therapist_key

),

ranked as (

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
        counted.episode_key,
        counted.n_sessions_booked,
        counted.n_sessions_attended,
        counted.first_session_at,
        counted.last_session_at,
        counted.last_booked_date,
        counted.last_attendance,
        counted.only_modality,
        ranked.therapist_key,
        ranked.n_held / nullif(cast(counted.n_sessions_attended as double), 0)
            as therapist_share

    from counted

    left join ranked
        on
            counted.episode_key = ranked.episode_key
            and ranked.therapist_number = 1

)

select * from joined
