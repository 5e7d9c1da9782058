{# Attended sessions without an outcome form, so many in a row; ended by the next form. #}

with

process as (

    select
        clinic_id,
        client_key,
        episode_key,
        session_key,
        therapist_key,
        session_at,
        session_number,
        outcome_score

    from {{ ref('fct_session_process') }}

),

{# A clinic that never sends an outcome form has no form missing. #}
clinics as (

    select distinct clinic_id
    from process
    where outcome_score is not null

),

counted as (

    select
        *,
        session_number - coalesce(
            max(case when outcome_score is not null then session_number end) over (
                partition by episode_key
                order by session_number, session_key
                rows between unbounded preceding and current row
            ),
            0
        ) as n_without,
        min(case when outcome_score is not null then session_at end) over (
            partition by episode_key
            order by session_number, session_key
            rows between 1 following and unbounded following
        ) as ended_at

    from process

)

select
    'no_form' as alert_kind,
    counted.clinic_id,
    counted.client_key,
    counted.episode_key,
    counted.session_key,
    counted.therapist_key,
    counted.session_at as raised_at,
    cast(null as {{ dbt.type_string() }}) as instrument_id,
    cast({{ var('no_form_sessions') }} as double) as threshold,
    'attended sessions in a row without an outcome form' as rule,
    counted.ended_at,
    case when counted.ended_at is not null then 'form received' end as ended_because

from counted

inner join clinics on counted.clinic_id = clinics.clinic_id

where counted.n_without = {{ var('no_form_sessions') }}
