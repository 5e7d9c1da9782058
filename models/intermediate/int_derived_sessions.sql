{# Usually empty: only clinics that deliver no session at all. #}

with

responses as (

    select * from {{ ref('stg_lake__responses') }}

),

clinics as (

    select * from {{ ref('int_clinics') }}

),

{# An observer rates a recording, often weeks later: no contact happened that day. #}

contacts as (

    select
        responses.clinic_id,
        responses.client_key,
        responses.session_key as given_session_key,
        responses.therapist_key,
        responses.response_key,
        responses.completed_at,
        responses.source_file,
        responses.source_line,
        cast(responses.completed_at as date) as contact_date,
        max(case when responses.session_key is not null then 1 else 0 end) over (
            partition by
                responses.clinic_id,
                responses.client_key,
                cast(responses.completed_at as date)
        ) = 1 as day_has_given_key

    from responses

    inner join clinics on responses.clinic_id = clinics.clinic_id

    where
        not clinics.delivers_sessions
        and responses.rater in ('client', 'therapist')

),

keyed as (

    select
        *,
        {{ key_of('session', [
            'clinic_id',
            'client_key',
            'coalesce(cast(given_session_key as varchar), cast(contact_date as varchar))',
        ]) }} as session_key

    from contacts

    where given_session_key is not null or not day_has_given_key

),

grouped as (

    select
        clinic_id,
        client_key,
        session_key,
        given_session_key,
        min(completed_at) as session_at,
        {{ first_by('therapist_key', 'completed_at', 'response_key') }} as therapist_key,
        {{ first_by('source_file', 'completed_at', 'response_key') }} as source_file,
        {{ first_by('source_line', 'completed_at', 'response_key') }} as source_line

    from keyed

    group by clinic_id, client_key, session_key, given_session_key

)

select * from grouped
