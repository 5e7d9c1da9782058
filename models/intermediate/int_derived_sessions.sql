{# Usually empty: only clinics that deliver no session at all. #}

with

forms as (

    select * from {{ ref('int_derived_forms') }}

),

grouped as (

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

    from forms

    where session_key is not null

    group by clinic_id, client_key, session_key, given_session_key

)

select * from grouped
