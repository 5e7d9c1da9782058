with

sessions as (

    select * from {{ ref('stg_lake__sessions') }}

),

derived_forms as (

    select * from {{ ref('int_derived_forms') }}

),

delivered_episodes as (

    select * from {{ ref('stg_lake__episodes') }}

),

{# Usually empty: only clinics that deliver no session at all. #}

derived_sessions as (

    select
        clinic_id,
        client_key,
        session_key,
        given_session_key,
        min(completed_at) as session_at,
        min(completed_at_utc) as session_at_utc,
        {{ first_by('therapist_key', 'completed_at', 'response_key') }} as therapist_key,
        {{ first_by('source_file', 'completed_at', 'response_key') }} as source_file,
        {{ first_by('source_line', 'completed_at', 'response_key') }} as source_line

    from derived_forms

    where session_key is not null

    group by
        clinic_id,
        client_key,
        session_key,
        given_session_key

),

all_sessions as (

    select
        clinic_id,
        session_key,
        session_key as given_session_key,
        episode_key as given_episode_key,
        client_key,
        therapist_key,
        session_at,
        session_at_utc,
        attendance,
        session_type,
        duration_min,
        modality,
        homework_set,
        homework_percent,
        feedback_reviewed,
        false as is_derived,
        source_file,
        source_line

    from sessions

    union all

    select
        clinic_id,
        session_key,
        given_session_key,
        null as given_episode_key,
        client_key,
        therapist_key,
        session_at,
        session_at_utc,
        'attended' as attendance,
        'treatment' as session_type,
        null as duration_min,
        null as modality,
        null as homework_set,
        null as homework_percent,
        null as feedback_reviewed,
        true as is_derived,
        source_file,
        source_line

    from derived_sessions

),

given as (

    select
        all_sessions.*,
        cast(all_sessions.session_at as date) as session_date,
        all_sessions.attendance in ('attended', 'late') as is_attended,
        {{ is_treatment_type('all_sessions.session_type') }} as is_treatment,
        delivered_episodes.episode_key

    from all_sessions

    left join delivered_episodes
        on
            all_sessions.given_episode_key = delivered_episodes.episode_key
            and all_sessions.client_key = delivered_episodes.client_key

),

{{ dated_episodes('given', 'session_key', 'session_date', 'delivered_episodes') }},

resolved as (

    select
        given.clinic_id,
        given.session_key,
        given.given_session_key,
        given.client_key,
        given.therapist_key,
        given.session_at,
        given.session_at_utc,
        given.session_date,
        given.attendance,
        given.is_attended,
        given.session_type,
        given.is_treatment,
        given.duration_min,
        given.modality,
        given.homework_set,
        given.homework_percent,
        given.feedback_reviewed,
        given.is_derived,
        given.source_file,
        given.source_line,
        coalesce(given.episode_key, dated_episodes.episode_key) as episode_key

    from given

    left join dated_episodes on given.session_key = dated_episodes.session_key

)

select * from resolved
